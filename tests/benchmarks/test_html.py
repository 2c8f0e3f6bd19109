import json
import operator
import random
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("plotly", reason="plotly draws the flame graphs")

from plotly.offline import get_plotlyjs

from benchmarks.heap.diff import compare
from benchmarks.heap.files import write_atomically
from benchmarks.heap.html import THRESHOLD, page
from benchmarks.heap.profile import METRICS, Frame, Profile, ProgramPoint

HOSTILE = [
    "</script><script>hacked = 1</script>",
    "<img src=x onerror='hacked = 1'>",
    "<!--<script>",
    "]]>",
    '"><svg/onload="hacked = 1">',
    "'\\\"\\\\n",
    "line\u2028and\u2029paragraph",
    "\0\a\n\r\t\x1b[31m",
    "\u202egnp.exe",
    "half \ud800",
    "{{plotly}} {{data}} {{nothing}}",
    "$x ${x} $$ \\frac",
    "%{label} &lt;b&gt; &#60;",
    "<b>bold</b><br><a href='https://example.invalid/'>link</a>",
    "javascript:hacked=1",
    "Ünïcödé 漢字 🦀",
]


def clean(text):
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


def point(stack, size=1_000, blocks=10):
    return ProgramPoint(
        tuple(stack),
        size,
        blocks,
        lifetime=size * 7,
        peak_bytes=size // 2,
        peak_blocks=blocks // 2,
        end_bytes=size // 4,
        end_blocks=blocks // 4,
    )


def profile(*points, command="python -m program"):
    return Profile(command, 4321, points, peak_time=50, end_time=100)


MAIN = Frame("main", "app.py", 3)
READ = Frame("read", "lib/read.py", 10)
PARSE = Frame("parse", "lib/parse.py", 20)
BEFORE = profile(point([READ, MAIN], 6_000, 60), point([PARSE, READ, MAIN], 3_000, 10), point([MAIN], 1_000, 5))
AFTER = profile(point([READ, MAIN], 9_000, 60), point([Frame("join", "lib/join.py", 7), MAIN], 500, 5), point([MAIN]))


def named_profile(names):
    frames = [Frame(name, f"{name}/{name}.py", line) for line, name in enumerate(names)]
    points = [point([frame, frames[line - 1]], 1_000 + line) for line, frame in enumerate(frames)]
    return profile(*points, command=" ".join(names))


def hostile_profile():
    return named_profile(HOSTILE)


def random_profile(n_points):
    rng = random.Random(0)
    frames = [Frame(f"function_{i}", f"/usr/lib/python3/package_{i % 40}/module_{i}.py", i) for i in range(1_500)]
    points = {}
    while len(points) < n_points:
        stack = tuple(frames[int(len(frames) * rng.random() ** 4)] for _ in range(rng.randrange(1, 40)))
        points[stack] = point(stack, int(1_000 * rng.paretovariate(0.6)), rng.randrange(1, 1_000))
    return profile(*points.values())


def embedded(text):
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)[1])


class Elements(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags = []
        self.words = []
        self.feed(text.replace(get_plotlyjs(), ""))
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.words.append(data)


def nodes(graph):
    """Each node as its path of frames, outermost first, and its figures."""
    paths = []
    for parent, frame in zip(graph["parent"], graph["frame"], strict=True):
        own = (tuple(graph["frames"][frame]),) if frame >= 0 else ()
        paths.append((paths[parent] if parent >= 0 else ()) + own)
    return list(zip(paths, zip(*(graph["values"][metric] for metric in METRICS), strict=True), strict=True))


def test_hostile_names_stand_in_the_page_as_text_only():
    harmless = named_profile([f"name_{i}" for i in range(len(HOSTILE))])
    text = page(hostile_profile(), hostile_profile())
    hostile = Elements(text)
    assert hostile.tags == Elements(page(harmless, harmless)).tags
    assert clean(" ".join(HOSTILE)) in hostile.words
    assert text.count(get_plotlyjs()) == 1
    assert not re.search("[\0\x1b\u2028\u2029\u202e\ud800]", text.replace(get_plotlyjs(), ""))


@pytest.mark.parametrize("two", [False, True])
def test_embedded_data_round_trip(two):
    text = page(hostile_profile(), hostile_profile() if two else None)
    script = re.search(r'id="data">(.*?)</script>', text, re.DOTALL)[1]
    assert script.isascii()
    assert not re.search("[<>&]", script)
    data = json.loads(script)
    names = {clean(name) for name in HOSTILE}
    assert {row[0] for row in data["rows"]} == names
    assert {row[1] for row in data["rows"]} == {f"{name}/{name}.py" for name in names}
    for graph in data["graphs"].values():
        assert {frame[0] for frame in graph["frames"]} == names


@settings(deadline=None, max_examples=50)
@given(st.text(), st.text(), st.text())
def test_any_name(function, file, command):
    text = page(profile(point([Frame(function, file, 1)]), command=command))
    assert embedded(text)["rows"][0][:3] == [clean(function), clean(file), 1]
    assert "Heap profile: " + clean(command) in Elements(text).words
    text.encode("utf-8")


@pytest.mark.parametrize("two", [False, True])
def test_nothing_is_loaded(two):
    elements = Elements(page(AFTER, BEFORE if two else None))
    for tag, attributes in elements.tags:
        assert tag not in {"link", "iframe", "object", "embed", "img", "base"}
        assert not attributes.keys() & {"src", "href", "srcset", "action", "background", "data"}
        assert not any(name.startswith("on") for name in attributes)
    own = " ".join(elements.words)
    assert not re.search(r"https?:|url\(|@import|fetch\(|innerHTML|insertAdjacentHTML|document\.write|eval\(", own)


def test_the_policy_lets_nothing_else_run():
    policy = next(a["content"] for _, a in Elements(page(AFTER)).tags if "http-equiv" in a)
    rules = dict(rule.split(maxsplit=1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert re.fullmatch(r"'sha256-\S{44}' 'sha256-\S{44}'", rules["script-src"].strip())
    assert rules["img-src"].strip() == "data: blob:"


def test_sites():
    data = embedded(page(BEFORE))
    assert [name for name, _ in data["columns"]] == [
        "Function", "File", "Line", "Total bytes", "Total blocks", "Mean size", "Bytes at the peak", "Bytes at the end",
    ]  # fmt: skip
    assert data["rows"] == [
        ["read", "lib/read.py", 10, 6_000, 60, 100.0, 3_000, 1_500],
        ["parse", "lib/parse.py", 20, 3_000, 10, 300.0, 1_500, 750],
        ["main", "app.py", 3, 1_000, 5, 200.0, 500, 250],
    ]


def test_what_is_not_known_is_null():
    data = embedded(page(profile(ProgramPoint((Frame("f", "", 0),), 0, 0))))
    assert data["rows"] == [["f", "", None, 0, 0, None, 0, 0]]


def test_changes():
    data = embedded(page(AFTER, BEFORE))
    statuses = [row[3] for row in data["rows"]]
    assert statuses == [change.status for change in compare(BEFORE, AFTER)]
    rows = {row[0]: row[3:] for row in data["rows"]}
    assert rows == {
        "read": ["grew", 6_000, 9_000, 3_000, 60, 60, 0],
        "parse": ["vanished", 3_000, None, -3_000, 10, None, -10],
        "join": ["appeared", None, 500, 500, None, 5, 5],
        "main": ["grew", 1_000, 1_000, 0, 5, 10, 5],
    }


def test_totals():
    words = Elements(page(BEFORE)).words
    assert "10.0 kB " in words
    assert "10,000" in words
    assert "133.3 bytes" in words
    words = Elements(page(AFTER, BEFORE)).words
    assert [words[words.index("Total blocks") + i] for i in (1, 2, 3, 4)] == ["75", "75", "+0", "1.000"]
    at = words.index("Total bytes")
    assert words[at + 1 : at + 7] == ["10.0 kB ", "10,000", "10.5 kB ", "10,500", "+500 bytes", "1.050"]


def test_a_ratio_has_three_digits_however_small():
    words = Elements(page(profile(point([MAIN], 1_000, 927)), profile(point([MAIN], 1_000_000, 1_395_985)))).words
    assert words[words.index("Total blocks") + 4] == "0.000664"


def test_flame_graph():
    graph = embedded(page(BEFORE))["graphs"][""]
    sizes = {path: dict(zip(METRICS, figures, strict=True)) for path, figures in nodes(graph)}
    assert {path: figures["total_bytes"] for path, figures in sizes.items()} == {
        (): 10_000,
        (MAIN,): 10_000,
        (MAIN, READ): 9_000,
        (MAIN, READ, PARSE): 3_000,
    }
    assert sizes[MAIN, READ, PARSE] == {metric: getattr(BEFORE.points[1], metric) for metric in METRICS}
    assert not any(graph["merged"])


def test_small_frames_are_merged():
    large = point([READ, MAIN], 1_000_000, 1_000)
    small = [point([Frame("f", "f.py", line), Frame("g", "g.py", line), MAIN], 10, 0) for line in range(1, 21)]
    graph = embedded(page(profile(large, *small)))["graphs"][""]
    assert [(path, figures[0]) for path, figures in nodes(graph) if len(path) == 2] == [((MAIN, READ), 1_000_000)]
    assert sorted(graph["merged"]) == [0, 0, 0, 20]
    assert graph["values"]["total_bytes"][graph["merged"].index(20)] == 200


def test_a_frame_that_is_large_by_any_metric_is_kept():
    large = point([READ, MAIN], 10_000_000, 1)
    often = point([PARSE, MAIN], 10, 1)
    assert PARSE.function in {frame[0] for frame in embedded(page(profile(large, often)))["graphs"][""]["frames"]}


def test_figures_of_large_profiles_agree():
    shown = random_profile(300)
    graph = embedded(page(shown))["graphs"][""]
    totals = [shown.total(metric) for metric in METRICS]
    figures_of = operator.attrgetter(*METRICS)
    for node, (path, figures) in enumerate(nodes(graph)):
        if not graph["merged"][node]:
            below = [p for p in shown.points if p.frames[::-1][: len(path)] == path]
            assert list(figures) == list(map(sum, zip(*map(figures_of, below), strict=True)))
            assert any(value >= THRESHOLD * total for value, total in zip(figures, totals, strict=True))


def test_a_deep_recursion():
    stack = [Frame("f", "f.py", 1)] * 5_000
    graph = embedded(page(profile(point(stack))))["graphs"][""]
    assert len(graph["parent"]) == 5_001


def test_thousands_of_program_points():
    text = page(random_profile(5_000))
    assert len(text.encode()) < 8_000_000


def test_an_empty_profile():
    data = embedded(page(profile(), profile()))
    assert data["rows"] == []
    assert data["graphs"]["After"]["parent"] == [-1]


# ---------------------------------------------------------------------------------------------------------------------
# In a browser, which is driven by the WebDriver protocol.


@pytest.fixture
def show(browser, tmp_path):
    def show(*profiles):
        write_atomically(tmp_path / "page.html", page(*profiles))
        browser.call("/url", {"url": (tmp_path / "page.html").as_uri()})
        return browser

    yield show
    assert browser.log() == []
    assert browser.run("return performance.getEntriesByType('resource').length") == 0


DETAIL = "return document.querySelector('.detail').textContent"
LABELS = "return [...document.querySelectorAll('g.slice text')].map(text => text.textContent)"


def test_the_table_is_sorted_and_filtered(show):
    browser = show(BEFORE)
    assert browser.cells(0) == ["read", "parse", "main"]
    browser.press("#sites th:nth-child(6) button")
    assert browser.cells(5) == ["300.0", "200.0", "100.0"]
    assert browser.run("return [...document.querySelectorAll('[aria-sort]')].map(h => h.ariaSort)") == ["descending"]
    browser.press("#sites th:nth-child(6) button", "\ue007")  # Enter
    assert browser.cells(5) == ["100.0", "200.0", "300.0"]
    browser.press("#sites th:nth-child(1) button")
    assert browser.cells(0) == ["main", "parse", "read"]
    browser.press("#search", "LIB/")
    assert browser.cells(0) == ["parse", "read"]
    assert browser.run("return hits.value") == "Sites: 2 of 3"
    # the frames that are hits have a colour of their own
    browser.wait("return document.querySelectorAll('g.slice path[style*=\"rgb(255, 182, 31)\"]').length === 2")


def test_changes_are_filtered_by_status(show):
    browser = show(AFTER, BEFORE)
    assert browser.run("return document.querySelectorAll('.graph svg.main-svg').length") >= 2
    options = browser.run("return [...document.querySelectorAll('#status option')].map(o => o.textContent)")
    assert options == ["all", "appeared (1)", "vanished (1)", "grew (2)", "shrank (0)", "unchanged (0)"]
    browser.press("#status option[value=vanished]")
    assert browser.cells(0) == ["parse"]
    assert browser.cells(6) == ["-3,000"]
    browser.press("#status option[value='']")
    browser.press("#sites th:nth-child(6) button")
    assert browser.cells(5) == ["9,000", "1,000", "500", "\N{EN DASH}"]
    browser.press("#sites th:nth-child(6) button")
    assert browser.cells(5) == ["500", "1,000", "9,000", "\N{EN DASH}"]


def test_the_flame_graph_is_zoomed(show):
    browser = show(BEFORE)
    assert browser.run(LABELS) == ["all", "main", "read", "parse"]
    browser.press(".graph", "\ue015\ue015")  # down twice
    assert browser.run(DETAIL) == "read · lib/read.py:10 · 9,000 bytes in 70 blocks · 90% of total bytes"
    browser.press("#metric option[value=peak_blocks]")
    assert browser.run(DETAIL).endswith("94.6% of blocks at the peak (35)")
    browser.press(".graph", "\ue011")  # Home
    assert browser.run(DETAIL).startswith("all · 10,000 bytes in 75 blocks")
    browser.press("g.slice:last-of-type")
    assert browser.run(DETAIL).startswith("parse")
    assert browser.run(LABELS) == ["parse"]
    browser.press("g.slice")
    assert browser.run(DETAIL).startswith("read")


def test_what_is_not_drawn_is_said(show):
    browser = show(profile(point([READ] * 3_000)))
    assert browser.run("return document.querySelectorAll('g.slice').length") == 50
    assert browser.run(DETAIL).endswith("zoom in to see all that is below")
    stacks = [[Frame(f"{place}", "f.py", line) for line in range(10)] for place in range(900)]
    browser = show(profile(*map(point, stacks)))
    assert browser.run("return document.querySelectorAll('g.slice').length") == 1_500
    assert browser.run(DETAIL).endswith("zoom in to see all that is below")


def test_hostile_names_are_shown_as_they_are(show):
    browser = show(hostile_profile())
    assert sorted(browser.cells(0)) == sorted(map(clean, HOSTILE))
    assert browser.run("return [typeof hacked, document.querySelectorAll('img, main a, main b').length]") == [
        "undefined",
        0,
    ]
    labels = "".join(browser.run(LABELS))
    assert "</scri" in labels
    assert "<b>bo" in labels
    browser.hover(f"g.slice:nth-of-type({1 + next(i for i, text in enumerate(browser.run(LABELS)) if '<b>' in text)})")
    browser.wait("return document.querySelector('.hoverlayer text')")
    assert "<b>bold</b><br><a href='https://example.invalid/'>link</a>/" in browser.run(
        "return document.querySelector('.hoverlayer').textContent"
    )
    assert browser.run("return document.querySelectorAll('.hoverlayer a').length") == 0
    assert browser.run("return document.querySelector('header code').textContent") == clean(" ".join(HOSTILE))


def test_the_policy_is_enforced(browser, show):
    show(BEFORE)
    browser.run("const s = document.createElement('script'); s.textContent = 'hacked = 1'; document.body.append(s)")
    assert browser.run("return typeof hacked") == "undefined"
    browser.run("fetch('https://example.invalid/').catch(() => { document.title = 'refused' })")
    browser.wait("return document.title === 'refused'")
    assert all("Content Security Policy" in message for message in browser.log())


@pytest.mark.parametrize("width", [390, 1400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_and_follows_the_scheme(show, browser, width, scheme):
    size = {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": width < 500}
    feature = {"name": "prefers-color-scheme", "value": scheme}
    browser.call("/goog/cdp/execute", {"cmd": "Emulation.setDeviceMetricsOverride", "params": size})
    browser.call("/goog/cdp/execute", {"cmd": "Emulation.setEmulatedMedia", "params": {"features": [feature]}})
    show(AFTER, BEFORE)
    assert browser.run("return document.documentElement.scrollWidth <= innerWidth")
    ground, ink = browser.run(
        "return [getComputedStyle(document.body).backgroundColor, document.querySelector('g.slice text').style.fill]"
    )
    light, dark = (sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in (ground, ink))
    assert (light > 600 and dark < 150) if scheme == "light" else (light < 150 and dark > 600)


def test_thousands_of_program_points_are_quick(show):
    browser = show(random_profile(5_000), random_profile(5_000))
    assert browser.run("return document.querySelectorAll('g.slice').length") > 100
    assert browser.run("return performance.getEntriesByType('navigation')[0].loadEventEnd") < 20_000
    assert browser.run("return document.body.innerText.includes('NaN')") is False


def test_an_empty_profile_in_a_browser(show):
    browser = show(profile())
    assert browser.run("return document.querySelector('.graph').textContent") == "Total bytes: none in this profile."
    assert browser.run("return hits.value") == "Sites: 0 of 0"


def test_a_metric_that_is_nowhere_known(show):
    browser = show(profile(ProgramPoint((READ, MAIN), 10, 1)))
    browser.press("#metric option[value=peak_bytes]")
    assert (
        browser.run("return document.querySelector('.graph').innerText") == "Bytes at the peak: none in this profile."
    )
    browser.press("#metric option[value=total_blocks]")
    assert browser.run(LABELS) == ["all", "main", "read"]
    browser.press("g.slice:nth-of-type(2)")
    assert browser.run(LABELS) == ["main", "read"]
