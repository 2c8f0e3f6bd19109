"""Whatever is no argument of a function at all is refused by the package's own errors, which name it."""

import pytest

from competency import (
    CandidatePool,
    EmbedderError,
    HashingEmbedder,
    PoolError,
    ProficiencyLevel,
    Skill,
    SkillError,
    classify,
    families,
)
from competency.api import batch_match_score


@pytest.fixture
def pool():
    return CandidatePool.build([("a", [Skill("SQL", ProficiencyLevel(1, 5))])], HashingEmbedder(8))


def test_what_is_no_list():
    with pytest.raises(PoolError, match=r"^candidates None: expected a list of \(id, skills\)$"):
        CandidatePool.build(None, HashingEmbedder(8))
    with pytest.raises(SkillError, match=r"^pairs None: expected a list of \(required, candidate\)$"):
        batch_match_score(None)


@pytest.mark.parametrize("name", [None, 3, b"SQL"])
def test_what_is_no_name(name):
    for use in (classify, families.of, lambda name: Skill(name, ProficiencyLevel(1, 5))):
        with pytest.raises(SkillError, match=rf"name {name!r}: expected text$"):
            use(name)


@pytest.mark.parametrize("path", [None, 3, b"a.pool"])
def test_what_is_no_path(pool, path):
    for use in (pool.save, CandidatePool.open, CandidatePool.from_jsonl, CandidatePool.from_parquet):
        with pytest.raises(PoolError, match=rf"^path {path!r}: expected text or a path-like object$"):
            use(path)


def test_a_path_of_a_folder_is_none_of_a_pool(pool, tmp_path):
    with pytest.raises(PoolError, match=r"new/': expected the path of a file, not of a folder$"):
        pool.save(f"{tmp_path}/new/")
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_embedder(pool):
    for use in (pool.check_embedder, lambda embedder: CandidatePool.build([], embedder)):
        with pytest.raises(EmbedderError, match=r"^embedder 5: expected an object with dim, fingerprint and embed$"):
            use(5)
    with pytest.raises(EmbedderError, match=r"^embedder None: "):
        pool.check_embedder(None)


def test_hashing_of_a_lone_surrogate():
    with pytest.raises(EmbedderError, match=r"^name '\\ud800': expected Unicode text without lone surrogates$"):
        HashingEmbedder(4).embed(["SQL", "\ud800"])
