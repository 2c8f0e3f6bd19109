"""The main job: measure two commits, compare them, and write the site."""

import argparse
import dataclasses
import json
import math
import os
import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.heap.ending import exit_code
from benchmarks.run import conditions, figures, profiles, suite
from benchmarks.run.gate import gate
from benchmarks.site import text
from benchmarks.site.__main__ import make_report
from benchmarks.site.commits import ROOT, CommitError, resolve, resolve_range, uncommitted


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    compare = commands.add_parser(
        "compare",
        help="measure two commits, compare them, write the site",
        description="Measure two commits in turns, compare them and write the site. What has been measured is kept: "
        "after an interruption the same command goes on.",
    )
    compare.add_argument(
        "before", nargs="?", default="first", help="a baseline's name or a git revision (default: first)"
    )
    compare.add_argument("after", nargs="?", default="HEAD", help="likewise (default: HEAD)")
    choice = compare.add_mutually_exclusive_group()
    choice.add_argument("--full", action="store_true", help="run all benchmarks instead of the core set")
    choice.add_argument(
        "--bench", metavar="REGEX", help="run the benchmarks whose name matches, such as match.Match.time_run"
    )
    history = commands.add_parser(
        "history",
        help="measure the heap of many commits",
        description="Measure the heap series of the core set on many commits, and write the site.",
    )
    history.add_argument("range", nargs="?", default="ALL", help="a git range such as v1..HEAD (default: ALL commits)")
    gate = commands.add_parser(
        "gate",
        help="fail where the heap of a commit grew",
        description="Measure the heap series of two commits afresh, and fail where one grew. Heap counts are exact: "
        "the answer is the same every time.",
    )
    gate.add_argument("before", help="a baseline's name or a git revision")
    gate.add_argument("after", help="likewise")
    gate.add_argument("--tolerance", type=_percent, default=0.0, metavar="PERCENT", help="growth allowed (default: 0)")
    gate.add_argument(
        "--bench", metavar="REGEX", help="heap series whose name matches (default: those of the core set)"
    )
    gate.add_argument("--json", action="store_true", help="print every series as JSON")
    figures = commands.add_parser(
        "figures",
        help="print the README's figures, from the results of this machine",
        description="Print the figures of the first version and of the newest commit that has them, as Markdown.",
    )
    figures.add_argument("--readme", type=Path, metavar="FILE", help="put them between the marks of this file")
    figures.add_argument("--plots", type=Path, metavar="FOLDER", help="draw history.svg and rank.svg, and link them")
    commands.add_parser(
        "check",
        help="run every benchmark once on the installed library",
        description="Run every benchmark once, in this environment, and fail where one fails or is skipped.",
    )
    return parser


def _select(full: bool, regex: str | None) -> list[str]:
    names = suite.all_names()
    if full:
        return names
    if regex is None:
        return [name for name in names if suite.CORE.search(name) and name not in suite.EXPECTED_SKIPS]
    try:
        pattern = re.compile(regex)
    except re.error as error:
        raise CommitError(f"--bench {regex!r}: {error}: expected a regular expression") from None
    selected = [name for name in names if regex and pattern.search(name)]  # "" would match all
    if not selected:
        raise CommitError(f"no benchmark matches {regex!r}: expected part of a name such as {names[0]}")
    return selected


def _compare(arguments: argparse.Namespace) -> int:
    before, after = resolve(arguments.before), resolve(arguments.after)
    if before.hash == after.hash:
        raise CommitError(f"{before.name} and {after.name} are the same commit, {after.hash[:10]}: expected two")
    names = _select(arguments.full, arguments.bench)
    suite.check_results([before.hash, after.hash])
    if uncommitted():
        print("Note: competency/ has uncommitted changes; commits are measured, not the working tree.")
    suite.know_this_machine()
    started = time.time()
    files = suite.by_file(names)
    codes = {}
    try:
        for position, (file, benchmarks) in enumerate(files.items(), 1):
            print(f"\n[{position}/{len(files)}] {file}: {len(benchmarks)} benchmarks on 2 commits", flush=True)
            codes[file] = suite.measure_file(file, benchmarks, [before.hash, after.hash])
    finally:  # of what was measured before Ctrl-C, too: it is not measured again
        conditions.record([before.hash, after.hash], started)
    print("\nRecording heap profiles", flush=True)
    for commit in (before, after):
        for line in profiles.record(commit, files):
            print(line, flush=True)
    published = suite.asv("publish", quiet=True)
    failed = [file for file, code in codes.items() if code]
    if failed:  # said first: there may be nothing to report
        print(f"asv failed in {', '.join(failed)}: see above", file=sys.stderr)
    print(f"\n{text.terminal(make_report(before, after))}\n")
    _print_site()
    return 1 if failed or published else 0


def _history(arguments: argparse.Namespace) -> int:
    hashes = resolve_range(arguments.range)
    names = [name for name in _select(False, None) if suite.HEAP.search(name)]
    suite.check_results(hashes)
    suite.know_this_machine()
    started = time.time()
    print(f"{len(names)} heap series on {len(hashes)} commits", flush=True)
    try:
        code = suite.measure(names, hashes, "--skip-existing-successful", *suite.FORK)
    finally:  # as above
        conditions.record(hashes, started)
    published = suite.asv("publish", quiet=True)
    _print_site()
    return 1 if code or published else 0


def _gate(arguments: argparse.Namespace) -> int:
    before, after = resolve(arguments.before), resolve(arguments.after)
    names = [name for name in _select(False, arguments.bench) if suite.HEAP.search(name)]
    if not names:
        raise CommitError(f"no heap series matches {arguments.bench!r}: expected part of a name such as MatchHeap")
    suite.know_this_machine()
    verdicts = gate(before, after, names, arguments.tolerance)
    grown = [verdict for verdict in verdicts if verdict.grew]
    if arguments.json:
        print(json.dumps([dataclasses.asdict(verdict) for verdict in verdicts], indent=2))
    else:
        for verdict in grown:
            print(f"grew: {verdict.text}")
        print(f"{len(verdicts)} heap series, {len(grown)} grew by more than {arguments.tolerance:.3%}")
    return 1 if grown or not verdicts else 0


def _figures(arguments: argparse.Namespace) -> int:
    print(figures.figures(arguments.readme, arguments.plots))
    return 0


def _percent(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a percentage, at least 0")
    return value / 100


def _asv(*arguments: str) -> str:
    """A command that runs asv as this process did."""
    return " ".join([os.path.relpath(sys.executable), "-m", "asv", *arguments])


def _print_site() -> None:
    print(f"Report:       {os.path.relpath(suite.SITE / 'report' / 'index.html')}")
    print(f"Trends:       {os.path.relpath(suite.SITE / 'index.html')}")
    print(f"To serve it:  {_asv('preview')}")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code."""
    arguments = _parser().parse_args(argv)
    os.chdir(ROOT)
    commands = {
        "compare": _compare,
        "history": _history,
        "gate": _gate,
        "figures": _figures,
        "check": lambda _: suite.check(),
    }
    kept = arguments.command in ("compare", "history")
    said = "\nInterrupted; what was measured is kept. The same command goes on from there." if kept else ""
    return exit_code(lambda: commands[arguments.command](arguments), CommitError, interrupted=said)


if __name__ == "__main__":
    sys.exit(main())
