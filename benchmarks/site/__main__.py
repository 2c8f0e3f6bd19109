"""The report on two commits, from what asv has measured, and the names of commits to compare with."""

import argparse
import sys
from collections.abc import Collection, Sequence
from pathlib import Path

from benchmarks.heap.ending import exit_code
from benchmarks.site import text
from benchmarks.site.commits import (
    FIRST,
    Commit,
    CommitError,
    baselines,
    history,
    remove_baseline,
    resolve,
    save_baseline,
)
from benchmarks.site.report import Report, report, title
from benchmarks.site.results import STATE, Runs, choose, read

RESULTS = STATE / "results"
SITE = STATE / "html"
NEWEST = "newest"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.site", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("report", help="what changed between two commits, and how sure that is")
    one.add_argument("before", nargs="?", default=FIRST, help=f"a baseline's name or a git revision (default: {FIRST})")
    one.add_argument("after", nargs="?", default=NEWEST, help="likewise (default: the newest commit that was measured)")
    form = one.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print all of it for a program")
    form.add_argument("--csv", action="store_true", help="print the table for a spreadsheet")
    form.add_argument("--markdown", action="store_true", help="print a comment for a pull request")
    one.add_argument("--fail-on", choices=["regressed"], help="exit with 3 where a series regressed or failed")
    one.add_argument("--machine", help="report on this machine's results, by asv's name")
    one.add_argument("--environment", help="likewise for an environment")
    baseline = commands.add_parser("baseline", help="name commits to compare with").add_subparsers(
        dest="action", required=True
    )
    save = baseline.add_parser("save", help="name a commit; a name that is taken moves")
    save.add_argument("name")
    save.add_argument("commit", nargs="?", default="HEAD", help="a baseline's name or a git revision (default: HEAD)")
    baseline.add_parser("list", help="print the names and their commits")
    remove = baseline.add_parser("remove", help="forget a name")
    remove.add_argument("name")
    picture = commands.add_parser("screenshot", help="take a picture of the published report, by Chromium")
    picture.add_argument("file", type=Path, help="a PNG file to write")
    picture.add_argument("--view", default="", help="what follows # in the address of a page, such as view=history")
    return parser


def _place(machine: str | None, environment: str | None) -> str:
    return f"{machine or 'any machine'} / {environment or 'any environment'}"


def _of(runs: Runs, machine: str | None, environment: str | None) -> Runs:
    """The results of a machine and an environment, of any where they are None."""
    found = {
        setting: run
        for setting, run in runs.items()
        if machine in (None, setting.machine) and environment in (None, setting.environment)
    }
    if runs and not found:
        known = ", ".join(f"{one.machine} / {one.environment}" for one in runs)
        raise CommitError(f"no results of {_place(machine, environment)}: of {known}")
    return found


def make_report(
    before: Commit, after: Commit | None = None, machine: str | None = None, environment: str | None = None
) -> Report:
    """The report on two commits.

    Parameters
    ----------
    before, after : Commit
        Which; without `after`, the newest commit that was measured.
    machine, environment : str, optional
        Whose results to report on; by default those of this machine, or else those of which there are most.

    Raises
    ------
    CommitError
        Where a commit has no results, or none of a machine and environment that have those of the other.
    """
    runs = _of(read(RESULTS), machine, environment)
    measured = {commit for found in runs.values() for commit in found}
    beside = {commit for found in runs.values() if before.hash in found for commit in found}
    after = after or _newest(beside if len(beside) > 1 else measured, before)
    hashes = before.hash, after.hash
    two = " ".join(one.hash[:10] if one.name == NEWEST else one.name for one in (before, after))
    advice = f"`python -m tox -e bench -- {two}` measures two"
    for commit in (before, after):
        if commit.hash not in measured:
            where = f" of {_place(machine, environment)}" if machine or environment else ""
            raise CommitError(
                f"{commit.name} ({commit.hash[:10]}) has no results{where}: expected a measured commit; {advice}"
            )
    if after.hash not in beside:
        raise CommitError(
            f"no machine and environment has results of both {before.name} ({before.hash[:10]}) and {after.name} "
            f"({after.hash[:10]}): expected one that has; {advice}"
        )
    setting = choose(runs, hashes)
    subjects = history(hashes).subjects
    titles = title(before.name, before.hash, subjects), title(after.name, after.hash, subjects)
    return report(runs, setting, hashes, titles, RESULTS)


def _newest(measured: Collection[str], before: Commit) -> Commit:
    """The newest of the measured commits on this branch."""
    known = history(measured)
    branch = [one for one in known.order(measured) if one in known.places]
    if branch in ([], [before.hash]):
        other = f" but {before.name}" if branch else ""
        raise CommitError(f"no commit{other} has results: expected `tox -e bench` to have been run")
    if branch[-1] == before.hash:
        raise CommitError(f"{before.name} is the newest commit that was measured: expected an older one before")
    return Commit(NEWEST, branch[-1])


def _report(arguments: argparse.Namespace) -> int:
    after = None if arguments.after == NEWEST else resolve(arguments.after)
    made = make_report(resolve(arguments.before), after, arguments.machine, arguments.environment)
    form = (
        text.json_document if arguments.json
        else text.csv_table if arguments.csv
        else text.markdown if arguments.markdown
        else text.terminal
    )  # fmt: skip
    print(form(made).rstrip("\n"))
    counts = made.comparison.counts
    return 3 if arguments.fail_on and any(counts.get(verdict) for verdict in text.BAD) else 0


def _baseline(arguments: argparse.Namespace) -> int:
    if arguments.action == "save":
        commit = save_baseline(arguments.name, arguments.commit)
        print(f"{commit.name} is {commit.hash}")
    elif arguments.action == "remove":
        remove_baseline(arguments.name)
        print(f"{arguments.name} is forgotten")
    else:
        names = baselines()
        subjects = history(names.values()).subjects
        for name, commit in names.items():
            line = f"{name.ljust(max(map(len, names)))}  {commit}  {subjects.get(commit, 'not in this clone')}"
            print(text.printable(line))
    return 0


def _screenshot(arguments: argparse.Namespace) -> int:
    from benchmarks.site.screenshot import screenshot

    screenshot(SITE / "report" / "index.html", arguments.view, arguments.file)
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code."""
    arguments = _parser().parse_args(argv)
    commands = {"report": _report, "baseline": _baseline, "screenshot": _screenshot}
    return exit_code(lambda: commands[arguments.command](arguments), ValueError)


if __name__ == "__main__":
    sys.exit(main())
