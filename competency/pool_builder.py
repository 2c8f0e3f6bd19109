"""The columns of a pool while candidates are added to it."""

import contextlib
import re
from array import array
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from competency import strict_json
from competency.domains import DOMAINS
from competency.embedding import Embedder, embed
from competency.errors import CompetencyError, EmbedderError, PoolError, SkillError, as_integer, shown
from competency.skills import Skill

__all__ = ["MAX_LEVEL", "PoolBuilder", "check_described"]

MAX_LEVEL = 2**53  # a float64 holds every integer up to it
_MAX_FINGERPRINT = 10_000  # characters
_BLOCK = 4096  # names embedded at a time
_MOST_SPELLINGS = 4  # of an item in JSON, on average; beyond, few would return
_FEW_TEXTS = 1024  # that are kept anyway

_DOMAIN_PLACES: dict[str | None, int] = {None: -1} | {domain: place for place, domain in enumerate(DOMAINS)}
_T = TypeVar("_T")

# A candidate as programs write them: the id in ASCII; what stands between the objects of the list; their insides.
_LINE = re.compile(rb'\{"id": ?"([ !#-[\]-~]+)",( ?)"skills": ?\[\{(.*)\}\]\}', re.DOTALL)


def check_described(embedder: Embedder) -> None:
    """Raise `EmbedderError` where an embedder's `dim` or `fingerprint` cannot stand in a pool."""
    if not (hasattr(embedder, "dim") and hasattr(embedder, "fingerprint")):
        raise EmbedderError(f"embedder {shown(embedder)}: expected an object with dim, fingerprint and embed")
    who, dim, fingerprint = f"embedder {type(embedder).__name__}", embedder.dim, embedder.fingerprint
    if (as_integer(dim) or 0) < 1:
        raise EmbedderError(f"{who} has dim {shown(dim)}: expected an integer of 1 or more")
    if not isinstance(fingerprint, str) or len(fingerprint) > _MAX_FINGERPRINT:
        raise EmbedderError(
            f"{who} has fingerprint {shown(fingerprint)}: expected text of at most {_MAX_FINGERPRINT:,} characters"
        )


class PoolBuilder:
    """Takes candidates one by one and keeps only columns of them: a skill that returns is an integer.

    A candidate that is refused leaves nothing behind, neither items nor names.

    Parameters
    ----------
    taken : iterable of str
        Ids that other candidates have.
    """

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._ids = {candidate_id.encode() for candidate_id in taken}
        self._id_bytes = bytearray()
        self._id_offsets = array("q", [0])
        self._offsets = array("q", [0])
        self._items = array("i")
        # (name, level value, level max, domain) -> item; the domain as text, which a SkillDomain is, too
        self._item_ids: dict[tuple[str, int, int, str | None], int] = {}
        self._name_ids: dict[str, int] = {}
        self._item_of_text: dict[bytes, int] = {}  # by the inside of a JSON object
        self._is_repetitive = True  # whether skills are mostly spelled as they were before

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def add(self, candidate_id: object, skills: Iterable[Skill]) -> None:
        """Add a candidate.

        Raises
        ------
        PoolError
            Where the id is not usable, or was added before.
        SkillError
            Where the skills are not usable.
        """
        self._add(candidate_id, self._items_of_skills(skills))

    def add_line(self, line: bytes) -> None:
        """Add a candidate as a line of JSON describes it; raises `InputError` where it is none, and as `add` does.

        The line is valid where the objects of its skills are, each by itself, and what was parsed once is not again.
        """
        match = _LINE.fullmatch(line) if self._is_repetitive else None
        if match:
            texts = match[3].split(b"},%b{" % match[2])
            with contextlib.suppress(CompetencyError):  # which is said of the whole line, unless that is valid
                self._add(match[1].decode(), self._items_of_texts(texts))
                return
        self.add_record(strict_json.loads(line))

    def add_record(self, record: object) -> None:
        """Add a candidate as a JSON object describes it: ``{"id": ..., "skills": [...]}``; raises as `add` does."""
        if not isinstance(record, dict):
            raise PoolError(f"record {shown(record)}: expected an object with id and skills")
        for key in ("id", "skills"):
            if key not in record:
                raise PoolError(f"record {shown(record)}: {key!r} is missing")
        if not isinstance(record["skills"], list):
            raise SkillError(f"skills {shown(record['skills'])}: expected a list of skills")
        self._add(record["id"], _located(record["skills"], self._item_of_raw))

    def _add(self, candidate_id: object, items: Iterable[int]) -> None:
        encoded = self._new_id(candidate_id)
        n_entry, n_item, n_name = len(self._items), len(self._item_ids), len(self._name_ids)
        try:
            self._items.extend(items)
            if len(self._items) == n_entry:
                raise SkillError("skills []: expected at least one skill")
        except BaseException:
            del self._items[n_entry:]
            while len(self._item_ids) > n_item:
                self._item_ids.popitem()
            while len(self._name_ids) > n_name:
                self._name_ids.popitem()
            raise
        self._ids.add(encoded)
        self._id_bytes += encoded
        self._id_offsets.append(len(self._id_bytes))
        self._offsets.append(len(self._items))

    def _new_id(self, candidate_id: object) -> bytes:
        if not isinstance(candidate_id, str) or not candidate_id:
            raise PoolError(f"id {shown(candidate_id)}: expected text of 1 character or more")
        try:
            encoded = candidate_id.encode()
        except UnicodeEncodeError:
            raise PoolError(f"id {shown(candidate_id)}: expected Unicode text without lone surrogates") from None
        if encoded in self._ids:
            raise PoolError(f"id {shown(candidate_id)} stands twice: expected each id once")
        return encoded

    def _items_of_skills(self, skills: Iterable[Skill]) -> Iterator[int]:
        try:
            entries = iter(skills)
        except TypeError:
            raise SkillError(f"skills {shown(skills)}: expected a list of Skill") from None
        yield from _located(entries, self._item_of_skill)

    def _items_of_texts(self, texts: list[bytes]) -> Iterable[int]:
        items = list(map(self._item_of_text.get, texts))
        return self._new_items_of_texts(texts) if None in items else items  # type: ignore[return-value]

    def _new_items_of_texts(self, texts: list[bytes]) -> Iterator[int]:
        new: dict[bytes, int] = {}
        for text in texts:
            item = self._item_of_text.get(text)
            if item is None:
                item = new[text] = self._item_of_raw(strict_json.loads(b"{%b}" % text))
            yield item
        self._item_of_text |= new  # now that all are valid
        if len(self._item_of_text) > _FEW_TEXTS + _MOST_SPELLINGS * len(self._item_ids):
            self._is_repetitive = False
            self._item_of_text.clear()

    def _item_of_raw(self, raw: object) -> int:
        # Skill.from_dict checks what is new, once. Only exact types are looked up: as keys, True and 1.0 equal 1.
        if type(raw) is dict:
            level = raw.get("level")
            if type(level) is dict:
                name, value, largest, domain = raw.get("name"), level.get("value"), level.get("max"), raw.get("domain")
                if (
                    type(name) is str
                    and type(value) is int
                    and type(largest) is int
                    and (domain is None or type(domain) is str)
                ):
                    item = self._item_ids.get((name, value, largest, domain))
                    if item is not None:
                        return item
        return self._item_of_skill(Skill.from_dict(raw))  # type: ignore[arg-type]  # which refuses what is no mapping

    def _item_of_skill(self, skill: object) -> int:
        if not isinstance(skill, Skill):
            raise SkillError(f"{shown(skill)}: expected a Skill")
        if skill.level.max > MAX_LEVEL:
            raise SkillError(f"level max {shown(skill.level.max)} of skill {shown(skill.name)}: expected at most 2**53")
        self._name_ids.setdefault(skill.name, len(self._name_ids))
        return self._item_ids.setdefault(
            (skill.name, skill.level.value, skill.level.max, skill.domain), len(self._item_ids)
        )

    def columns(self, embedder: Embedder) -> dict[str, NDArray[Any]]:
        """The columns of `CandidatePool`, by name; the builder takes no more candidates then.

        Raises
        ------
        EmbedderError
            Where the embedder returns something else than embeddings.
        """
        self._item_of_text.clear()  # makes room
        names = list(self._name_ids)
        embeddings = np.empty((len(names), embedder.dim), dtype=np.float32)
        for start in range(0, len(names), _BLOCK):
            block = names[start : start + _BLOCK]
            embeddings[start : start + len(block)] = embed(embedder, block)
        name_bytes, name_offsets = bytearray(), array("q", [0])
        for name in names:
            name_bytes += name.encode()
            name_offsets.append(len(name_bytes))
        return {  # of the memory of the builder, where it can be
            "offsets": np.frombuffer(self._offsets, np.int64),
            "items": np.frombuffer(self._items, np.int32),
            "item_name": np.array([self._name_ids[name] for name, _, _, _ in self._item_ids], np.int32),
            "item_value": np.array([value for _, value, _, _ in self._item_ids], np.int64),
            "item_max": np.array([largest for _, _, largest, _ in self._item_ids], np.int64),
            "item_domain": np.array([_DOMAIN_PLACES[domain] for _, _, _, domain in self._item_ids], np.int8),
            "embeddings": embeddings,
            "name_bytes": np.frombuffer(name_bytes, np.uint8),
            "name_offsets": np.frombuffer(name_offsets, np.int64),
            "id_bytes": np.frombuffer(self._id_bytes, np.uint8),
            "id_offsets": np.frombuffer(self._id_offsets, np.int64),
        }


def _located(skills: Iterable[_T], item_of: Callable[[_T], int]) -> Iterator[int]:
    """Items of skills; an error names the position of its skill."""
    for position, skill in enumerate(skills):
        try:
            item = item_of(skill)
        except SkillError as error:
            raise SkillError(f"skill {position}: {error}") from None
        yield item
