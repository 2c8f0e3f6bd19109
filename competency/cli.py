"""The command line."""

import argparse
import contextlib
import csv
import functools
import io
import json
import os
import signal
import sys
import threading
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import competency
from competency import distributed, partitions, strict_json
from competency.api import parse_skills
from competency.distributed import PartitionedRanking
from competency.embedding.choose import add_choice, choose
from competency.embedding.command import add_embedder
from competency.errors import CompetencyError, InputError, PoolError, shown
from competency.files import check_target, reason
from competency.matcher import SkillMatcher, skill_list
from competency.partitions import MOST_REPORTS
from competency.pool import CandidatePool
from competency.ranking import Ranking
from competency.records import Chain, RecordFile, records_of
from competency.result import MatchResult
from competency.scoring import STRATEGIES
from competency.skills import Skill

__all__ = ["main"]

_NAME_WIDTH = 40
_BAR_WIDTH = 40
_MOST = 999_999_999  # that an option may count
_MOST_WORKERS = 1024  # processes on this machine
_INCOMPLETE = 3
_INTERRUPTED = 130  # what a shell says of a command that Ctrl-C ended,
_PIPE_CLOSED = 141  # of one whose reader went away,
_TERMINATED = 143  # and of one that SIGTERM ended


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="competency", description="Match a candidate's skills to the required skills of a job."
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {competency.__version__}")
    parser.set_defaults(exit_code=0)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    match = commands.add_parser(
        "match",
        help="score one candidate against one job",
        description="Score one candidate against one job.",
        epilog='A FILE holds a JSON list of skills, or an object with such a list under "skills"; a skill is '
        '{"name": "Python", "level": {"value": 4, "max": 5}}, optionally with "domain". '
        "Exit code: 0, or 1 for bad input, 2 for wrong usage.",
    )
    match.add_argument(
        "--required", required=True, metavar="FILE", help="the job's required skills; - is standard input"
    )
    match.add_argument("--candidate", required=True, metavar="FILE", help="the candidate's skills; - is standard input")
    match.add_argument(
        "--strategy", choices=STRATEGIES, default="default", help="how uncertainty counts (default: default)"
    )
    add_choice(match)
    match.add_argument("--json", action="store_true", help="print the whole result as JSON")
    match.set_defaults(run=_match)
    _add_rank(commands)
    _add_pool(commands)
    add_embedder(commands)
    return parser


def _add_rank(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    rank = commands.add_parser(
        "rank",
        help="find the best candidates of a pool for a job",
        description="Find the best candidates of a pool for a job.",
        epilog="The job is a file as for competency match, a pool one of competency pool build. Many pools are ranked "
        "as if they were one, in the order of their names, by Dask, which is an extra: on threads, or on processes "
        "(--workers), or on a cluster (--scheduler), whose workers must be able to read the files. "
        "Exit code: 0, or 1 for bad input, 2 for wrong usage, 3 where pools were left out, 130 after Ctrl-C, "
        "143 after SIGTERM.",
    )
    rank.add_argument(
        "--required", required=True, metavar="FILE", help="the job's required skills; - is standard input"
    )
    rank.add_argument(
        "--pool",
        type=_address,
        required=True,
        action="append",
        metavar="FILE",
        help="the pool, or many by a pattern in quotes, such as 'cvs/*.pool'; also an address that fsspec knows, such "
        "as s3://bucket/cvs.pool; may be given more than once",
    )
    rank.add_argument("--top", type=_at_least_one, default=10, metavar="N", help="how many candidates (default: 10)")
    rank.add_argument(
        "--strategy", choices=STRATEGIES, default="default", help="how uncertainty counts (default: default)"
    )
    add_choice(rank)
    rank.add_argument(
        "--explain", action="store_true", help="show, for each requirement, the candidate's skills that carried it"
    )
    rank.add_argument("--memory-budget", metavar="SIZE", help='heap that it may take, such as "256 MB"')
    cluster = rank.add_mutually_exclusive_group()
    cluster.add_argument(
        "--workers",
        type=functools.partial(_at_least_one, most=_MOST_WORKERS),
        metavar="N",
        help="rank the pools by so many processes, or as many as there are pools, where these are fewer",
    )
    cluster.add_argument(
        "--scheduler",
        type=_address,
        metavar="ADDRESS",
        help="rank the pools on the cluster of a scheduler, such as tcp://host:8786",
    )
    rank.add_argument(
        "--skip-damaged", action="store_true", help="leave out pools that are missing or damaged, and say so"
    )
    output = rank.add_mutually_exclusive_group()
    output.add_argument("--json", action="store_true", help="print JSON")
    output.add_argument("--csv", action="store_true", help="print comma-separated values")
    rank.set_defaults(run=_rank)


def _at_least_one(text: str, most: int = _MOST) -> int:
    if not text.isdecimal() or len(text) > len(str(most)) or not 1 <= int(text) <= most:
        raise argparse.ArgumentTypeError(f"{shown(text)}: expected an integer of 1 or more, up to {most:,}")
    return int(text)


def _address(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("'': expected an address")
    return text


def _add_pool(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    pool = commands.add_parser(
        "pool",
        help="make and look into pools of candidates",
        description="Make and look into pools: files of many candidates, ready to be ranked.",
    )
    actions = pool.add_subparsers(dest="action", required=True, metavar="ACTION")
    build = actions.add_parser(
        "build",
        help="make a pool of files with one candidate a line",
        description="Make a pool of files of JSON with one candidate a line, or of Parquet files.",
        epilog='A line is {"id": "a", "skills": [...]}, each skill as for competency match; blank lines are left out. '
        "A file named .parquet has rows of the same, and needs pyarrow. "
        "A FILE that stands there is replaced as a whole; a folder must be empty, or new. "
        "Exit code: 0, or 1 for bad input (nothing is written then), 2 for wrong usage, 130 after Ctrl-C, "
        "143 after SIGTERM.",
    )
    build.add_argument("candidates", nargs="+", metavar="CANDIDATES", help="a file of candidates")
    build.add_argument(
        "-o", "--output", required=True, metavar="FILE", help="the pool to write; with --partitions, a new folder"
    )
    build.add_argument(
        "--partitions",
        type=_at_least_one,
        metavar="N",
        help="write the pool as so many files part-0000-of-N.pool ..., by as many processes as there are processors",
    )
    add_choice(build)
    build.add_argument("--skip-invalid", action="store_true", help="leave out lines that are not usable, and say so")
    build.set_defaults(run=_pool_build)
    info = actions.add_parser(
        "info",
        help="say what a pool holds",
        description="Say what a pool holds; only the header of the file is read.",
    )
    info.add_argument("pool", metavar="FILE", help="the pool")
    info.add_argument("--json", action="store_true", help="print it as JSON")
    info.set_defaults(run=_pool_info)
    verify = actions.add_parser(
        "verify",
        help="check the whole file of a pool",
        description="Check the whole file of a pool. Exit code: 0, or 1 where it is damaged.",
    )
    verify.add_argument("pool", metavar="FILE", help="the pool")
    verify.set_defaults(run=_pool_verify)


def _read_skills(role: str, path: str) -> list[Skill]:
    source = "standard input" if path == "-" else path
    if path == "-" and sys.stdin is None:
        raise InputError("cannot read standard input: it is closed: expected a list of skills")
    try:
        data = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {shown(path, 200)}: {error.strerror or error}") from None
    except ValueError as error:  # a path with a null character
        raise InputError(f"cannot read {shown(path, 200)}: {error}") from None
    try:
        value: Any = strict_json.loads(data)
        if isinstance(value, dict):
            if "skills" not in value:
                raise InputError(
                    f'object with keys {shown(sorted(value))}: expected a list of skills, or "skills" in it'
                )
            value = value["skills"]
        return list(skill_list(role, parse_skills(role, value)))
    except CompetencyError as error:
        raise InputError(f"{source}: {error}") from None


def _width(text: str) -> int:
    """Columns that a text takes in a terminal."""
    return sum(
        0 if unicodedata.combining(character) else 2 if unicodedata.east_asian_width(character) in "WF" else 1
        for character in text
    )


def _printable(text: str) -> str:
    """A text on one line, without control characters; spaces of all kinds are plain ones."""
    text = "".join(" " if unicodedata.category(character) == "Zs" else character for character in text)
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


def _cell(name: str) -> str:
    """A name as a table cell: on one line, without control characters, padded or cut to the width of the column."""
    text = _printable(name)
    if _width(text) > _NAME_WIDTH:
        while _width(text) > _NAME_WIDTH - 3:
            text = text[:-1]
        text += "..."
    return text + " " * (_NAME_WIDTH - _width(text))


def _table(result: MatchResult) -> str:
    lines = [
        f"Overall score: {result.overall_score:.3f}",
        "",
        f"{'Required skill':<{_NAME_WIDTH}}  {'Score':>5}  {'Mean':>5}  {'95 % interval':>13}  "
        f"{'Closest candidate skill':<{_NAME_WIDTH}}  {'Cosine':>6}",
    ]
    for j, score in enumerate(result.skill_scores):
        closest = int(result.similarities[:, j].argmax())
        lower, upper = score.interval
        lines.append(
            f"{_cell(score.skill_name)}  {score.probability:>5.3f}  {score.mean:>5.3f}  "
            f"{f'{lower:.3f}-{upper:.3f}':>13}  "
            f"{_cell(result.candidate[closest].name)}  {result.similarities[closest, j]:>6.3f}"
        )
    return "\n".join(lines)


def _match(arguments: argparse.Namespace) -> str:
    required = _read_skills("required", arguments.required)
    candidate = _read_skills("candidate", arguments.candidate)
    result = SkillMatcher(choose(arguments.embedder), arguments.strategy).match(required, candidate)
    return json.dumps(result.to_dict(), indent=2) if arguments.json else _table(result)


def _on_terminal() -> bool:
    return sys.stderr is not None and sys.stderr.isatty()  # None where it was closed


class _Status:
    """How far a command is: a line of standard error, where that is a terminal, which goes with the block."""

    def __init__(self) -> None:
        self._shown = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()

    def show(self, text: str) -> None:
        """Show a text in place of the last one."""
        if _on_terminal():
            self.clear()
            self._shown = text
            print(text, end="", file=sys.stderr, flush=True)

    def show_bar(self, done: int, total: int, what: str = "candidate") -> None:
        """Show a bar."""
        filled = done * _BAR_WIDTH // total
        self.show(f"[{'#' * filled}{'.' * (_BAR_WIDTH - filled)}] {done:,} of {_counted(total, what)}")

    def clear(self) -> None:
        """Make room for a message."""
        if self._shown:
            print(f"\r{' ' * len(self._shown)}\r", end="", file=sys.stderr, flush=True)
            self._shown = ""


def _rank(arguments: argparse.Namespace) -> str:
    required = _read_skills("required", arguments.required)
    matcher = SkillMatcher(choose(arguments.embedder), arguments.strategy)
    many = (
        len(arguments.pool) > 1
        or arguments.workers
        or arguments.scheduler
        or arguments.skip_damaged
        or "://" in arguments.pool[0]
        or distributed.is_pattern(arguments.pool[0])
    )
    ranking = (_rank_many if many else _rank_one)(matcher, required, arguments)
    if arguments.json:
        return json.dumps(_ranking_json(ranking, arguments.skip_damaged), indent=2)
    return _ranking_csv(ranking) if arguments.csv else _ranking_table(ranking)


def _rank_one(matcher: SkillMatcher, required: list[Skill], arguments: argparse.Namespace) -> Ranking:
    with _Status() as status:
        return matcher.rank(
            required,
            CandidatePool.open(arguments.pool[0]),
            arguments.top,
            explain=arguments.explain,
            memory_budget=arguments.memory_budget,
            progress=status.show_bar,
        )


def _rank_many(matcher: SkillMatcher, required: list[Skill], arguments: argparse.Namespace) -> PartitionedRanking:
    pools = [address for pattern in arguments.pool for address in distributed.found(pattern)]
    workers = arguments.workers and min(arguments.workers, len(pools))  # one more would have nothing to do
    with distributed.connected(workers, arguments.scheduler) as client, _Status() as status:
        ranking = distributed.rank(
            matcher,
            required,
            pools,
            arguments.top,
            client=client,
            memory_budget=arguments.memory_budget,
            explain=arguments.explain,
            skip_damaged=arguments.skip_damaged,
            progress=functools.partial(status.show_bar, what="pool"),
        )
    for pool in ranking.pool.left_out:
        print(f"competency: left out: {pool.reason}", file=sys.stderr)
    if ranking.pool.left_out:
        arguments.exit_code = _INCOMPLETE
    return ranking


def _ranking_json(ranking: Ranking, skip_damaged: bool) -> Any:
    """The ranking as a list; where pools may have been left out, in an object that says which, be there any or none."""
    if not skip_damaged:
        return _ranking_records(ranking)
    assert isinstance(ranking, PartitionedRanking)
    return {
        "ranking": _ranking_records(ranking),
        "pools": len(ranking.pool.addresses),
        "left_out": [pool._asdict() for pool in ranking.pool.left_out],
    }


def _ranking_records(ranking: Ranking) -> list[dict[str, Any]]:
    records = []
    for place, (candidate_id, score, result) in enumerate(
        zip(ranking.ids, ranking.scores.tolist(), ranking.results, strict=True)
    ):
        requirements: list[dict[str, Any]] = [
            {"skill_name": skill.skill_name, "probability": skill.probability} for skill in result.skill_scores
        ]
        if ranking.carriers:
            for requirement, carried in zip(requirements, ranking.carriers[place], strict=True):
                requirement["carried_by"] = [carrier._asdict() for carrier in carried]
        records.append({"rank": place + 1, "id": candidate_id, "score": score, "requirements": requirements})
    return records


class _Rows(io.StringIO):
    """Rows of comma-separated values: csv quotes a carriage return in a name only where one may end a row, too."""

    def write(self, row: str) -> int:
        return super().write(row.removesuffix("\r\n") + "\n")


def _ranking_csv(ranking: Ranking) -> str:
    """One line a candidate; with the explanation, one for each requirement and the skills behind it."""
    text = _Rows()
    writer = csv.writer(text)
    if not ranking.carriers:
        writer.writerow(["rank", "id", "score"])
        writer.writerows(
            (place + 1, candidate_id, score)
            for place, (candidate_id, score) in enumerate(zip(ranking.ids, ranking.scores.tolist(), strict=True))
        )
        return text.getvalue().rstrip("\n")
    writer.writerow(["rank", "id", "score", "required", "probability", "skill", "similarity", "share", "family"])
    for record in _ranking_records(ranking):
        for requirement in record["requirements"]:
            for carrier in requirement["carried_by"]:
                writer.writerow(
                    [
                        *(record[key] for key in ("rank", "id", "score")),
                        requirement["skill_name"],
                        requirement["probability"],
                        *carrier.values(),
                    ]
                )
    return text.getvalue().rstrip("\n")


def _ranking_table(ranking: Ranking) -> str:
    lines = [f"{'Rank':>6}  {'Score':>5}  Candidate"]
    for record in _ranking_records(ranking):
        lines.append(f"{record['rank']:>6}  {record['score']:>5.3f}  {_printable(record['id'])}")
        for requirement in record["requirements"] if ranking.carriers else ():
            carried = ", ".join(
                f"{_printable(carrier['name'])} ({carrier['share']:.0%}, cosine {carrier['similarity']:.2f}"
                f"{', same family: ' + carrier['family'] if carrier['family'] else ''})"
                for carrier in requirement["carried_by"]
            )
            lines.append(
                f"{'':>6}  {requirement['probability']:>5.3f}    {_cell(requirement['skill_name'])}  {carried}"
            )
    summary = f"{ranking.n_scored:,} of {_counted(len(ranking.pool), 'candidate')} scored in full"
    if isinstance(ranking, PartitionedRanking) and ranking.pool.left_out:
        summary += f"; {len(ranking.pool.left_out):,} of {_counted(len(ranking.pool.addresses), 'pool')} left out"
    return "\n".join([*lines, "", summary])


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _unit(files: Sequence[RecordFile]) -> str:
    """What the files are counted by."""
    units = {file.unit for file in files}
    return units.pop() if len(units) == 1 else "record"


def _pool_build(arguments: argparse.Namespace) -> str:
    files = [records_of(path) for path in arguments.candidates]
    unit = _unit(files)
    if arguments.partitions is not None:
        with _Status() as status:
            built = partitions.build(
                files,
                arguments.output,
                arguments.partitions,
                arguments.embedder,
                skip_invalid=arguments.skip_invalid,
                progress=functools.partial(status.show_bar, what="partition"),
            )
        for report in built.reports:
            print(f"competency: {report}", file=sys.stderr)
        _report_more(built.n_left_out, unit)
        made = f"{_counted(arguments.partitions, 'partition')}, {_counted(built.n_candidates, 'candidate')}"
        n_skipped = built.n_left_out
    else:
        n_candidates, n_skipped = _pool_build_one(files, unit, arguments)
        made = _counted(n_candidates, "candidate")
    skipped = f", {_counted(n_skipped, unit)} left out" if arguments.skip_invalid else ""
    return f"{arguments.output}: {made}{skipped}"


def _report_more(n_skipped: int, unit: str) -> None:
    if n_skipped > MOST_REPORTS:
        print(f"competency: {_counted(n_skipped - MOST_REPORTS, f'more {unit}')} left out", file=sys.stderr)


def _pool_build_one(files: list[RecordFile], unit: str, arguments: argparse.Namespace) -> tuple[int, int]:
    """How many candidates are in the pool, and how many records were left out."""
    check_target(arguments.output, PoolError)  # before the work, not after it
    records = Chain(files)
    status = _Status()
    n_skipped = 0

    def report(number: int, error: PoolError) -> None:
        nonlocal n_skipped
        n_skipped += 1
        if n_skipped <= MOST_REPORTS:
            status.clear()
            print(f"competency: {error}", file=sys.stderr)

    def count(n_done: int) -> None:
        status.show(f"{_counted(n_done, 'candidate')}, {records.share:.0%} of the file")

    try:
        with status:
            pool = CandidatePool.from_records(
                records,
                choose(arguments.embedder),
                on_invalid=report if arguments.skip_invalid else None,
                progress=count,
            )
            pool.save(arguments.output)
    finally:
        _report_more(n_skipped, unit)
    return len(pool), n_skipped


def _pool_info(arguments: argparse.Namespace) -> str:
    pool = CandidatePool.open(arguments.pool)
    figures: dict[str, int | str] = {
        "candidates": len(pool),
        "entries": len(pool.items),
        "items": len(pool.item_name),
        "names": len(pool.embeddings),
        "dim": pool.dim,
        "fingerprint": pool.fingerprint,
        "bytes": Path(arguments.pool).stat().st_size,
    }
    if arguments.json:
        return json.dumps(figures, indent=2)
    return "\n".join(
        f"{name:<12}{_printable(value) if isinstance(value, str) else f'{value:,}'}" for name, value in figures.items()
    )


def _pool_verify(arguments: argparse.Namespace) -> str:
    pool = CandidatePool.open(arguments.pool)
    pool.verify()
    return f"{arguments.pool}: {_counted(len(pool), 'candidate')}, no damage found"


def _same_file(a: str, b: str) -> bool:
    try:
        return Path(a).samefile(b)
    except (OSError, ValueError):  # one of them is missing, or no path
        return False


def _write(text: str, end: str = "") -> None:
    """Write to standard output, at once: here a full disk, or a closed pipe, is no traceback."""
    try:
        # the end apart: where Python does not buffer, it takes no notice of a text that was written in part only
        print(text, end=end, flush=True)
    except OSError as error:
        _write_no_more()
        if isinstance(error, BrokenPipeError):
            raise
        raise InputError(f"cannot write standard output: {reason(error)}") from None


def _write_no_more() -> None:
    """Let go what standard output still holds, which Python would write, and fail to, when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = _parser()
    arguments = parser.parse_args(argv)
    if arguments.run is _match and arguments.required == arguments.candidate == "-":
        parser.error("only one of --required and --candidate can be standard input")
    if arguments.run is _pool_build and any(_same_file(path, arguments.output) for path in arguments.candidates):
        parser.error(f"--output {shown(arguments.output, 200)} is the file of candidates: expected another file")
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    return arguments


def _run(argv: Sequence[str] | None) -> int:
    try:
        if sys.stdout is None:  # print would do nothing, and a file that is opened be taken for it
            raise InputError("cannot write standard output: it is closed: expected a file, a pipe or a terminal")
        try:
            arguments = _arguments(argv)
            _write(arguments.run(arguments), "\n")
        finally:
            _write("")  # also what help and version left
    except CompetencyError as error:
        print(f"competency: {error}", file=sys.stderr)
        return 1
    return int(arguments.exit_code)


class _Terminated(KeyboardInterrupt):
    """SIGTERM, which is to leave as little behind as Ctrl-C."""


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
    """Raise `_Terminated` on SIGTERM, unless the caller has its own way with it, or is no main thread."""

    def terminate(*_: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # timeout sends it twice: once is enough, and cleaning up goes on
        raise _Terminated

    if threading.current_thread() is not threading.main_thread() or (
        signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
    ):
        yield
        return
    signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command of the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments; by default those of the process.

    Returns
    -------
    int
        Exit code: 0, or 1 for bad input and where the output cannot be written, 3 where pools were left out of a
        ranking, 130 after Ctrl-C, 141 where the reader of the output went away, 143 after SIGTERM.

    Raises
    ------
    SystemExit
        With code 2 for wrong usage, 0 after help and version.
    """
    try:
        with _terminable():
            return _run(argv)
    except BrokenPipeError:  # whoever reads the output has seen enough
        _write_no_more()
        return _PIPE_CLOSED
    except _Terminated:
        return _TERMINATED
    except KeyboardInterrupt:
        return _INTERRUPTED
