import pytest

from benchmarks import quality
from competency import HashingEmbedder
from competency.embedding import default_embedder
from competency.embedding.evaluate import auc, cosines

FILES = [("tool_pairs.tsv", "equivalent"), ("related_pairs.tsv", "related")]


@pytest.mark.parametrize(("file", "label"), FILES)
def test_wrong_order_is_what_the_auc_leaves(file, label):
    embedder = HashingEmbedder()
    groups = [
        cosines(embedder, [(a, b) for kind, a, b in quality.rows(file) if kind == wanted]).astype(float)
        for wanted in (label, "unrelated")
    ]
    assert quality.wrong_order("hashing", file, label) == pytest.approx(1 - auc(*groups), abs=1e-3)


@pytest.mark.parametrize(("file", "label"), FILES)
def test_enough_pairs_of_each_kind(file, label):
    kinds = [kind for kind, _, _ in quality.rows(file)]
    assert set(kinds) == {label, "unrelated"}
    assert min(kinds.count(kind) for kind in set(kinds)) >= 150


def test_the_default_is_better_than_hashing():
    series = quality.Quality()
    for track in (series.track_wrong_tools, series.track_wrong_skills, series.track_wrong_judgements):
        assert 0 <= track("default") < track("hashing") <= 1


def test_similarities_are_those_of_the_embedder():
    pairs = (("Python", "Java"), ("k8s", "Kubernetes"))
    assert quality.similarities("default", pairs) == pytest.approx(
        cosines(default_embedder(), pairs).tolist(), abs=1e-6
    )
    assert quality.similarities("hashing", pairs) != quality.similarities("default", pairs)


def test_score():
    assert quality.score("SQL", "sql", 1.0) == pytest.approx(1, abs=0.01)
    assert quality.score("SQL", "Payroll", 0.0) < 0.1
