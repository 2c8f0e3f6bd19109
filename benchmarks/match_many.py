"""A thousand pairs in one call, of which only the scores are read."""

from benchmarks import common


class MatchMany(common.Speed):
    operation = "match_many"

    def track_ratio_to_loop(self, *params):
        """How many times as fast as a loop over `match`; more is better."""
        matcher, pairs = common.arguments(self.operation, params)

        def loop():
            results = [matcher.match(job, candidate) for job, candidate in pairs]
            return [(result.overall_score, result.probability) for result in results]

        run = common.OPERATIONS[self.operation].run
        return common.ratio_in_turns(loop, lambda: run(matcher, pairs))

    track_ratio_to_loop.unit = "times"


class MatchManyHeap(common.Heap):
    operation = "match_many"

    def setup_cache(self):
        return common.heap_figures(self.operation)
