"""Many pairs in one call, popular names repeating from pair to pair."""

from benchmarks import common


class Batch(common.Speed):
    operation = "batch"


class BatchHeap(common.Heap):
    operation = "batch"

    def setup_cache(self):
        return common.heap_figures(self.operation)
