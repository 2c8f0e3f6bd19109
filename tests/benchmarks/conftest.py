import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest


class Browser:
    """A headless Chromium, driven by the WebDriver protocol."""

    def __init__(self, address, folder):
        arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            f"--user-data-dir={folder}",
            "--window-size=1400,1000",
        ]
        wanted = {
            "goog:loggingPrefs": {"browser": "ALL"},
            "goog:chromeOptions": {"args": arguments},
        }
        self.address = address
        session = self.call("/session", {"capabilities": {"alwaysMatch": wanted}})
        self.address = f"{address}/session/{session['sessionId']}"

    def call(self, path, body=None, method="POST"):
        data = None if method == "DELETE" else json.dumps(body or {}).encode()
        request = urllib.request.Request(self.address + path, data, {"Content-Type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["value"]

    def run(self, script, *arguments):
        return self.call("/execute/sync", {"script": script, "args": arguments})

    def wait(self, script):
        """Wait until a script returns what is true."""
        end = time.monotonic() + 20
        while not (value := self.run(script)):
            assert time.monotonic() < end, f"never true: {script}"
            time.sleep(0.02)
        return value

    def press(self, selector, keys=None):
        """Click an element, or type into it."""
        element = next(iter(self.call("/element", {"using": "css selector", "value": selector}).values()))
        self.call(f"/element/{element}/{'value' if keys else 'click'}", keys and {"text": keys})

    def hover(self, selector):
        """Bring the pointer over an element."""
        self.run(f"document.querySelector('{selector}').scrollIntoView({{block: 'center'}})")
        element = self.call("/element", {"using": "css selector", "value": selector})
        moves = [{"type": "pointerMove", "x": x, "y": 0, "origin": element} for x in (0, 1)]
        self.call("/actions", {"actions": [{"type": "pointer", "id": "mouse", "actions": moves}]})

    def cells(self, column):
        rows = "document.querySelectorAll('#sites tbody tr:not([hidden])')"
        return self.run(f"return [...{rows}].map(row => row.cells[{column}].textContent)")

    def log(self):
        return [entry["message"] for entry in self.call("/se/log", {"type": "browser"})]


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    if not (shutil.which("chromium") and shutil.which("chromedriver")):
        pytest.skip("needs chromium and chromedriver")
    # a group of its own, so that no browser outlives a test that was stopped
    driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        port = next(match[1] for line in driver.stdout if (match := re.search(r"on port (\d+)\.", line)))
        yield Browser(f"http://127.0.0.1:{port}", tmp_path_factory.mktemp("browser"))
    finally:
        os.killpg(driver.pid, signal.SIGKILL)
        driver.stdout.close()
        driver.wait()


@pytest.fixture
def no_intervals(monkeypatch):
    """Few resamples, where only verdicts matter: these do not rest on intervals."""
    from benchmarks.site import stats

    monkeypatch.setattr(stats, "RESAMPLES", 1)
    for cached in (stats._draws, stats._medians):
        cached.cache_clear()
    yield
    for cached in (stats._draws, stats._medians):
        cached.cache_clear()


# ---------------------------------------------------------------------------------------------------------------------
# A small project with made-up results, as asv would have left them, and its site.

HOSTILE = [
    "</script><script>hacked = 1</script>",
    "<img src=x onerror='hacked = 1'>",
    '"><svg/onload="hacked = 1">',
    "%{x} &lt;b&gt; $x$ `|` line\u2028and \u202egnp.exe",
    "<b>bold</b><br><a href='https://example.invalid/'>link</a>",
]
SIZES = ["'10x5'", "'50x25'", "'100x50'"]

# Runs asv on another project than this one, whose plug-in it uses.
_ASV = """
import sys
from pathlib import Path
from benchmarks.site import commits
commits.ROOT = Path.cwd()
commits.BASELINES = commits.ROOT / "benchmarks" / "baselines.json"
sys.argv = ["asv", *sys.argv[1:]]
from asv.main import main
main()
"""


class Project:
    """A repository of its own with asv's configuration, results and profiles."""

    def __init__(self, folder):
        self.folder = folder
        self.results = folder / ".asv" / "results"
        self.site = folder / ".asv" / "html"
        (folder / "benchmarks").mkdir(parents=True)
        self.results.mkdir(parents=True)
        self.git("init", "-q", "-b", "main")
        conf = {
            "version": 1, "project": "made <up>", "project_url": "", "repo": ".", "branches": ["HEAD"],
            "show_commit_url": self.configured("show_commit_url"),
            "environment_type": "existing", "plugins": [".benchmarks.site.publisher"], "hash_length": 10,
            "env_dir": ".asv/env", "results_dir": ".asv/results", "html_dir": ".asv/html",
        }  # fmt: skip
        (folder / "asv.conf.json").write_text(json.dumps(conf))
        self.benchmarks = {"version": 2}

    @staticmethod
    def configured(key):
        """What the suite itself says in its configuration."""
        from asv.config import Config

        return getattr(Config.load(str(Path(__file__).parents[2] / "asv.conf.json")), key)

    def git(self, *arguments):
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
        done = subprocess.run(
            ["git", *identity, *arguments], cwd=self.folder, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def commit(self, message):
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")

    def baselines(self, names):
        (self.folder / "benchmarks" / "baselines.json").write_text(json.dumps(names))

    def save(self, commit, values, machine="box", env="env", **facts):
        """Results: each benchmark has parameters, a value or samples for each of their combinations, and a version."""
        params = {"machine": machine, "cpu": "cpu", "ram": "2000000000", "python": "3.11", **facts}
        columns = ["result", "params", "version", "started_at", "duration", "samples"]
        rows = {}
        for name, (parameters, figures, version) in values.items():
            medians = [sorted(one)[len(one) // 2] if isinstance(one, list) else one for one in figures or ()] or None
            samples = [one if isinstance(one, list) else None for one in figures or ()] or None
            rows[name] = [medians, parameters, version, 1_700_000_000_000, 1.0, samples]
            self.benchmarks[name] = {
                "name": name, "params": parameters, "param_names": ["size"][: len(parameters)], "version": version,
                "type": "track" if ".track_" in name else "time", "unit": "seconds", "code": "",
            }  # fmt: skip
        data = {
            "commit_hash": commit, "env_name": env, "date": 1_700_000_000_000, "params": params, "python": "3.11",
            "requirements": {}, "env_vars": {"OPENBLAS_NUM_THREADS": "1"}, "result_columns": columns, "results": rows,
            "durations": {}, "version": 2,
        }  # fmt: skip
        folder = self.results / machine
        folder.mkdir(exist_ok=True)
        (folder / "machine.json").write_text(json.dumps({"machine": machine, "version": 1}))
        (folder / f"{commit[:8]}-{env}.json").write_text(json.dumps(data).replace('"NaN"', "NaN"))
        (self.results / "benchmarks.json").write_text(json.dumps(self.benchmarks))

    def profile(self, commit, operation, points, machine="box", env="env"):
        from benchmarks.heap.dhat import save
        from benchmarks.heap.profile import Frame, Profile, ProgramPoint

        path = self.results.parent / "profiles" / machine / f"{commit[:10]}-{env}" / f"{operation}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        found = tuple(ProgramPoint((Frame(*frame), Frame("main", "main.py", 1)), size, 1) for frame, size in points)
        save(Profile("command", 1, found, 1, 2), path)

    def asv(self, *arguments):
        root = Path(__file__).parents[2]
        environment = {**os.environ, "PYTHONPATH": str(root), "HOME": str(self.folder)}
        return subprocess.run(
            [sys.executable, "-c", _ASV, *arguments],
            cwd=self.folder, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip


def timings(rng, *medians):
    """Ten samples of each timing."""
    return [[median * rng.gauss(1, 0.02) for _ in range(10)] for median in medians]


def made_up(folder):
    """A project whose results have all that may go wrong with results, and names that mean harm."""
    project = Project(folder)
    rng = random.Random(0)
    first, *middle, last = (project.commit(message) for message in ("The first", *HOSTILE, "The last"))
    project.git("checkout", "-q", "-b", "other", first)
    other = project.commit("On another branch")
    project.git("checkout", "-q", "main")
    project.baselines({"first": first, HOSTILE[1]: middle[0]})
    hostile = f"match.{HOSTILE[0]}.time_run"

    def values(time, blocks, version="1"):
        return {
            "match.Match.time_run": ([SIZES], timings(rng, time, 5 * time, 20 * time), version),
            "match.MatchHeap.track_allocations": ([SIZES], [blocks, 25 * blocks, 100 * blocks], "1"),
            "match.MatchHeap.track_allocated_bytes": ([SIZES], [100 * blocks, 2500 * blocks, 9000 * blocks], "1"),
            "match.MatchHeap.track_peak_heap": ([SIZES], [50 * blocks, 900 * blocks, 3600 * blocks], "1"),
            "match.Match.peakmem_run": ([SIZES], [60e6, 61e6, 60e6 + 1000 * blocks], "1"),
            "match.Match.peakmem_reference": ([SIZES], [59e6, 59e6, 59e6], "1"),
            hostile: ([HOSTILE], timings(rng, *[time] * len(HOSTILE)), "1"),
        }

    project.save(first, {**values(0.01, 1000), "match.Gone.time_run": ([], timings(rng, 1.0), "1")})
    for place, commit in enumerate(middle):
        project.save(commit, values(0.01 - 0.001 * place, 1000 - 100 * place))
    # failed, skipped, without samples, a build that failed, renamed, of another version
    project.save(middle[1], {
        "match.Match.time_run": ([SIZES], [None, "NaN", 0.2], "1"),
        "match.MatchHeap.track_allocations": ([SIZES], None, "1"),
    })  # fmt: skip
    project.save(middle[2], {**values(0.002, 400, version="0")})
    project.save(last, {
        **values(0.002, 400),
        "match.New.time_run": ([], timings(rng, 1.0), "1"),
        "score.Score.time_run": ([], [None], "1"),
    })  # fmt: skip
    project.save(other, values(0.02, 2000))
    project.save("0123456789" * 4, values(0.03, 3000))  # this clone does not have it
    for commit in (first, last):
        project.save(
            commit, values(0.004, 700), machine="<b>box", env="other env", numpy="2.0" if commit == first else "2.1"
        )
    (project.results / "box" / f"{middle[3][:8]}-env.json").write_text('{"results": {')  # interrupted
    project.profile(first, "match", [((HOSTILE[0], HOSTILE[1], 3), 5000), (("stays", "a.py", 5), 100)])
    project.profile(last, "match", [(("new", "b.py", 7), 1000), (("stays", "a.py", 5), 100)])
    (project.results.parent / "profiles" / "box" / f"{last[:10]}-env" / "damaged.json").write_text("{")
    project.commits = {"first": first, "middle": middle, "last": last, "other": other}
    return project


@pytest.fixture(scope="session")
def published(tmp_path_factory):
    """The made-up project and its site, as `asv publish` left it."""
    pytest.importorskip("asv_tachyon", reason="needs the extra bench")
    project = made_up(tmp_path_factory.mktemp("published") / "project")
    done = project.asv("publish")
    assert done.returncode == 0, done.stdout + done.stderr
    project.said = done.stdout + done.stderr
    return project
