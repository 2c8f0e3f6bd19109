"""Embedding names with the library's default embedder: in one batch, and in one call a name."""

from benchmarks import common


class Embed(common.Speed):
    operation = "embed"


class EmbedHeap(common.Heap):
    operation = "embed"

    def setup_cache(self):
        return common.heap_figures(self.operation)
