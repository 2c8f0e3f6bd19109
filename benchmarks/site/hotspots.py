"""Where in the code a change is: the recorded heap profiles of two commits, site by site."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from benchmarks.heap.dhat import DhatError, load
from benchmarks.heap.diff import Change, compare
from benchmarks.heap.profile import Profile, sites
from benchmarks.site.results import Setting, beside

TOP = 12  # sites that are shown of each


@dataclass(frozen=True)
class Hotspots:
    """An operation's heap on two commits.

    Parameters
    ----------
    operation : str
        What was recorded.
    before, after : Profile
        The profiles.
    """

    operation: str
    before: Profile
    after: Profile

    @property
    def changes(self) -> list[Change]:
        """The sites that changed most, and those that are the largest on either commit."""
        found = compare(self.before, self.after)
        changed = [change for change in found if change.status != "unchanged"][:TOP]
        top = {site.frame for profile in (self.before, self.after) for site in sites(profile.points)[: TOP // 2]}
        return changed + [change for change in found if change.site.frame in top and change not in changed]


@lru_cache(64)
def load_profile(path: Path) -> Profile | None:
    """A recorded profile; None where the file is none, or damaged."""
    try:
        return load(path)
    except (DhatError, OSError):
        return None


def recorded(results: Path, setting: Setting, commit: str) -> dict[str, Path]:
    """The profiles of a commit that can be read, by operation."""
    folder = beside(results, "profiles", setting, commit)
    return {path.stem: path for path in sorted(folder.glob("*.json")) if load_profile(path)}


def hotspots(results: Path, setting: Setting, before: str, after: str) -> Iterator[Hotspots]:
    """The operations of which both commits have a profile."""
    old, new = (recorded(results, setting, commit) for commit in (before, after))
    for operation in sorted(old.keys() & new.keys()):
        profiles = load_profile(old[operation]), load_profile(new[operation])
        if profiles[0] and profiles[1]:
            yield Hotspots(operation, profiles[0], profiles[1])
