"""Training of a static embedder: contrastive on names of the same skill, distilled from a sentence model.

The table has a row for each word and frequent pair of words, and for each bucket of character n-grams. While it is
trained, a word is its own row and those of its n-grams; the row of the word is left out now and then, so that the
n-grams learn to stand for words that nobody knows. At the end a word's rows are folded into one; a word that is only
another spelling of a name, such as k8s, gets those of the name. A layer that sees the sum of a text's rows is trained
with it: it learns what words mean together, and not each on its own.
"""

import dataclasses
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import combinations
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F  # noqa: N812, torch's own habit

from competency.domains import SkillDomain, classify, domain_penalty
from competency.embedding.base import Embedder, embed
from competency.embedding.corpus import Entry
from competency.embedding.quantise import learn_codebook, quantise, quantise_columns, rotation
from competency.embedding.static import StaticEmbedder
from competency.embedding.tokens import buckets, pairs, words
from competency.embedding.weights import LAYER_STEPS, Weights, checksums
from competency.errors import InputError
from competency.families import Knowledge

__all__ = ["Corpus", "Recipe", "train"]

Ids = NDArray[np.int64]
Progress = Callable[[str, int, int], None]

_STOP = frozenset((
    "a", "an", "and", "as", "at", "by", "for", "from", "in", "into", "is", "of", "on", "or", "out", "the", "to", "with",
))  # fmt: skip
_UNRELATED = domain_penalty(SkillDomain.FINANCE, SkillDomain.DEVOPS)  # of two domains that have nothing in common
_AVERAGED_EVERY = 10  # steps
_ADAM_BLOCK = 512  # rows that are changed at one time: they stay in a core's cache
_SAME_START = 4  # letters that two words begin with alike
_LEAST_SPELLING = 3  # characters of a word that is nothing but another spelling: two stand for many things
_N_TAUGHT = 4  # names of a skill that the teacher is asked about, its label first: it takes most of the time
_PHRASES = (
    "experience with", "experience in", "knowledge of", "strong knowledge of", "proficient in", "skills in",
    "good understanding of", "ability to", "you are able to", "familiarity with", "hands-on experience with",
    "expertise in", "excellent skills", "must have", "background in", "working knowledge of", "years of experience",
    "proven track record in", "you have", "responsible for",
)  # fmt: skip


@dataclass(frozen=True)
class Corpus:
    """What is known of names.

    Parameters
    ----------
    entries : sequence of Entry
        Skills with all their names; those held out are left alone.
    others : sequence of Entry
        Other things with several names, such as occupations.
    related : sequence of pairs
        Names of skills that have to do with each other.
    needs : sequence of pairs
        An occupation, and a skill that it needs.
    groups : sequence of pairs
        A name, and what kind of thing it is.
    names : sequence of str
        Further names, about which nothing is known.
    words : sequence of str
        Words of the language, which are worth a row, the more common first.
    knowledge : Knowledge
        Families and fields.
    """

    entries: Sequence[Entry]
    others: Sequence[Entry] = ()
    related: Sequence[tuple[str, str]] = ()
    needs: Sequence[tuple[str, str]] = ()
    groups: Sequence[tuple[str, str]] = ()
    names: Sequence[str] = ()
    words: Sequence[str] = ()
    knowledge: Knowledge = field(default_factory=Knowledge)


@dataclass(frozen=True)
class Recipe:
    """Sizes of the table, and how it is trained."""

    seed: int = 0
    dim: int = 176
    part: int = 2  # dimensions that share a byte in the file
    width: int = 256  # of the layer
    n_buckets: int = 4096
    max_bytes: int = 4_000_000  # of the file
    n_pairs: int = 2500
    steps: int = 3000
    averaged: float = 0.25  # share of the steps, the last ones, whose mean goes into the file
    rate: float = 0.004  # of the table
    layer_rate: float = 0.001
    dropout: float = 0.1  # of rows of words
    batch: int = 512
    temperature: float = 0.05
    shift: float = 0.45  # share of the mean of names that is taken from each

    @property
    def n_terms(self) -> int:
        """Rows that the file has room for, beside those of the buckets."""
        row = self.dim // self.part + 2
        layer = 2 * self.dim * self.width + 2 * (2 * self.width + self.dim) + 4 * self.dim
        return (self.max_bytes - 128 - 256 * 4 * self.part - layer - self.n_buckets * row) // (row + 5)


# ---------------------------------------------------------------------------------------------------------------------
# Texts as rows of the table


class _Ragged:
    """Lists of integers of different lengths."""

    def __init__(self, lists: Iterable[Sequence[int]]) -> None:
        lists = list(lists)
        self.lengths = np.array([len(items) for items in lists], dtype=np.int64)
        self.starts = np.cumsum(self.lengths) - self.lengths
        self.flat = np.array([item for items in lists for item in items], dtype=np.int64)

    def take(self, ids: Ids) -> tuple[Ids, Ids]:
        """Some of the lists, one after the other, and where each starts."""
        lengths = self.lengths[ids]
        starts = np.cumsum(lengths) - lengths
        within = np.arange(lengths.sum()) - np.repeat(starts, lengths)
        return self.flat[np.repeat(self.starts[ids], lengths) + within], starts


def _renumber(values: Ids, n: int) -> tuple[Ids, Ids]:
    """The distinct values, ascending, all below n, and the place of each value among them."""
    used = np.zeros(n, dtype=bool)
    used[values] = True
    distinct = used.nonzero()[0]
    place = np.empty(n, dtype=np.int64)
    place[distinct] = np.arange(len(distinct))
    return distinct, place[values]


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

    candidates = [pair for pair, count in pair_counts.items() if count >= 5 and not _STOP.intersection(pair.split())]
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


def _lures(knowledge: Knowledge) -> dict[tuple[str, str], float]:
    """Members that share a word or how one begins, but no family or field, and the most that their cosine should be."""
    homes: defaultdict[str, set[str]] = defaultdict(set)
    domains: defaultdict[str, set[SkillDomain]] = defaultdict(set)
    alike: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for family in knowledge.families:
        for name in family.members:
            homes[name].add(f"family {family.name}")
            domains[name].add(family.domain)
            tokens = [word for word in words(name) if word not in _STOP]
            for key in {*tokens, *(word[:_SAME_START] + "..." for word in tokens[:1])}:
                alike[key][name] = None
    for one in knowledge.fields:
        for name in one.members:
            homes[name].add(f"field {one.name}")

    def most(a: str, b: str) -> float:
        return 0.3 if all(domain_penalty(x, y) >= _UNRELATED for x in domains[a] for y in domains[b]) else 0.4

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


class _Texts:
    """All texts of the training, each as the rows that it is made of."""

    def __init__(self, terms: Sequence[str], n_buckets: int) -> None:
        self.texts: list[str] = []
        self._ids: dict[str, int] = {}
        self._terms = {term: row for row, term in enumerate(terms)}
        self._n_buckets = n_buckets
        self.n_rows = len(terms) + n_buckets

    def add(self, text: str) -> int:
        """Number of a text."""
        place = self._ids.setdefault(text, len(self.texts))
        if place == len(self.texts):
            self.texts.append(text)
        return place

    def freeze(self) -> None:
        """Take the texts apart; none may be added afterwards."""
        units: dict[str, int] = {}
        lists = []
        for text in self.texts:
            tokens = words(text)
            known_pairs = [pair for pair in pairs(tokens) if pair in self._terms]
            lists.append([units.setdefault(unit, len(units)) for unit in (*tokens, *known_pairs)])
        self._of_text = _Ragged(lists)
        self._of_unit = _Ragged(self.rows(unit) for unit in units)
        self.n_units = len(units)
        self.is_word = np.zeros(self.n_rows, dtype=bool)
        self.is_word[[row for term, row in self._terms.items() if " " not in term]] = True

    def rows(self, unit: str) -> list[int]:
        """Rows of a word or a pair of words."""
        own = [self._terms[unit]] if unit in self._terms else []
        return own if " " in unit else own + buckets(unit, self._n_buckets, len(self._terms))

    def frequency(self) -> NDArray[np.int64]:
        """In how many texts each row occurs, once for each occurrence of it."""
        units = np.bincount(self._of_text.flat, minlength=self.n_units)
        return np.bincount(self._of_unit.flat, np.repeat(units, self._of_unit.lengths), minlength=self.n_rows).astype(
            np.int64
        )

    def batch(self, ids: Ids, phrases: Ids, keep: Callable[[Ids], NDArray[np.bool_]]) -> "_Batch":
        """Texts behind phrases (-1: none) as the rows that they are made of, but for those that are not to be kept."""
        own, own_starts = self._of_text.take(ids)
        with_phrase = phrases >= 0
        before, before_starts = self._of_text.take(phrases[with_phrase])
        units, inverse = _renumber(np.concatenate([own, before]), self.n_units)
        rows, starts = self._of_unit.take(units)
        kept = keep(rows).astype(np.float32)
        used, places = _renumber(rows, self.n_rows)
        arrays = (used, places, starts, kept, inverse[: len(own)], own_starts, with_phrase.nonzero()[0],
                  inverse[len(own) :], before_starts)  # fmt: skip
        return _Batch(*map(torch.from_numpy, arrays))


@dataclass(frozen=True)
class _Batch:
    """Texts as sums of units, and units as sums of the rows of the table that are used."""

    used: torch.Tensor  # rows of the table, each once
    rows: torch.Tensor  # of the units, one after the other, as places among the rows that are used
    starts: torch.Tensor  # of each unit among them
    kept: torch.Tensor  # 1, or 0 for a row that is left out
    units: torch.Tensor  # of the texts, one after the other
    text_starts: torch.Tensor
    with_phrase: torch.Tensor  # places of the texts that stand behind a phrase
    phrase_units: torch.Tensor
    phrase_starts: torch.Tensor

    def embed(self, table: torch.Tensor) -> torch.Tensor:
        """Unit vectors of the texts, shape (n, dim), from the rows of the table that are used."""
        units = F.embedding_bag(self.rows, table, self.starts, mode="sum", per_sample_weights=self.kept)
        sums = F.embedding_bag(self.units, units, self.text_starts, mode="sum")
        if len(self.with_phrase):
            behind = F.embedding_bag(self.phrase_units, units, self.phrase_starts, mode="sum")
            sums = sums.index_add(0, self.with_phrase, behind)
        return F.normalize(sums, dim=1)


# ---------------------------------------------------------------------------------------------------------------------
# Losses


def _info_nce(first: torch.Tensor, second: torch.Tensor, same: torch.Tensor, temperature: float) -> torch.Tensor:
    """Row i of one belongs to row i of the other and to no other row, but for those that are the `same`."""
    logits = (first @ second.T / temperature).masked_fill(same, -1e4)
    target = torch.arange(len(first))
    return 0.6 * F.cross_entropy(logits, target) + 0.4 * F.cross_entropy(logits.T, target)


def _same(groups: Ids) -> torch.Tensor:
    """Pairs of different rows of one group."""
    same = groups[:, None] == groups[None, :]
    np.fill_diagonal(same, False)
    return torch.from_numpy(same)


def _distillation(own: torch.Tensor, given: torch.Tensor, temperature: float) -> torch.Tensor:
    """Two Gram matrices should be alike, above all which entries are the largest of each row."""
    square = (own - given).square().mean()
    off = torch.eye(len(own), dtype=torch.bool)
    ranks = F.cross_entropy(
        (own / temperature).masked_fill(off, -1e4), (given / temperature).masked_fill(off, -1e4).softmax(1)
    )
    return 20 * square + ranks


def _gram(vectors: torch.Tensor) -> torch.Tensor:
    """Cosines of all pairs of unit vectors."""
    return vectors @ vectors.T


def _band(cosine: torch.Tensor, low: torch.Tensor | float, high: torch.Tensor | float) -> torch.Tensor:
    """How far cosines are from a band, squared."""
    return ((low - cosine).clamp(min=0).square() + (cosine - high).clamp(min=0).square()).mean()


# ---------------------------------------------------------------------------------------------------------------------
# What a step looks at: texts, and a loss of their vectors


@dataclass
class _Part:
    ids: Ids
    loss: Callable[[torch.Tensor], torch.Tensor]
    phrases: Ids | None = None


class _Source(Protocol):
    """Something to learn from."""

    def part(self, rng: np.random.Generator) -> _Part:
        """What the next step looks at."""


def _clusters(vectors: NDArray[np.float32], size: int, rng: np.random.Generator) -> list[Ids]:
    """Rows of unit vectors in groups of about some size, by spherical k-means."""
    n = max(1, len(vectors) // size)
    sample = vectors[rng.permutation(len(vectors))[: 64 * n]]
    centres = sample[:n].copy()
    for _ in range(8):
        nearest = (sample @ centres.T).argmax(1)
        for k in range(n):
            if len(own := sample[nearest == k]):
                mean = own.mean(0)
                centres[k] = mean / max(np.linalg.norm(mean), 1e-9)
    nearest = np.concatenate([(vectors[i : i + 8192] @ centres.T).argmax(1) for i in range(0, len(vectors), 8192)])
    order = np.argsort(nearest, kind="stable")
    return [group for group in np.split(order, np.bincount(nearest, minlength=n).cumsum()[:-1]) if len(group)]


def _from_clusters(clusters: Sequence[Ids], n: int, size: int, rng: np.random.Generator) -> Ids:
    """About `size` distinct numbers below n: half of them from anywhere, half from a few clusters, near each other."""
    chosen: list[int] = []
    while clusters and len(chosen) < size // 2:
        chosen += rng.permutation(clusters[int(rng.integers(len(clusters)))])[:28].tolist()
    chosen += rng.integers(n, size=max(size - len(chosen), 0)).tolist()
    return np.array(list(dict.fromkeys(chosen)))


class _Distillation:
    """Texts that should be to each other as the teacher says."""

    def __init__(self, teacher: torch.Tensor, clusters: Sequence[Ids], recipe: Recipe) -> None:
        self._teacher, self._clusters, self._recipe = teacher, clusters, recipe

    def part(self, rng: np.random.Generator) -> _Part:
        ids = _from_clusters(self._clusters, len(self._teacher), self._recipe.batch, rng)
        given = _gram(self._teacher[torch.from_numpy(ids)])
        return _Part(ids, lambda vectors: _distillation(_gram(vectors), given, self._recipe.temperature))


class _Synonyms:
    """Names of one thing, and of others that are near to it."""

    def __init__(
        self, sets: Sequence[Sequence[int]], clusters: Sequence[Ids], phrases: Sequence[int], recipe: Recipe
    ) -> None:
        self._sets = [np.array(names) for names in sets]
        self._clusters, self._phrases, self._recipe = clusters, phrases, recipe

    def part(self, rng: np.random.Generator) -> _Part:
        things = _from_clusters(self._clusters, len(self._sets), self._recipe.batch, rng)
        anchors, answers = [], []
        for thing in things.tolist():
            names = self._sets[thing]
            if rng.random() < 0.7:
                anchors.append(names[rng.integers(1, len(names))])
                answers.append(names[0])
            else:
                first, second = rng.permutation(len(names))[:2]
                anchors.append(names[first])
                answers.append(names[second])
        behind = np.where(rng.random(len(things)) < 0.25, rng.choice(self._phrases, len(things)), -1)
        same = _same(np.array(answers))
        temperature = self._recipe.temperature

        def loss(vectors: torch.Tensor) -> torch.Tensor:
            return _info_nce(vectors[: len(things)], vectors[len(things) :], same, temperature)

        return _Part(np.array(anchors + answers), loss, np.concatenate([behind, np.full(len(things), -1)]))


class _Pairs:
    """Pairs of texts that belong together."""

    def __init__(
        self, pairs: Sequence[tuple[int, int]], n: int, weight: float, temperature: float, least: float = -1
    ) -> None:
        self._pairs = np.array(pairs)
        self._n, self._weight, self._temperature, self._least = n, weight, temperature, least

    def part(self, rng: np.random.Generator) -> _Part:
        pairs = self._pairs[rng.integers(len(self._pairs), size=self._n)]
        same = _same(pairs[:, 0]) | _same(pairs[:, 1])

        def loss(vectors: torch.Tensor) -> torch.Tensor:
            first, second = vectors[: self._n], vectors[self._n :]
            total = self._weight * _info_nce(first, second, same, self._temperature)
            if self._least > -1:
                total = total + 2 * (self._least - (first * second).sum(1)).clamp(min=0).square().mean()
            return total

        return _Part(pairs.T.reshape(-1), loss)


class _Groups:
    """Names in groups: alike within a group, by a band of cosine that the teacher may raise.

    Across groups the cosine is what the teacher says or, where there is a limit, at most that.
    """

    def __init__(
        self,
        groups: Iterable[Sequence[int]],
        teacher: torch.Tensor | None,
        band: tuple[float, float],
        weight: float,
        limit: float | None = None,
    ) -> None:
        self._groups = [np.array(group) for group in groups if len(group) > 1]
        self._teacher, self._band, self._weight, self._limit = teacher, band, weight, limit

    def part(self, rng: np.random.Generator, n_groups: int = 60, size: int = 5) -> _Part:
        chosen = rng.permutation(len(self._groups))[:n_groups].tolist()
        members = [rng.permutation(self._groups[k])[:size] for k in chosen]
        ids = np.concatenate(members)
        group = np.repeat(np.arange(len(chosen)), [len(own) for own in members])
        within = torch.from_numpy((group[:, None] == group[None, :]) & (ids[:, None] != ids[None, :]))
        across = torch.from_numpy(group[:, None] != group[None, :])
        said = None if self._teacher is None else _gram(self._teacher[torch.from_numpy(ids)])
        low, high = self._band

        def loss(vectors: torch.Tensor) -> torch.Tensor:
            cosine = _gram(vectors)
            if said is None:
                return self._weight * _band(cosine.masked_select(within), low, high)
            least = said.masked_select(within).clamp(low, high)
            total = self._weight * _band(cosine.masked_select(within), least, high)
            off = cosine - said
            if self._limit is not None:
                off = (cosine - said.clamp(min=self._limit)).clamp(min=0)
            return total + 10 * off.masked_select(across).square().mean()

        return _Part(ids, loss)


class _Lures:
    """Pairs of names that look as if they had to do with each other; each has a cosine that it should not exceed."""

    def __init__(self, pairs: Sequence[tuple[int, int, float]]) -> None:
        self._pairs = np.array([pair[:2] for pair in pairs])
        self._most = torch.tensor([most for *_, most in pairs])

    def part(self, rng: np.random.Generator, n: int = 320) -> _Part:
        chosen = rng.integers(len(self._pairs), size=n)
        most = self._most[torch.from_numpy(chosen)]

        def loss(vectors: torch.Tensor) -> torch.Tensor:
            return 8 * ((vectors[:n] * vectors[n:]).sum(1) - most).clamp(min=0).square().mean()

        return _Part(self._pairs[chosen].T.reshape(-1), loss)


class _Sharing:
    """Names that share a common word, such as "management", count as alike by what else they say.

    The cosine of two should not exceed what the teacher says of them, less what it gives for the word, and neither what
    it says of their other words, on average.
    """

    def __init__(self, names: Iterable[int], texts: Sequence[str], teacher: torch.Tensor, least: int = 20) -> None:
        ids = {text: place for place, text in enumerate(texts)}
        content: dict[int, list[int]] = {}  # words of each name
        by_word: defaultdict[int, list[int]] = defaultdict(list)
        for name in names:
            own = [ids[word] for word in dict.fromkeys(words(texts[name])) if word in ids and word not in _STOP]
            if 2 <= len(own) <= 4:
                content[name] = own
                for word in own:
                    by_word[word].append(name)
        shared = [word for word, own in by_word.items() if len(own) >= least]
        place = {name: i for i, name in enumerate(content)}
        self._names = np.array([*content])
        self._words = torch.stack([teacher[own].sum(0) for own in content.values()]) if content else torch.zeros(0)
        self._of_word = _Ragged([place[name] for name in by_word[word]] for word in shared)
        self._shared = np.repeat(np.arange(len(shared)), self._of_word.lengths)
        self._said = teacher
        self._said_word = teacher[shared]

    def __len__(self) -> int:
        return len(self._shared)

    def part(self, rng: np.random.Generator, n: int = 384) -> _Part:
        chosen = rng.integers(len(self._shared), size=n)
        word = self._shared[chosen]
        first = self._of_word.flat[chosen]
        second = self._of_word.flat[self._of_word.starts[word] + rng.integers(self._of_word.lengths[word])]
        ids = np.concatenate([self._names[first], self._names[second]])
        said = self._said[torch.from_numpy(ids)]
        whole = (said[:n] * said[n:]).sum(1)
        without = [
            F.normalize(self._words[torch.from_numpy(side)] - self._said_word[torch.from_numpy(word)], dim=1)
            for side in (first, second)
        ]
        rest = (without[0] * without[1]).sum(1)
        most = torch.minimum(1.3 * whole - 0.37, 0.12 + 0.6 * rest).clamp(min=0.08)
        most[whole > 0.75] = 1  # one name in other words

        def loss(vectors: torch.Tensor) -> torch.Tensor:
            return 6 * ((vectors[:n] * vectors[n:]).sum(1) - most).clamp(min=0).square().mean()

        return _Part(ids, loss)


class _Domains:
    """Names of domains that have nothing in common are apart, names of one domain a little alike."""

    def __init__(self, names: Iterable[tuple[int, SkillDomain]], teacher: torch.Tensor | None) -> None:
        by_domain: dict[SkillDomain, dict[int, None]] = {}
        for name, domain in names:
            by_domain.setdefault(domain, {})[name] = None
        by_domain.pop(SkillDomain.GENERAL, None)
        self._domains = sorted(by_domain)
        self._names = np.array([name for domain in self._domains for name in by_domain[domain]])
        self._sizes = np.array([len(by_domain[domain]) for domain in self._domains])
        self._starts = np.cumsum(self._sizes) - self._sizes
        penalties = [[domain_penalty(a, b) for b in self._domains] for a in self._domains]
        self._apart = np.array(penalties) >= _UNRELATED
        self._teacher = teacher

    def part(self, rng: np.random.Generator, n: int = 320) -> _Part:
        domain = np.sort(rng.integers(len(self._domains), size=n))
        ids = self._names[self._starts[domain] + rng.integers(self._sizes[domain])]
        apart = torch.from_numpy(self._apart[domain[:, None], domain[None, :]])
        same = torch.from_numpy((domain[:, None] == domain[None, :]) & (ids[:, None] != ids[None, :]))
        said = None if self._teacher is None else _gram(self._teacher[torch.from_numpy(ids)])

        def loss(vectors: torch.Tensor) -> torch.Tensor:
            cosine = _gram(vectors)
            most = 0.1 if said is None else (said.masked_select(apart) - 0.2).clamp(min=0.1)
            return 15 * (cosine.masked_select(apart) - most).clamp(min=0).square().mean() + 2 * (
                (0.2 - cosine.masked_select(same)).clamp(min=0).square().mean()
            )

        return _Part(ids, loss)


class _Fields:
    """Fields, and what belongs to them."""

    def __init__(self, fields: Iterable[tuple[int, Sequence[int]]]) -> None:
        self._fields = [(label, np.array(members)) for label, members in fields if len(members)]

    def part(self, rng: np.random.Generator, n_fields: int = 50, size: int = 4) -> _Part:
        chosen = [self._fields[k] for k in rng.permutation(len(self._fields))[:n_fields].tolist()]
        members = [rng.permutation(own)[:size] for _, own in chosen]
        group = np.repeat(np.arange(len(chosen)), [len(own) for own in members])
        ids = np.concatenate([[label for label, _ in chosen], *members])
        n = len(chosen)
        siblings = torch.from_numpy(np.triu(group[:, None] == group[None, :], 1))

        def loss(vectors: torch.Tensor) -> torch.Tensor:
            labels, names = vectors[:n][torch.from_numpy(group)], vectors[n:]
            total = 20 * _band((labels * names).sum(1), 0.58, 0.7)
            if not siblings.any():
                return total
            return total + 3 * (0.35 - _gram(names).masked_select(siblings)).clamp(min=0).square().mean()

        return _Part(ids, loss)


# ---------------------------------------------------------------------------------------------------------------------


class _Table:
    """The rows, and Adam's moments of those that were touched."""

    def __init__(self, rows: NDArray[np.float32]) -> None:
        self.rows = torch.from_numpy(rows)
        self._first, self._second = torch.zeros_like(self.rows), torch.zeros_like(self.rows)
        self._step = 0

    def take(self, used: torch.Tensor) -> torch.Tensor:
        """Some of the rows, to be differentiated by."""
        return self.rows.index_select(0, used).requires_grad_()

    def update(self, used: torch.Tensor, taken: torch.Tensor, rate: float) -> None:
        """Change the rows that were taken by their gradient."""
        self._step += 1
        assert taken.grad is not None  # for mypy
        blocks = (tensor.split(_ADAM_BLOCK) for tensor in (used, taken.detach(), taken.grad))
        for at, now, gradient in zip(*blocks, strict=True):
            first = self._first.index_select(0, at).mul_(0.9).add_(gradient, alpha=0.1)
            second = self._second.index_select(0, at).mul_(0.99).addcmul_(gradient, gradient, value=0.01)
            self._first.index_copy_(0, at, first)
            self._second.index_copy_(0, at, second)
            size = second.div_(1 - 0.99**self._step).sqrt_().add_(1e-8)
            self.rows.index_copy_(0, at, now.addcdiv(first.div_(1 - 0.9**self._step), size, value=-rate))


class _Layer:
    """What texts mean beside the sum of their words: rectifiers between two matrices, and how Adam changes them."""

    def __init__(self, recipe: Recipe) -> None:
        chance = torch.Generator().manual_seed(recipe.seed)
        self._scale = math.sqrt(recipe.dim)  # of a unit vector, so that its numbers are about 1
        self.inner = torch.randn(recipe.dim, recipe.width, generator=chance).div_(self._scale).requires_grad_()
        self.offsets = torch.zeros(recipe.width, requires_grad=True)
        self.outer = torch.zeros(recipe.width, recipe.dim, requires_grad=True)
        self.parameters = [self.inner, self.offsets, self.outer]
        self._adam = torch.optim.Adam(self.parameters, betas=(0.9, 0.99))

    def __call__(self, units: torch.Tensor) -> torch.Tensor:
        wide = self._scale * units
        return F.normalize(wide + torch.relu(wide @ self.inner + self.offsets) @ self.outer, dim=1)

    def update(self, rate: float) -> None:
        self._adam.param_groups[0]["lr"] = rate
        self._adam.step()
        self._adam.zero_grad()

    def quantised(
        self, rotation: NDArray[np.float32]
    ) -> tuple[NDArray[np.int8], NDArray[np.int8], NDArray[np.float16], NDArray[np.float16], NDArray[np.float16]]:
        """The arrays of the file, for vectors that are turned by a rotation."""
        with torch.no_grad():
            inner, gains = quantise_columns(rotation.T @ self.inner.numpy())
            outer, out_gains = quantise_columns(self.outer.numpy() @ rotation)
            offsets = LAYER_STEPS * self.offsets.numpy()
        return inner, outer, gains.astype(np.float16), offsets.astype(np.float16), out_gains.astype(np.float16)


class _Mean:
    """Mean of tensors over several steps."""

    def __init__(self, tensors: Sequence[torch.Tensor]) -> None:
        self._tensors = tensors
        self._means = [torch.zeros_like(tensor) for tensor in tensors]
        self._n = 0

    def add(self) -> None:
        """Count the tensors as they are now."""
        self._n += 1
        with torch.no_grad():
            for mean, now in zip(self._means, self._tensors, strict=True):
                mean += (now - mean) / self._n

    def take(self) -> None:
        """Make the tensors what they were on average."""
        with torch.no_grad():
            for mean, now in zip(self._means, self._tensors, strict=True):
                now.copy_(mean)


def _first_rows(
    terms: Sequence[str], texts: _Texts, taught: NDArray[np.float32] | None, recipe: Recipe, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Rows to begin with: of words by the teacher, in its main directions, the rarer the longer; the rest by chance."""
    rows = rng.normal(0, 0.15 / math.sqrt(recipe.dim), (texts.n_rows, recipe.dim))
    if taught is not None:
        single = [place for place, term in enumerate(terms) if " " not in term]
        vectors = taught[[texts.add(terms[place]) for place in single]].astype(np.float64)
        _, _, directions = np.linalg.svd(vectors.T @ vectors)
        vectors = vectors @ directions[: recipe.dim].T
        weight = np.maximum(1, np.log(60_000 / np.maximum(texts.frequency()[single], 1))) / 5
        rows[single, : vectors.shape[1]] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True) * weight[:, None]
    return rows.astype(np.float32)


@dataclass
class _Numbered:
    """A corpus in numbers of texts."""

    synonyms: list[list[int]]  # names of one thing, the first of them its label; skills first
    n_skills: int  # of these, those that are skills
    related: list[tuple[int, int]]
    needs: list[tuple[int, int]]
    kinds: list[list[int]]
    families: list[list[int]]
    fields: list[tuple[int, list[int]]]
    names: list[int]  # of skills, one of each
    domains: list[tuple[int, SkillDomain]]
    lures: list[tuple[int, int, float]]
    described: list[tuple[int, int]]
    phrases: list[int]
    n_taught: int  # texts below this number are short, and the teacher is asked about them


def _number(corpus: Corpus, terms: Sequence[str], texts: _Texts) -> _Numbered:
    """Give each text of a corpus a number; names of entries that are held out get none."""
    trained = [entry for entry in corpus.entries if not entry.held_out]
    held_out = {name.lower() for entry in corpus.entries if entry.held_out for name in entry.names}
    held_out -= {name.lower() for entry in trained for name in entry.names}
    knowledge = corpus.knowledge

    def ids(names: Iterable[str]) -> list[int]:
        return [texts.add(name) for name in dict.fromkeys(names)]

    def synonyms(sets: Iterable[Sequence[str]]) -> list[list[int]]:
        return [own for names in sets if len(own := ids(names)) > 1]

    def allowed(pairs: Iterable[tuple[str, str]]) -> list[tuple[int, int]]:
        return [(texts.add(a), texts.add(b)) for a, b in pairs if not held_out.intersection((a.lower(), b.lower()))]

    for entry in trained:
        ids(entry.names[:_N_TAUGHT])
    spellings = synonyms(knowledge.spellings.values())
    by_kind: dict[str, list[int]] = {}
    for name, kind in corpus.groups:
        by_kind.setdefault(kind, []).append(texts.add(name))
    families = [ids(family.members) for family in knowledge.families]
    plain = [name for name in corpus.names if name.lower() not in held_out]
    labels = [entry.label for entry in trained]
    domains = [(texts.add(name), classify(name)) for name in (*labels, *plain)]
    for family, members in zip(knowledge.families, families, strict=True):
        domains += [(member, family.domain) for member in members]
    fields = [
        *((texts.add(one.name), ids(one.members)) for one in knowledge.fields),
        *((texts.add(one.name), members) for one, members in zip(knowledge.families, families, strict=True)),
    ]
    ids(terms)
    n_taught = len(texts.texts)
    skills = synonyms(entry.names for entry in trained)
    return _Numbered(
        synonyms=skills + 2 * spellings + synonyms(entry.names for entry in corpus.others),
        n_skills=len(skills),
        related=allowed(corpus.related),
        needs=allowed(corpus.needs),
        kinds=list(by_kind.values()),
        families=families,
        fields=fields,
        names=ids([*labels, *plain, *(name for family in knowledge.families for name in family.members)]),
        domains=domains,
        lures=[(texts.add(a), texts.add(b), most) for (a, b), most in _lures(knowledge).items()],
        n_taught=n_taught,
        described=[(texts.add(entry.label), texts.add(entry.description)) for entry in trained if entry.description],
        phrases=ids(_PHRASES),
    )


def _sources(
    numbered: _Numbered, texts: _Texts, taught: NDArray[np.float32] | None, recipe: Recipe
) -> list[list[_Source]]:
    """What to learn from: each step looks at one source of each list, in turns, so that steps take equally long."""
    rng = np.random.default_rng(recipe.seed)
    clusters: list[Ids] = []
    always: list[list[_Source]] = []
    said = None
    if taught is not None:
        said = torch.from_numpy(taught)
        always.append([_Distillation(said, _clusters(taught, 200, rng), recipe)])
        if numbered.n_skills:
            clusters = _clusters(taught[[names[0] for names in numbered.synonyms[: numbered.n_skills]]], 28, rng)
    apart: list[_Source] = []
    if said is not None and len(sharing := _Sharing(numbered.names, texts.texts[: numbered.n_taught], said)):
        apart.append(sharing)
    longer: list[_Source] = []
    if numbered.described:
        longer.append(_Pairs(numbered.described, 192, 0.5, 0.07))
    if numbered.needs:
        longer.append(_Pairs(numbered.needs, 160, 0.2, 0.1))
    tools: list[_Source] = []
    if numbered.kinds:
        tools.append(_Groups(numbered.kinds, said, (0.5, 0.8), weight=4))
    if numbered.related:
        tools.append(_Pairs(numbered.related, 256, 0.2, 0.1, least=0.4))
    written: list[_Source] = []
    if len({domain for _, domain in numbered.domains} - {SkillDomain.GENERAL}) > 1:
        apart.append(_Domains(numbered.domains, said))
    if numbered.families:
        always.append([_Groups(numbered.families, said, (0.64, 0.78), weight=16, limit=0.5)])
    if numbered.fields:
        written.append(_Fields(numbered.fields))
    if numbered.lures:
        written.append(_Lures(numbered.lures))
    synonyms = _Synonyms(numbered.synonyms, clusters, numbered.phrases, recipe)
    return [[synonyms], *always, *(turns for turns in (longer, tools, apart, written) if turns)]


def train(corpus: Corpus, recipe: Recipe, teacher: Embedder | None, progress: Progress) -> Weights:
    """Train a table on a corpus, and quantise it.

    Parameters
    ----------
    corpus : Corpus
    recipe : Recipe
    teacher : Embedder, optional
        A sentence model to learn from.
    progress : callable
        Told what is being done, how much of it is done, and how much there is.

    Raises
    ------
    InputError
        Where no skill that may be learned from has two names.
    """
    terms = choose_terms(corpus, recipe)
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)  # sums in one order: a seed gives the same bytes
    try:
        table, layer = train_floats(corpus, terms, recipe, teacher, progress)
    finally:
        torch.set_num_threads(n_threads)
    return shifted(to_weights(table, layer, terms, recipe, spelled_words(corpus)), corpus, recipe)


def train_floats(
    corpus: Corpus, terms: Sequence[str], recipe: Recipe, teacher: Embedder | None, progress: Progress
) -> tuple[NDArray[np.float32], _Layer]:
    """The table before it is folded and quantised, shape (n_terms + n_buckets, dim), terms first, and the layer."""
    rng = np.random.default_rng(recipe.seed)
    texts = _Texts(terms, recipe.n_buckets)
    numbered = _number(corpus, terms, texts)
    if not numbered.synonyms:
        raise InputError("no skill with another name: expected alternative labels in the taxonomy")
    texts.freeze()
    taught = None if teacher is None else _taught(texts.texts[: numbered.n_taught], teacher, progress)
    sources = _sources(numbered, texts, taught, recipe)
    table, layer = _Table(_first_rows(terms, texts, taught, recipe, rng)), _Layer(recipe)

    def keep(rows: Ids) -> NDArray[np.bool_]:
        return ~(texts.is_word[rows] & (rng.random(len(rows)) < recipe.dropout))

    def prepare(step: int) -> tuple[list[_Part], _Batch]:
        parts = [turns[step % len(turns)].part(rng) for turns in sources]
        ids = np.concatenate([part.ids for part in parts])
        phrases = [np.full(len(part.ids), -1) if part.phrases is None else part.phrases for part in parts]
        return parts, texts.batch(ids, np.concatenate(phrases), keep)

    mean = _Mean([table.rows, *layer.parameters])
    with ThreadPoolExecutor(1) as ahead:  # another core may draw what the next step looks at: it needs no table
        coming = ahead.submit(prepare, 0)
        for step in range(recipe.steps):
            parts, batch = coming.result()
            if step + 1 < recipe.steps:
                coming = ahead.submit(prepare, step + 1)
            taken = table.take(batch.used)
            vectors = layer(batch.embed(taken))
            loss = torch.zeros(())
            for part, own in zip(parts, torch.split(vectors, [len(part.ids) for part in parts]), strict=True):
                loss = loss + part.loss(own)
            loss.backward()
            warm = min(1, (step + 1) / 50)
            left = 1 - max(0, step - 50) / max(1, recipe.steps - 50)
            share = warm * max(left, 0.02)
            table.update(batch.used, taken, recipe.rate * share)
            layer.update(recipe.layer_rate * share)
            behind = recipe.steps - 1 - step
            if behind <= recipe.averaged * recipe.steps and behind % _AVERAGED_EVERY == 0:
                mean.add()
            progress(f"training, loss {loss.item():.3f}", step + 1, recipe.steps)
    mean.take()
    rows_now: NDArray[np.float32] = table.rows.numpy()
    return rows_now, layer


def _taught(texts: Sequence[str], teacher: Embedder, progress: Progress) -> NDArray[np.float32]:
    vectors = np.empty((len(texts), teacher.dim), np.float32)
    order = sorted(range(len(texts)), key=lambda i: (len(texts[i]), texts[i]))  # a batch of like lengths is faster
    for start in range(0, len(texts), 2048):
        batch = order[start : start + 2048]
        vectors[batch] = embed(teacher, [texts[i] for i in batch])
        progress("embedding with the teacher", start + len(batch), len(texts))
    return vectors


def fold(table: NDArray[np.float32], terms: Sequence[str], n_buckets: int) -> NDArray[np.float32]:
    """The table with each word's row and those of its n-grams summed, so that a known word is one row."""
    folded = table.copy()
    for row, term in enumerate(terms):
        if " " not in term:
            folded[row] += table[buckets(term, n_buckets, len(terms))].sum(0)
    return folded


def with_spellings(
    folded: NDArray[np.float32], terms: Sequence[str], spelled: Mapping[str, str]
) -> NDArray[np.float32]:
    """The table with the rows of words that are spelled for a name: the sum of those of the name."""
    table = folded.copy()
    rows = {term: row for row, term in enumerate(terms)}
    for _ in range(2):  # a name may have such a word in it: "AWS Lambda"
        for word, name in spelled.items():
            tokens = words(name)
            parts = [rows[term] for term in (*tokens, *pairs(tokens)) if term in rows]
            if word in rows and parts:
                table[rows[word]] = table[parts].sum(0)
    return table


def to_weights(
    table: NDArray[np.float32], layer: _Layer, terms: Sequence[str], recipe: Recipe, spelled: Mapping[str, str]
) -> Weights:
    """The file's arrays of a table and a layer."""
    folded = fold(table, terms, recipe.n_buckets)
    turn = rotation(folded, recipe.part, recipe.seed)
    codebook = learn_codebook(folded @ turn, recipe.part, recipe.seed)
    codes, scales = quantise(with_spellings(folded, terms, spelled) @ turn, codebook)
    keys, checks = checksums(terms)
    order = np.argsort(keys)
    rows = np.concatenate([order, np.arange(len(terms), len(table))])
    none = np.zeros(recipe.dim, np.float32)
    return Weights(codebook, keys[order], scales[rows], checks[order], codes[rows], *layer.quantised(turn), none)


def shifted(weights: Weights, corpus: Corpus, recipe: Recipe) -> Weights:
    """Weights that take a share of the mean of many names from each vector: what all names have in common."""
    names = corpus.names or [entry.label for entry in corpus.entries if not entry.held_out]
    mean = StaticEmbedder(weights, cache_size=0).embed(names).mean(axis=0, dtype=np.float64)
    return dataclasses.replace(weights, shift=(recipe.shift * mean).astype(np.float32))
