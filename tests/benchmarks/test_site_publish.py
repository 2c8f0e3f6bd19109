"""`asv publish` on a project with results that have all that may go wrong with results."""

import base64
import gzip
import json
import re
import shutil
from itertools import pairwise

import pytest

pytest.importorskip("asv", reason="needs the extra bench")

from benchmarks.heap.html import script_hash
from benchmarks.heap.tree import printable
from benchmarks.site import comparison, pages
from benchmarks.site.commits import History
from benchmarks.site.results import Measurement, Run, Series, Setting, read


def unpacked(path):
    name, packed = re.fullmatch(r'site\.receive\("([\w/-]+)","([\w+/=]*)"\);\n', path.read_text("utf-8")).groups()
    return name, gzip.decompress(base64.b64decode(packed)).decode()


def data(project, name):
    found, text = unpacked(project.site / "report" / "data" / f"{name}.js")
    assert found == name
    return json.loads(text, parse_constant=lambda constant: pytest.fail(constant))


def setting_of(project, machine):
    settings = data(project, "site")["settings"]
    (place,) = [place for place, one in enumerate(settings) if one["machine"] == machine]
    return place, settings[place]


def pair(project, before, after, machine="box"):
    place, _ = setting_of(project, machine)
    series = data(project, str(place))["series"]
    found = data(project, f"{place}/{before[:10]}-{after[:10]}")
    verdicts = data(project, "site")["verdicts"]
    return found, {series[row[0]]["name"]: (verdicts[row[1]], row) for row in found["rows"]}


def test_it_ends_well_and_says_what_it_left_out(published):
    assert published.said.rstrip().endswith("Writing index")
    assert f"{published.commits['middle'][3][:8]}-env.json" in published.said


def test_the_files(published):
    names = {path.relative_to(published.site).as_posix() for path in published.site.rglob("*") if path.is_file()}
    assert {"index.html", "index.json", "trends.js", "report/index.html", "report/library.js"} < names
    assert "index.legacy.html" not in names
    assert not {"asv.js", "graphdisplay.js", "error.html", "asv.css"} & names
    first, last = (published.commits[name][:10] for name in ("first", "last"))
    assert {f"report/profiles/0-match-{one}.html" for one in (first, last, f"{first}-{last}")} == {
        name for name in names if name.startswith("report/profiles/")
    }
    assert sum(path.stat().st_size for path in published.site.rglob("*")) < 6_000_000


def test_no_page_can_load_anything_from_elsewhere(published):
    pages = list(published.site.rglob("*.html"))
    assert len(pages) == 5
    for path in pages:
        text = path.read_text("utf-8")
        (policy,) = re.findall(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">', text)
        rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
        assert rules["default-src"] == "'none'"
        assert not any(re.search(r"https?:|//|\*|unsafe-eval", rule) for rule in rules.values())
        scripts = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
        assert all(script_hash(script) in rules["script-src"] for script in scripts)
        for address in re.findall(r'<(?:script|link|img|iframe)[^>]*\b(?:src|href)="([^"]*)"', text):
            assert (path.parent / address).is_file(), address
    for path in published.site.rglob("*.css"):
        assert not re.search(r"@import|url\((?!['\"]?data:)", path.read_text("utf-8"))


def test_links_lead_to_the_report_and_back(published):
    assert 'href="report/index.html"' in (published.site / "index.html").read_text("utf-8")
    assert 'href="../index.html"' in (published.site / "report" / "index.html").read_text("utf-8")
    for path in (published.site / "report" / "profiles").iterdir():
        assert 'href="../index.html' in path.read_text("utf-8")
        assert 'href="../../index.html"' in path.read_text("utf-8")


def test_the_trends_have_all_data_that_asv_wrote(published):
    _, text = unpacked(published.site / "trends.js")
    files = json.loads(text)
    assert {"index.json", "regressions.json"} < files.keys()
    for name, content in files.items():
        assert (published.site / name).read_text("utf-8") == content
    assert any(name.endswith("/match.Match.time_run.json") for name in files)


def test_commits(published):
    commits = published.commits
    site = data(published, "site")
    _, setting = setting_of(published, "box")
    hashes = [site["commits"][place]["hash"] for place in setting["measured"]]
    readable = [commit for commit in commits["middle"] if commit != commits["middle"][3]]
    assert hashes == [commits["first"], *readable, commits["last"], commits["other"], "0123456789" * 4]
    places = {one["hash"]: one["place"] for one in site["commits"]}
    assert (places[commits["first"]], places[commits["last"]]) == (0, 6)
    assert places[commits["other"]] is None
    assert [site["commits"][place]["hash"] for place in setting["default"]] == [commits["first"], commits["last"]]


def test_pairs_are_baselines_with_all_and_neighbours(published):
    site = data(published, "site")
    _, setting = setting_of(published, "box")
    measured = setting["measured"]
    bases = [place for place in measured if site["commits"][place]["names"]]
    assert len(bases) == 2
    branch = [place for place in measured if site["commits"][place]["place"] is not None]
    wanted = {(base, place) for base in bases for place in measured if base != place}
    wanted |= set(pairwise(branch))
    assert {tuple(pair) for pair in setting["pairs"]} == wanted


def test_the_verdicts(published):
    found, rows = pair(published, published.commits["first"], published.commits["last"])
    assert rows["match.Match.time_run('10x5')"][0] == "improved"
    assert len(rows["match.Match.time_run('10x5')"][1]) == 6
    assert rows["match.MatchHeap.track_allocations('10x5')"][0] == "improved"
    assert len(rows["match.MatchHeap.track_allocations('10x5')"][1]) == 3  # no statistics
    assert rows["match.Gone.time_run"][0] == "gone"
    assert rows["match.New.time_run"][0] == "new"
    assert rows["score.Score.time_run"][0] == "failed"
    assert not any("peakmem_reference" in name for name in rows)
    assert [target["answer"] for target in found["targets"]] == ["met, and exceeded", "met, and exceeded"]
    assert found["warnings"] == []


def test_intervals_and_means_are_those_of_the_terminal(published):
    """To more digits than either shows, so that both round alike."""
    commits = published.commits["first"], published.commits["last"]
    found, rows = pair(published, *commits)
    runs = read(published.results)[Setting("box", "env")]
    compared = comparison.compare(*(runs[commit] for commit in commits))
    evidence = {printable(row.series.name): row.evidence for row in compared.rows if row.evidence}
    assert {name: tuple(cells[3:]) for name, (_, cells) in rows.items() if name in evidence} == {
        name: pytest.approx((one.low, one.high, one.p), rel=1e-5) for name, one in evidence.items()
    }
    assert {tuple(one[:2]): one[2] for one in found["means"]} == pytest.approx(
        {key: mean for key, (mean, _) in compared.means.items()}, rel=1e-5
    )


@pytest.mark.parametrize(
    ("commit", "verdict"), [(1, ["failed", "gone", "not enough data"]), (2, ["not comparable"] * 3)]
)
def test_partial_results_and_other_versions(published, commit, verdict):
    _, rows = pair(published, published.commits["first"], published.commits["middle"][commit])
    assert [rows[f"match.Match.time_run('{size}')"][0] for size in ("10x5", "50x25", "100x50")] == verdict
    if commit == 1:
        assert rows["match.MatchHeap.track_allocations('10x5')"][0] == "failed"


def test_peaks_are_net_and_derived_series_exact(published):
    place, _ = setting_of(published, "box")
    series = {one["name"]: one for one in data(published, str(place))["series"]}
    assert series["match.Match.peakmem_run('10x5')"]["values"][0] == 1_000_000
    assert series["match.MatchHeap.track_allocated_bytes('10x5') mean allocation size"]["values"][0] == 100
    assert series["match.MatchHeap.track_allocated_bytes('10x5') bytes per skill"]["values"][0] == 6666.67


def test_history_marks_steps_and_versions(published):
    place, _ = setting_of(published, "box")
    series = {one["name"]: one for one in data(published, str(place))["series"]}
    blocks = series["match.MatchHeap.track_allocations('10x5')"]
    # the commit whose benchmark failed is passed over; other branches bring no steps
    assert blocks["values"] == [1000, 1000, None, 400, 600, 400, 2000, 3000]
    assert blocks["steps"] == [[1, 3, 1000, 400], [3, 4, 400, 600], [4, 5, 600, 400]]
    assert series["match.Match.time_run('100x50')"]["versions"] == [0, 0, 0, 1, 0, 0, 0, 0]


def test_growth_and_samples(published):
    place, _ = setting_of(published, "box")
    groups = data(published, str(place))["groups"]
    commit = data(published, f"{place}/{published.commits['first'][:10]}")
    (law,) = [law for group, law in zip(groups, commit["laws"], strict=True) if group["family"] == "allocations"]
    assert law[0] == pytest.approx(2, abs=0.05)
    assert law[1] <= law[0] <= law[2]
    assert all(len(samples) == 10 for samples in commit["samples"].values())
    assert commit["facts"]["ram"] == "2.00 GB"
    assert commit["facts"]["samples of a timing"] == "10"


def test_hotspots(published):
    found, _ = pair(published, published.commits["first"], published.commits["last"])
    (match,) = found["hotspots"]
    assert match["operation"] == "match"
    assert [(site[3], site[4], site[5]) for site in match["sites"]] == [
        ("vanished", 5000, None), ("appeared", None, 1000), ("unchanged", 100, 100)
    ]  # fmt: skip
    for page in match["pages"]:
        assert (published.site / "report" / page).is_file()


def test_different_conditions_are_warned_of(published):
    found, _ = pair(published, published.commits["first"], published.commits["last"], "<b>box")
    assert found["warnings"] == ["numpy was 2.0, then 2.1"]


def test_a_damaged_file_of_baselines_is_said(published, tmp_path):
    folder = tmp_path / "project"
    shutil.copytree(published.folder, folder)
    (folder / "benchmarks" / "baselines.json").write_text("{")
    published = type(published).__new__(type(published))
    published.folder, published.site = folder, folder / ".asv" / "html"
    done = published.asv("publish")
    assert done.returncode == 0
    assert "no baselines: baselines.json" in done.stdout + done.stderr
    assert not any(commit["names"] for commit in data(published, "site")["commits"])


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("{}-env.json", {"results": {"match.Match.time_run": 5}}),
        ("{}-env.json", {"commit_hash": 5}),
        ("{}-env.json", {"params": []}),
        ("machine.json", {"machine": []}),
    ],
)
def test_a_file_of_another_shape_is_one_error_and_the_site_stays(published, tmp_path, name, change):
    """Where asv would end in a traceback, with the site removed."""
    folder = tmp_path / "project"
    shutil.copytree(published.folder, folder)
    project = type(published).__new__(type(published))
    project.folder, project.site = folder, folder / ".asv" / "html"
    path = folder / ".asv" / "results" / "box" / name.format(published.commits["first"][:8])
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | change))
    done = project.asv("publish")
    said = done.stdout + done.stderr
    assert done.returncode == 1
    assert "Traceback" not in said
    assert any(path.name in line and ": expected " in line for line in said.splitlines())
    assert (project.site / "report" / "index.html").is_file()


def test_without_results(tmp_path):
    pages.write(tmp_path, {}, tmp_path / "none", History({}, {}, {}), {}, "empty")
    assert json.loads(unpacked(tmp_path / "data" / "site.js")[1])["settings"] == []


def test_two_hundred_commits_of_two_hundred_series_stay_small(no_intervals, tmp_path):
    hashes = [f"{place:08x}" * 5 for place in range(200)]
    runs = {}
    for place, commit in enumerate(hashes):
        runs[commit] = Run(commit)
        for number in range(200):
            benchmark = f"component{number // 20}.M{'Heap.track_allocations' if number % 5 else '.time_run'}"
            samples = () if number % 5 else tuple(1 + (7 * place + 13 * number + 3 * k) % 101 / 1000 for k in range(10))
            runs[commit].series[Series(benchmark, (str(number),))] = Measurement(float(1000 + place), samples, "1")
    subjects = {commit: f"Commit {commit[:8]} changes something" for commit in hashes}
    known = History(dict.fromkeys(hashes, 1), subjects, {commit: place for place, commit in enumerate(hashes)})
    pages.write(tmp_path, {Setting("m", "e"): runs}, tmp_path / "none", known, {"first": hashes[0]}, "large")
    assert len(list((tmp_path / "data" / "0").iterdir())) == 200 + 199 + 198
    assert sum(path.stat().st_size for path in tmp_path.rglob("*")) < 5_000_000
