"""Draws kept in a folder that grows while a run goes on: arrays by name, in Zarr's format. Knows nothing of models.

A folder has a group for variables (``posterior``) and one for what the sampler says of itself (``sample_stats``), with
the axes chain and draw first, as xarray and ArviZ read them, groups without draws (the data), and what a run goes on
from. Its root says how many draws are whole, and how large each array is with these: it is replaced in one go after all
arrays have grown, so that who reads meanwhile, or after a kill, sees whole draws alone.

The root lists the arrays inside (consolidated metadata, as zarr-python and xarray read them first). The checkpoint is
not listed: xarray has no use for it.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np

from mcmix._version import __version__
from mcmix.errors import ModelError
from mcmix.traces.disk_arrays import (
    blocks_of,
    counted,
    create,
    create_in_blocks,
    grows,
    metadata,
    name_axes,
    told,
    whole,
    write,
    write_chunk,
    zarr_there,
)
from mcmix.traces.disk_files import PARTIAL, locked, replaced

FORMAT = 1
CHUNK = 8 * 2**20  # bytes of all arrays together that are compressed at once, about
CHECKPOINT = "checkpoint"
SLOTS = 2  # states that are written in turn: the one that counts is never written over
Arrays = Mapping[str, Mapping[str, np.ndarray]]  # by group and name, shape (chains, draws, *shape)


@dataclass(frozen=True)
class About:
    """What a new folder says of its draws, and holds beside them.

    Attributes
    ----------
    dims : mapping of group to mapping of name to names of the axes behind chain and draw
        Axes without a name are called ``<name>_dim_0`` and so on.
    coords : mapping of axis to array_like
        Labels along it.
    fixed : mapping of group to mapping of name to array
        What has no draws.
    attributes : mapping of str to what JSON takes
    every : mapping of group to int
        Of which only every so many-th draw is kept.
    in_blocks : mapping of group to collection of str
        Names of arrays that are filled block by block, see :meth:`Folder.fill`.
    room : int
        Draws that are expected: arrays need not grow up to these.
    """

    dims: Mapping[str, Mapping[str, Sequence[str]]] = field(default_factory=dict)
    coords: Mapping[str, Any] = field(default_factory=dict)
    fixed: Arrays = field(default_factory=dict)
    attributes: Mapping[str, Any] = field(default_factory=dict)
    every: Mapping[str, int] = field(default_factory=dict)
    in_blocks: Mapping[str, Collection[str]] = field(default_factory=dict)
    room: int = 0


class Folder:
    """Draws in a folder.

    Parameters
    ----------
    path : Path
    root : zarr.Group
        Of which the metadata are read from the arrays themselves where it is written to.
    said : dict
        Attributes of the root.

    Notes
    -----
    Made by :meth:`made` and :meth:`opened`.
    """

    _unlock: Any = None

    def __init__(self, path: Path, root: Any, said: dict[str, Any]):
        self.path, self._root, self.said = path, root, said

    @cached_property
    def _arrays(self) -> dict[str, dict[str, Any]]:
        """All arrays by group and name, but for checkpoints."""
        groups = [(name, group) for name, group in self._root.groups() if name != CHECKPOINT]
        return {g: {n: whole(array) for n, array in sorted(group.arrays())} for g, group in sorted(groups)}

    @cached_property
    def _listed(self) -> dict[str, Any]:
        """Metadata of groups and arrays by path, as they stand in their own files."""
        found: dict[str, Any] = {}
        for group, arrays in self._arrays.items():
            found[group] = metadata(self._root[group])
            found |= {f"{group}/{name}": metadata(array) for name, array in arrays.items()}
        return found

    @classmethod
    def made(
        cls,
        path: str | Path,
        like: Arrays,
        about: About | None = None,
        rows: int | None = None,
        overwrite: bool = False,
    ) -> Self:
        """A new folder for arrays like these (their draws are not written).

        Parameters
        ----------
        path : str or Path
        like : mapping of group to mapping of name to array, shape (chains, draws, *shape)
        about : About, optional
        rows : int, optional
            Draws that are compressed together; by default what makes a chunk of about 8 MiB.
        overwrite : bool
            Take away a folder of draws that is there.

        Raises
        ------
        ModelError
            If there is something at `path` already (with `overwrite`: something that is no such folder), it cannot be
            written, or zarr is not installed.
        """
        target = Path(path)
        make_way(target, overwrite)
        beside = target.with_name(f".{target.name}.{os.getpid()}-{time.monotonic_ns()}{PARTIAL}")
        with told("write", target):
            try:
                _fill(beside, like, about or About(), rows or rows_of_chunk(like))
                os.rename(beside, target)  # whole or absent
            finally:
                shutil.rmtree(beside, ignore_errors=True)
        return cls.opened(target, to_append=True)

    @classmethod
    def opened(cls, path: str | Path, to_append: bool = False) -> Self:
        """A folder that is there.

        Raises
        ------
        ModelError
            If there is none, it is foreign or damaged, or a newer release wrote it.
        """
        zarr, target = zarr_there(), Path(path)
        if not (target / "zarr.json").is_file():
            raise ModelError(f"expected a folder of draws written by mcmix, got {what_is(target)} at {target}")
        lock = locked(target) if to_append else None
        with told("read", target):
            if to_append:  # what a kill left of a root that was to replace the present one
                for left in target.glob(f"*{PARTIAL}"):
                    left.unlink()
            said = json.loads((target / "zarr.json").read_text()).get("attributes", {})
            mode = "r+" if to_append else "r"
            root = zarr.open_group(str(target), mode=mode, use_consolidated=False if to_append else None)
        if not isinstance(said.get("mcmix_format"), int) or not isinstance(said.get("draws"), int):
            raise ModelError(f"expected a folder of draws written by mcmix, got another one's at {target}")
        if said["mcmix_format"] > FORMAT:
            raise ModelError(
                f"{target} has format {said['mcmix_format']}, written by mcmix {said.get('mcmix_version')}; this mcmix "
                f"({__version__}) reads formats up to {FORMAT}: update mcmix"
            )
        found = cls(target, root, said)
        found._unlock = lock
        return found

    def close(self) -> None:
        """Let others write."""
        if self._unlock is not None:
            self._unlock()

    def __reduce__(self) -> Any:
        return type(self).opened, (self.path,)

    # ---------------------------------------------------------------- draws

    @property
    def n_draws(self) -> int:
        """Whole draws of each chain."""
        return int(self.said["draws"])

    @property
    def rows(self) -> int:
        """Draws that are compressed together."""
        return int(self.said["rows"])

    def _held(self, group: str, n_draws: int) -> int:
        """How many of so many draws a group keeps: the first, and every so many-th from there."""
        return -(-n_draws // int(self.said["every"].get(group, 1)))

    def append(self, draws: Arrays, count: int | None = None, again: int = 0, **noted: Any) -> None:
        """Add draws of all chains to all arrays.

        After a failure, or a kill, the next append begins where draws were last whole.

        Parameters
        ----------
        draws : mapping of group to mapping of name to array
        count : int, optional
            Draws that there are more; of groups that keep only some, those that they keep are given.
        again : int
            Draws before them that are there already and are given once more, so that a chunk is written as a whole.
        **noted
            Attributes that change with them.

        Raises
        ------
        ModelError
            If names are others than the folder's, lengths differ, or it cannot be written: a full disk, say.
        """
        before = self.n_draws - again
        count = self._counted(draws, before, count if count is None else count + again)
        with told("write", self.path):
            for group, arrays in draws.items():
                at = self._held(group, before)
                for name, values in arrays.items():
                    array, end = self._arrays[group][name], at + values.shape[1]
                    self._with_room(array, end)
                    chunk, behind = divmod(at, array.chunks[1])
                    if behind or not write_chunk(array, chunk, values):
                        array[:, at:end] = values
            self.note(draws=before + count, **noted)

    def _with_room(self, array: Any, n: int) -> None:
        """Let an array be long enough: ahead of its draws, so that this is done now and then alone."""
        if n > array.shape[1]:
            array.resize((array.shape[0], max(n, 2 * array.shape[1]), *array.shape[2:]))

    def fill(self, group: str, name: str, chain: int, blocks: Iterable[np.ndarray], draw: int | None = None) -> None:
        """Write one chain's rows of an array that is never in memory as a whole, block by block.

        Of a group with draws, this is done before :meth:`append` says that the draw is whole.

        Parameters
        ----------
        group, name : str
        chain : int
        blocks : iterable of ndarray
            Rows in their order, as many at a time as anybody likes.
        draw : int, optional
            Place among the group's draws, for arrays that have some.

        Raises
        ------
        ModelError
            If it cannot be written.
        """
        with told("write", self.path):
            array = self._arrays[group][name]
            if draw is not None:
                self._with_room(array, draw + 1)
            first = 0
            for block in blocks:
                rows = slice(first, first + len(block))
                array[(chain, rows) if draw is None else (chain, draw, rows)] = block
                first = rows.stop

    def trim(self) -> None:
        """Let arrays be as long as their draws, for readers that look at them and not at the root."""
        with told("write", self.path):
            for group in self._arrays:
                for name in self.names(group):
                    if self._arrays[group][name].shape != self.shape(group, name):
                        self._arrays[group][name].resize(self.shape(group, name))

    def _counted(self, draws: Arrays, before: int, count: int | None) -> int:
        filled: Mapping[str, Sequence[str]] = self.said.get("in_blocks", {})
        names = {g: {*self.names(g)} - {*filled.get(g, ())} for g in self._arrays}
        names = {g: own for g, own in names.items() if own}
        came = {g: set(arrays) for g, arrays in draws.items()}
        lengths = {g: {x.shape[1] for x in arrays.values()} for g, arrays in draws.items()}
        count = count if count is not None else next((min(n) for n in lengths.values() if n), 0)
        wanted = {g: {self._held(g, before + count) - self._held(g, before)} for g in names}
        if came != names or lengths != wanted:
            raise ModelError(f"expected draws of {names}, of each {wanted}, got {came} with lengths {lengths}")
        return count

    def rewind(self, n_draws: int) -> None:
        """Forget the draws behind so many: a run goes on from there and draws them again."""
        with told("write", self.path):
            self.note(draws=min(n_draws, self.n_draws))

    def names(self, group: str) -> Sequence[str]:
        """Names of a group's arrays of draws."""
        return [name for name, array in self._arrays.get(group, {}).items() if grows(array)]

    def shape(self, group: str, name: str) -> tuple[int, ...]:
        """Chains, whole draws and the variable's own shape."""
        n_chains, _, *shape = self._arrays[group][name].shape
        return (n_chains, self._held(group, self.n_draws), *shape)

    def dims(self, group: str, name: str) -> tuple[str, ...]:
        """Names of an array's axes."""
        return tuple(str(d) for d in self._arrays[group][name].metadata.dimension_names or ())

    def dtype(self, group: str, name: str) -> np.dtype[Any]:
        """Of a group's array."""
        return np.dtype(self._arrays[group][name].dtype)

    def read(self, group: str, name: str, every: int = 1) -> np.ndarray:
        """Whole draws of one variable, all or every so many-th, shape (chains, draws, *shape).

        Raises
        ------
        ModelError
            If a chunk fails its checksum, is cut or is not there: the variable is named, and the others can be read.
        """
        with told("read", self.path, f" ({name} of {group}; the other variables can be read)"):
            array, n = self._arrays[group][name], self.shape(group, name)[1]
            across = (s / c for i, (s, c) in enumerate(zip(array.shape, array.chunks, strict=True)) if i != 1)
            if array.nchunks_initialized < -(-n // array.chunks[1]) * np.prod(np.ceil([*across])):
                raise ValueError("chunks are missing")
            if every == 1:
                return np.asarray(array[:, :n])
            starts = range(0, n, array.chunks[1])  # one chunk in memory at a time
            parts = [np.asarray(array[:, a : min(a + array.chunks[1], n)])[:, -a % every :: every] for a in starts]
            return np.concatenate(parts, axis=1)

    # ---------------------------------------------------------------- what has no draws

    def group(self, group: str) -> dict[str, np.ndarray]:
        """A group's arrays without draws, by name.

        Raises
        ------
        ModelError
            If one is damaged.
        """
        with told("read", self.path, f" ({group})"):
            return {n: np.asarray(x[...]) for n, x in self._arrays.get(group, {}).items() if not grows(x)}

    def put(self, group: str, name: str, values: np.ndarray) -> None:
        """Write new values into an array without draws."""
        with told("write", self.path):
            self._arrays[group][name][...] = values

    def note(self, **attributes: Any) -> None:
        """Let the root say something else, in one go."""
        with told("write", self.path):
            self.said |= attributes
            self._commit()

    def checkpoint(self, state: bytes, beside: Mapping[str, np.ndarray] | None = None, **noted: Any) -> None:
        """Keep what a run goes on from, where so many draws are whole; the one before counts until this is whole.

        Parameters
        ----------
        state : bytes
        beside : mapping of str to ndarray, shape (chains, rows, *shape), optional
            Memory maps that go with it, written block by block.
        **noted
            Attributes that change with it.

        Raises
        ------
        ModelError
            If it cannot be written.
        """
        slot = (int(self.said.get(CHECKPOINT, {}).get("slot", -1)) + 1) % SLOTS
        with told("write", self.path):
            values = np.frombuffer(state, dtype=np.uint8)
            write(self._root[CHECKPOINT], f"state_{slot}", values, ["byte"], overwrite=True)
            for name, held in (beside or {}).items():
                self._put_beside(f"{name}_{slot}", held)
            self.note(**{CHECKPOINT: {"slot": slot, "draws": self.n_draws}}, **noted)

    def state(self) -> tuple[bytes, int] | None:
        """What a run goes on from, and how many draws there were; None where nothing was written yet.

        Raises
        ------
        ModelError
            If it is damaged.
        """
        at = self.said.get(CHECKPOINT)
        if at is None:
            return None
        with told("read", self.path, " (what a run goes on from; the draws can be read)"):
            zarr = zarr_there()
            array = zarr.open_array(str(self.path / CHECKPOINT / f"state_{int(at['slot'])}"), mode="r")
            return np.asarray(array[...]).tobytes(), int(at["draws"])

    def _put_beside(self, name: str, held: np.ndarray) -> None:
        dims = counted(name, held.ndim)
        array = whole(create_in_blocks(self._root[CHECKPOINT], name, held, 1, dims, overwrite=True))
        for chain in range(len(held)):
            for rows in blocks_of(array, 1):
                array[chain, rows] = held[chain, rows]

    def take_beside(self, name: str, into: np.ndarray) -> None:
        """Read what went with the state that counts into a memory map, block by block.

        Raises
        ------
        ModelError
            If it is not there, or damaged.
        """
        with told("read", self.path, " (what a run goes on from; the draws can be read)"):
            path = self.path / CHECKPOINT / f"{name}_{int(self.said[CHECKPOINT]['slot'])}"
            array = zarr_there().open_array(str(path), mode="r")
            if array.shape != into.shape:
                raise ValueError(f"{name} has shape {array.shape}, not {into.shape}")
            for chain in range(len(into)):
                for rows in blocks_of(array, 1):
                    into[chain, rows] = array[chain, rows]

    def _commit(self) -> None:
        """Replace the root: what it says, and the arrays inside, as long as the draws that are whole."""
        for group, arrays in self._arrays.items():
            for name, array in arrays.items():
                if grows(array):
                    self._listed[f"{group}/{name}"]["shape"] = list(self.shape(group, name))
        said = {"zarr_format": 3, "node_type": "group", "attributes": self.said}
        listed = {"kind": "inline", "must_understand": False, "metadata": self._listed}
        replaced(self.path / "zarr.json", json.dumps(said | {"consolidated_metadata": listed}))


def rows_of_chunk(like: Arrays) -> int:
    """How many draws make a chunk of about CHUNK bytes."""
    arrays = [x for group in like.values() for x in group.values()]
    of_a_draw = sum(x.shape[0] * int(np.prod(x.shape[2:], dtype=int)) * x.itemsize for x in arrays)
    return max(1, CHUNK // max(of_a_draw, 1))


def _fill(path: Path, like: Arrays, about: About, rows: int) -> None:
    """A folder without draws, as it is to be."""
    root = zarr_there().open_group(str(path), mode="w-", zarr_format=3)
    for group, arrays in like.items():
        into, dims, in_blocks = root.create_group(group), about.dims.get(group, {}), about.in_blocks.get(group, ())
        for name, array in arrays.items():
            own = dims.get(name) or counted(name, array.ndim - 2)
            if name in in_blocks:
                create_in_blocks(into, name, array, 2, ("chain", "draw", *own))
            else:
                create(into, name, array, rows, own, -(-about.room // about.every.get(group, 1)))
    for group, arrays in about.fixed.items():
        into, dims, in_blocks = root.create_group(group), about.dims.get(group, {}), about.in_blocks.get(group, ())
        for name, array in arrays.items():
            own = dims.get(name) or counted(name, np.ndim(array))
            if name in in_blocks:
                create_in_blocks(into, name, array, 1, own)
            else:
                write(into, name, np.asarray(array), own)
    for group in (*like, *about.fixed):
        name_axes(root[group], about.coords)
    root.create_group(CHECKPOINT)
    said = {**about.attributes, "mcmix_format": FORMAT, "mcmix_version": __version__, "draws": 0}
    in_blocks = {g: sorted(names) for g, names in about.in_blocks.items()}
    Folder(path, root, {**said, "every": dict(about.every), "rows": rows, "in_blocks": in_blocks})._commit()


def make_way(target: Path, overwrite: bool) -> None:
    """See that nothing is at a path; take away draws that are to be overwritten, and nothing else.

    Raises
    ------
    ModelError
        If there is something.
    """
    if not target.exists():
        return
    if not overwrite:
        raise ModelError(
            f"{target} exists: mc.resume({str(target)!r}, model) goes on with it, overwrite=True begins anew"
        )
    Folder.opened(target)
    with told("write", target):
        shutil.rmtree(target)


def what_is(target: Path) -> str:
    """At a path where no draws are, in words."""
    return "a file" if target.is_file() else "a folder of something else" if target.is_dir() else "nothing"


__all__ = ["CHECKPOINT", "About", "Folder", "make_way", "rows_of_chunk", "what_is"]
