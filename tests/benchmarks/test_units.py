import pytest

from benchmarks.heap.units import format_bytes, parse_bytes, percent, seconds, short


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (832, "832 bytes"),
        (999, "999 bytes"),
        (1_000, "1.00 kB"),
        (14_412, "14.4 kB"),
        (999_499, "999 kB"),
        (999_600, "1.00 MB"),
        (2_051_000, "2.05 MB"),
        (123_456_789, "123 MB"),
        (5e9, "5.00 GB"),
        (12_345e9, "12,345 GB"),
    ],
)
def test_format_bytes(size, text):
    assert format_bytes(size) == text


@pytest.mark.parametrize(
    ("text", "size"), [("832 bytes", 832), ("14.4 kB", 14_400), ("2MB", 2_000_000), (" 1 GB ", 1_000_000_000)]
)
def test_parse_bytes(text, size):
    assert parse_bytes(text) == size


@pytest.mark.parametrize("text", ["", "5", "5 KB", "-1 kB", "1e3 kB", "nan MB", "5 kB per skill"])
def test_no_size(text):
    with pytest.raises(ValueError, match=r"^size .*: expected a number and one of bytes, kB, MB, GB"):
        parse_bytes(text)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.5, "1.5 s"),
        (0.9999, "1 s"),
        (0.0123, "12.3 ms"),
        (999.6e-6, "1 ms"),
        (4e-5, "40 µs"),
        (5e-7, "500 ns"),
        (0, "0 ns"),
    ],
)
def test_seconds(value, text):
    assert seconds(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(-1234, "-1,234"), (99.96, "100"), (22, "22"), (0.00001, "0.00001"), (4.7e-8, "4.7e-8")]
)
def test_short(value, text):
    assert short(value) == text


def test_percent():
    assert (percent(0.2), percent(0.6739, 1), percent(-0.05)) == ("20 %", "67.4 %", "-5 %")
