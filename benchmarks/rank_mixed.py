"""Ranking people who list few skills and people who list many."""

from benchmarks import common


class RankMixed(common.Speed):
    operation = "rank_mixed"


class RankMixedHeap(common.Heap):
    operation = "rank_mixed"

    def setup_cache(self):
        return common.heap_figures(self.operation)
