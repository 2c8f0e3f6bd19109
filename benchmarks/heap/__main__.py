"""The heap instruments: what this library, or any Python program, asks of the heap."""

import argparse
import json
import math
import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

if __name__ == "__main__":
    # one BLAS thread, as in the suite: it decides how many buffers there are, once numpy is imported
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from benchmarks.common import OPERATIONS, Operation
from benchmarks.heap import cache, dhat, diff, growth, record, tree
from benchmarks.heap.ending import exit_code
from benchmarks.heap.files import check_targets, write_atomically
from benchmarks.heap.profile import METRICS, Profile
from benchmarks.heap.report import report
from benchmarks.heap.units import format_bytes

NAMES = ", ".join(OPERATIONS)
SIZED = [name for name, operation in OPERATIONS.items() if operation.sized]


def _size(text: str) -> int:
    if not re.fullmatch("0*[1-9][0-9]{0,17}", text, re.ASCII):
        raise argparse.ArgumentTypeError(f"{text!r}: expected a whole number, at least 1")
    return int(text)


def _percent(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 100:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a percentage, 0 to 100")
    return value


def _add_sizes(parser: argparse.ArgumentParser, n_candidate: int = 100, n_required: int = 50) -> None:
    # no defaults here: a size that was asked for differs from one that was not, see _operations
    parser.add_argument("--candidates", type=_size, metavar="N", help=f"candidate skills (default: {n_candidate})")
    parser.add_argument("--required", type=_size, metavar="M", help=f"required skills (default: {n_required})")
    parser.set_defaults(default_sizes=(n_candidate, n_required))


def _sizes(arguments: argparse.Namespace) -> tuple[int, int]:
    n_candidate, n_required = arguments.default_sizes
    return arguments.candidates or n_candidate, arguments.required or n_required


def _check_unsized(arguments: argparse.Namespace, what: str) -> None:
    for option, value in (("--candidates", arguments.candidates), ("--required", arguments.required)):
        if value is not None:
            raise record.InstrumentError(
                f"{option} {value}: {what} has no such size: expected one of {', '.join(SIZED)}"
            )


def _operations(arguments: argparse.Namespace, names: Sequence[str]) -> list[Operation]:
    """The operations of these names, where each has a size if one was asked for."""
    operations = [record.find_operation(name) for name in names]
    for operation in operations:
        if operation.sized is None:
            _check_unsized(arguments, operation.name)
    return operations


def _add_report(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("report", help="key metrics of operations", description="Key metrics of operations.")
    parser.add_argument(
        "operations",
        nargs="*",
        metavar="OPERATION",
        help=f"any of {NAMES} (default: all, or those that have a size where one is given)",
    )
    _add_sizes(parser)
    parser.add_argument("--json", action="store_true", help="print all figures as JSON, sizes in bytes")
    parser.set_defaults(run=_report)


def _report(arguments: argparse.Namespace) -> int:
    found = []
    by_default = SIZED if arguments.candidates or arguments.required else OPERATIONS
    for operation in _operations(arguments, arguments.operations or list(by_default)):
        params = record.parameters(operation, *_sizes(arguments))
        found.append(report(operation, params))
        if not arguments.json:
            print("\n".join(found[-1].lines()), end="\n\n", flush=True)
    if arguments.json:
        print(json.dumps([one.to_dict() for one in found], indent=2))
    return 0


def _add_record(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser(
        "record",
        help="profile an operation, or a Python program, into a DHAT file",
        usage="%(prog)s [OPERATION] [--candidates N] [--required M] [-o FILE] [--keep FILE]\n"
        "       %(prog)s [-o FILE] [--keep FILE] -- SCRIPT [ARGUMENT ...]",
        description="Profile an operation, or a Python program, into a DHAT file. Without either: match 100 candidate "
        "skills to 50, then the single components.",
    )
    parser.add_argument("operation", nargs="?", metavar="OPERATION", help=f"one of {NAMES}")
    _add_sizes(parser)
    parser.add_argument(
        "-o", "--output", type=Path, default=Path("dhat-heap.json"), metavar="FILE", help="the DHAT file"
    )
    parser.add_argument("--keep", type=Path, metavar="FILE", help="keep memray's capture there")
    parser.set_defaults(run=_record)


def _record(arguments: argparse.Namespace) -> int:
    if arguments.script is not None and arguments.operation:
        raise record.InstrumentError(f"both {arguments.operation!r} and a script: expected one of them")
    if arguments.script == []:
        raise record.InstrumentError("nothing after --: expected a Python file, or -m and a module")
    names = [arguments.operation] if arguments.operation else record.COMPONENTS
    if arguments.script:
        _check_unsized(arguments, "a script")
    else:
        _operations(arguments, names)
    # before anything is measured, which would be lost
    check_targets([arguments.output, *([arguments.keep] if arguments.keep else [])], arguments.script or ())
    print("Recording ...", file=sys.stderr, flush=True)
    if arguments.script:
        profile = record.record_script(arguments.script, keep=arguments.keep)
    else:
        profile = record.record_operations(names, *_sizes(arguments), keep=arguments.keep)
    dhat.save(profile, arguments.output)
    for label, prefix in (("Total", "total"), ("At the peak", "peak"), ("At the end", "end")):
        size, blocks = profile.total(f"{prefix}_bytes"), profile.total(f"{prefix}_blocks")
        print(f"{label + ':':<14}{format_bytes(size):>10} in {blocks:,} blocks")
    print(f"{arguments.output}: open it with valgrind's dh_view.html, or see `python -m benchmarks.heap view`")
    return 0


def _add_view(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser(
        "view", help="show a DHAT file as a tree", description="Show a DHAT file as a tree, or as a page."
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="a DHAT file, of any program")
    # no defaults here: a page takes none of these
    parser.add_argument("--sort", choices=METRICS, help="metric (default: total_bytes)")
    parser.add_argument("--depth", type=_size, metavar="N", help="levels that are shown (default: 3)")
    parser.add_argument(
        "--threshold",
        type=_percent,
        metavar="PERCENT",
        help="hide what has less of the total (default: 1)",
    )
    _add_html(parser, parser)
    parser.set_defaults(run=_view)


def _add_html(parser: argparse.ArgumentParser, form: argparse._ActionsContainer) -> None:
    form.add_argument("--html", action="store_true", help="write one page that needs no network instead")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="the page (default: report.html)")


def _page_file(arguments: argparse.Namespace, *inputs: Path) -> Path | None:
    """Where a page is to be written, if one is."""
    if not arguments.html:
        if arguments.output is not None:
            raise record.InstrumentError(f"output {str(arguments.output)!r}: expected --html with it")
        return None
    path = arguments.output or Path("report.html")
    check_targets([path], inputs)
    return path


def _write_page(path: Path, profile: Profile, before: Profile | None = None) -> int:
    from benchmarks.heap.html import page

    write_atomically(path, page(profile, before))
    print(path)
    return 0


def _check_text(arguments: argparse.Namespace, form: str, *names: str) -> None:
    """Refuse what only text can be told to show, where it is not text that is asked for."""
    for name in names:
        value = getattr(arguments, name)
        if value is not None:
            raise record.InstrumentError(f"--{name} {value}: expected no --{form} with it, which shows everything")


def _view(arguments: argparse.Namespace) -> int:
    if arguments.html:
        _check_text(arguments, "html", "sort", "depth", "threshold")
    page_file = _page_file(arguments, arguments.file)
    profile = dhat.load(arguments.file)
    if page_file:
        return _write_page(page_file, profile)
    threshold = 1.0 if arguments.threshold is None else arguments.threshold
    shown = tree.lines(profile, arguments.sort or "total_bytes", depth=arguments.depth or 3, threshold=threshold / 100)
    print(f"{tree.printable(profile.command)}\n")
    print("\n".join(shown))
    return 0


def _add_diff(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser(
        "diff", help="what changed between two DHAT files", description="What changed between two DHAT files."
    )
    parser.add_argument("before", type=Path, metavar="BEFORE", help="a DHAT file")
    parser.add_argument("after", type=Path, metavar="AFTER", help="another one")
    parser.add_argument("--most", type=_size, metavar="N", help="sites that are shown (default: 20)")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print all sites as JSON")
    _add_html(parser, form)
    parser.set_defaults(run=_diff)


def _diff(arguments: argparse.Namespace) -> int:
    if arguments.html or arguments.json:
        _check_text(arguments, "html" if arguments.html else "json", "most")
    page_file = _page_file(arguments, arguments.before, arguments.after)
    before, after = dhat.load(arguments.before), dhat.load(arguments.after)
    if page_file:
        return _write_page(page_file, after, before)
    if arguments.json:
        print(json.dumps([change.to_dict() for change in diff.compare(before, after)], indent=2))
    else:
        print("\n".join(diff.lines(before, after, most=arguments.most or 20)))
    return 0


def _plot_file(text: str) -> Path:
    if not text.lower().endswith((".png", ".svg")):
        raise argparse.ArgumentTypeError(f"{text!r}: expected a .png or .svg file")
    return Path(text)


def _add_growth(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser(
        "growth",
        help="how an operation's heap grows with size",
        description="How an operation's heap grows with size: exact figures, the power law that fits them, and a plot.",
    )
    parser.add_argument("operation", metavar="OPERATION", help=f"one of {', '.join(growth.operations())}")
    parser.add_argument(
        "--sizes", default="10,20,50,100,200", metavar="N,N,N...", help="three or more (default: 10,20,50,100,200)"
    )
    parser.add_argument(
        "--metric", action="append", choices=list(growth.METRICS), help="may be given again (default: all)"
    )
    parser.add_argument(
        "--plot",
        action="append",
        type=_plot_file,
        default=[],
        metavar="FILE",
        help="a .png or .svg; may be given again",
    )
    parser.add_argument("--json", action="store_true", help="print the figures and laws as JSON")
    parser.set_defaults(run=_growth)


def _growth(arguments: argparse.Namespace) -> int:
    check_targets(arguments.plot)
    metrics = arguments.metric or tuple(growth.METRICS)
    found = growth.measure_growth(arguments.operation, growth.parse_sizes(arguments.sizes), metrics=metrics)
    if arguments.json:
        print(json.dumps(found.to_dict(), indent=2))
    else:
        print(growth.table(found))
    for path in arguments.plot:
        growth.plot(found, path)
    return 0


def _add_cache(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser(
        "cache",
        help="instructions and cache misses of one run, simulated",
        description="Instructions and cache misses of one run of an operation, under valgrind's cache simulator. It "
        "takes a minute or more.",
    )
    parser.add_argument("operation", metavar="OPERATION", help=f"one of {NAMES}")
    _add_sizes(parser, n_candidate=50, n_required=25)
    parser.add_argument("--repeats", type=_size, default=2, metavar="N", help="pairs of processes (default: 2)")
    parser.add_argument("--hardware", action="store_true", help="the processor's own counters too, where there are")
    parser.add_argument("--json", action="store_true", help="print the counts as JSON")
    parser.set_defaults(run=_cache)


def _cache(arguments: argparse.Namespace) -> int:
    (operation,) = _operations(arguments, [arguments.operation])
    params = record.parameters(operation, *_sizes(arguments))
    found = [cache.simulate(operation.name, params, repeats=arguments.repeats)]
    if arguments.hardware:
        counted = cache.hardware(operation.name, params)
        if counted is None:
            print("no hardware counters: perf is missing, or this machine does not offer them", file=sys.stderr)
        else:
            found.append(counted)
    if arguments.json:
        print(json.dumps([profile.to_dict() for profile in found], indent=2))
    else:
        print("\n".join(line for profile in found for line in profile.lines()))
    return 0


COMMANDS: tuple[Callable[[argparse._SubParsersAction], None], ...] = (
    _add_report,
    _add_record,
    _add_view,
    _add_diff,
    _add_growth,
    _add_cache,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run an instrument.

    Returns
    -------
    int
        Exit code: see `exit_code`.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks.heap", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="INSTRUMENT")
    for add in COMMANDS:
        add(commands)
    argv = list(sys.argv[1:] if argv is None else argv)
    # a program has options of its own; elsewhere "--" ends the options, as argparse has it
    with_script = argv[:1] == ["record"] and "--" in argv
    end = argv.index("--") if with_script else len(argv)
    own, script = argv[:end], argv[end + 1 :] if with_script else None

    def run() -> int:
        arguments = parser.parse_args(own, argparse.Namespace(script=script))
        return arguments.run(arguments)

    try:
        return exit_code(run, record.InstrumentError, dhat.DhatError, growth.GrowthError, cache.CacheError)
    except ImportError as error:
        print(f"{error.name} is missing: python -m pip install '.[memory-profiling]'", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
