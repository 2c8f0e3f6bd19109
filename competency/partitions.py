"""Pools in partitions: files of one folder that together are one large pool.

Their names say how many there are, ``part-0000-of-0004.pool`` being the first of four: a missing one is noticed.
"""

import contextlib
import hashlib
import multiprocessing
import os
import re
import secrets
import shutil
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from competency.embedding.choose import choose
from competency.errors import PoolError, shown
from competency.files import reason
from competency.pool import CandidatePool
from competency.records import Chain, RecordFile, divided

__all__ = ["Built", "build", "missing", "partition_name"]

_NAME = re.compile(r"part-(\d+)-of-(\d+)\.pool")
MOST_PARTITIONS = 100_000
_DIGITS = 4  # at least; so many that the order of the names is that of the partitions
MOST_REPORTS = 10  # of records that are left out, of a partition


def partition_name(number: int, n: int) -> str:
    """The name of a partition, counted from 0."""
    digits = max(_DIGITS, len(str(n)))
    return f"part-{number:0{digits}}-of-{n:0{digits}}.pool"


def missing(pattern: str, names: Sequence[str]) -> list[str]:
    """Names that a pattern should have found besides: partitions of the same sets as those that it found."""
    found = set(names)
    totals = {int(match[2]) for match in map(_NAME.fullmatch, names) if match}
    whole = {partition_name(number, n) for n in totals for number in range(n)}
    return sorted(name for name in whole - found if fnmatchcase(name, pattern))


@dataclass(frozen=True)
class Built:
    """What `build` made of files of candidates.

    Parameters
    ----------
    n_candidates : int
        How many candidates the partitions have in all.
    n_left_out : int
        How many records were not usable.
    reports : list of str
        What is wrong with the first of them.
    """

    n_candidates: int
    n_left_out: int
    reports: list[str]


@dataclass(frozen=True)
class _Part:
    """What one process made; `digests`, of shape (n_candidate,), are 8 bytes of a hash of each id."""

    digests: NDArray[np.uint64]
    n_left_out: int
    reports: list[str]


def build(
    files: Sequence[RecordFile],
    folder: str | os.PathLike[str],
    n: int,
    embedder: str = "static",
    *,
    skip_invalid: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Built:
    """Write a pool of the candidates of files in partitions, as many at a time as there are processors.

    Read in the order of their names, the partitions have the candidates in the order of the files. The folder is there
    with all of them, or not at all.

    Parameters
    ----------
    files : sequence of RecordFile
        The files.
    folder : str or path-like
        Where the partitions will be; it must be empty, or not be there.
    n : int
        How many partitions, 100,000 at most.
    embedder : str
        As `choose` takes it.
    skip_invalid : bool, default False
        Whether to leave out records that are not usable.
    progress : callable, optional
        Called with the numbers of partitions that are done and in all.

    Raises
    ------
    PoolError
        Where a file cannot be read, a record is not usable (and `skip_invalid` is not given), a partition would have
        no candidate, there would be too many of them, or the folder cannot be written.
    EmbedderError
        Where there is no such embedder, or it returns something else than embeddings.
    """
    if not 1 <= n <= MOST_PARTITIONS:
        raise PoolError(f"{shown(n)} partitions: expected 1 to {MOST_PARTITIONS:,}")
    choose(embedder)  # before the work
    parts = divided(files, n)
    with _written_whole(folder) as temporary, _processes(min(n, os.cpu_count() or 1)) as processes:
        jobs = [
            (part, str(temporary / partition_name(number, n)), embedder, skip_invalid)
            for number, part in enumerate(parts)
        ]
        futures = [processes.submit(_build_part, *job, ()) for job in jobs]
        for done, future in enumerate(as_completed(futures), 1):
            if future.exception() is not None:
                break
            if progress is not None:
                progress(done, n)
        built = [future.result() for future in futures]  # of several errors that of the first partition
        twice = _standing_twice([job[1] for job in jobs], [part.digests for part in built])
        for number, taken in sorted(twice.items()):  # the same record as in a single pool is refused, and named
            built[number] = processes.submit(_build_part, *jobs[number], taken).result()
    return Built(
        sum(len(part.digests) for part in built),
        sum(part.n_left_out for part in built),
        [report for part in built for report in part.reports][:MOST_REPORTS],
    )


def _build_part(records: Chain, path: str, embedder: str, skip_invalid: bool, taken: Sequence[str]) -> _Part:
    """Write one partition."""
    n_left_out, reports = 0, []

    def report(_: int, error: PoolError) -> None:
        nonlocal n_left_out
        n_left_out += 1
        if n_left_out <= MOST_REPORTS:
            reports.append(str(error))

    pool = CandidatePool.from_records(
        records, choose(embedder), on_invalid=report if skip_invalid else None, taken=taken
    )
    pool.save(path)
    ids = pool.id_bytes.tobytes()
    ends = pool.id_offsets.tolist()
    digests = b"".join(hashlib.blake2b(ids[start:stop], digest_size=8).digest() for start, stop in pairwise(ends))
    return _Part(np.frombuffer(digests, np.uint64), n_left_out, reports)


def _standing_twice(paths: Sequence[str], digests: Sequence[NDArray[np.uint64]]) -> dict[int, list[str]]:
    """Ids that a partition shares with an earlier one, by the partition."""
    ends = np.cumsum([len(of_part) for of_part in digests])
    every = np.concatenate(digests)
    order = np.argsort(every, kind="stable")
    again = np.flatnonzero(every[order][1:] == every[order][:-1])
    twice: dict[int, list[str]] = {}
    if len(again):
        pools = [CandidatePool.open(path) for path in paths]

        def id_of(place: int) -> tuple[int, str]:
            part = int(ends.searchsorted(place, side="right"))
            return part, pools[part].candidate_id(place - int(ends[part]) + len(pools[part]))

        for place in again.tolist():
            (first, id_before), (part, candidate_id) = id_of(int(order[place])), id_of(int(order[place + 1]))
            if first != part and candidate_id == id_before:  # other ids have the same digest by chance alone
                twice.setdefault(part, []).append(candidate_id)
    return twice


@contextlib.contextmanager
def _processes(n: int) -> Iterator[Executor]:
    """Processes that end where the block does, however that ends."""
    others = set(multiprocessing.active_children())
    context = multiprocessing.get_context("spawn")  # a copy of a process that has threads may hang
    # Ctrl-C reaches all processes of a terminal: this one alone takes note
    ignore = (signal.SIGINT, signal.SIG_IGN)
    processes = ProcessPoolExecutor(n, context, signal.signal, ignore)
    try:
        yield processes
    except BaseException as error:
        processes.shutdown(wait=False, cancel_futures=True)
        own = set(multiprocessing.active_children()) - others
        for process in own:
            process.terminate()
        for process in own:
            process.join()
        if isinstance(error, BrokenProcessPool):
            raise PoolError(
                f"a process was killed while it made a partition: expected memory for {n} partitions at a time"
            ) from None
        raise
    finally:
        processes.shutdown()


@contextlib.contextmanager
def _written_whole(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A folder to write into, under another name beside its own, which it takes when all went well."""
    try:
        target = Path(os.path.realpath(path))
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise PoolError(f"cannot write {shown(str(path), 200)}: expected a new folder, or an empty one")
        temporary = target.with_name(f".competency-{secrets.token_hex(8)}.tmp")
        temporary.mkdir()
    except (OSError, ValueError) as error:  # also a path with a null character
        if isinstance(error, PoolError):
            raise
        raise PoolError(f"cannot write {shown(str(path), 200)}: {reason(error)}") from None
    try:
        yield temporary
        try:
            temporary.replace(target)
        except OSError as error:
            raise PoolError(f"cannot write {shown(str(path), 200)}: {reason(error)}") from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
