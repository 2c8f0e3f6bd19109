"""A whole match on the suite's own embedder, every field of the result read, intervals included."""

from benchmarks import common


class Match(common.Speed):
    operation = "match"


class MatchHeap(common.Heap):
    operation = "match"

    def setup_cache(self):
        return common.heap_figures(self.operation)


class MatchGrowth(common.Counted):
    """By what power of the number of skills the heap of a match grows, both lists growing alike."""

    operation = "match"
    params = tuple(common.INPUTS)
    param_names = ("names",)
    unit = "exponent"
    # the same function, so that asv measures once for both classes
    setup_cache = MatchHeap.setup_cache

    def setup(self, figures, names):
        if not figures:
            raise NotImplementedError

    def track_allocations_exponent(self, figures, names):
        return common.growth_exponent(figures, names, 0)

    def track_peak_heap_exponent(self, figures, names):
        return common.growth_exponent(figures, names, 2)
