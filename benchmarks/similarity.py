"""The cosine similarity matrix of two lists of skills, on the suite's own embedder."""

from benchmarks import common


class Similarity(common.Speed):
    operation = "similarity"


class SimilarityHeap(common.Heap):
    operation = "similarity"

    def setup_cache(self):
        return common.heap_figures(self.operation)
