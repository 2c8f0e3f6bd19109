"""A whole match on the suite's own embedder, every field of the result read, intervals included."""

from benchmarks import common


class Match(common.Speed):
    operation = "match"


class MatchHeap(common.Heap):
    operation = "match"

    def setup_cache(self):
        return common.heap_figures(self.operation)
