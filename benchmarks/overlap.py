"""A whole match with the default embedder, of lists that share more and more names."""

from benchmarks import common


class Overlap(common.Speed):
    operation = "overlap"


class OverlapHeap(common.Heap):
    operation = "overlap"

    def setup_cache(self):
        return common.heap_figures(self.operation)
