import pytest

from benchmarks.heap.units import format_bytes


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
