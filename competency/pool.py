"""A pool of candidates as columns, to rank up to millions of them."""

import contextlib
import functools
import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from competency import pool_file
from competency.domains import DOMAINS, classify
from competency.embedding import Embedder, default_embedder
from competency.errors import CompetencyError, PoolError, SkillError, as_integer, each, shown
from competency.names import normalise
from competency.pool_builder import MAX_LEVEL, PoolBuilder, check_described
from competency.records import JsonLines, ParquetRows, Records
from competency.skills import ProficiencyLevel, Skill

__all__ = ["CandidatePool", "Items", "key_checksum"]

_PROGRESS_EVERY = 4096  # candidates
_BLOCK = 4096  # embeddings checked at a time
_TEXTS = 256  # decoded at a time
_LENGTH_TOLERANCE = 1.01e-3  # that of `embed`, with room for the rounding of its float32 sums


class Items:
    """What the scoring model needs to know of a pool's items.

    Parameters
    ----------
    pool : CandidatePool
        The pool, whose items are in order.

    Attributes
    ----------
    ratios : ndarray of float64, shape (n_level,)
        The distinct ratios of the levels, ascending.
    level : ndarray of int32, shape (n_item,)
        Place of each item's ratio among them.
    """

    def __init__(self, pool: "CandidatePool") -> None:
        self.ratios = np.empty(0)
        for _, ratio in self._ratios(pool):
            self.ratios = np.union1d(self.ratios, ratio)
        self.level = np.empty(len(pool.item_name), np.int32)
        for block, ratio in self._ratios(pool):
            self.level[block] = self.ratios.searchsorted(ratio)

    @staticmethod
    def _ratios(pool: "CandidatePool") -> Iterator[tuple[slice, NDArray[np.float64]]]:
        for start in range(0, len(pool.item_value), _BLOCK):
            block = slice(start, start + _BLOCK)
            yield block, pool.item_value[block] / pool.item_max[block]


def key_checksum(key: str) -> int:
    """CRC-32 of a normalised name."""
    return zlib.crc32(key.encode())


@dataclass(frozen=True, eq=False, repr=False)
class CandidatePool:
    """Candidates and their skills as columns. The arrays are read-only.

    `build`, `from_jsonl` and `from_parquet` make a pool; `save` writes it as one file, which `open` maps.

    An item is a skill as stated: a name, a level and the domain given. Each item stands once, and each name, in its
    exact spelling; the order is that in which they first appeared.

    Parameters
    ----------
    offsets : ndarray of int64, shape (n_candidate + 1,)
        The entries of candidate `c` are ``items[offsets[c]:offsets[c + 1]]``.
    items : ndarray of int32, shape (n_entry,)
        Items, in each candidate's own order, repeated ones kept.
    item_name : ndarray of int32, shape (n_item,)
        Place of the item's name among the names.
    item_value, item_max : ndarray of int64, shape (n_item,)
        Level of the item, ``0 <= item_value <= item_max <= 2**53``.
    item_domain : ndarray of int8, shape (n_item,)
        Place of the domain given in ``tuple(sorted(SkillDomain))``; -1 where none was given.
    embeddings : ndarray of float32, shape (n_name, dim)
        Vectors of the names; each of unit length to 1e-3, or all zero.
    name_bytes, id_bytes : ndarray of uint8
        The names, and the ids of the candidates, in UTF-8, one behind the other.
    name_offsets, id_offsets : ndarray of int64, shapes (n_name + 1,) and (n_candidate + 1,)
        Name `i` is ``name_bytes[name_offsets[i]:name_offsets[i + 1]]``; ids likewise.
    fingerprint : str
        That of the embedder.
    """

    offsets: NDArray[np.int64]
    items: NDArray[np.int32]
    item_name: NDArray[np.int32]
    item_value: NDArray[np.int64]
    item_max: NDArray[np.int64]
    item_domain: NDArray[np.int8]
    embeddings: NDArray[np.float32]
    name_bytes: NDArray[np.uint8]
    name_offsets: NDArray[np.int64]
    id_bytes: NDArray[np.uint8]
    id_offsets: NDArray[np.int64]
    fingerprint: str
    _where: str  # the file, for messages
    _checksums: Mapping[str, str]  # of a pool from a file: what `verify` expects of each column

    def __post_init__(self) -> None:
        for column in self._columns().values():
            column.setflags(write=False)

    def __reduce__(self) -> tuple[Any, ...]:
        """For pickle and copy: columns are read-only again, and what is made when it is asked for is made anew."""
        return type(self), tuple(getattr(self, field.name) for field in fields(self))

    def _columns(self) -> dict[str, NDArray[Any]]:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if isinstance(value, np.ndarray)}

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def dim(self) -> int:
        """Length of an embedding."""
        return int(self.embeddings.shape[1])

    @property
    def names(self) -> list[str]:
        """The names of skills, in the order of `embeddings`; decoded anew each time.

        Raises
        ------
        PoolError
            Where the file is damaged.
        """
        return list(self._names())

    @functools.cached_property
    def key_checksums(self) -> NDArray[np.uint32]:
        """CRC-32 of the normalised names, shape (n_name,); made once, when it is first asked for."""
        return np.fromiter((key_checksum(normalise(name)) for name in self._names()), np.uint32)

    @functools.cached_property
    def item_columns(self) -> Items:
        """What ranking needs to know of the items; checked and made once, when it is first asked for.

        Raises
        ------
        PoolError
            Where the items are damaged.
        """
        self.check_items()
        return Items(self)

    def domains_of(self, items: NDArray[np.int32]) -> NDArray[np.intp]:
        """Codes of the domains of some items: as given, or as their names are classified, each name once."""
        domain = self.item_domain.take(items).astype(np.intp)
        not_given = domain < 0
        if not_given.any():
            names = self.item_name.take(items[not_given])
            for name in np.unique(names[self._domain_of_name.take(names) < 0]).tolist():
                self._domain_of_name[name] = DOMAINS.index(classify(self.name(name)))
            domain[not_given] = self._domain_of_name.take(names)
        return domain

    @functools.cached_property
    def _domain_of_name(self) -> NDArray[np.int8]:
        """Codes of the domains that names were classified under; -1 for those that nobody asked for yet."""
        return np.full(len(self.embeddings), -1, np.int8)

    @functools.cached_property
    def list_lengths(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """How many skills candidates have, ascending, and how many candidates have so many; counted once."""
        found = np.zeros((2, 0), np.int64)
        for start in range(0, len(self), _BLOCK):
            sizes = np.diff(self.offsets[start : start + _BLOCK + 1]).clip(1, len(self.items))  # damage is found later
            lengths, places = np.unique(np.concatenate([found[0], sizes]), return_inverse=True)
            numbers = np.concatenate([found[1], np.ones_like(sizes)])
            found = np.array([lengths, np.bincount(places, numbers)], np.int64)
        return found[0], found[1]

    @property
    def most_skills(self) -> int:
        """How many skills the candidate with the most of them has."""
        return int(self.list_lengths[0][-1])

    @classmethod
    def build(
        cls,
        candidates: Iterable[tuple[str, Iterable[Skill]]],
        embedder: Embedder | None = None,
        *,
        progress: Callable[[int], None] | None = None,
    ) -> Self:
        """A pool of candidates; they are taken one by one, and none is kept.

        Parameters
        ----------
        candidates : iterable of (id, skills)
            The id is text of 1 character or more that no other candidate has; at least one skill.
        embedder : Embedder, optional
            By default the `StaticEmbedder` that comes with the package.
        progress : callable, optional
            Called with the number of candidates that were added, every 4,096 of them and at the end.

        Raises
        ------
        PoolError
            Where a candidate is no pair, an id is not usable or stands twice, or there is no candidate.
        SkillError
            Where a candidate's skills are not usable in a pool: none, or a level above 2**53.
        EmbedderError
            Where the embedder returns something else than embeddings.
        """
        embedder = _described(embedder)
        builder = PoolBuilder()
        for position, candidate in enumerate(each("candidates", candidates, "a list of (id, skills)", PoolError)):
            try:
                candidate_id, skills = candidate
            except (TypeError, ValueError):
                raise PoolError(f"candidate {position}, {shown(candidate)}: expected (id, skills)") from None
            try:
                builder.add(candidate_id, skills)
            except SkillError as error:
                raise SkillError(f"candidate {position}: {error}") from None
            except PoolError as error:
                raise PoolError(f"candidate {position}: {error}") from None
            if progress is not None and len(builder) % _PROGRESS_EVERY == 0:
                progress(len(builder))
        return cls._of(builder, embedder, progress, "candidates []")

    @classmethod
    def from_jsonl(
        cls,
        path: str | os.PathLike[str],
        embedder: Embedder | None = None,
        *,
        on_invalid: Callable[[int, PoolError], None] | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> Self:
        """A pool of the candidates of a file, one a line; read line by line.

        Parameters
        ----------
        path : str or path-like
            Each line holds ``{"id": "a", "skills": [...]}``, each skill as `Skill.from_dict` takes it; blank lines are
            left out.
        embedder, progress
            As for `build`.
        on_invalid : callable, optional
            Called with the number of a line that is not usable and the error; the line is left out then.

        Raises
        ------
        PoolError
            Where the file cannot be read, a line is not usable (and `on_invalid` is not given), or there is no
            candidate.
        EmbedderError
            Where the embedder returns something else than embeddings.
        """
        return cls.from_records(JsonLines(path), embedder, on_invalid=on_invalid, progress=progress)

    @classmethod
    def from_parquet(
        cls,
        path: str | os.PathLike[str],
        embedder: Embedder | None = None,
        *,
        on_invalid: Callable[[int, PoolError], None] | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> Self:
        """A pool of the candidates of a Parquet file, one a row; read some rows at a time. Needs pyarrow.

        Parameters
        ----------
        path : str or path-like
            Its column ``id`` holds text, ``skills`` lists of ``struct<name: string, level: struct<value, max>, domain:
            string>``, the level of any integer type; ``domain`` may be null or missing.
        embedder, on_invalid, progress
            As for `from_jsonl`; rows count from 1.

        Raises
        ------
        PoolError
            As for `from_jsonl`; also where pyarrow is missing, or a column is missing or has another type.
        EmbedderError
            Where the embedder returns something else than embeddings.
        """
        return cls.from_records(ParquetRows(path), embedder, on_invalid=on_invalid, progress=progress)

    @classmethod
    def from_records(
        cls,
        records: Records,
        embedder: Embedder | None = None,
        *,
        on_invalid: Callable[[int, PoolError], None] | None = None,
        progress: Callable[[int], None] | None = None,
        taken: Iterable[str] = (),
    ) -> Self:
        """A pool of the records of a file; `taken` are ids that stand in other files, all else as for `from_jsonl`."""
        embedder = _described(embedder)
        builder = PoolBuilder(taken)
        for number, add in records:
            try:
                add(builder)
            except CompetencyError as error:
                located = PoolError(f"{records.path}: {records.unit} {number}: {error}")
                if on_invalid is None:
                    raise located from None
                on_invalid(number, located)
            else:
                if progress is not None and len(builder) % _PROGRESS_EVERY == 0:
                    progress(len(builder))
        return cls._of(builder, embedder, progress, f"{records.path}: no candidate")

    @classmethod
    def _of(
        cls, builder: PoolBuilder, embedder: Embedder, progress: Callable[[int], None] | None, nothing: str
    ) -> Self:
        if not len(builder):
            raise PoolError(f"{nothing}: expected at least one candidate")
        if progress is not None:
            progress(len(builder))
        return cls(**builder.columns(embedder), fingerprint=embedder.fingerprint, _where="pool", _checksums={})

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the pool as one file, as a whole or not at all; a file that stands there is replaced.

        Raises
        ------
        PoolError
            Where it cannot be written.
        """
        pool_file.write(path, self.fingerprint, self._columns())

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Self:
        """The pool of a file, mapped into memory.

        Only the header of the file is read and checked; `verify` checks the rest. The file must not be written to
        while the pool is in use; `save` replaces a file, and so may be used on it.

        Raises
        ------
        PoolError
            Where the file cannot be read, is no pool, is cut off, or its header is damaged.
        """
        file = pool_file.read(path)
        return cls(**file.columns, fingerprint=file.fingerprint, _where=str(path), _checksums=file.checksums)

    def candidate_id(self, position: int) -> str:
        """The id of a candidate.

        Raises
        ------
        PoolError
            Where there is no such position, or the file is damaged.
        """
        return self._text("id", self.id_bytes, self.id_offsets, self._checked("position", position, len(self)))

    def skills(self, position: int) -> tuple[Skill, ...]:
        """The skills of a candidate, equal to those that the pool was built from.

        Raises
        ------
        PoolError
            Where there is no such position, or the file is damaged.
        """
        return self.skills_maker()(position)

    def skills_maker(self) -> Callable[[int], tuple[Skill, ...]]:
        """What `skills` does, but candidates who have the same item share one object."""
        skill = functools.cache(self.item_skill)
        return lambda position: tuple(map(skill, self._items_of(position).tolist()))

    def check_items(self) -> None:
        """Raise `PoolError` where the items, apart from their names' texts, are damaged."""
        for name, first, last in (
            ("item_name", 0, len(self.name_offsets) - 2),
            ("item_domain", -1, len(DOMAINS) - 1),
            ("item_max", 1, MAX_LEVEL),
            ("item_value", 0, MAX_LEVEL),
        ):
            self._check_range(name, first, last)
        above = np.flatnonzero(self.item_value > self.item_max)
        if len(above):
            value, largest = self.item_value[above[0]], self.item_max[above[0]]
            raise self.damaged(f"level value {value} of item {above[0]}", f"0 to {largest}")

    def check_entries(self, block: slice) -> None:
        """Raise `PoolError` where the entries of candidates who follow each other are damaged."""
        offsets = self.offsets[block.start : block.stop + 1]
        if offsets[0] < 0 or offsets[-1] > len(self.items) or not (offsets[1:] > offsets[:-1]).all():
            raise self.damaged(f"offsets of candidates {block.start} to {block.stop}", "numbers that ascend")
        items = self.items[offsets[0] : offsets[-1]]
        if items.min() < 0 or items.max() >= len(self.item_name):
            raise self.damaged(f"items of candidates {block.start} to {block.stop}", f"0 to {len(self.item_name) - 1}")

    def _check_range(self, name: str, first: int, last: int) -> None:
        column = self._columns()[name]
        if column.min() < first or column.max() > last:
            wrong = column[(column < first) | (column > last)]
            raise self.damaged(f"{wrong[0]} in {name}", f"{first} to {last}")

    def _items_of(self, position: int) -> NDArray[np.int32]:
        position = self._checked("position", position, len(self))
        start, stop = int(self.offsets[position]), int(self.offsets[position + 1])
        if not 0 <= start < stop <= len(self.items):
            raise self.damaged(f"entries {start} to {stop} of candidate {position}", f"some of {len(self.items)}")
        return self.items[start:stop]

    def item_skill(self, item: int) -> Skill:
        """The skill that an item is.

        Raises
        ------
        PoolError
            Where there is no such item, or the file is damaged.
        """
        item = self._checked("item", item, len(self.item_name))
        domain = int(self.item_domain[item])
        if not -1 <= domain < len(DOMAINS):
            raise self.damaged(f"domain {domain} of item {item}", f"-1 to {len(DOMAINS) - 1}")
        name = self.name(self._checked("name", int(self.item_name[item]), len(self.name_offsets) - 1))
        try:
            level = ProficiencyLevel(int(self.item_value[item]), int(self.item_max[item]))
            return Skill(name, level, None if domain < 0 else DOMAINS[domain])
        except SkillError as error:
            raise PoolError(f"{self._where}: item {item}: {error}; the pool is damaged") from None

    def check_embedder(self, embedder: Embedder) -> None:
        """Raise `PoolError` where the embeddings are not those of an embedder, `EmbedderError` where it is none."""
        check_described(embedder)
        if (embedder.fingerprint, embedder.dim) != (self.fingerprint, self.dim):
            raise PoolError(
                f"{self._where}: embedded by {shown(self.fingerprint, 200)}, dim {self.dim}: "
                f"expected {shown(embedder.fingerprint, 200)}, dim {embedder.dim}"
            )

    def verify_checksums(self) -> None:
        """Check that each byte of a file that was opened is as it was written: the quick part of `verify`.

        Raises
        ------
        PoolError
            Where a column is damaged.
        """
        for name, checksum in self._checksums.items():
            if pool_file.sha256(self._columns()[name]) != checksum:
                raise PoolError(f"{self._where}: column {name} does not have its checksum: the file is damaged")

    def verify(self) -> None:
        """Check the whole pool; of a file that was opened, its checksums first.

        Raises
        ------
        PoolError
            Where a column is damaged, or the columns do not fit each other.
        """
        self.verify_checksums()
        for name, end in (
            ("offsets", len(self.items)),
            ("name_offsets", len(self.name_bytes)),
            ("id_offsets", len(self.id_bytes)),
        ):
            offsets = self._columns()[name]
            if offsets[0] != 0 or offsets[-1] != end or not (offsets[1:] > offsets[:-1]).all():
                raise self.damaged(name, f"numbers that ascend from 0 to {end}, none twice")
        self._check_range("items", 0, len(self.item_name) - 1)
        self.check_items()
        self._verify_texts()
        self._verify_embeddings()

    def _verify_texts(self) -> None:
        names = set()
        for place, name in enumerate(self._names()):
            try:
                Skill(name, ProficiencyLevel(1, 1))
            except SkillError as error:
                raise PoolError(f"{self._where}: name {place}: {error}; the pool is damaged") from None
            if name in names:
                raise self.damaged(f"name {shown(name)} twice", "each name once")
            names.add(name)
        ids = set()
        for candidate_id in self._texts("id", self.id_bytes, self.id_offsets):
            if candidate_id in ids:
                raise self.damaged(f"id {shown(candidate_id)} twice", "each id once")
            ids.add(candidate_id)

    def _verify_embeddings(self) -> None:
        for start in range(0, len(self.embeddings), _BLOCK):
            block = self.embeddings[start : start + _BLOCK]
            lengths = np.sqrt(np.einsum("ij,ij->i", block, block, dtype=np.float64))
            wrong = np.flatnonzero(~(np.abs(lengths - 1) <= _LENGTH_TOLERANCE) & (lengths != 0))  # not <=: also NaN
            if len(wrong):
                raise self.damaged(
                    f"embedding {start + wrong[0]} of length {lengths[wrong[0]]:.4g}", "length 1 or all zeros"
                )

    def damaged(self, found: str, expected: str) -> PoolError:
        """The error of a pool that does not hold what it must."""
        return PoolError(f"{self._where}: {found}: expected {expected}; the pool is damaged")

    def _checked(self, what: str, value: int, length: int) -> int:
        """A place as a plain integer, where there is one."""
        place = as_integer(value)
        if place is None or not 0 <= place < length:
            raise PoolError(f"{self._where}: {what} {shown(value)}: expected 0 to {length - 1}")
        return place

    def name(self, place: int) -> str:
        """A name, by its place."""
        return self._text("name", self.name_bytes, self.name_offsets, place)

    def _names(self) -> Iterator[str]:
        return self._texts("name", self.name_bytes, self.name_offsets)

    def _texts(self, what: str, data: NDArray[np.uint8], offsets: NDArray[np.int64]) -> Iterator[str]:
        """All texts of a column, in a fraction of the time that `_text` takes for each."""
        for start in range(0, len(offsets) - 1, _TEXTS):
            some = offsets[start : start + _TEXTS + 1]
            if some[0] >= 0 and some[-1] <= len(data) and (some[1:] > some[:-1]).all():
                texts = data[some[0] : some[-1]].tobytes()
                with contextlib.suppress(UnicodeDecodeError):
                    yield from [texts[first:end].decode() for first, end in pairwise((some - some[0]).tolist())]
                    continue
            for place in range(start, start + len(some) - 1):
                yield self._text(what, data, offsets, place)  # which says what is damaged

    def _text(self, what: str, data: NDArray[np.uint8], offsets: NDArray[np.int64], place: int) -> str:
        start, stop = int(offsets[place]), int(offsets[place + 1])
        if not 0 <= start < stop <= len(data):
            raise self.damaged(f"bytes {start} to {stop} of {what} {place}", f"some of {len(data)}")
        try:
            return data[start:stop].tobytes().decode()
        except UnicodeDecodeError:
            raise self.damaged(f"{what} {place}", "UTF-8") from None


def _described(embedder: Embedder | None) -> Embedder:
    embedder = default_embedder() if embedder is None else embedder
    check_described(embedder)
    return embedder
