"""Which benchmarks there are, which of them are run, and how asv is called."""

import os
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TextIO

from benchmarks.common import ONCE, XL
from benchmarks.embedders import minilm_installed
from benchmarks.heap.files import write_atomically
from benchmarks.site.commits import ROOT
from benchmarks.site.results import check_commits

# The core set: what `tox -e bench` measures by default, but for what is skipped.
CORE = re.compile(
    r"""
    ^(embed|similarity|score|match|batch|match_many|pool_build)\.\w+\.(time_run|track_\w+)$
    | ^rank\.Rank(Million)?(Heap|Growth)?\.(time_run|track_\w+)$
    | ^accuracy\.
    """,
    re.VERBOSE,
)
HEAP = re.compile(r"\.\w+Heap\.track_\w+$")

# Benchmarks that may be skipped on the current commit, with the reason.
_MILLION = (  # only on demand
    *(f"RankMillion.{face}" for face in ("time_run", "peakmem_run", "peakmem_reference", "track_ratio_to_bare_pass")),
    *(f"RankMillionHeap.track_{what}" for what in ("allocations", "allocated_bytes", "peak_heap")),
)
EXPECTED_SKIPS = frozenset(
    [
        *(f"rank.{name}" for name in _MILLION if os.environ.get(XL) != "1"),
        *(["embedders.BesideMiniLM.track_ratio_to_minilm"] if not minilm_installed() else ()),
    ]
)

# Forked workers start quickly; the heap is measured in processes of its own in any case.
FORK = ("--launch-method", "forkserver") if hasattr(os, "fork") else ()

STATE = ROOT / ".asv"
SITE = STATE / "html"


def all_names() -> list[str]:
    """Names of all benchmarks, as asv finds them."""
    from asv_runner.discovery import disc_benchmarks

    return [benchmark.name for benchmark in disc_benchmarks(str(ROOT / "benchmarks"))]


def by_file(names: Iterable[str]) -> dict[str, list[str]]:
    """The names, grouped by the benchmark file that they stand in."""
    files: dict[str, list[str]] = defaultdict(list)
    for name in sorted(names):
        files[name.split(".")[0]].append(name)
    return dict(files)


def asv(*arguments: str, stdin: str = "", quiet: bool = False, to: TextIO | None = None) -> int:
    """Run asv on this project; what it prints passes through, or is shown only where it fails.

    Returns
    -------
    int
        asv's exit code.
    """
    command = [sys.executable, "-m", "asv", *arguments]
    shown = subprocess.PIPE if quiet else to
    done = subprocess.run(command, cwd=ROOT, check=False, text=True, input=stdin, stdout=shown, stderr=shown)
    if quiet and done.returncode:
        print(done.stdout, done.stderr, file=sys.stderr)
    return done.returncode


def know_this_machine() -> None:
    """Register this machine with asv, where it is not yet: `asv run` would ask."""
    from asv.machine import Machine, MachineCollection
    from asv.util import UserError

    try:
        MachineCollection.load(Machine.get_unique_machine_name())
    except UserError:
        asv("machine", "--yes", quiet=True)


def check_results(hashes: Iterable[str]) -> None:
    """Refuse damaged results of commits that are to be measured on this machine; see `check_commits`."""
    from asv.machine import Machine

    check_commits(STATE / "results", Machine.get_unique_machine_name(), hashes)


def measure(
    names: Sequence[str], hashes: Sequence[str], *options: str, config: str = "asv.conf.json", to: TextIO | None = None
) -> int:
    """Run benchmarks on commits.

    Returns
    -------
    int
        asv's exit code: 2 where a benchmark failed.
    """
    selection = [argument for name in names for argument in ("--bench", rf"^{re.escape(name)}(\(|$)")]
    return asv("--config", config, "run", *selection, *options, "HASHFILE:-", stdin="\n".join(hashes), to=to)


def measure_file(file: str, names: Sequence[str], hashes: Sequence[str]) -> int:
    """Run the benchmarks of one file on commits, in turns, with all samples kept.

    asv saves after each round, so that a run that was stopped half-way looks complete to it. A mark that is left behind
    says which benchmarks were begun on which commits, to the next call that is asked for any: it measures anew.
    """
    mark = STATE / "unfinished" / file
    begun = {f"{name} {commit}" for name in names for commit in hashes}
    unfinished = set(mark.read_text("utf-8").splitlines()) if mark.exists() else set()
    options = ["--interleave-rounds", "--record-samples"]
    if not unfinished & begun:
        options.append("--skip-existing-successful")
    mark.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(mark, "\n".join(sorted(unfinished | begun)))
    code = measure(names, hashes, *options)
    if code in (0, 2):
        unfinished -= begun
        if unfinished:
            write_atomically(mark, "\n".join(sorted(unfinished)))
        else:
            mark.unlink()
    return code


def skipped(lines: Iterable[str]) -> list[str]:
    """Names of the benchmarks that asv's output shows as skipped, wholly or for some parameters."""
    names: dict[str, None] = {}
    name = ""
    for line in lines:
        found = re.search(r"\b\w+\.\w+\.(time|peakmem|track)_\w+", line)
        name = found[0] if found else name
        if re.search(r"\bn/a\b", line):
            names[name] = None
    return list(names)


def check() -> int:
    """Run every benchmark once in this environment; 1 where one fails, or is skipped but not expected to be."""
    know_this_machine()
    options = ("--quick", "--dry-run", "--show-stderr", "--environment", "existing", *FORK)
    command = [sys.executable, "-m", "asv", "run", *options]
    lines = []
    pipes = {"stdout": subprocess.PIPE, "stdin": subprocess.DEVNULL}
    with subprocess.Popen(command, cwd=ROOT, text=True, env={**os.environ, ONCE: "1"}, **pipes) as process:
        for line in process.stdout or ():
            print(line, end="", flush=True)
            lines.append(line)
    unexpected = [name for name in skipped(lines) if name not in EXPECTED_SKIPS]
    if unexpected:
        print(f"skipped, but not expected to be: {', '.join(unexpected)}", file=sys.stderr)
    return 1 if process.returncode or unexpected else 0
