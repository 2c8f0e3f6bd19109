"""One run's instructions and cache misses: simulated by valgrind's cachegrind, or counted by the processor.

Both watch a whole process. A process that runs the operation once, to warm up, is therefore subtracted from one that
runs it some times more.
"""

import contextlib
import json
import math
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["CacheError", "CacheProfile", "Counts", "hardware", "parse", "simulate"]

ROOT = Path(__file__).parents[2]

# Given, because valgrind's own detection takes a virtual machine's caches for impossible ones.
GEOMETRY = ("--I1=32768,8,64", "--D1=32768,8,64", "--LL=33554432,16,64")
LABEL = "simulated (valgrind cachegrind; I1 32 kB 8-way, D1 32 kB 8-way, LL 32 MB 16-way, 64-byte lines)"

# What the runs must be at least, in instructions, as a share of start-up: that varies by 0.03 % (measured), which is
# then 0.3 % of the difference.
MIN_SHARE = 0.1
MAX_RUNS = 100_000

PERF_EVENTS = ("instructions", "cache-references", "cache-misses", "L1-dcache-loads", "L1-dcache-load-misses")

# Garbage is not collected, as in asv's timings: when a collection comes depends on what start-up left behind. The last
# line says how long start-up and the runs took on the processor.
_CHILD = """
import gc, json, sys, time
from benchmarks.common import OPERATIONS
name, params, runs = json.loads(sys.argv[1])
operation = OPERATIONS[name]
operation.check_available()
arguments = operation.setup(*params)
gc.disable()
operation.run(*arguments)
started = time.process_time()
for _ in range(runs):
    operation.run(*arguments)
print(started, time.process_time() - started)
"""


class CacheError(ValueError):
    """Caches could not be simulated, or what came of it could not be read."""


class Counts(NamedTuple):
    """What cachegrind counted in a process, or between two."""

    instructions: float
    i1_misses: float
    data_references: float
    d1_misses: float
    ll_misses: float


# cachegrind's events that each figure sums
_EVENTS = {
    "instructions": ("Ir",),
    "i1_misses": ("I1mr",),
    "data_references": ("Dr", "Dw"),
    "d1_misses": ("D1mr", "D1mw"),
    "ll_misses": ("ILmr", "DLmr", "DLmw"),
}


@dataclass(frozen=True)
class CacheProfile:
    """What one run of an operation does to simulated caches; a run is one more on the same arguments, as asv times it.

    Parameters
    ----------
    name : str
        The operation.
    params : tuple
        Its parameter values.
    counts : Counts
        Of one run: the median of the samples.
    samples : tuple of Counts
        Of one run, each from a pair of processes.
    runs : int
        By how many runs the two processes of a pair differ.
    """

    name: str
    params: tuple[Any, ...]
    counts: Counts
    samples: tuple[Counts, ...]
    runs: int

    @property
    def ll_references(self) -> float:
        """What reaches the last-level cache: the misses of both first-level caches."""
        return self.counts.i1_misses + self.counts.d1_misses

    @property
    def d1_miss_rate(self) -> float:
        """Share of the data references that miss the first-level cache; nan without any."""
        return _ratio(self.counts.d1_misses, self.counts.data_references)

    @property
    def ll_miss_rate(self) -> float:
        """Share of the last-level references that miss; nan without any."""
        return _ratio(self.counts.ll_misses, self.ll_references)

    def spread(self, field: str) -> float:
        """Range of the samples of a count, as a share of its median; nan where that is 0."""
        values = [getattr(sample, field) for sample in self.samples]
        return _ratio(max(values) - min(values), abs(getattr(self.counts, field)))

    def lines(self) -> list[str]:
        """Text for a terminal."""
        counts = self.counts
        rows = {
            "instructions": "",
            "data_references": "",
            "d1_misses": f"{_percent(self.d1_miss_rate)} of data references",
            "i1_misses": "",
            "ll_misses": f"{_percent(self.ll_miss_rate)} of {self.ll_references:,.0f} LL references (I1 and D1 misses)",
        }
        return [
            f"{' '.join(map(str, (self.name, *self.params)))}: one run, {LABEL}",
            *(
                f"  {field.replace('_', ' '):<16}{getattr(counts, field):>z18,.0f}"
                f"  spread {_percent(self.spread(field)):<8} {rate}".rstrip()
                for field, rate in rows.items()
            ),
            f"  from {len(self.samples)} pairs of processes; runs apart: {self.runs:,}; spread is the pairs' range",
        ]

    def to_dict(self) -> dict[str, Any]:
        """Plain objects, ready for JSON; None where a share has no denominator."""
        shares = {"d1_miss_rate": self.d1_miss_rate, "ll_miss_rate": self.ll_miss_rate}
        shares |= {f"{field}_spread": self.spread(field) for field in Counts._fields}
        return {
            "operation": self.name,
            "params": list(self.params),
            "method": LABEL,
            "runs": self.runs,
            **self.counts._asdict(),
            "ll_references": self.ll_references,
            **{key: None if math.isnan(share) else share for key, share in shares.items()},
            "samples": [sample._asdict() for sample in self.samples],
        }


def _ratio(numerator: float, denominator: float) -> float:
    return numerator / denominator if denominator else math.nan


def _percent(share: float) -> str:
    return "unknown" if math.isnan(share) else f"{100 * share:z.2f} %"


def parse(path: Path) -> Counts:
    """The sums of a cachegrind output file.

    Raises
    ------
    CacheError
        Where the file cannot be read, or has not one line of ``events:``, with those of the cache simulation, and one
        ``summary:`` of as many counts.
    """
    lines: dict[str, list[str]] = {"events": [], "summary": []}
    try:
        with path.open(encoding="utf-8", errors="replace") as stream:
            for line in stream:
                key, colon, rest = line.partition(":")
                if colon and key in lines:
                    lines[key].append(rest)
    except OSError as error:
        raise CacheError(f"cannot read {str(path)!r}: {error.strerror or error}") from None
    for key, found in lines.items():
        if len(found) != 1:
            raise CacheError(f"{path.name}: {len(found)} lines of '{key}:': expected one, as cachegrind writes")
    events, figures = lines["events"][0].split(), lines["summary"][0].split()
    for figure in figures:
        if not re.fullmatch(r"[0-9]{1,19}", figure):
            raise CacheError(f"{path.name}: {figure[:60]!r} in the summary: expected a count")
    if len(events) != len(figures) or len(set(events)) != len(events):
        raise CacheError(f"{path.name}: {len(figures)} counts for {len(events)} events: expected one for each")
    by_event = dict(zip(events, map(int, figures), strict=True))
    try:
        return Counts(**{field: sum(by_event[event] for event in summed) for field, summed in _EVENTS.items()})
    except KeyError as error:
        raise CacheError(f"{path.name}: no event {error}: expected those of cachegrind's cache simulation") from None


@contextlib.contextmanager
def _running(command: Sequence[str], name: str, params: Sequence[Any], runs: int) -> Iterator[subprocess.Popen[str]]:
    """A process that runs an operation once and then some times more, behind a command; it ends with the block."""
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
    # the first process writes the compiled modules, so that all others load them
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    child = [sys.executable, "-c", _CHILD, json.dumps([name, list(params), runs])]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(
        [*command, *child], cwd=ROOT, env=environment, text=True, errors="replace", **pipes
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def _execute(command: Sequence[str], name: str, params: Sequence[Any], runs: int) -> str:
    """Run an operation once and then some times more, behind a command; returns what the process printed."""
    with _running(command, name, params, runs) as process:
        return _printed(process, name, params)


def _printed(process: subprocess.Popen[str], name: str, params: Sequence[Any]) -> str:
    """What a process printed, when it has ended."""
    out, err = process.communicate()
    if process.returncode:
        # valgrind's own lines begin with ==process== or --process--
        said = [line for line in err.splitlines() if line.strip() and not re.match(r"(==|--)\d+\1", line)]
        reason = said[-1] if said else f"exit code {process.returncode}"
        raise CacheError(f"{' '.join(map(str, (name, *params)))}: {reason}")
    return out


def _probe(name: str, params: Sequence[Any]) -> int:
    """By how many runs two processes should differ, judged by the processor time of one plain process.

    Start-up's instructions take longer than those of a warm run, so that this share of its time is likely enough.
    """
    from benchmarks.common import OPERATIONS

    if name not in OPERATIONS:
        raise CacheError(f"operation {name!r}: expected one of {', '.join(OPERATIONS)}")
    start, run = map(float, _execute([], name, params, 1).split()[-2:])
    return min(MAX_RUNS, math.ceil(MIN_SHARE * start / max(run, 1e-9)))


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def simulate(name: str, params: Sequence[Any], *, repeats: int = 2) -> CacheProfile:
    """Simulate the caches under an operation; takes one to three minutes, with progress on stderr.

    Parameters
    ----------
    name : str
        Of one of the suite's operations.
    params : sequence
        What its setup takes; plain objects.
    repeats : int
        Pairs of processes to measure, at least 2.

    Returns
    -------
    CacheProfile
        Of one run. valgrind has no AVX-512: where the processor has it, numpy and OpenBLAS take other paths than here.

    Raises
    ------
    CacheError
        Where valgrind is missing, the operation fails, or the runs are too few instructions to be told from start-up.
    """
    if repeats < 2:
        raise CacheError(f"repeats {repeats}: expected at least 2, whose spread is known")
    if shutil.which("valgrind") is None:
        raise CacheError(
            "valgrind is not installed: install it with your package manager (Debian: apt-get install valgrind)"
        )
    runs = _probe(name, params)
    with tempfile.TemporaryDirectory() as folder:

        def count(*numbers: int) -> list[Counts]:
            """Of processes of so many runs, side by side: a simulation counts the same on a busy machine."""
            files = [Path(folder) / f"cachegrind.{runs}" for runs in numbers]
            with contextlib.ExitStack() as stack:
                processes = []
                for runs, out in zip(numbers, files, strict=True):
                    out.unlink(missing_ok=True)
                    options = ["--tool=cachegrind", "--cache-sim=yes", *GEOMETRY, f"--cachegrind-out-file={out}"]
                    processes.append(stack.enter_context(_running(["valgrind", *options], name, params, runs)))
                for process in processes:
                    _printed(process, name, params)
            return list(map(parse, files))

        pairs = []
        for repeat in range(1, repeats + 1):
            _say(f"cachegrind, pair {repeat} of {repeats}: {name}, 1 run beside {1 + runs:,} ...")
            start, end = count(0, runs)
            while repeat == 1 and end.instructions - start.instructions < MIN_SHARE * start.instructions:
                if runs == MAX_RUNS:
                    raise CacheError(f"{name}: {runs:,} runs are below {MIN_SHARE:.0%} of start-up: expected more work")
                # a share of nearly nothing is uncertain: no more than 32 times as many runs at once
                share = max((end.instructions - start.instructions) / start.instructions, MIN_SHARE / 16)
                runs = min(MAX_RUNS, math.ceil(2 * runs * MIN_SHARE / share))
                _say(f"cachegrind, pair 1 of {repeats}: too little work, {1 + runs:,} runs ...")
                (end,) = count(runs)
            pairs.append((start, end))
    samples = tuple(Counts(*((b - a) / runs for a, b in zip(*pair, strict=True))) for pair in pairs)
    counts = Counts(*map(statistics.median, zip(*samples, strict=True)))
    return CacheProfile(name, tuple(params), counts, samples, runs)


def hardware(name: str, params: Sequence[Any], *, repeats: int = 5) -> dict[str, float] | None:
    """One run's events as the processor counts them, by perf's names; those only that this machine offers.

    Returns
    -------
    dict of str to float, or None
        The median of some pairs of processes; None where perf is missing or offers no event, as on virtual machines.

    Raises
    ------
    CacheError
        Where the operation fails.
    """
    runs = _probe(name, params)
    if shutil.which("perf") is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "perf.csv"
        command = ["perf", "stat", "-x", ",", "-o", str(out), "-e", ",".join(PERF_EVENTS), "--"]

        def count(runs: int) -> dict[str, int]:
            _execute(command, name, params, runs)
            return _parse_perf(out.read_text("utf-8"))

        try:
            if not count(0):
                return None
            pairs = [(count(0), count(runs)) for _ in range(repeats)]
        except (OSError, CacheError):  # perf may not count here: the operation itself ran in the probe
            return None
    offered = [event for event in PERF_EVENTS if all(event in counts for pair in pairs for counts in pair)]
    return {event: statistics.median((end[event] - start[event]) / runs for start, end in pairs) for event in offered}


def _parse_perf(text: str) -> dict[str, int]:
    """Counts by event; what is not supported or not counted has words where the count would be."""
    rows = [line.split(",") for line in text.splitlines() if line.count(",") >= 2]
    # an event that the kernel may not see is called instructions:u
    return {row[2].partition(":")[0]: int(row[0]) for row in rows if re.fullmatch(r"[0-9]{1,19}", row[0])}
