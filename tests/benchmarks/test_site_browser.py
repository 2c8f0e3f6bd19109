"""The published pages as a person uses them, in a headless Chromium: as files, and as `asv preview` serves them."""

import base64
import functools
import http.server
import json
import re
import threading
import time
from urllib.parse import quote

import pytest

pytest.importorskip("asv", reason="needs the extra bench")

from benchmarks.site import comparison, text
from benchmarks.site.results import Setting, read


@pytest.fixture(scope="module")
def address(published):
    """Where the site is served, as asv does."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

    handler = functools.partial(Handler, directory=str(published.site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class Report:
    """The page of the report."""

    def __init__(self, browser, base):
        self.browser = browser
        self.base = base

    def emulate(self, width=1280, scheme="light"):
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        self.cdp("Emulation.setDeviceMetricsOverride", **size)
        self.cdp("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def cdp(self, command, **parameters):
        return self.browser.call("/goog/cdp/execute", {"cmd": command, "params": parameters})

    def open(self, **state):
        self.browser.call("/url", {"url": "about:blank"})
        words = "&".join(f"{key}={quote(value)}" for key, value in state.items())
        self.browser.call("/url", {"url": f"{self.base}/report/index.html#{words}"})
        self.wait_for(state.get("view", "summary"))

    def wait_for(self, view):
        self.browser.wait(f"return document.getElementById('content').dataset.view === '{view}'")

    def text(self, selector="#content"):
        return self.browser.run(f"return document.querySelector({selector!r})?.innerText")

    def texts(self, selector):
        return self.browser.run(
            f"return [...document.querySelectorAll({selector!r})].map((one) => one.innerText.trim())"
        )

    def charts(self):
        return self.browser.wait("return document.querySelectorAll('.js-plotly-plot .main-svg').length")

    def hash(self):
        return self.browser.run("return decodeURIComponent(location.hash)")

    def check(self):
        """No error in the console, no request to elsewhere, and nothing hostile has run."""
        assert self.browser.log() == []
        loaded = self.browser.run(
            "return performance.getEntries().map(({name}) => name).filter((name) => name.includes('://'))"
        )
        assert all(name.startswith((self.base, "blob:")) for name in loaded)
        assert not self.browser.run("return globalThis.hacked ?? false")


@pytest.fixture
def from_file(browser, published):
    """The page, opened as a file."""
    page = Report(browser, published.site.as_uri())
    browser.log()
    page.emulate()
    yield page
    page.check()
    page.cdp("Emulation.clearDeviceMetricsOverride")
    page.cdp("Emulation.setEmulatedMedia", features=[])


@pytest.fixture(params=["file", "http"])
def report(request, from_file, address):
    """The page, opened as a file and from a server."""
    if request.param == "http":
        from_file.base = address
    return from_file


DASH = "\N{EN DASH}"
VIEWS = ["summary", "table", "distributions", "growth", "hotspots", "history", "method"]


def test_the_headline(report):
    report.open()
    text = report.text()
    assert "Peak memory 60.0 % down target met, and exceeded" in " ".join(text.split())
    assert "Where in the code" in text
    assert "1 failed" in text
    assert report.browser.run("return document.querySelector('#before').selectedOptions[0].text").startswith("first · ")


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (1280, "dark")])
def test_every_view_fits_and_has_enough_contrast(from_file, view, width, scheme):
    from_file.emulate(width, scheme)
    from_file.open(view=view)
    if view in ("distributions", "growth", "history"):
        from_file.charts()
    wide = from_file.browser.run("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0
    assert from_file.browser.run(CONTRAST) == []
    assert not re.search(r"\b(undefined|null|false|NaN|Infinity)\b|\[object", from_file.text())


def test_on_a_narrow_screen_lists_show_all_of_their_rows(from_file):
    from_file.emulate(390)
    from_file.open()
    wide = from_file.browser.run(
        "return [...document.querySelectorAll('#content .box')].filter((box) => box.scrollWidth > box.clientWidth)"
        ".map((box) => box.getAttribute('aria-label'))"
    )
    assert set(wide) <= {"Means by component"}  # a table with a heading for each column


# Text whose contrast to what is behind it is below what WCAG asks for at level AA.
CONTRAST = """
const luminance = (rgb) => {
  const linear = (one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4);
  const [r, g, b] = rgb.map((one) => linear(one / 255));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const parse = (text) => { const [r, g, b, a = 1] = text.match(/[\\d.]+/g).map(Number); return [[r, g, b], a]; };
const behind = (element) => {
  const layers = [];
  for (let one = element; one; one = one.parentElement) layers.push(parse(getComputedStyle(one).backgroundColor));
  let colour = matchMedia("(prefers-color-scheme: dark)").matches ? [0, 0, 0] : [255, 255, 255];
  for (const [rgb, alpha] of layers.reverse())
    colour = colour.map((one, place) => one * (1 - alpha) + rgb[place] * alpha);
  return colour;
};
const found = new Set();
for (const element of document.querySelectorAll("body *")) {
  const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
  if (!own || element.closest("svg, script, option, noscript, .skip") || !element.getClientRects().length) continue;
  const style = getComputedStyle(element);
  const [text, back] = [luminance(parse(style.color)[0]), luminance(behind(element))];
  const contrast = (Math.max(text, back) + 0.05) / (Math.min(text, back) + 0.05);
  const large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && style.fontWeight >= 700);
  if (contrast < (large ? 3 : 4.5)) found.add(`${element.outerHTML.slice(0, 80)}: ${contrast.toFixed(2)}`);
}
return [...found];
"""


def test_switch_commits(report, published):
    report.open()
    before = report.text("#content .cards")
    report.browser.run(
        "const box = document.getElementById('after');box.value = arguments[0]; box.dispatchEvent(new Event('change'))",
        published.commits["other"][:10],
    )
    report.browser.wait(f"return location.hash.includes('{published.commits['other'][:10]}')")
    report.browser.wait("return document.querySelector('.figure.bad') !== null")
    assert report.text("#content .cards") != before
    assert "up" in report.text("#content .card .figure")
    report.browser.run("history.back()")
    report.browser.wait("return document.querySelector('.figure.bad') === null")
    assert report.text("#content .cards") == before


def test_the_commits_can_be_swapped_where_that_was_compared(from_file, published):
    from_file.open()
    shown = "return document.querySelector('#swap').getClientRects().length"
    assert not from_file.browser.run(shown)
    from_file.open(before="first", after=published.commits["middle"][0][:10])  # two baselines
    assert from_file.browser.run(shown)
    from_file.browser.press("#swap")
    from_file.browser.wait("return location.hash.includes('after=first')")
    from_file.browser.wait("return document.querySelector('#content .cards') !== null")
    assert from_file.browser.run(shown)


def test_sort_and_filter(from_file):
    from_file.open(view="table")
    assert from_file.text("#hits").startswith("29 of 29")
    from_file.browser.press("#sort-ratio")
    from_file.browser.wait(
        "return document.querySelector('#sort-ratio').parentElement.getAttribute('aria-sort') === 'ascending'"
    )
    ratios = [float(text) for text in from_file.texts("#rows tbody td:nth-child(5)") if text != DASH]
    assert ratios == sorted(ratios)
    assert from_file.texts("#rows tbody td:nth-child(5)")[-1] == DASH
    from_file.browser.press("#sort-ratio")
    from_file.browser.wait(
        "return document.querySelector('#sort-ratio').parentElement.getAttribute('aria-sort') === 'descending'"
    )
    assert [float(text) for text in from_file.texts("#rows tbody td:nth-child(5)") if text != DASH] == ratios[::-1]
    from_file.browser.press("#q", "match 10x5 alloc")
    from_file.browser.wait("return document.querySelector('#hits').textContent.startsWith('4 of')")
    assert from_file.hash() == "#view=table&q=match+10x5+alloc&sort=ratio.down"
    from_file.browser.run(
        "const box = document.getElementById('metric'); box.value = 'bytes'; box.dispatchEvent(new Event('change'))"
    )
    from_file.browser.wait("return document.querySelector('#hits').textContent.startsWith('1 of')")
    assert from_file.texts("#rows tbody td:nth-child(2)") == ["allocated bytes"]


def test_links_are_stable(from_file, published):
    middle = published.commits["middle"][0]
    state = {"before": "first", "after": middle[:10], "view": "table", "component": "match", "verdict": "no change"}
    from_file.open(**state)
    shown = from_file.texts("#rows tbody tr")
    assert shown
    assert all("no change" in row for row in shown)
    from_file.open(**state)
    assert from_file.texts("#rows tbody tr") == shown


@pytest.mark.parametrize("address", ["view=nonsense", "view=constructor", "on=nonsense"])
def test_what_an_address_names_that_does_not_exist(from_file, address):
    """Objects of JavaScript have a constructor, whatever is in them."""
    from_file.browser.call("/url", {"url": "about:blank"})
    from_file.browser.call("/url", {"url": f"{from_file.base}/report/index.html#{address}"})
    from_file.wait_for("summary")


def test_an_exact_row_says_so_and_a_timing_has_its_interval(from_file):
    from_file.open(view="table", q="match 10x5")
    rows = {(cells[0], cells[1]): cells for cells in from_file.browser.run(
        "const rows = [...document.querySelectorAll('#rows tbody tr')];"
        "return rows.map((row) => [...row.cells].map((cell) => cell.innerText))"
    )}  # fmt: skip
    assert rows["match 10x5", "allocations"][2:7] == ["1,000", "400", "0.400", "exact", DASH]
    assert " to " in rows["match 10x5", "time"][5]
    assert float(rows["match 10x5", "time"][6]) < 0.001
    assert rows["match 10x5", "time"][7].startswith("improved")


def test_hover_a_commit(from_file):
    from_file.open(view="history", metric="allocations")
    from_file.charts()
    # a drag layer hears the pointer; the last point but one is the newest commit of this branch
    place = from_file.browser.wait(
        "const points = [...document.querySelectorAll('figure .scatterlayer .trace:first-child .point')];"
        "const box = points[4]?.getBoundingClientRect(); return box && [box.x + box.width / 2, box.y + box.height / 2]"
    )
    for shift in (3, 0):
        from_file.cdp("Input.dispatchMouseEvent", type="mouseMoved", x=place[0] + shift, y=place[1])
    text = from_file.browser.wait("return document.querySelector('.hoverlayer .hovertext')?.textContent")
    assert "The last" in text or "<b>bold</b>" in text  # as text
    assert "allocations" in from_file.text("figure h3") or "match" in text


def test_steps_name_the_commit(from_file):
    from_file.open(view="history", metric="allocations")
    assert "<b>bold</b><br><a href='https://example.invalid/'>link</a>" in from_file.text()
    assert "The last" in from_file.text()
    assert "one of 2 commits up to" in from_file.text()  # a commit between was not measured
    from_file.browser.press("#content section a")
    from_file.wait_for("summary")
    assert "after=" in from_file.hash()


def test_distributions_mark_outliers(from_file):
    from_file.open(view="distributions")
    from_file.charts()
    assert from_file.browser.wait("return document.querySelectorAll('.violinlayer .violin').length") >= 2
    assert "10 samples" in from_file.text("figcaption")
    assert "95 % interval" in from_file.text("figcaption")


def test_growth_has_exponents_with_intervals(from_file):
    from_file.open(view="growth", metric="allocations")
    from_file.charts()
    assert from_file.texts("figure h3") == ["match: allocations"]
    assert "before n^2.0" in from_file.text("figcaption")
    lines = from_file.text("figcaption").splitlines()  # each with its key
    assert [line.split()[0] for line in lines] == ["before", "after"]
    assert "95 % interval" in from_file.text("figcaption")


def test_hotspots_lead_to_the_profiles_and_back(report, published):
    report.open(view="hotspots")
    assert "vanished" in report.text()
    report.browser.press("#content a")
    report.browser.wait("return document.querySelector('.graph .main-svg') !== null")
    title = report.browser.run("return document.title")
    assert title.startswith("Heap profile: command · ")
    for name, message in (("first", "The first"), ("last", "The last")):  # which commits these are
        assert f"{published.commits[name][:7]} {message}" in title
        assert f"{published.commits[name][:7]} {message}" in report.text("header")
    report.check()
    report.browser.press("nav a")
    report.wait_for("hotspots")


AWKWARD = [
    0, 1.517e-13, 4.7e-8, 9.996e-7, 1.1e-5, 8.94e-5, 0.04, 0.0625, 0.09996, 0.5625, 0.99951, 0.9999999, 1, 1.00045,
    1.004, 1.5, 6.4, 9.9999, 12, 99.97, 102.5, 999.6, 2125, 836_554, 999_600, 8e6, 2_873_108, 5.0005e9, 12_345e9,
]  # fmt: skip


def test_figures_are_those_of_the_terminal(from_file):
    """The page has forms of its own, in JavaScript, for equal text."""
    from_file.open()
    forms = {
        "shown(value, 'seconds')": lambda value: text.shown(value, "seconds"),
        "shown(value, 'bytes')": lambda value: text.shown(value, "bytes"),
        "shown(value, 'times')": lambda value: text.shown(value, "times"),
        "ratioText(value)": text.ratio,
        "changeText(value)": text.change,
        "written(Math.min(value, 1), 2)": lambda value: text.written(min(value, 1), ".2g"),  # a p-value
    }
    for script, form in forms.items():
        found = from_file.browser.run(f"return arguments[0].map((value) => {script})", AWKWARD)
        assert [one.replace("\N{NARROW NO-BREAK SPACE}", " ") for one in found] == list(map(form, AWKWARD))


def test_the_table_is_that_of_the_terminal(from_file, published):
    commits = published.commits["first"], published.commits["last"]
    compared = comparison.compare(*(read(published.results)[Setting("box", "env")][commit] for commit in commits))
    from_file.open(view="table")
    rows = from_file.browser.run(
        "return [...document.querySelectorAll('#rows tbody tr')].map((row) => [0, 1, 2, 3, 4, 6, 7].map((column) =>"
        "(row.cells[column].querySelector('.pill') ?? row.cells[column]).textContent))"
    )
    wanted = [[*cells[:5], *cells[6:]] for cells in map(text._cells, compared.rows)]
    assert [[cell.replace(DASH, text.DASH) for cell in row] for row in rows] == wanted


def test_where_in_the_code_nothing_changed(from_file, published):
    from_file.open(before="first", after=published.commits["middle"][0][:10])
    assert "No heap profiles of both commits were recorded" in from_file.text()
    from_file.open()
    from_file.browser.run(
        "for (const { sites } of pair.hotspots) for (const one of sites) one[3] = 'unchanged'; draw()"
    )
    from_file.browser.wait("return document.querySelector('#content').innerText.includes('allocates more or less')")
    assert "recorded;" not in from_file.text()


def test_conditions(from_file, published):
    from_file.open(on="1")
    assert "numpy was 2.0, then 2.1" in from_file.text("#warnings")
    from_file.open(on="1", view="method")
    assert "2.00 GB" in from_file.text()
    assert "Mann-Whitney" in from_file.text()


def test_pairs_that_were_not_compared_say_how(from_file, published):
    from_file.open(before=published.commits["other"][:10], after="0123456789")
    assert f"python -m benchmarks.site report {published.commits['other'][:10]} 0123456789" in from_file.text()
    from_file.browser.call("/url", {"url": f"{from_file.base}/report/index.html#before=nowhere"})
    from_file.browser.wait("return document.querySelector('[role=alert]') !== null")
    assert "No commit here is called “nowhere”" in from_file.text()


def test_the_keyboard_is_enough(from_file):
    from_file.open()
    labels = []
    tab = [{"type": kind, "value": "\ue004"} for kind in ("keyDown", "keyUp")]
    for _ in range(14):
        from_file.browser.call("/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": tab}]})
        labels.append(from_file.browser.run("return document.activeElement.id || document.activeElement.textContent"))
        assert from_file.browser.run("return getComputedStyle(document.activeElement).outlineStyle") != "none"
    assert labels[:5] == ["Skip to the report", "trends", "before", "after", "on"]
    assert labels[5:12] == ["Summary", "Table", "Distributions", "Growth", "Hotspots", "History", "How it was measured"]


def test_dark_and_light_charts_differ(from_file):
    colours = []
    for scheme in ("light", "dark"):
        from_file.emulate(scheme=scheme)
        from_file.open(view="growth", metric="allocations")
        from_file.charts()
        colours.append(from_file.browser.run("return getComputedStyle(document.querySelector('.xtick text')).fill"))
    assert len(set(colours)) == 2
    from_file.emulate(scheme="light")
    from_file.browser.wait(f"return getComputedStyle(document.querySelector('.xtick text')).fill === '{colours[0]}'")


@pytest.mark.parametrize("view", ["summary", "table", "history"])
def test_print(from_file, view):
    from_file.emulate(scheme="dark")
    from_file.open(view=view)
    printed = from_file.cdp("Page.printToPDF", printBackground=True)["data"]
    assert base64.b64decode(printed).startswith(b"%PDF")
    from_file.browser.call("/url", {"url": "about:blank"})
    time.sleep(0.2)


@pytest.mark.parametrize("view", ["overview", "explore&bench=match.Match.time_run", "regressions"])
def test_the_trends(report, view):
    report.browser.call("/url", {"url": "about:blank"})
    report.browser.call("/url", {"url": f"{report.base}/index.html#view={view}"})
    report.browser.wait("return document.querySelector('#root')?.innerText.includes('made <up>')")
    report.browser.wait("return !document.querySelector('#root').innerText.includes('Loading')")
    assert report.text(".site-bar a") == "Report: before and after"
    assert "Failed" not in report.text("#root")
    report.check()
    report.browser.press(".site-bar a")
    report.wait_for("summary")
    report.browser.press("#trends")
    report.browser.wait("return document.querySelector('.site-bar') !== null")


def test_the_trends_lead_to_the_report_on_a_commit(report, published):
    page = f"{report.base}/index.html#view=explore&bench=match.MatchHeap.track_peak_heap"
    report.browser.call("/url", {"url": "about:blank"})
    report.browser.call("/url", {"url": page})
    link = report.browser.wait(
        "return [...document.querySelectorAll('a')].find((one) => one.textContent === 'open commit')?.href"
    )
    report.browser.call("/url", {"url": link})
    report.wait_for("summary")
    chosen = report.browser.run("return document.querySelector('#after').selectedOptions[0].text")
    commit = link.rpartition("=")[2]  # the page shows them by the dates of their results, which are equal here
    assert commit in {published.commits["first"], *published.commits["middle"], published.commits["last"]}
    assert commit[:7] in chosen


def test_the_trends_know_which_way_is_better(from_file, published):
    """They would take more of whatever is tracked for better."""
    index = json.loads((published.site / "index.json").read_text("utf-8"))
    (less_is_better,) = {one["less_is_better"] for one in index["benchmarks"].values()}
    assert less_is_better is True
    page = f"{from_file.base}/index.html#view=explore&bench=match.MatchHeap.track_peak_heap"
    from_file.browser.call("/url", {"url": page})
    text = "document.querySelector('#root')?.innerText"
    from_file.browser.wait(f"return {text}?.includes('track_peak_heap') && !{text}.includes('Loading')")
    assert "higher is better" not in from_file.text("#root")
