"""What ranking on Dask costs and gains, on a cluster of this machine: ``python -m benchmarks.distributed``.

Needs the extra ``distributed``. A crowd is cut into partitions; what is compared takes turns, as machines are shared.
"""

import argparse
import dataclasses
import json
import logging
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks import crowd
from benchmarks.heap.units import format_bytes

PARTITIONS = (1, 2, 4, 8, 16, 32, 64)
FOR_SPEED = 8  # partitions, by which the workers are compared
FAR = (100_000_000, 1_000_000_000)  # candidates
WORKERS = (2, 32, 256)
SAMPLE = 0.002  # seconds between two looks at the memory of a worker


def cut(pool: Any, folder: Path, n: int) -> list[str]:
    """Files of a pool's candidates in partitions, of which each has the whole vocabulary."""
    paths = []
    for number in range(n):
        start, stop = len(pool) * number // n, len(pool) * (number + 1) // n
        offsets, id_offsets = (column[start : stop + 1] for column in (pool.offsets, pool.id_offsets))
        part = dataclasses.replace(
            pool,
            offsets=offsets - offsets[0],
            items=pool.items[offsets[0] : offsets[-1]].copy(),
            id_bytes=pool.id_bytes[id_offsets[0] : id_offsets[-1]].copy(),
            id_offsets=id_offsets - id_offsets[0],
        )
        paths.append(str(folder / f"{n}-{number:04}.pool"))
        part.save(paths[-1])
    return paths


def in_turns(rounds: int, **runs: Callable[[], object]) -> dict[str, list[float]]:
    """Seconds that each took in each round; one round before does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(rounds + 1):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            if number:
                seconds[name].append(time.perf_counter() - start)
    return seconds


# What runs in the workers comes without this module: Dask sends functions of __main__ as they are.


def count_sent_bytes() -> None:
    """Count from now on what this process writes to its connections."""
    from distributed.comm import tcp

    if hasattr(tcp, "n_sent"):
        return
    write = tcp.TCP.write

    async def counted(*arguments: Any, **options: Any) -> Any:
        n = await write(*arguments, **options)
        tcp.n_sent += n if isinstance(n, int) else 0
        return n

    tcp.n_sent, tcp.TCP.write = 0, counted


def sent_bytes() -> int:
    """What was counted so far."""
    from distributed.comm import tcp

    return int(tcp.n_sent)


def anonymous_bytes() -> int:
    """Memory of this process without mapped files (Linux)."""
    import pathlib

    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("RssAnon"))


def count() -> None:
    """Keep a processor busy."""
    for _ in range(20_000_000):
        pass


def watch_memory(dask_worker: Any, look: Callable[[], int], pause: float) -> None:
    """Look at the memory of a worker in a thread, until `watched` asks for the most that was in use."""
    import threading
    import time

    import competency.distributed  # noqa: F401  what a worker has before it ranks

    seen, stop = [look()], threading.Event()

    def watch() -> None:
        while not stop.is_set():
            seen.append(look())
            time.sleep(pause)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    dask_worker.watched = (seen, stop, thread)


def watched(dask_worker: Any) -> int:
    """By how much the memory of a worker was above what it was at first."""
    seen, stop, thread = dask_worker.watched
    stop.set()
    thread.join()
    return int(max(seen) - seen[0])


@dataclasses.dataclass(frozen=True)
class Job:
    """What is ranked for, and by what."""

    matcher: Any
    required: Any
    top: int

    def here(self, paths: Sequence[str]) -> None:
        """Rank pools one after the other, as on one machine."""
        from competency import CandidatePool

        for path in paths:
            self.matcher.rank(self.required, CandidatePool.open(path), self.top)

    def on(self, client: Any, paths: Sequence[str]) -> Any:
        """Rank pools on a cluster, or by threads."""
        from competency import distributed

        return distributed.rank(self.matcher, self.required, paths, self.top, client=client)


def verify(paths: Sequence[str]) -> None:
    """Check the checksums of pools."""
    from competency import CandidatePool

    for path in paths:
        CandidatePool.open(path).verify_checksums()


def one_partition(job: Job, clients: dict[int, Any], paths: list[str], rounds: int) -> dict[str, Any]:
    """Seconds of ranking one pool: here, by a thread of Dask, by a worker; and of what the latter two do besides."""
    seconds = in_turns(
        rounds,
        here=lambda: job.here(paths),
        threads=lambda: job.on(None, paths),
        worker=lambda: job.on(clients[1], paths),
        checksums=lambda: verify(paths),
    )
    return {name: statistics.median(of_one) for name, of_one in seconds.items()} | {"rounds": seconds}


def two_workers(job: Job, clients: dict[int, Any], paths: list[str], rounds: int) -> dict[str, Any]:
    """Seconds of one worker and of two, the ratios of each round, and what ratio the machine had to offer then."""
    seconds = in_turns(
        rounds,
        one=lambda: job.on(clients[1], paths),
        two=lambda: job.on(clients[2], paths),
        alone=lambda: clients[1].run(count),
        both=lambda: clients[2].run(count),
    )
    offered = [2 * alone / both for alone, both in zip(seconds["alone"], seconds["both"], strict=True)]
    medians = {name: statistics.median(of_one) for name, of_one in seconds.items()}
    ratios = [one / two for one, two in zip(seconds["one"], seconds["two"], strict=True)]
    return medians | {
        "speed-up": statistics.median(ratios),
        "ratios": ratios,
        "offered": statistics.median(offered),
        "rounds": seconds,
    }


def by_partitions(job: Job, client: Any, cuts: dict[int, list[str]], rounds: int) -> Iterator[dict[str, Any]]:
    """For each number of partitions: seconds of two workers and of one process; memory and bytes sent of one run."""
    seconds = in_turns(
        rounds,
        **{f"workers {n}": (lambda paths=paths: job.on(client, paths)) for n, paths in cuts.items()},
        **{f"here {n}": (lambda paths=paths: job.here(paths)) for n, paths in cuts.items()},
    )
    count_sent_bytes()
    logging.getLogger("distributed.nanny").setLevel(logging.ERROR)  # it warns of each restart
    for n, paths in cuts.items():
        client.restart()  # what a worker has ranked with before, it keeps for the next
        client.run(count_sent_bytes)
        client.run(watch_memory, look=anonymous_bytes, pause=SAMPLE)
        before = sent_bytes() + sum(client.run(sent_bytes).values())
        ranking = job.on(client, paths)
        sent = sent_bytes() + sum(client.run(sent_bytes).values()) - before
        yield {
            "partitions": n,
            "seconds": statistics.median(seconds[f"workers {n}"]),
            "seconds here": statistics.median(seconds[f"here {n}"]),
            "memory": max(client.run(watched).values()),
            "sent": sent,
            "scored": ranking.n_scored,
            "file": max(Path(path).stat().st_size for path in paths),
        }


def sent_per_partition(rows: Sequence[dict[str, Any]]) -> float:
    """By how many bytes what is sent grows with a partition."""
    return (rows[-1]["sent"] - rows[0]["sent"]) / (rows[-1]["partitions"] - rows[0]["partitions"])


def far(figures: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What many candidates would take, in partitions as large as the whole crowd of this run."""
    whole = figures["by partitions"][0]
    for n in FAR:
        n_partitions = -(-n // figures["candidates"])
        for workers in WORKERS:
            yield {
                "candidates": n,
                "partitions": n_partitions,
                "workers": workers,
                "seconds": -(-n_partitions // workers) * figures["one partition"]["worker"],
                "sent": n_partitions * sent_per_partition(figures["by partitions"]) + workers * whole["sent"],
                "files": n_partitions * whole["file"],
            }


def measure(job: Job, pool: Any, rounds: int) -> dict[str, Any]:
    """All figures, of a pool whose partitions are temporary files."""
    from competency import distributed

    with tempfile.TemporaryDirectory() as folder, distributed.connected(1) as one, distributed.connected(2) as two:
        cuts = {n: cut(pool, Path(folder), n) for n in PARTITIONS}
        expected = job.matcher.rank(job.required, pool, job.top)
        for paths in cuts.values():  # what is measured is right
            assert job.on(two, paths).ids == expected.ids
        clients = {1: one, 2: two}
        figures: dict[str, Any] = {
            "candidates": len(pool),
            "top": job.top,
            "one partition": one_partition(job, clients, cuts[1], rounds),
            "two workers": two_workers(job, clients, cuts[FOR_SPEED], rounds),
            "by partitions": list(by_partitions(job, two, cuts, rounds)),
        }
    return figures | {"far": list(far(figures))}


def report(figures: dict[str, Any]) -> str:
    """The figures as Markdown, with the arithmetic of what was not measured."""
    one, two, rows = figures["one partition"], figures["two workers"], figures["by partitions"]
    n, n_rounds = figures["candidates"], len(one["rounds"]["here"])
    growth, whole = format_bytes(sent_per_partition(rows)), rows[0]
    return "\n".join(
        [
            f"{n:,} candidates of {crowd.N_SKILLS} skills, a job of {crowd.N_REQUIRED}, the best {figures['top']}; "
            f"medians of {n_rounds} rounds, in which all took turns.",
            "",
            f"One partition: {one['here']:.2f} s on one machine, {one['threads']:.2f} s by a thread of Dask, which is "
            f"{one['threads'] / one['here']:.2f} times as long, {one['worker']:.2f} s by a worker, which is "
            f"{one['worker'] / one['here']:.2f} times. Of the latter two, {one['checksums']:.2f} s are for checksums.",
            "",
            f"{FOR_SPEED} partitions: {two['one']:.2f} s by one worker, {two['two']:.2f} s by two: "
            f"{two['speed-up']:.2f} times as fast ({min(two['ratios']):.2f} to {max(two['ratios']):.2f} in a round). "
            f"Two that only count did, in turns with them, {two['offered']:.2f} times the work of one.",
            "",
            "| partitions | two workers | one process, without Dask | memory of a worker | sent | scored in full |",
            "| ---: | ---: | ---: | ---: | ---: | ---: |",
            *(
                f"| {row['partitions']} | {row['seconds']:.2f} s | {row['seconds here']:.2f} s | "
                f"{format_bytes(row['memory'])} | {format_bytes(row['sent'])} | {row['scored']:,} |"
                for row in rows
            ),
            "",
            f"Not measured: P partitions of {n:,} candidates, on the disks of W workers, each with a core of its own. "
            f"Time is ceil(P / W) x {one['worker']:.2f} s. Sent are P x {growth}, by which it grows above, and "
            f"W x {format_bytes(whole['sent'])}. Files take P x {format_bytes(whole['file'])}.",
            "",
            "| candidates | partitions | workers | time | sent | files |",
            "| ---: | ---: | ---: | ---: | ---: | ---: |",
            *(
                f"| {row['candidates']:,} | {row['partitions']:,} | {row['workers']} | {row['seconds']:,.3g} s | "
                f"{format_bytes(row['sent'])} | {format_bytes(row['files'])} |"
                for row in figures["far"]
            ),
        ]
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Print the figures; returns the exit code: see `exit_code`."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.distributed", description=__doc__)
    parser.add_argument(
        "--candidates", type=int, default=1_000_000, metavar="N", help="of the crowd (default: a million)"
    )
    parser.add_argument("--top", type=int, default=10, metavar="N", help="how many are asked for (default: 10)")
    parser.add_argument("--rounds", type=int, default=9, metavar="N", help="how often each is measured (default: 9)")
    parser.add_argument("--json", action="store_true", help="print JSON, with the seconds of each round")
    arguments = parser.parse_args(argv)
    if arguments.candidates < max(PARTITIONS) or min(arguments.top, arguments.rounds) < 1:
        parser.error(f"expected at least {max(PARTITIONS)} candidates, a top of 1 and 1 round")
    from benchmarks.heap.ending import exit_code
    from competency import SkillMatcher

    def run() -> int:
        job = Job(SkillMatcher(crowd.CrowdEmbedder()), crowd.required_skills("fits"), arguments.top)
        figures = measure(job, crowd.candidate_pool(arguments.candidates), arguments.rounds)
        print(json.dumps(figures, indent=2) if arguments.json else report(figures))
        return 0

    return exit_code(run)


if __name__ == "__main__":
    sys.exit(main())
