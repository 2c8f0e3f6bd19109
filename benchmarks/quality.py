"""How good the default embedder is, the hashing one beside it, on pairs of names that no training reads."""

import functools

from benchmarks import common

EMBEDDERS = ("default", "hashing")
LEAST = 0.5  # score of a required skill that counts as a match


def rows(file):
    """Rows of a table of pairs, without its comments and its header."""
    lines = (common.DATA / file).read_text("utf-8").splitlines()
    return [tuple(line.split("\t")) for line in lines if line and not line.startswith("#")][1:]


@functools.cache
def similarities(embedder, pairs):
    """Cosine similarity of each pair of names."""
    from competency import HashingEmbedder, SkillMatcher
    from competency.embedding import embed

    chosen = HashingEmbedder() if embedder == "hashing" else SkillMatcher().embedder
    first, second = (embed(chosen, [pair[side] for pair in pairs]) for side in (0, 1))
    return [float(a @ b) for a, b in zip(first, second, strict=True)]


def wrong_order(embedder, file, label):
    """Share of pairs of pairs, one of a label and one unrelated, of which the latter is the more similar; 1 - AUC."""
    groups = [
        similarities(embedder, tuple((a, b) for kind, a, b in rows(file) if kind == wanted))
        for wanted in (label, "unrelated")
    ]
    wrong = sum((far > near) + 0.5 * (far == near) for near in groups[0] for far in groups[1])
    return wrong / (len(groups[0]) * len(groups[1]))


class Quality:
    """Shares of what an embedder gets wrong: less is better."""

    params = EMBEDDERS
    param_names = ("embedder",)
    unit = "share"
    version = 1

    def track_wrong_tools(self, embedder):
        """Of pairs of equivalent and unrelated tools."""
        return wrong_order(embedder, "tool_pairs.tsv", "equivalent")

    def track_wrong_skills(self, embedder):
        """Of pairs of related and unrelated skills."""
        return wrong_order(embedder, "related_pairs.tsv", "related")

    def track_wrong_judgements(self, embedder):
        """Of judgements of an offered skill: a match with a score below 0.5, or none with one above."""
        judged = [row for row in rows("judgements.tsv") if row[2] != "partial"]
        found = similarities(embedder, tuple((required, offered) for required, offered, _ in judged))
        wrong = [
            (score(required, offered, similarity) >= LEAST) != (verdict == "match")
            for (required, offered, verdict), similarity in zip(judged, found, strict=True)
        ]
        return sum(wrong) / len(wrong)


def score(required, offered, similarity):
    """Score of one required skill, where one is offered, both at 4 out of 5."""
    from competency import SkillMatcher

    job, candidate = common.as_skills([(required, 4)]), common.as_skills([(offered, 4)])
    return SkillMatcher().match(job, candidate, similarities=[[similarity]]).overall_score
