"""What a step looks at: texts, and a loss of their vectors."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F  # noqa: N812, torch's own habit

from competency.domains import SkillDomain, domain_penalty
from competency.embedding.tokens import words
from competency.embedding.training import losses
from competency.embedding.training.numbered import Numbered
from competency.embedding.training.recipe import Ids, Recipe
from competency.embedding.training.terms import STOP, UNRELATED
from competency.embedding.training.texts import Ragged, Texts

__all__ = ["Part", "Source", "sources_of"]


@dataclass
class Part:
    """Numbers of texts, those of the phrases that they stand behind (-1: none), and the loss of their vectors."""

    ids: Ids
    loss: Callable[[torch.Tensor], torch.Tensor]
    phrases: Ids | None = None


class Source(Protocol):
    """Something to learn from."""

    def part(self, rng: np.random.Generator) -> Part:
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

    def part(self, rng: np.random.Generator) -> Part:
        ids = _from_clusters(self._clusters, len(self._teacher), self._recipe.batch, rng)
        given = losses.gram(self._teacher[torch.from_numpy(ids)])
        return Part(ids, lambda vectors: losses.distillation(losses.gram(vectors), given, self._recipe.temperature))


class _Synonyms:
    """Names of one thing, and of others that are near to it."""

    def __init__(
        self, sets: Sequence[Sequence[int]], clusters: Sequence[Ids], phrases: Sequence[int], recipe: Recipe
    ) -> None:
        self._sets = [np.array(names) for names in sets]
        self._clusters, self._phrases, self._recipe = clusters, phrases, recipe

    def part(self, rng: np.random.Generator) -> Part:
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
        same = losses.same(np.array(answers))
        temperature = self._recipe.temperature

        def loss(vectors: torch.Tensor) -> torch.Tensor:
            return losses.info_nce(vectors[: len(things)], vectors[len(things) :], same, temperature)

        return Part(np.array(anchors + answers), loss, np.concatenate([behind, np.full(len(things), -1)]))


class _Pairs:
    """Pairs of texts that belong together."""

    def __init__(
        self, pairs: Sequence[tuple[int, int]], n: int, weight: float, temperature: float, least: float = -1
    ) -> None:
        self._pairs = np.array(pairs)
        self._n, self._weight, self._temperature, self._least = n, weight, temperature, least

    def part(self, rng: np.random.Generator) -> Part:
        pairs = self._pairs[rng.integers(len(self._pairs), size=self._n)]
        same = losses.same(pairs[:, 0]) | losses.same(pairs[:, 1])

        def loss(vectors: torch.Tensor) -> torch.Tensor:
            first, second = vectors[: self._n], vectors[self._n :]
            total = self._weight * losses.info_nce(first, second, same, self._temperature)
            if self._least > -1:
                total = total + 2 * (self._least - (first * second).sum(1)).clamp(min=0).square().mean()
            return total

        return Part(pairs.T.reshape(-1), loss)


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

    def part(self, rng: np.random.Generator, n_groups: int = 60, size: int = 5) -> Part:
        chosen = rng.permutation(len(self._groups))[:n_groups].tolist()
        members = [rng.permutation(self._groups[k])[:size] for k in chosen]
        ids = np.concatenate(members)
        group = np.repeat(np.arange(len(chosen)), [len(own) for own in members])
        within = torch.from_numpy((group[:, None] == group[None, :]) & (ids[:, None] != ids[None, :]))
        across = torch.from_numpy(group[:, None] != group[None, :])
        said = None if self._teacher is None else losses.gram(self._teacher[torch.from_numpy(ids)])
        low, high = self._band

        def loss(vectors: torch.Tensor) -> torch.Tensor:
            cosine = losses.gram(vectors)
            if said is None:
                return self._weight * losses.band(cosine.masked_select(within), low, high)
            least = said.masked_select(within).clamp(low, high)
            total = self._weight * losses.band(cosine.masked_select(within), least, high)
            off = cosine - said
            if self._limit is not None:
                off = (cosine - said.clamp(min=self._limit)).clamp(min=0)
            return total + 10 * off.masked_select(across).square().mean()

        return Part(ids, loss)


class _Lures:
    """Pairs of names that look as if they had to do with each other; each has a cosine that it should not exceed."""

    def __init__(self, pairs: Sequence[tuple[int, int, float]]) -> None:
        self._pairs = np.array([pair[:2] for pair in pairs])
        self._most = torch.tensor([most for *_, most in pairs])

    def part(self, rng: np.random.Generator, n: int = 320) -> Part:
        chosen = rng.integers(len(self._pairs), size=n)
        most = self._most[torch.from_numpy(chosen)]

        def loss(vectors: torch.Tensor) -> torch.Tensor:
            return 8 * ((vectors[:n] * vectors[n:]).sum(1) - most).clamp(min=0).square().mean()

        return Part(self._pairs[chosen].T.reshape(-1), loss)


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
            own = [ids[word] for word in dict.fromkeys(words(texts[name])) if word in ids and word not in STOP]
            if 2 <= len(own) <= 4:
                content[name] = own
                for word in own:
                    by_word[word].append(name)
        shared = [word for word, own in by_word.items() if len(own) >= least]
        place = {name: i for i, name in enumerate(content)}
        self._names = np.array([*content])
        self._words = torch.stack([teacher[own].sum(0) for own in content.values()]) if content else torch.zeros(0)
        self._of_word = Ragged([place[name] for name in by_word[word]] for word in shared)
        self._shared = np.repeat(np.arange(len(shared)), self._of_word.lengths)
        self._said = teacher
        self._said_word = teacher[shared]

    def __len__(self) -> int:
        return len(self._shared)

    def part(self, rng: np.random.Generator, n: int = 384) -> Part:
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

        return Part(ids, loss)


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
        self._apart = np.array(penalties) >= UNRELATED
        self._teacher = teacher

    def part(self, rng: np.random.Generator, n: int = 320) -> Part:
        domain = np.sort(rng.integers(len(self._domains), size=n))
        ids = self._names[self._starts[domain] + rng.integers(self._sizes[domain])]
        apart = torch.from_numpy(self._apart[domain[:, None], domain[None, :]])
        same = torch.from_numpy((domain[:, None] == domain[None, :]) & (ids[:, None] != ids[None, :]))
        said = None if self._teacher is None else losses.gram(self._teacher[torch.from_numpy(ids)])

        def loss(vectors: torch.Tensor) -> torch.Tensor:
            cosine = losses.gram(vectors)
            most = 0.1 if said is None else (said.masked_select(apart) - 0.2).clamp(min=0.1)
            return 15 * (cosine.masked_select(apart) - most).clamp(min=0).square().mean() + 2 * (
                (0.2 - cosine.masked_select(same)).clamp(min=0).square().mean()
            )

        return Part(ids, loss)


class _Fields:
    """Fields, and what belongs to them."""

    def __init__(self, fields: Iterable[tuple[int, Sequence[int]]]) -> None:
        self._fields = [(label, np.array(members)) for label, members in fields if len(members)]

    def part(self, rng: np.random.Generator, n_fields: int = 50, size: int = 4) -> Part:
        chosen = [self._fields[k] for k in rng.permutation(len(self._fields))[:n_fields].tolist()]
        members = [rng.permutation(own)[:size] for _, own in chosen]
        group = np.repeat(np.arange(len(chosen)), [len(own) for own in members])
        ids = np.concatenate([[label for label, _ in chosen], *members])
        n = len(chosen)
        siblings = torch.from_numpy(np.triu(group[:, None] == group[None, :], 1))

        def loss(vectors: torch.Tensor) -> torch.Tensor:
            labels, names = vectors[:n][torch.from_numpy(group)], vectors[n:]
            total = 20 * losses.band((labels * names).sum(1), 0.58, 0.7)
            if not siblings.any():
                return total
            return total + 3 * (0.35 - losses.gram(names).masked_select(siblings)).clamp(min=0).square().mean()

        return Part(ids, loss)


def sources_of(
    numbered: Numbered, texts: Texts, taught: NDArray[np.float32] | None, recipe: Recipe
) -> list[list[Source]]:
    """What to learn from: each step looks at one source of each list, in turns, so that steps take equally long."""
    rng = np.random.default_rng(recipe.seed)
    clusters: list[Ids] = []
    always: list[list[Source]] = []
    said = None
    if taught is not None:
        said = torch.from_numpy(taught)
        always.append([_Distillation(said, _clusters(taught, 200, rng), recipe)])
        if numbered.n_skills:
            clusters = _clusters(taught[[names[0] for names in numbered.synonyms[: numbered.n_skills]]], 28, rng)
    apart: list[Source] = []
    if said is not None and len(sharing := _Sharing(numbered.names, texts.texts[: numbered.n_taught], said)):
        apart.append(sharing)
    longer: list[Source] = []
    if numbered.described:
        longer.append(_Pairs(numbered.described, 192, 0.5, 0.07))
    if numbered.needs:
        longer.append(_Pairs(numbered.needs, 160, 0.2, 0.1))
    tools: list[Source] = []
    if numbered.kinds:
        tools.append(_Groups(numbered.kinds, said, (0.5, 0.8), weight=4))
    if numbered.related:
        tools.append(_Pairs(numbered.related, 256, 0.2, 0.1, least=0.4))
    written: list[Source] = []
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
