"""Ranking a pool for everyone's score, instead of the best ten."""

from benchmarks import common, rank


class RankEveryone(rank.Rank):
    operation = "rank_everyone"
    params = tuple(common.OPERATIONS[operation].params.values())


class RankEveryoneHeap(common.Heap):
    operation = "rank_everyone"

    def setup_cache(self):
        return common.heap_figures(self.operation)
