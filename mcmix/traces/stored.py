"""Draws that stay on disk until they are asked for, variable by variable."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from mcmix.errors import ModelError
from mcmix.traces.disk import Folder
from mcmix.traces.memory import Draws, accepted_share, read_only

LABELS = "labels"  # the group of labels of which some draws were kept
REMEMBERED = 2**26  # bytes of arrays that were read and are kept for the next who asks


class OnDisk(Mapping[str, np.ndarray]):
    """Arrays by name that are read when they are asked for; the last ones are remembered as far as they are small.

    Parameters
    ----------
    readers : mapping of str to callable
        Reads the array of a name.
    """

    def __init__(self, readers: Mapping[str, Callable[[], np.ndarray]]):
        self._readers, self._seen = dict(readers), dict[str, np.ndarray]()

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self._seen:
            self._seen[name] = read_only(self._readers[name]())
            while len(self._seen) > 1 and sum(x.nbytes for x in self._seen.values()) > REMEMBERED:
                del self._seen[next(iter(self._seen))]
        return self._seen[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._readers)

    def __len__(self) -> int:
        return len(self._readers)

    def __contains__(self, name: object) -> bool:
        return name in self._readers

    def __or__(self, other: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {**self, **other}

    def __ror__(self, other: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {**other, **self}


class StoredDraws(Draws):
    """Draws in a folder, read when they are asked for.

    Parameters
    ----------
    folder : Folder
        Opened when the run stood where it is to be looked at.
    names : mapping of str to str
        Names in the folder by names of variables, in the order in which a sampler keeps them.
    angles, labels
        As for :class:`Draws`.
    every : int
        Every so many-th draw.
    apart : sequence of str
        Variables that are large: labels.
    labelled : mapping of str to str, optional
        Names, in the group of its own, of labels of which one draw in `every` was kept.
    """

    def __init__(
        self,
        folder: Folder,
        names: Mapping[str, str],
        angles: frozenset[str] = frozenset(),
        labels: Mapping[str, tuple[Any, ...]] | None = None,
        every: int = 1,
        apart: Sequence[str] = (),
        labelled: Mapping[str, str] | None = None,
    ):
        self.folder, self.names, self.every, self.apart = folder, dict(names), every, tuple(apart)
        self.labelled = dict(labelled or {})
        there = set(folder.names("posterior"))
        self.names = {ours: theirs for ours, theirs in self.names.items() if theirs in there}
        super().__init__({}, {}, {}, angles, dict(labels or {}))

    def __post_init__(self) -> None:
        folder, every = self.folder, self.every
        read = {n: _reader(folder, "posterior", there, every) for n, there in self.names.items()}
        read |= {n: _reader(folder, LABELS, there, 1) for n, there in self.labelled.items()}
        told = {n: _reader(folder, "sample_stats", n, every) for n in folder.names("sample_stats")}
        moved = {n: read for n, read in told.items() if n.startswith("moves ")}
        rates = {f"acceptance {n.removeprefix('moves ')}": _rates(read) for n, read in moved.items()}
        self.variables = OnDisk(read)  # type: ignore[assignment]
        self.statistics = OnDisk({n: x for n, x in told.items() if n not in moved} | rates)  # type: ignore[assignment]

    def __reduce__(self) -> Any:
        return StoredDraws, (
            self.folder, self.names, self.angles, self.labels, self.every, self.apart, self.labelled,
        )  # fmt: skip

    @property
    def _shapes(self) -> dict[str, tuple[int, ...]]:
        found = {ours: self.folder.shape("posterior", theirs) for ours, theirs in self.names.items()}
        return found | {ours: self.folder.shape(LABELS, theirs) for ours, theirs in self.labelled.items()}

    @property
    def n_chains(self) -> int:
        """Number of chains."""
        return self.folder.shape("sample_stats", "lp")[0]

    @property
    def n_draws(self) -> int:
        """Number of kept draws in each chain."""
        return -(-self.folder.n_draws // self.every)

    @property
    def nbytes(self) -> int:
        """Memory that the arrays would take, in bytes."""
        return sum(self._bytes(name) for name in (*self.names, *self.labelled))

    def _bytes(self, name: str) -> int:
        n_chains, _, *shape = self._shapes[name]
        size = n_chains * self.n_draws * int(np.prod(shape, dtype=int))
        if name in self.labelled:
            return size * self.folder.dtype(LABELS, self.labelled[name]).itemsize
        return size * self.folder.dtype("posterior", self.names[name]).itemsize

    def glimpse(self, most: int) -> Draws:
        """Evenly spaced draws that take at most about so many bytes; without labels where these take more than that."""
        large = [n for n in self.apart if n in self._shapes and self._bytes(n) > most]
        wide = sum(self._bytes(n) for n in self._shapes if n not in large)
        every = self.every * max(1, -(-wide // most))
        if every == self.every and not large:
            return self
        names = {ours: theirs for ours, theirs in self.names.items() if ours not in large}
        return StoredDraws(self.folder, names, self.angles, self.labels, every, self.apart)


def draws_by_name(
    folder: Folder,
    order: Sequence[str],
    labels: Sequence[str],
    angles: frozenset[str],
    along: Mapping[str, tuple[Any, ...]],
    labelled: bool,
) -> StoredDraws:
    """A folder's draws in this order, all of them or those at which labels were kept.

    Raises
    ------
    ModelError
        If labels were not kept for some draws.
    """
    names: Mapping[str, str] = folder.said["names"]
    own = {n: names.get(n, n) for n in order}
    if not labelled:
        return StoredDraws(folder, own, angles, along, apart=labels)
    there = {n: own[n] for n in labels if own[n] in folder.names(LABELS)}
    if not there:
        raise ModelError(
            "load: labelled expected labels of every so many-th draw, as mc.Store(path, labels=10) keeps them; "
            f"{folder.path} has none"
        )
    every = int(folder.said["every"][LABELS])
    return StoredDraws(folder, own, angles, along, every, labels, there)


def _reader(folder: Folder, group: str, name: str, every: int) -> Callable[[], np.ndarray]:
    return lambda: folder.read(group, name, every)


def _rates(read: Callable[[], np.ndarray]) -> Callable[[], np.ndarray]:
    return lambda: accepted_share(read())


__all__ = ["LABELS", "OnDisk", "StoredDraws", "draws_by_name"]
