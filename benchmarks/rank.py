"""Ranking a pool for a job that some candidates fit, and for one that nobody fits."""

import numpy as np

from benchmarks import common, crowd

BLOCK = 4096
SIZES, JOBS = common.OPERATIONS["rank"].params.values()
MEASURED = SIZES[:3]  # without being asked


def bare_pass(similarities, names, offsets):
    """Yield the best similarities of each block of candidates: what a ranking that looks at everyone must do at least.

    Parameters
    ----------
    similarities : ndarray of float32, shape (n_name, n_required)
        Of all names to the required ones.
    names : ndarray of int, shape (n_entry,)
        Places of the candidates' names, one candidate's behind the other's.
    offsets : ndarray of int, shape (n_candidate + 1,)
        The entries of candidate `c` are ``names[offsets[c]:offsets[c + 1]]``.
    """
    for start in range(0, len(offsets) - 1, BLOCK):
        ends = offsets[start : start + BLOCK + 1]
        yield np.maximum.reduceat(similarities[names[ends[0] : ends[-1]]], ends[:-1] - ends[0], axis=0)


class Rank(common.Speed):
    operation = "rank"
    params = (MEASURED, JOBS)

    def track_ratio_to_bare_pass(self, n_candidates, job):
        """Time over that of the bare pass, both on one core, with the similarities of the names given to the latter."""
        matcher, required, pool = common.arguments(self.operation, (n_candidates, job))
        embedder = crowd.CrowdEmbedder()
        similarities = crowd.vectors() @ embedder.embed([skill.name for skill in required]).T
        names = crowd.crowd(n_candidates).names.ravel().astype(np.intp)
        offsets = np.arange(0, len(names) + 1, crowd.N_SKILLS)

        def bare():
            for _ in bare_pass(similarities, names, offsets):
                pass

        run = common.OPERATIONS[self.operation].run
        return common.ratio_in_turns(lambda: run(matcher, required, pool), bare)

    track_ratio_to_bare_pass.unit = "times"


class RankMillion(Rank):
    """Skipped unless the environment asks for it (`common.XL`): making the pool takes longer than ranking it."""

    params = (SIZES[3:], JOBS)


class RankHeap(common.Heap):
    operation = "rank"
    params = (MEASURED, JOBS)

    def setup_cache(self):
        return common.heap_figures(self.operation, [(size, job) for size in MEASURED for job in JOBS])


class RankMillionHeap(common.Heap):
    operation = "rank"
    params = RankMillion.params

    def setup_cache(self):
        return common.heap_figures(self.operation, [(SIZES[3], job) for job in JOBS])


class RankGrowth(common.Counted):
    """By what power of the number of candidates the peak heap grows."""

    operation = "rank"
    params = JOBS
    param_names = ("job",)
    # the same function, so that asv measures once for both classes
    setup_cache = RankHeap.setup_cache

    def setup(self, figures, job):
        if not figures:
            raise NotImplementedError

    def track_peak_heap_exponent(self, figures, job):
        from benchmarks.heap.growth import fit

        return fit(MEASURED, [figures[size, job][2] for size in MEASURED]).exponent

    track_peak_heap_exponent.unit = "exponent"
