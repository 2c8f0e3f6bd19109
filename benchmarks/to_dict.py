"""The plain dict of a result whose fields have been read."""

from benchmarks import common


class ToDict(common.Speed):
    operation = "to_dict"


class ToDictHeap(common.Heap):
    operation = "to_dict"

    def setup_cache(self):
        return common.heap_figures(self.operation)
