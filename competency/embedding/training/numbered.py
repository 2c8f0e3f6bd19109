"""A corpus in numbers of texts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from competency.domains import SkillDomain, classify
from competency.embedding.training.recipe import Corpus
from competency.embedding.training.terms import lures
from competency.embedding.training.texts import Texts

__all__ = ["Numbered", "number"]

_N_TAUGHT = 4  # names of a skill that the teacher is asked about, its label first: it takes most of the time
_PHRASES = (
    "experience with", "experience in", "knowledge of", "strong knowledge of", "proficient in", "skills in",
    "good understanding of", "ability to", "you are able to", "familiarity with", "hands-on experience with",
    "expertise in", "excellent skills", "must have", "background in", "working knowledge of", "years of experience",
    "proven track record in", "you have", "responsible for",
)  # fmt: skip


@dataclass
class Numbered:
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


def number(corpus: Corpus, terms: Sequence[str], texts: Texts) -> Numbered:
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
    return Numbered(
        synonyms=skills + 2 * spellings + synonyms(entry.names for entry in corpus.others),
        n_skills=len(skills),
        related=allowed(corpus.related),
        needs=allowed(corpus.needs),
        kinds=list(by_kind.values()),
        families=families,
        fields=fields,
        names=ids([*labels, *plain, *(name for family in knowledge.families for name in family.members)]),
        domains=domains,
        lures=[(texts.add(a), texts.add(b), most) for (a, b), most in lures(knowledge).items()],
        n_taught=n_taught,
        described=[(texts.add(entry.label), texts.add(entry.description)) for entry in trained if entry.description],
        phrases=ids(_PHRASES),
    )
