import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from competency import HashingEmbedder, InputError
from competency.embedding.corpus import Entry
from competency.embedding.evaluate import (
    Retrieval,
    auc,
    cosines,
    looks_alike,
    read_labelled_pairs,
    retrieval,
    synonym_queries,
)


def test_figures_of_ranks():
    assert Retrieval.of(np.array([1, 2, 20])) == Retrieval(3, 1 / 3, 2 / 3, pytest.approx((1 + 0.5 + 0.05) / 3))
    assert Retrieval.of(np.array([], int)) == Retrieval(0, 0, 0, 0)
    assert str(Retrieval.of(np.array([1, 2]))) == "R@1 0.500  R@10 1.000  MRR 0.750  (2 queries)"


class Table:
    dim = 2
    fingerprint = "table"

    def __init__(self, **degrees):
        self.degrees = degrees

    def embed(self, names):
        angles = np.radians([self.degrees[name] for name in names])
        return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def test_retrieval_ranks_by_cosine_and_ties_count_against():
    embedder = Table(a=0, b=30, c=90, near_a=5, near_b=29, tie=45, d=60)
    every, hard = retrieval(embedder, [("near_a", 0), ("near_b", 1), ("near_a", 2)], ["a", "b", "c"])
    assert every == Retrieval(3, pytest.approx(2 / 3), 1, pytest.approx((1 + 1 + 1 / 3) / 3))
    assert hard.n == 3
    tied, _ = retrieval(Table(a=0, b=0, q=10), [("q", 0)], ["a", "b"])
    assert tied.mrr == 0.5


def test_hard_queries_look_unlike_their_label():
    assert looks_alike("manage staff", "managing staff")
    assert not looks_alike("k8s", "Kubernetes")
    embedder = HashingEmbedder()
    every, hard = retrieval(embedder, [("managing staff", 0), ("k8s", 1)], ["manage staff", "Kubernetes"])
    assert (every.n, hard.n) == (2, 1)


def test_queries_are_of_held_out_entries_and_not_their_labels():
    entries = [
        Entry("a", ("b", "A", "c"), held_out=True),
        Entry("c", ("y",), held_out=True),
        Entry("d", ("z",)),
    ]
    assert sorted(synonym_queries(entries)) == [("b", 0), ("c", 0), ("y", 1)]
    assert synonym_queries(entries, limit=2) == synonym_queries(entries, limit=2)
    assert len(synonym_queries(entries, limit=2)) == 2


@given(st.lists(st.integers(0, 5), min_size=1), st.lists(st.integers(0, 5), min_size=1))
def test_auc_against_all_pairs(positive, negative):
    wins = [(p > n) + 0.5 * (p == n) for p in positive for n in negative]
    assert auc(positive, negative) == pytest.approx(sum(wins) / len(wins))


def test_cosines():
    assert cosines(Table(a=0, b=60, c=90), [("a", "b"), ("a", "c"), ("b", "b")]).tolist() == pytest.approx(
        [0.5, 0, 1], abs=1e-6
    )


def test_labelled_pairs(tmp_path):
    path = tmp_path / "pairs.tsv"
    path.write_text("# why\nlabel\ta\tb\n# finance\nsame\tx\ty z\n\nunrelated\tp\tq\nsame\tC#\t.NET\n", "utf-8")
    assert read_labelled_pairs(path) == {"same": [("x", "y z"), ("C#", ".NET")], "unrelated": [("p", "q")]}


@pytest.mark.parametrize("text", ["", "a\tb\n", "label\ta\tb\nsame\tx\n"])
def test_what_are_no_labelled_pairs(tmp_path, text):
    (tmp_path / "pairs.tsv").write_text(text, "utf-8")
    with pytest.raises(InputError, match=r"expected .* with tabs between"):
        read_labelled_pairs(tmp_path / "pairs.tsv")
