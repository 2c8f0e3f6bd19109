"""Scores on given similarities: the scoring model alone, without intervals."""

from benchmarks import common


class Score(common.Speed):
    operation = "score"


class ScoreHeap(common.Heap):
    operation = "score"

    def setup_cache(self):
        return common.heap_figures(self.operation)
