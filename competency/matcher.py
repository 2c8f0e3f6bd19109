"""Matching: from two lists of skills to a result."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from operator import countOf

import numpy as np
from numpy.typing import ArrayLike, NDArray

from competency.columns import SkillLists, columns, stacked_columns
from competency.config import ScoringConfig
from competency.embedding import Embedder, default_embedder, embed
from competency.errors import ConfigError, EmbedderError, PoolError, SimilarityError, SkillError, each, shown
from competency.pool import CandidatePool
from competency.ranking import (
    Bands,
    Plan,
    Ranker,
    Ranking,
    Sizes,
    all_candidates,
    best_candidates,
    carriers,
    group_plan,
    likely_best,
    name_codes,
    parse_budget,
    parse_top,
)
from competency.result import MatchResult
from competency.scoring import LARGEST_SIMILARITY, Model, Scores, check_strategy
from competency.similarity import similarity_rows, stacked_similarity_rows
from competency.skills import Skill

__all__ = ["SkillMatcher", "skill_list"]

Skills = tuple[Skill, ...]
Pair = tuple[Skills, Skills]
Codes = NDArray[np.intp]

logger = logging.getLogger("competency")

_STACK_CELLS = 65_536  # similarities that are scored at one time, and kept as long as one of their results is


def skill_list(role: str, skills: Iterable[Skill]) -> tuple[Skill, ...]:
    """Skills as a tuple; `SkillError` names the role and position of what is no skill, and refuses an empty list."""
    try:
        checked = tuple(skills)
    except TypeError:
        raise SkillError(f"{role} skills {shown(skills)}: expected a list of Skill") from None
    if not checked:
        raise SkillError(f"{role} skills []: expected at least one skill")
    if countOf(map(type, checked), Skill) == len(checked):
        return checked
    for position, skill in enumerate(checked):
        if not isinstance(skill, Skill):
            raise SkillError(f"{role} skill {position}, {shown(skill)}: expected a Skill")
    return checked


def _similarity_matrix(similarities: ArrayLike, shape: tuple[int, int]) -> NDArray[np.float64]:
    """A given similarity matrix, checked, as float64 rows of shape (n_required, n_candidate) of its own."""
    try:
        matrix = np.asarray(similarities)
    except ValueError:
        raise SimilarityError("similarities of uneven rows: expected a matrix of numbers") from None
    if matrix.dtype.kind not in "fiu":
        raise SimilarityError(f"similarities of dtype {matrix.dtype}: expected real numbers")
    if matrix.shape != shape:
        raise SimilarityError(f"similarities of shape {matrix.shape}: expected (n_candidate, n_required) = {shape}")
    rows = np.array(matrix.T, dtype=np.float64, order="C")
    if not (rows.min() >= -LARGEST_SIMILARITY and rows.max() <= LARGEST_SIMILARITY):
        if not np.isfinite(rows).all():
            raise SimilarityError(f"similarity {rows[~np.isfinite(rows)][0]}: expected finite values")
        raise SimilarityError(f"similarity {rows.flat[np.abs(rows).argmax()]}: expected a cosine in [-1, 1]")
    return rows


class SkillMatcher:
    """Matches the skills of candidates to the required skills of jobs.

    Parameters
    ----------
    embedder : Embedder, optional
        What turns names into vectors; by default the `StaticEmbedder` that comes with the package.
    strategy : {"default", "conservative", "aggressive"}
        How uncertainty counts.
    config : ScoringConfig, optional
        The constants of the scoring model.

    Raises
    ------
    ConfigError
        Where there is no such strategy, or `config` is no `ScoringConfig`.
    EmbedderError
        Where `embedder` is no `Embedder`.

    Notes
    -----
    A matcher holds no state between calls, and may be used from many threads at once, as far as its embedder may. A
    list of skills may hold the same skill more than once: each counts.
    """

    def __init__(
        self, embedder: Embedder | None = None, strategy: str = "default", config: ScoringConfig | None = None
    ) -> None:
        self.embedder: Embedder = default_embedder() if embedder is None else embedder
        self.strategy = check_strategy(strategy)
        self.config = ScoringConfig() if config is None else config
        is_class = isinstance(embedder, type)  # which has all that its instances have
        if embedder is not None and (is_class or not isinstance(embedder, Embedder)):  # the default is not opened yet
            raise EmbedderError(f"embedder {shown(embedder)}: expected dim, fingerprint and embed(names)")
        if not isinstance(self.config, ScoringConfig):
            raise ConfigError(f"config {shown(config)}: expected a ScoringConfig")
        self._model = Model(self.config, self.strategy)

    def similarities(self, required: Iterable[Skill], candidate: Iterable[Skill]) -> NDArray[np.float64]:
        """Cosine similarities between the names of two lists of skills.

        Returns
        -------
        ndarray of float64, shape (n_candidate, n_required)

        Raises
        ------
        SkillError
            Where a list is empty or holds something else than `Skill`.
        EmbedderError
            Where the embedder returns something else than embeddings.
        """
        required, candidate = skill_list("required", required), skill_list("candidate", candidate)
        return similarity_rows(self.embedder, required, candidate).T

    def match(
        self, required: Iterable[Skill], candidate: Iterable[Skill], *, similarities: ArrayLike | None = None
    ) -> MatchResult:
        """Match a candidate's skills to the required skills of a job.

        Parameters
        ----------
        required, candidate : iterable of Skill
            Neither may be empty.
        similarities : array_like of float, shape (n_candidate, n_required), optional
            Cosine similarities of one's own; the embedder is not asked then.

        Raises
        ------
        SkillError
            Where a list is empty or holds something else than `Skill`.
        SimilarityError
            Where `similarities` has the wrong shape, is not finite, or is no cosine.
        EmbedderError
            Where the embedder returns something else than embeddings.
        """
        required, candidate = skill_list("required", required), skill_list("candidate", candidate)
        if similarities is not None:
            rows = _similarity_matrix(similarities, (len(candidate), len(required)))
        else:
            rows = similarity_rows(self.embedder, required, candidate)
        return self._match(required, candidate, rows)

    def match_many(self, pairs: Iterable[tuple[Iterable[Skill], Iterable[Skill]]]) -> list[MatchResult]:
        """Match many pairs; each distinct name is embedded once.

        Parameters
        ----------
        pairs : iterable of (required, candidate)
            Each as for `match`.

        Raises
        ------
        SkillError
            Where a pair is no pair, or a list in it is not usable; nothing is matched then.
        EmbedderError
            Where the embedder returns something else than embeddings.
        """
        checked = []
        for position, pair in enumerate(each("pairs", pairs, "pairs of (required, candidate)")):
            try:
                required, candidate = pair
            except (TypeError, ValueError):
                raise SkillError(f"pair {position}, {shown(pair)}: expected (required, candidate)") from None
            try:
                checked.append((skill_list("required", required), skill_list("candidate", candidate)))
            except SkillError as error:
                raise SkillError(f"pair {position}: {error}") from None
        return self._match_pairs(checked)

    def rank(
        self,
        required: Iterable[Skill],
        pool: CandidatePool,
        top: int | None = 10,
        *,
        explain: bool = False,
        memory_budget: int | str | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Ranking:
        """The best candidates of a pool for a job.

        Parameters
        ----------
        required : iterable of Skill
            The skills of the job.
        pool : CandidatePool
            Embedded by this matcher's embedder.
        top : int, optional
            How many; None ranks everyone, without the matches in full, and keeps a position and a score of each.
        explain : bool, default False
            Whether to say which of a candidate's skills carried each requirement.
        memory_budget : int or str, optional
            Bytes of heap, or text such as "256 MB", that ranking may take; mapped files do not count.
        progress : callable, optional
            Called with the numbers of candidates looked at so far and in all.

        Returns
        -------
        Ranking
            The scores are those of `match` for the same candidate, to the last bit; where everyone is ranked they are
            right to 1e-6, except where a similarity lies within 1e-6 of a step of the model.

        Raises
        ------
        SkillError
            Where `required` is empty or holds something else than `Skill`.
        PoolError
            Where the pool is of another embedder, or damaged.
        ConfigError
            Where `top` is no integer of 1 or more, or the budget is not usable or too small.
        EmbedderError
            Where the embedder returns something else than embeddings.
        """
        jobs = [skill_list("required", required)]
        return next(self._rank(jobs, pool, top, explain, parse_budget(memory_budget), progress))

    def rank_many(
        self,
        jobs: Iterable[Iterable[Skill]],
        pool: CandidatePool,
        top: int | None = 10,
        *,
        explain: bool = False,
        memory_budget: int | str | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> list[Ranking]:
        """The best candidates of a pool for each of many jobs, which share the passes over the pool.

        Parameters
        ----------
        jobs : iterable of iterable of Skill
            The skills of each job.
        pool, top, explain, memory_budget
            As for `rank`; the results of the jobs that were ranked before come on top of the budget.
        progress : callable, optional
            Called with the numbers of candidates looked at so far and in all, each counted once a job.

        Returns
        -------
        list of Ranking
            Those that `rank` gives for each job.

        Raises
        ------
        SkillError
            Where a job is empty or holds something else than `Skill`; nothing is ranked then.
        PoolError, ConfigError, EmbedderError
            As for `rank`.
        """
        checked = []
        for position, job in enumerate(each("jobs", jobs, "lists of Skill")):
            try:
                checked.append(skill_list("required", job))
            except SkillError as error:
                raise SkillError(f"job {position}: {error}") from None
        return list(self._rank(checked, pool, top, explain, parse_budget(memory_budget), progress))

    def _rank(
        self,
        jobs: Sequence[Skills],
        pool: CandidatePool,
        top: int | None,
        explain: bool,
        budget: float,
        progress: Callable[[int, int], None] | None,
    ) -> Iterator[Ranking]:
        top = self._checked_top(top, pool)

        def report(done: int, n_jobs: int) -> Callable[[int], None] | None:
            if progress is None:
                return None
            return lambda n: progress(done * len(pool) + n_jobs * n, len(jobs) * len(pool))

        done = 0
        while done < len(jobs):
            sizes, plan = group_plan(pool, list(map(len, jobs[done:])), top, budget, explain)
            group = jobs[done : done + sizes.n_jobs]
            yield from self._rank_group(group, pool, top, explain, sizes, plan, report(done, len(group)))
            done += len(group)

    def _rank_group(
        self,
        jobs: Sequence[Skills],
        pool: CandidatePool,
        top: int | None,
        explain: bool,
        sizes: Sizes,
        plan: Plan,
        progress: Callable[[int], None] | None,
    ) -> Iterator[Ranking]:
        rankers = self._rankers(jobs, pool, sizes, plan)
        if top is None:
            found = [all_candidates(ranker, progress) for ranker in rankers]
        else:
            found = best_candidates(rankers, top, sizes.by_item, progress)
        skills_of = pool.skills_maker()
        for job, ranker, (positions, scores, n_scored) in zip(jobs, rankers, found, strict=True):
            results = self._results_pooled(job, ranker, positions, skills_of) if top is not None else ()
            reasons = tuple(map(carriers, results)) if explain else ()
            yield Ranking(positions, scores, results, reasons, n_scored, pool)

    def _rankers(self, jobs: Sequence[Skills], pool: CandidatePool, sizes: Sizes, plan: Plan) -> list[Ranker]:
        units = embed(self.embedder, [skill.name for job in jobs for skill in job])
        codes = name_codes(pool, [[skill.key for skill in job] for job in jobs], units)
        bands = Bands.of(self._model, sizes.ratios)
        rankers, start = [], 0
        for job, of_job in zip(jobs, codes, strict=True):
            own = slice(start, start + len(job))
            start = own.stop
            requirements, _ = columns(job, job, self.config.beta)
            rankers.append(Ranker(self._model, requirements, units[own], of_job, pool, bands, sizes, plan))
        return rankers

    def plan(
        self,
        required: Iterable[Skill],
        pool: CandidatePool,
        top: int | None = 10,
        *,
        explain: bool = False,
        memory_budget: int | str | None = None,
    ) -> Plan:
        """How `rank` would go about it, and the heap that it would take; parameters and errors as there.

        It looks at a sample of the pool, which takes as much memory as `rank`, and as long as for a small pool.
        """
        job = skill_list("required", required)
        top = self._checked_top(top, pool)
        sizes, plan = group_plan(pool, [len(job)], top, parse_budget(memory_budget), explain)
        (ranker,) = self._rankers([job], pool, sizes, plan)
        return sizes.predicted(plan, likely_best(ranker, top))

    def _checked_top(self, top: int | None, pool: CandidatePool) -> int | None:
        """`top` as a plain integer, where the pool can be ranked."""
        if not isinstance(pool, CandidatePool):
            raise PoolError(f"pool {shown(pool)}: expected a CandidatePool")
        top = parse_top(top)
        pool.check_embedder(self.embedder)
        return top

    def _results_pooled(
        self, job: Skills, ranker: Ranker, positions: Codes, skills_of: Callable[[int], Skills]
    ) -> tuple[MatchResult, ...]:
        """The matches of candidates of a pool, many at a time, by the pool's vectors."""
        results: dict[int, MatchResult] = {}
        for places, scores in ranker.scores(positions):
            pairs = [(job, skills_of(position)) for position in positions[places].tolist()]
            results.update(zip(places.tolist(), self._results(pairs, scores), strict=True))
        return tuple(results[place] for place in range(len(positions)))

    def _match(self, required: Skills, candidate: Skills, similarities: NDArray[np.float64]) -> MatchResult:
        rows, candidates = columns(required, candidate, self.config.beta)
        scores = self._model.score(similarities, rows, candidates)
        return self._result(required, candidate, scores, float(scores.overall[0]), 0, 0)

    def _match_pairs(self, pairs: Sequence[Pair]) -> list[MatchResult]:
        """Match pairs, many at a time."""
        if not pairs:
            return []
        lists = SkillLists.of(chain.from_iterable(pairs))
        units = embed(self.embedder, lists.names)
        results: dict[int, MatchResult] = {}
        for stack in _stacks(*lists.length.reshape(-1, 2).T):
            n_required = lists.length[2 * stack]
            required, offered = lists.places(2 * stack), lists.places(2 * stack + 1).reshape(len(stack), -1)
            rows = stacked_similarity_rows(units, lists.name[required], n_required, lists.name[offered])
            scores = self._model.score(rows, *stacked_columns(lists, n_required, required, offered, self.config.beta))
            positions = stack.tolist()
            results.update(zip(positions, self._results([pairs[i] for i in positions], scores), strict=True))
        return [results[position] for position in range(len(pairs))]

    def _results(self, pairs: Sequence[Pair], scores: Scores) -> Iterator[MatchResult]:
        """Results of pairs that were scored together."""
        start = 0
        for place, ((required, candidate), overall) in enumerate(zip(pairs, scores.overall.tolist(), strict=True)):
            yield self._result(required, candidate, scores, overall, place, start)
            start += len(required)

    def _result(
        self, required: Skills, candidate: Skills, scores: Scores, overall: float, place: int, start: int
    ) -> MatchResult:
        """The result of one of the pairs that were scored together, whose rows start there."""
        if logger.isEnabledFor(logging.DEBUG):
            logger.debug("matched %d candidate skills to %d required: %.4f", len(candidate), len(required), overall)
        rows = slice(start, start + len(required))
        return MatchResult(required, candidate, overall, scores, place, rows, self._model)


def _stacks(n_required: Codes, n_candidate: Codes) -> Iterator[Codes]:
    """Positions of pairs to score together: equally many candidate skills, and not too many cells; by job length."""
    order = np.lexsort((n_required, n_candidate))
    for alike in np.split(order, np.flatnonzero(np.diff(n_candidate[order])) + 1):
        cells = np.add.accumulate(n_required[alike] * n_candidate[alike])
        yield from np.split(alike, np.flatnonzero(np.diff((cells - 1) // _STACK_CELLS)) + 1)
