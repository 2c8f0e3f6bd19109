"""The words that get a row, and what the knowledge says of words."""

import math
from collections import defaultdict
from itertools import combinations

import numpy as np

from competency.domains import SkillDomain, domain_penalty
from competency.embedding.tokens import pairs, words
from competency.embedding.training.recipe import Corpus, Recipe
from competency.embedding.weights import checksums
from competency.families import Knowledge

__all__ = ["STOP", "UNRELATED", "choose_terms", "lures", "spelled_words"]

STOP = frozenset((
    "a", "an", "and", "as", "at", "by", "for", "from", "in", "into", "is", "of", "on", "or", "out", "the", "to", "with",
))  # fmt: skip
UNRELATED = domain_penalty(SkillDomain.FINANCE, SkillDomain.DEVOPS)  # of two domains that have nothing in common
_SAME_START = 4  # letters that two words begin with alike
_LEAST_SPELLING = 3  # characters of a word that is nothing but another spelling: two stand for many things


def choose_terms(corpus: Corpus, recipe: Recipe) -> list[str]:
    """Words and pairs of words that get a row: those of the knowledge, then the most frequent."""
    counts: defaultdict[str, float] = defaultdict(float)
    pair_counts: defaultdict[str, float] = defaultdict(float)
    must: dict[str, None] = {}
    trained = [entry for entry in corpus.entries if not entry.held_out]
    for weight, texts in (
        (1.5, [name for entry in trained for name in entry.names]),
        (1.0, [name for entry in corpus.others for name in entry.names]),
        (1.5, [name for name, _ in corpus.groups]),
        (1.0, corpus.names),
        (0.7, [entry.description for entry in (*trained, *corpus.others)]),
    ):
        for text in texts:
            tokens = words(text)
            for token in tokens:
                counts[token] += weight
            for pair in pairs(tokens):
                pair_counts[pair] += weight
    for name in _knowledge_names(corpus.knowledge):
        must.update(dict.fromkeys(words(name)))
    for rank, word in enumerate(corpus.words):
        if words(word) == [word]:
            counts[word] += 1 / (1 + rank / 1000)
    total = sum(counts.values())

    def worth(pair: str) -> float:
        """Count times pointwise mutual information."""
        first, second = pair.split()
        return pair_counts[pair] * math.log(pair_counts[pair] * total / (counts[first] * counts[second]))

    candidates = [pair for pair, count in pair_counts.items() if count >= 5 and not STOP.intersection(pair.split())]
    best_pairs = sorted(candidates, key=lambda pair: (-worth(pair), pair))[: recipe.n_pairs]
    for word, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        if len(must) >= recipe.n_terms - len(best_pairs):
            break
        must.setdefault(word)
    terms = [*must, *best_pairs]
    keys, _ = checksums(terms)
    _, first_of_key = np.unique(keys, return_index=True)
    return [terms[i] for i in sorted(first_of_key.tolist())]  # of two terms with one key the less frequent goes


def _knowledge_names(knowledge: Knowledge) -> list[str]:
    return [
        *(name for family in knowledge.families for name in (family.name, *family.members)),
        *(name for one in knowledge.fields for name in (one.name, *one.members)),
        *(name for names in knowledge.spellings.values() for name in names),
    ]


def lures(knowledge: Knowledge) -> dict[tuple[str, str], float]:
    """Members that share a word or how one begins, but no family or field, and the most that their cosine should be."""
    homes: defaultdict[str, set[str]] = defaultdict(set)
    domains: defaultdict[str, set[SkillDomain]] = defaultdict(set)
    alike: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for family in knowledge.families:
        for name in family.members:
            homes[name].add(f"family {family.name}")
            domains[name].add(family.domain)
            tokens = [word for word in words(name) if word not in STOP]
            for key in {*tokens, *(word[:_SAME_START] + "..." for word in tokens[:1])}:
                alike[key][name] = None
    for one in knowledge.fields:
        for name in one.members:
            homes[name].add(f"field {one.name}")

    def most(a: str, b: str) -> float:
        return 0.3 if all(domain_penalty(x, y) >= UNRELATED for x in domains[a] for y in domains[b]) else 0.4

    return {
        (a, b): most(a, b)
        for _, names in sorted(alike.items())
        for a, b in combinations(names, 2)
        if not homes[a] & homes[b]
    }


def spelled_words(corpus: Corpus) -> dict[str, str]:
    """Words that are nothing but another spelling of a name ("k8s", "aws"), and the name.

    None is a word of the language, for "spa" and "coding" mean other things, too; without a list of those nobody knows.
    Nor is it a form of a word of the name: "warehousing" is more than warehouse operations.
    """
    language = {word.lower() for word in corpus.words}
    found: dict[str, str] = {}
    for name, *spellings in corpus.knowledge.spellings.values() if language else ():
        starts = {word[:_SAME_START] for word in words(name)}
        for spelling in spellings:
            word, *more = words(spelling) or [""]
            if more or len(word) < _LEAST_SPELLING or word in language or len(corpus.knowledge.preferred(spelling)) > 1:
                continue
            if word[:_SAME_START] not in starts or _letters(word) == _letters(name):
                found[word] = name
    return found


def _letters(text: str) -> str:
    return "".join(character for character in text.lower() if character.isalnum())
