"""Ranking a pool for many jobs, each of another field, that share the passes over it."""

from benchmarks import common


class RankMany(common.Speed):
    operation = "rank_many"

    def track_ratio_to_loop(self, *params):
        """How many times as fast as a loop over `rank`; more is better."""
        matcher, jobs, pool = common.arguments(self.operation, params)

        def loop():
            return [matcher.rank(job, pool) for job in jobs]

        return common.ratio_in_turns(loop, lambda: matcher.rank_many(jobs, pool), rounds=5)

    track_ratio_to_loop.unit = "times"


class RankManyHeap(common.Heap):
    operation = "rank_many"

    def setup_cache(self):
        return common.heap_figures(self.operation)
