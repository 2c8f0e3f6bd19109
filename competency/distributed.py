"""Ranking pools that outgrow one machine, on Dask: each pool where it lies, and then only the tops meet.

A task opens one pool and ranks it by `SkillMatcher.rank`; further tasks merge the tops in a tree. What crosses the
network is the job, once to each worker, and tops.
"""

import contextlib
import gc
import logging
import os
import secrets
import signal
import tempfile
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from competency.embedding import Embedder, embed
from competency.errors import ClusterError, CompetencyError, ConfigError, PoolError, as_integer, each, shown
from competency.files import reason
from competency.matcher import SkillMatcher, skill_list
from competency.partitions import missing
from competency.pool import CandidatePool
from competency.ranking import Ranking, carriers, parse_budget, parse_top
from competency.result import MatchResult
from competency.skills import Skill

__all__ = ["JobEmbedder", "LeftOut", "PartitionedRanking", "Partitions", "connected", "found", "is_pattern", "rank"]

_FAN_IN = 8  # tops that one task merges
_OF_WORKERS = {
    # Dask has the system take back all free memory, so that each larger array costs page faults: 1.3 times the time
    "distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": None,
    # and gives up a worker that takes 15 s to start again, as on a busy machine; without any it would wait for good
    "distributed.deploy.lost-worker-timeout": "1 hour",
}
_WILD = frozenset("*?[")
_PATIENCE = 30  # seconds until a scheduler must have workers, as many as Dask waits for the scheduler itself


class LeftOut(NamedTuple):
    """A pool that was not ranked, and why."""

    address: str
    reason: str


@dataclass(frozen=True, eq=False)
class Partitions:
    """Pools that were ranked as if they were one, in the order given.

    Parameters
    ----------
    addresses : tuple of str
        Where each pool lies.
    sizes : tuple of int
        How many candidates each has; 0 for one that was left out.
    left_out : tuple of LeftOut
        The pools that were not ranked.
    """

    addresses: tuple[str, ...]
    sizes: tuple[int, ...]
    left_out: tuple[LeftOut, ...]
    _best: Mapping[int, tuple[str, MatchResult]] = field(repr=False)

    def __len__(self) -> int:
        return sum(self.sizes)

    def candidate_id(self, position: int) -> str:
        """The id of one of the best candidates; others are known where their pool lies (see `locate`)."""
        return self._of_best(position)[0]

    def skills(self, position: int) -> tuple[Skill, ...]:
        """The skills of one of the best candidates."""
        return self._of_best(position)[1].candidate

    def _of_best(self, position: int) -> tuple[str, MatchResult]:
        place = as_integer(position)
        if place is None or place not in self._best:
            raise PoolError(f"position {shown(position)}: expected one of the best candidates'")
        return self._best[place]

    def locate(self, position: int) -> tuple[str, int]:
        """The address of the pool that has a candidate, and the candidate's position in it.

        Raises
        ------
        PoolError
            Where there is no such position.
        """
        number = as_integer(position)
        if number is None or not 0 <= number < len(self):
            raise PoolError(f"position {shown(position)}: expected 0 to {len(self) - 1}")
        starts = list(accumulate(self.sizes, initial=0))
        place = bisect_right(starts, number) - 1
        return self.addresses[place], number - starts[place]


@dataclass(frozen=True, eq=False)
class PartitionedRanking(Ranking):
    """The best candidates of many pools for a job; `pool` says which pools, and which were left out."""

    pool: Partitions = field(repr=False)


class JobEmbedder:
    """The vectors that an embedder gives to a job's names: all of it that ranking pools needs, in some kilobytes.

    Parameters
    ----------
    embedder : Embedder
        The embedder, which may be large, or not fit to be sent.
    names : sequence of str
        The names.

    Raises
    ------
    EmbedderError
        Where the embedder returns something else than embeddings.
    """

    def __init__(self, embedder: Embedder, names: Sequence[str]) -> None:
        embed(embedder, names)  # for its checks; what is kept has yet to be scaled, as for a pool on this machine
        self.dim = embedder.dim
        self.fingerprint = embedder.fingerprint
        self._vectors = embedder.embed(names)
        self._rows = {name: row for row, name in enumerate(names)}

    def embed(self, names: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of names of the job, float32, shape (n_names, dim)."""
        return self._vectors[[self._rows[name] for name in names]]


@dataclass(frozen=True)
class _Job:
    """What a worker must know.

    Parameters
    ----------
    matcher : SkillMatcher
        Its embedder is a `JobEmbedder`.
    required : tuple of Skill
        The skills of the job.
    """

    matcher: SkillMatcher
    required: tuple[Skill, ...]
    top: int
    memory_budget: int | str | None
    skip_damaged: bool


@dataclass(frozen=True, eq=False)
class _Top:
    """The best of pools that follow each other; positions count from the first candidate of the first of them."""

    positions: NDArray[np.intp]
    scores: NDArray[np.float64]
    ids: tuple[str, ...]
    results: tuple[MatchResult, ...]
    n_scored: int
    sizes: tuple[int, ...]
    left_out: tuple[LeftOut, ...]


def _received(job: _Job) -> _Job:
    """The job, as the result of a task: workers hand it on to each other, and a lost one is made again."""
    return job


def _rank_one(job: _Job, address: str) -> _Top:
    """The top of one pool."""
    with contextlib.ExitStack() as stack:
        try:
            pool = stack.enter_context(_opened(address))
        except PoolError as error:
            return _nothing(job, address, error)
        pool.check_embedder(job.matcher.embedder)  # no damage, so that such a pool is never left out
        try:
            pool.verify_checksums()  # a damaged vector would only move scores, which nobody would notice
            ranking = job.matcher.rank(job.required, pool, job.top, memory_budget=job.memory_budget)
            return _Top(
                ranking.positions, ranking.scores, ranking.ids, ranking.results, ranking.n_scored, (len(pool),), ()
            )
        except PoolError as error:
            return _nothing(job, address, error)


def _nothing(job: _Job, address: str, error: PoolError) -> _Top:
    """The top of a damaged pool, where such pools are to be left out."""
    if not job.skip_damaged:
        raise error
    return _Top(np.empty(0, np.intp), np.empty(0), (), (), 0, (0,), (LeftOut(address, str(error)),))


@contextlib.contextmanager
def _opened(address: str) -> Iterator[CandidatePool]:
    """The pool of an address, mapped; one that is not on this machine is copied for as long as it is in use."""
    files, path, is_local = _storage(address)
    if is_local:
        yield CandidatePool.open(path)
        return
    with tempfile.TemporaryDirectory(prefix="competency-", dir=_scratch(), ignore_cleanup_errors=True) as folder:
        copy = Path(folder) / "pool"
        try:
            files.get_file(path, str(copy))
        except FileNotFoundError:
            raise PoolError(f"cannot read {shown(address, 200)}: no such file") from None
        except Exception as error:  # each kind of storage has its own
            raise PoolError(f"cannot read {shown(address, 200)}: {reason(error)}") from None
        try:
            pool = CandidatePool.open(copy)
        except PoolError as error:
            raise PoolError(str(error).replace(str(copy), address)) from None
        yield replace(pool, _where=address)


def _storage(address: str) -> tuple[Any, str, bool]:
    """What fsspec reads an address by, the path there, and whether that is one of this machine."""
    import fsspec
    from fsspec.implementations.local import LocalFileSystem

    if "://" not in address:  # in the name of a file fsspec would take "::" for one address in another
        return LocalFileSystem(), address, True
    try:
        files, path = fsspec.core.url_to_fs(address)
    except (ImportError, ValueError) as error:  # a protocol that is not known, or whose package is missing
        raise ClusterError(f"cannot read {shown(address, 200)}: {error}") from None
    except Exception as error:  # each kind of storage that is reached, or opened, here has its own
        raise PoolError(f"cannot read {shown(address, 200)}: {reason(error)}") from None
    return files, path, isinstance(files, LocalFileSystem)


def _scratch() -> str | None:
    """A worker's own folder, which Dask clears where the worker dies; without a worker that of the system."""
    from distributed import get_worker

    try:
        return str(get_worker().local_directory)
    except ValueError:
        return None


def _merge(tops: Sequence[_Top], n: int) -> _Top:
    """The best of tops of pools that follow each other."""
    starts = np.cumsum([0, *(sum(top.sizes) for top in tops[:-1])])
    positions = np.concatenate([top.positions + start for top, start in zip(tops, starts, strict=True)])
    scores = np.concatenate([top.scores for top in tops])
    best = np.lexsort((positions, -scores))[:n]
    ids = [candidate_id for top in tops for candidate_id in top.ids]
    results = [result for top in tops for result in top.results]
    return _Top(
        positions[best],
        scores[best],
        tuple(ids[place] for place in best),
        tuple(results[place] for place in best),
        sum(top.n_scored for top in tops),
        tuple(size for top in tops for size in top.sizes),
        tuple(pool for top in tops for pool in top.left_out),
    )


def rank(
    matcher: SkillMatcher,
    required: Iterable[Skill],
    pools: Iterable[str | os.PathLike[str]],
    top: int = 10,
    *,
    client: Any = None,
    memory_budget: int | str | None = None,
    explain: bool = False,
    skip_damaged: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> PartitionedRanking:
    """The best candidates of many pools for a job, as if the pools were one. Needs dask, distributed and fsspec.

    Parameters
    ----------
    matcher : SkillMatcher
        Its embedder stays here: workers get the vectors of the job's names.
    required : iterable of Skill
        The skills of the job.
    pools : iterable of str or path-like
        Files that `CandidatePool.save` or ``competency pool build`` wrote: paths that every worker can read, which are
        mapped, or other addresses that fsspec knows, such as ``s3://bucket/cvs.pool``, of which a worker makes a copy
        on its disk for as long as it ranks it.
    top : int, default 10
        How many.
    client : distributed.Client, optional
        Of the cluster that ranks; by default threads of this process do.
    memory_budget : int or str, optional
        Bytes of heap, or text such as "256 MB", that ranking one pool may take; a worker ranks as many at a time as it
        has threads.
    explain : bool, default False
        Whether to say which of a candidate's skills carried each requirement.
    skip_damaged : bool, default False
        Whether to leave out pools that are missing or damaged; every byte is checked before a pool is ranked. Those
        are in ``ranking.pool.left_out``, and count as pools without candidates.
    progress : callable, optional
        Called with the numbers of pools ranked so far and in all.

    Returns
    -------
    PartitionedRanking
        The `Ranking` of a pool of all the candidates in the order given: positions count through, and
        ``ranking.pool.locate`` says where such a candidate is.

    Raises
    ------
    SkillError
        Where `required` is empty or holds something else than `Skill`.
    PoolError
        Where there is no pool, or one stands twice, is of another embedder, or is missing or damaged; with
        `skip_damaged`, where none is left.
    ConfigError
        Where `top` is no integer of 1 or more, or the budget is not usable or too small for a pool.
    EmbedderError
        Where the embedder returns something else than embeddings.
    ClusterError
        Where a package is missing, an address is of a kind that fsspec does not know, the connection to the scheduler
        is lost, or workers fail or die again and again.

    Notes
    -----
    What a worker that dies had at hand is ranked anew by others; Dask gives a pool up at which four workers died in a
    row (``distributed.scheduler.allowed-failures``). Workers unpickle what a client sends, and a client what workers
    send: use only clusters whose every member is trusted, over TLS where the network is not. Pools are not unpickled.
    """
    required = skill_list("required", required)
    n_top = parse_top(top)
    if n_top is None:
        raise ConfigError("top None: expected an integer of 1 or more; everyone is ranked on one machine only")
    parse_budget(memory_budget)
    addresses = _addresses(pools)
    _require_extra()
    local = SkillMatcher(
        JobEmbedder(matcher.embedder, [skill.name for skill in required]), matcher.strategy, matcher.config
    )
    job = _Job(local, required, n_top, memory_budget, skip_damaged)
    best = _compute(job, addresses, client, progress)
    if len(best.left_out) == len(addresses):
        raise PoolError(f"none of {len(addresses)} pools can be ranked; the first: {best.left_out[0].reason}")
    known = dict(zip(best.positions.tolist(), zip(best.ids, best.results, strict=True), strict=True))
    pool = Partitions(addresses, best.sizes, best.left_out, known)
    reasons = tuple(map(carriers, best.results)) if explain else ()
    return PartitionedRanking(best.positions, best.scores, best.results, reasons, best.n_scored, pool)


def is_pattern(address: str) -> bool:
    """Whether an address stands for all files of such a name, as by a ``*``."""
    return bool(_WILD.intersection(address)) and not os.path.lexists(address)


def found(address: str) -> list[str]:
    """The addresses that a pattern stands for, in the order of their names; an address that is none as it is.

    Of a set of partitions that ``competency pool build`` wrote, also those that are missing.

    Raises
    ------
    PoolError
        Where no file has such a name.
    ClusterError
        Where a package is missing, or the address is of a kind that fsspec does not know.
    """
    _require_extra()
    if not is_pattern(address):
        return [address]
    files, pattern, is_local = _storage(address)
    try:
        paths = files.glob(pattern)
    except Exception as error:  # each kind of storage has its own
        raise PoolError(f"cannot read {shown(address, 200)}: {reason(error)}") from None
    if not paths:
        raise PoolError(f"pool {shown(address, 200)}: there is no file of such a name")
    names: dict[str, list[str]] = {}
    for path in paths:
        folder, _, name = path.rpartition("/")
        names.setdefault(folder, []).append(name)
    wanted = pattern.rpartition("/")[2]
    paths += [f"{folder}/{name}" for folder, present in names.items() for name in missing(wanted, present)]
    return [path if is_local else files.unstrip_protocol(path) for path in sorted(paths)]


@contextlib.contextmanager
def connected(workers: int | None = None, scheduler: str | None = None) -> Iterator[Any]:
    """A client of so many processes of this machine, which end with the block, or else of a scheduler; or else None.

    Raises
    ------
    ClusterError
        Where a package is missing, or the scheduler cannot be reached or has no workers.
    """
    _require_extra()
    import dask
    import distributed

    log = logging.getLogger("distributed.client")
    with contextlib.ExitStack() as stack:
        stack.callback(log.setLevel, log.level)
        log.setLevel(logging.CRITICAL)  # a scheduler that is lost is an error here, and no traceback besides
        if workers is not None:
            # no limit: the system takes mapped files back by itself, and Dask would count them as memory in use
            stack.enter_context(dask.config.set(_OF_WORKERS))
            try:
                with _without_interrupts():
                    cluster = distributed.LocalCluster(
                        n_workers=workers,
                        threads_per_worker=1,
                        memory_limit=None,
                        scheduler_kwargs={"dashboard": False, "dashboard_address": "127.0.0.1:0"},
                    )
                    stack.callback(_end, cluster)
            except Exception as error:  # of all kinds, where a process cannot start, or dies before it works
                raise ClusterError(
                    f"{workers} workers did not start: {reason(error)}: expected processes that live on"
                ) from None
            client = stack.enter_context(distributed.Client(cluster))
            client.register_worker_callbacks(_leave_errors)
            yield client
        elif scheduler is not None:
            refused = None
            try:
                client = stack.enter_context(distributed.Client(scheduler))
            except Exception as error:  # of all kinds, from no route to no certificate
                refused = reason(error)
            if refused is not None:
                # The error held the client, which closes once it is garbage: now, as Dask may wait for good, or lose
                # the connection, where that happens while the next client starts.
                gc.collect()
                raise ClusterError(
                    f"scheduler {shown(scheduler, 200)}: {refused}: expected the address of one that runs"
                )
            try:
                client.wait_for_workers(1, _PATIENCE)
            except TimeoutError:
                raise ClusterError(f"scheduler {shown(scheduler, 200)} has no worker: expected at least one") from None
            yield client
        else:
            yield None


@contextlib.contextmanager
def _without_interrupts() -> Iterator[None]:
    """Ctrl-C and SIGTERM come behind the block, and never to processes that start in it: who started them ends them."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # it lets them through once more where it starts
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end(cluster: Any) -> None:
    """Close a cluster, once: another attempt, where the first is interrupted, would wait for what is gone."""
    with _without_interrupts():
        cluster.close()


def _leave_errors() -> None:
    """A worker says nothing of tasks that fail or end: whoever asked for them does."""
    for name in ("distributed.worker", "distributed.worker.state_machine"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def _require_extra() -> None:
    """Raise `ClusterError` where a package of the extra ``distributed`` is missing."""
    try:
        import dask  # noqa: F401
        import distributed  # noqa: F401
        import fsspec  # noqa: F401
    except ImportError as error:
        raise ClusterError(
            f"ranking many pools needs {error.name}: expected it installed, as by "
            "python -m pip install 'competency[distributed]'"
        ) from None


def _addresses(pools: Iterable[str | os.PathLike[str]]) -> tuple[str, ...]:
    """Addresses that mean the same on every machine, each spelled in one way."""
    if isinstance(pools, str | bytes | os.PathLike):
        raise PoolError(f"pools {shown(pools, 200)}: expected a list of addresses")
    addresses = []
    for pool in each("pools", pools, "a list of addresses", PoolError):
        if not isinstance(pool, str | os.PathLike):
            raise PoolError(f"pool {shown(pool)}: expected the address of a file of a pool")
        text = os.fsdecode(pool).removeprefix("file://")
        addresses.append(text if "://" in text else os.path.normpath(Path(text).absolute()))
    if not addresses:
        raise PoolError("pools []: expected at least one address")
    for address, count in Counter(addresses).items():
        if count > 1:
            raise PoolError(f"pool {shown(address, 200)} stands {count} times: expected each pool once")
    return tuple(addresses)


def _compute(job: _Job, addresses: Sequence[str], client: Any, progress: Callable[[int, int], None] | None) -> _Top:
    """The top of all pools, by threads or a cluster."""
    from dask import delayed

    # keys of their own: Dask would take the result of an earlier run for that of a pool that was replaced since
    token = secrets.token_hex(8)
    sent = delayed(_received)(job, dask_key_name=f"competency-job-{token}")
    ranked = [
        delayed(_rank_one)(sent, address, dask_key_name=f"competency-rank-{token}-{place}")
        for place, address in enumerate(addresses)
    ]
    tops = ranked
    while len(tops) > 1:
        tops = [
            delayed(_merge)(
                tops[start : start + _FAN_IN], job.top, dask_key_name=f"competency-merge-{len(tops)}-{token}-{start}"
            )
            for start in range(0, len(tops), _FAN_IN)
        ]
    if client is None:
        return _by_threads(tops[0], [task.key for task in ranked], progress)
    return _by_cluster(client, tops[0], ranked, addresses, progress)


def _by_threads(top: Any, keys: Sequence[str], progress: Callable[[int, int], None] | None) -> _Top:
    from dask import threaded
    from dask.callbacks import Callback

    waiting = set(keys)

    def done(key: Any, *_: object) -> None:
        if key in waiting:
            waiting.remove(key)
            if progress is not None:
                progress(len(keys) - len(waiting), len(keys))

    with Callback(posttask=done):
        result: _Top = top.compute(scheduler=threaded.get, optimize_graph=False)
    return result


def _by_cluster(
    client: Any,
    top: Any,
    ranked: Sequence[Any],
    addresses: Sequence[str],
    progress: Callable[[int, int], None] | None,
) -> _Top:
    import distributed

    if not isinstance(client, distributed.Client) or client.asynchronous:
        raise ConfigError(f"client {shown(client)}: expected a distributed.Client that is not asynchronous, or None")
    if client.status != "running":
        raise ClusterError(f"client with status {client.status!r}: expected one that is connected to a scheduler")
    *futures, best = client.compute([*ranked, top], optimize_graph=False)
    address_of = dict(zip([future.key for future in futures], addresses, strict=True))
    try:
        for done, future in enumerate(distributed.as_completed(futures, loop=client.loop), 1):
            failure = future.exception()
            if failure is not None:
                raise _told(failure, shown(address_of[future.key], 200), client)
            if progress is not None:
                progress(done, len(futures))
        try:
            result: _Top = best.result()
        except Exception as error:
            raise _told(error, "merging the tops", client) from error
        return result
    except BaseException:  # also Ctrl-C: nobody waits for the rest
        # what nobody holds any more the scheduler drops; its own `cancel` may fail where a key is gone already
        for future in (*futures, best):
            future.release()
        raise


def _told(error: BaseException, what: str, client: Any) -> CompetencyError:
    """What went wrong on a cluster, in one sentence."""
    from distributed import CancelledError, KilledWorker

    if isinstance(error, CompetencyError):
        return error
    if isinstance(error, KilledWorker):
        times = error.allowed_failures + 1
        return ClusterError(f"{what}: the worker that had it died, {times} times in a row: expected one that lives on")
    if isinstance(error, CancelledError):
        return ClusterError(
            f"the scheduler {client.scheduler.address} is lost, and the ranking with it: expected it to run to the end"
        )
    return ClusterError(f"{what}: a worker failed with {type(error).__name__}: {shown(str(error), 500)}")
