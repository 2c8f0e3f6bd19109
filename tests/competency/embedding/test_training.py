import dataclasses
from pathlib import Path

import numpy as np
import pytest

from competency import HashingEmbedder, InputError, SkillDomain
from competency.embedding import weights as weights_file
from competency.embedding.corpus import Entry
from competency.embedding.evaluate import cosines, retrieval
from competency.embedding.quantise import rotation
from competency.embedding.static import StaticEmbedder
from competency.embedding.tokens import words
from competency.embedding.weights import checksums
from competency.families import Family, Field, Knowledge, parse
from tests.small_weights import random_weights

pytest.importorskip("torch", reason="training needs torch")

import torch

from competency.embedding.training import Corpus, Recipe, model, train
from competency.embedding.training.finish import fold, with_spellings
from competency.embedding.training.loop import train_floats
from competency.embedding.training.numbered import number
from competency.embedding.training.sources import _Sharing
from competency.embedding.training.terms import choose_terms, lures, spelled_words
from competency.embedding.training.texts import Texts

SMALL = Recipe(dim=24, part=2, width=16, n_buckets=128, max_bytes=40_000, steps=120, batch=32, rate=0.02, n_pairs=20)
VERBS = [("manage", "lead"), ("build", "construct"), ("clean", "wash"), ("paint", "colour"), ("sell", "vend")]
THINGS = [("house", "home"), ("car", "automobile"), ("sea", "ocean"), ("child", "kid"), ("street", "road")]
ENTRIES = [
    Entry(f"{verb} {thing}", (f"{other_verb} {other_thing}", f"{verb} {other_thing}"), f"how to {verb} a {thing}")
    for verb, other_verb in VERBS
    for thing, other_thing in THINGS
]
KNOWLEDGE = parse(
    """
[spellings]
"Kubernetes" = ["k8s"]
[[family]]
name = "CI/CD server"
does = "Builds."
domain = "devops"
members = ["Jenkins", "Bamboo", "Drone"]
[[family]]
name = "ledger"
does = "Keeps accounts."
domain = "finance"
members = ["Xero", "Quickbooks", "Sage"]
[[field]]
name = "Agile"
members = ["Scrum", "Kanban", "Crystal"]
[[field]]
name = "Baking"
members = ["Bread", "Cakes", "Pies"]
"""
)
FULL = Corpus(
    entries=[*ENTRIES, Entry("held out", ("secret name", "hidden name"), held_out=True)],
    others=[Entry("house builder", ("home constructor",))],
    related=[("build house", "paint house"), ("secret name", "build house")],
    needs=[("house builder", "build house"), ("spy", "hidden name")],
    groups=[("Jenkins", "servers"), ("Bamboo", "servers"), ("Xero", "ledgers"), ("Sage", "ledgers")],
    names=["wash clothes", "secret name", *(f"machine learning {i}" for i in range(6))],
    words=["the", "##ing", "planet"],
    knowledge=KNOWLEDGE,
)


def silent(what, done, total):
    pass


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    path = tmp_path_factory.mktemp("trained") / "a.weights"
    weights_file.write(path, train(FULL, dataclasses.replace(SMALL, steps=400), HashingEmbedder(64), silent))
    return StaticEmbedder(path)


def test_synonyms_of_entries_that_were_not_seen_are_found(tmp_path):
    """Each of the words is known from other entries: the held-out names are new combinations."""
    entries = [dataclasses.replace(entry, held_out=place % 4 == 0) for place, entry in enumerate(ENTRIES)]
    queries = [(entry.alternatives[0], place) for place, entry in enumerate(entries) if entry.held_out]
    labels = [entry.label for entry in entries]
    figures = []
    for steps in (1, 150):
        recipe = dataclasses.replace(SMALL, steps=steps)
        weights_file.write(tmp_path / "a", train(Corpus(entries), recipe, None, silent))
        figures.append(retrieval(StaticEmbedder(tmp_path / "a"), queries, labels)[0].mrr)
    assert figures[1] > 0.9 > figures[0]


def test_what_was_written_down_is_learned(trained):
    same, field, spelling, apart = cosines(
        trained, [("Jenkins", "Bamboo"), ("Agile", "Scrum"), ("k8s", "Kubernetes"), ("Jenkins", "Xero")]
    )
    assert 0.4 < same < 0.9
    assert 0.35 < field < 0.9
    assert spelling > 0.4
    assert apart < 0.3


def test_the_file_is_no_larger_than_it_may_be(trained):
    assert trained._weights.n_terms <= SMALL.n_terms
    assert Path(trained._given).stat().st_size <= SMALL.max_bytes


def test_a_recipe_fills_its_file():
    recipe = Recipe()
    size = 72 + 256 * recipe.part * 4 + (recipe.n_terms + recipe.n_buckets) * (recipe.dim // recipe.part + 2)
    size += 2 * recipe.dim * recipe.width + 2 * (2 * recipe.width + recipe.dim) + 4 * recipe.dim
    assert 3_990_000 < size + 5 * recipe.n_terms <= recipe.max_bytes <= 4_000_000


def test_same_seed_same_weights_other_seed_other_weights():
    recipe = dataclasses.replace(SMALL, steps=10)
    first, again, other = (
        train(FULL, dataclasses.replace(recipe, seed=seed), HashingEmbedder(64), silent) for seed in (1, 1, 2)
    )
    for field in ("codebook", "keys", "scales", "codes", "inner", "outer", "gains", "offsets", "out_gains", "shift"):
        np.testing.assert_array_equal(getattr(first, field), getattr(again, field))
    assert (first.codes != other.codes).any()


def test_held_out_names_are_no_texts_of_the_training():
    terms = choose_terms(FULL, SMALL)
    texts = Texts(terms, 128)
    number(FULL, terms, texts)
    assert not {"held out", "secret name", "hidden name"} & set(texts.texts)
    assert not {"held", "hidden"} & set(terms)
    assert "wash clothes" in texts.texts


def test_terms():
    terms = choose_terms(FULL, SMALL)
    assert {"jenkins", "k8s", "agile", "house", "planet", "manage"} <= set(terms)
    assert "##ing" not in terms
    assert "machine learning" in terms  # often enough
    assert "how to" not in terms  # a stop word
    assert len(set(terms)) == len(terms)
    few = dataclasses.replace(SMALL, max_bytes=4500)
    assert len(choose_terms(FULL, few)) == few.n_terms or len(KNOWLEDGE.families) > few.n_terms


def test_folding_a_word_sums_its_rows():
    terms = ["python", "data", "big data"]
    table = np.random.default_rng(0).normal(size=(3 + 16, 4)).astype(np.float32)
    folded = fold(table, terms, 16)
    texts = Texts(terms, 16)
    for row, term in enumerate(terms):
        np.testing.assert_allclose(folded[row], table[texts.rows(term)].sum(0), rtol=1e-5)
    np.testing.assert_array_equal(folded[2:], table[2:])


def test_a_word_that_is_another_spelling_gets_the_rows_of_the_name():
    terms = ["bdl", "bd", "big", "data", "lake", "big data"]
    table = np.random.default_rng(0).normal(size=(len(terms) + 16, 4)).astype(np.float32)
    spelled = {"bdl": "BD Lake", "bd": "Big Data", "unknown": "Big Data", "lake": "?"}
    found = with_spellings(table, terms, spelled)
    np.testing.assert_array_equal(found[2:], table[2:])
    np.testing.assert_allclose(found[1], table[[2, 3, 5]].sum(0), rtol=1e-5)
    np.testing.assert_allclose(found[0], table[[2, 3, 5, 4]].sum(0), rtol=1e-5)


def test_words_that_are_another_spelling():
    knowledge = parse("""
ambiguous = ["gcp"]
[spellings]
"Amazon Web Services" = ["AWS", "amazon aws", "Amazon-WS"]
"Single-Page Applications" = ["SPA"]
"JavaScript" = ["JS", "ecmascript"]
"Microsoft Excel" = ["Excel"]
"Warehouse operations" = ["warehousing"]
"Node.js" = ["NodeJS"]
"Google Cloud Platform" = ["GCP"]
"Good Clinical Practice" = ["GCP"]
""")
    corpus = Corpus([], words=["Spa", "cloud"], knowledge=knowledge)
    assert spelled_words(corpus) == {
        "aws": "Amazon Web Services",
        "ecmascript": "JavaScript",
        "nodejs": "Node.js",
    }
    assert spelled_words(dataclasses.replace(corpus, words=[])) == {}


def test_trained_spellings_are_the_name(trained):
    (cosine,) = cosines(trained, [("k8s", "Kubernetes")])
    assert cosine > 0.99


def test_forward_is_the_sum_of_rows():
    terms = ["big", "data", "big data", "experience"]
    texts = Texts(terms, 16)
    names = ["Big Data", "unknown data", "experience with", "..."]
    for name in names:
        texts.add(name)
    texts.freeze()
    table = torch.randn(len(terms) + 16, 4)
    ids = np.array([0, 1, 0, 3])
    batch = texts.batch(ids, np.array([-1, 2, -1, -1]), lambda rows: np.ones(len(rows), bool))
    vectors = batch.embed(table[batch.used])
    for vector, name in zip(vectors, ["big data", "unknown data experience with", "big data", ""], strict=True):
        tokens = words(name)
        units = tokens + (["big data"] if name == "big data" else [])
        total = table[[row for unit in units for row in texts.rows(unit)]].sum(0)
        torch.testing.assert_close(vector, total / total.norm() if units else total)


def test_rows_are_changed_as_by_adam_in_several_blocks():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(model._ADAM_BLOCK + 90, 3)).astype(np.float32)
    table = model.Table(rows.copy())
    expected = torch.nn.Parameter(torch.from_numpy(rows.copy()))
    adam = torch.optim.Adam([expected], betas=(0.9, 0.99))
    for rate in (0.1, 0.05, 0.2):
        adam.param_groups[0]["lr"] = rate
        factors = torch.from_numpy(rng.normal(size=rows.shape).astype(np.float32))
        adam.zero_grad()
        (expected * factors).sum().backward()
        adam.step()
        order = torch.from_numpy(rng.permutation(len(rows)))
        taken = table.take(order)
        (taken * factors[order]).sum().backward()
        table.update(order, taken, rate)
        torch.testing.assert_close(table.rows, expected.detach())


def test_the_table_and_the_layer_are_the_mean_of_the_last_steps(monkeypatch):
    seen = []
    add = model.Mean.add

    def spied(mean):
        add(mean)
        seen.append([tensor.detach().numpy().copy() for tensor in mean._tensors])

    monkeypatch.setattr(model.Mean, "add", spied)
    recipe = dataclasses.replace(SMALL, steps=40, averaged=0.5)
    terms = choose_terms(FULL, recipe)
    table, layer = train_floats(FULL, terms, recipe, HashingEmbedder(64), silent)
    assert len(seen) == 3  # after the last step, 10 before it, and 20
    found = [table, *(tensor.detach().numpy() for tensor in layer.parameters)]
    for mean, *steps in zip(found, *seen, strict=True):
        np.testing.assert_allclose(mean, np.mean(steps, axis=0), atol=1e-6)
        assert (steps[0] != steps[-1]).any()


def test_the_file_s_layer_does_what_the_trained_one_did():
    recipe = Recipe(dim=24, part=3, width=40, seed=3)
    layer = model.Layer(recipe)
    rng = np.random.default_rng(0)
    units = rng.normal(size=(50, 24)).astype(np.float32)
    units /= np.linalg.norm(units, axis=1, keepdims=True)
    with torch.no_grad():
        np.testing.assert_allclose(layer(torch.from_numpy(units)), units, atol=1e-6)  # nothing before it is trained
        layer.outer += torch.from_numpy(rng.normal(size=(40, 24)).astype(np.float32)) / 6
        layer.offsets += torch.from_numpy(rng.normal(size=40).astype(np.float32)) / 3
        expected = layer(torch.from_numpy(units)).numpy()
    turned = rotation(rng.normal(size=(100, 24)).astype(np.float32), 3)
    inner, outer, gains, offsets, out_gains = layer.quantised(turned)
    file = dataclasses.replace(
        random_weights(dim=24, width=40),
        inner=inner, outer=outer, gains=gains, offsets=offsets, out_gains=out_gains, shift=np.zeros(24, np.float32),
    )  # fmt: skip
    found = file.together(units @ turned) @ turned.T
    assert (found * expected).sum(1).min() > 0.999
    assert (units * expected).sum(1).max() < 0.99  # it does do something


def test_a_share_of_what_all_names_have_in_common_is_taken_away():
    recipe = dataclasses.replace(SMALL, steps=5, shift=0.5)
    plain = train(FULL, dataclasses.replace(recipe, shift=0), HashingEmbedder(64), silent)
    shifted = train(FULL, recipe, HashingEmbedder(64), silent)
    before, after = (StaticEmbedder(weights).embed(FULL.names) for weights in (plain, shifted))
    np.testing.assert_allclose(shifted.shift, before.mean(0) / 2, atol=1e-6)
    moved = before - before.mean(0) / 2
    np.testing.assert_allclose(after, moved / np.linalg.norm(moved, axis=1, keepdims=True), atol=1e-6)


def test_names_that_share_a_word_count_by_their_other_words():
    texts = ["software testing", "blood testing", "testing of software", "testing", "software", "blood", "of", "Rust"]
    one, two, shared = np.eye(3, 8, dtype=np.float32)
    said = np.stack([one + shared, two + shared, one + 1.2 * shared, shared, one, two, two, two])
    said /= np.linalg.norm(said, axis=1, keepdims=True)
    sharing = _Sharing([0, 1, 2, 7], texts, torch.from_numpy(said), least=3)
    part = sharing.part(np.random.default_rng(0), n=40)
    first, second = part.ids[:40], part.ids[40:]
    assert set(part.ids.tolist()) == {0, 1, 2}
    other = (first == 1) != (second == 1)
    assert other.any()
    assert not other.all()
    same = torch.ones(80, 1)
    assert part.loss(same).item() == pytest.approx(6 * other.mean() * (1 - 0.12) ** 2, rel=1e-4)
    apart = torch.cat([torch.ones(40, 1), torch.zeros(40, 1)])
    assert part.loss(apart).item() == 0
    assert len(_Sharing([0, 1, 2, 7], texts, torch.from_numpy(said), least=4)) == 0


def test_keys_of_terms_are_distinct():
    keys, _ = checksums(choose_terms(FULL, SMALL))
    assert len(np.unique(keys)) == len(keys)


def test_progress_is_told():
    told = []
    train(FULL, dataclasses.replace(SMALL, steps=3), HashingEmbedder(64), lambda *what: told.append(what))
    assert told[-1][1:] == (3, 3)
    assert {what.split(",")[0] for what, _, _ in told} == {"embedding with the teacher", "training"}


def test_nothing_to_learn_from():
    with pytest.raises(InputError, match="no skill with another name: expected alternative labels"):
        train(Corpus([Entry("a"), Entry("b", ("c",), held_out=True)]), SMALL, None, silent)


def test_lures_share_a_word_and_no_home():
    finance, devops, software = SkillDomain.FINANCE, SkillDomain.DEVOPS, SkillDomain.SOFTWARE_DEVELOPMENT
    knowledge = Knowledge(
        families=(
            Family("ledgers", "", finance, ("General Ledger", "Sub Ledger", "Budget Server")),
            Family("servers", "", devops, ("Build Server", "Ledger of Builds", "Mail of Servers")),
            Family("languages", "", software, ("Server Pages",)),
            Family("parts", "", software, ("Servlets",)),
        ),
        fields=(Field("Accounts", ("Sub Ledger", "Ledger of Builds")),),
    )
    assert lures(knowledge) == {
        ("General Ledger", "Ledger of Builds"): 0.3,
        ("Budget Server", "Build Server"): 0.3,
        ("Budget Server", "Server Pages"): 0.3,
        ("Build Server", "Server Pages"): 0.4,  # neighbouring domains
        ("Server Pages", "Servlets"): 0.4,
    }
