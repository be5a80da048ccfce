"""Draws kept in a folder that grows while a run goes on: arrays by name, in Zarr's format. Knows nothing of models.

A folder has a group for variables (``posterior``) and one for what the sampler says of itself (``sample_stats``), with
the axes chain and draw first, as xarray and ArviZ read them. How many draws are whole is an attribute that is replaced
in one go after all arrays have grown: who reads through a :class:`Folder` meanwhile, or after a kill, sees whole draws
alone. Other readers may see missing numbers (zeros in whole numbers) behind them.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from mcmix._version import __version__
from mcmix.errors import ModelError

FORMAT = 1
CHUNK = 2**20  # bytes of an array that are compressed together, about
GROUPS = ("posterior", "sample_stats")
Arrays = Mapping[str, Mapping[str, np.ndarray]]  # by group and name, shape (chains, draws, *shape)


class Folder:
    """Draws in a folder.

    Parameters
    ----------
    path : Path
    root : zarr.Group

    Notes
    -----
    Made by :meth:`made` and :meth:`opened`.
    """

    def __init__(self, path: Path, root: Any):
        self.path, self._root = path, root

    @classmethod
    def made(cls, path: str | Path, like: Arrays, overwrite: bool = False) -> Folder:
        """A new folder for arrays like these (their draws are not written).

        Raises
        ------
        ModelError
            If there is something at `path` already (with `overwrite`: something that is no such folder), it cannot be
            written, or zarr is not installed.
        """
        zarr, target = _zarr(), Path(path)
        if target.exists():
            _make_way(target, overwrite)
        with _told("write", target):
            root = zarr.open_group(str(target), mode="w-", zarr_format=3)
            root.attrs.update({"mcmix_format": FORMAT, "mcmix_version": __version__, "draws": 0})
            for group, arrays in like.items():
                into = root.create_group(group)
                for name, array in arrays.items():
                    _create(zarr, into, name, array)
        return cls(target, root)

    @classmethod
    def opened(cls, path: str | Path, to_append: bool = False) -> Folder:
        """A folder that is there.

        Raises
        ------
        ModelError
            If there is none, it is foreign or damaged, or a newer release wrote it.
        """
        zarr, target = _zarr(), Path(path)
        if not (target / "zarr.json").is_file():
            raise ModelError(f"expected a folder of draws written by mcmix, got {_what(target)} at {target}")
        with _told("read", target):
            root = zarr.open_group(str(target), mode="r+" if to_append else "r")
            said, draws = root.attrs.get("mcmix_format"), root.attrs.get("draws")
        if not isinstance(said, int) or not isinstance(draws, int):
            raise ModelError(f"expected a folder of draws written by mcmix, got another one's at {target}")
        if said > FORMAT:
            raise ModelError(
                f"{target} has format {said}, written by mcmix {root.attrs.get('mcmix_version')}; this mcmix "
                f"({__version__}) reads formats up to {FORMAT}: update mcmix"
            )
        return cls(target, root)

    @property
    def n_draws(self) -> int:
        """Whole draws of each chain."""
        return int(self._root.attrs["draws"])

    def append(self, draws: Arrays) -> None:
        """Add draws of all chains to all arrays.

        After a failure, or a kill, the next append begins where draws were last whole.

        Raises
        ------
        ModelError
            If names are others than the folder's, lengths differ, or it cannot be written: a full disk, say.
        """
        before, count = self.n_draws, self._count(draws)
        with _told("write", self.path):
            for group, arrays in draws.items():
                for name, values in arrays.items():
                    array = self._root[group][name]
                    array.resize((array.shape[0], before + count, *array.shape[2:]))
                    array[:, before:] = values
            self._root.attrs["draws"] = before + count

    def _count(self, draws: Arrays) -> int:
        names = {g: set(self._root[g].array_keys()) for g in GROUPS if g in self._root}
        came = {g: set(arrays) for g, arrays in draws.items()}
        lengths = {x.shape[1] for arrays in draws.values() for x in arrays.values()}
        if came != names or len(lengths) != 1:
            raise ModelError(f"expected draws of {names}, as many of each, got {came} with lengths {sorted(lengths)}")
        return lengths.pop()

    def read(self, group: str, name: str) -> np.ndarray:
        """All whole draws of one variable, shape (chains, draws, *shape).

        Raises
        ------
        ModelError
            If a chunk fails its checksum, or is cut: the variable is named, and the others can be read.
        """
        with _told("read", self.path, f" ({name} of {group}; the other variables can be read)"):
            return np.asarray(self._root[group][name][:, : self.n_draws])

    def names(self, group: str) -> Sequence[str]:
        """Names of a group's arrays."""
        return sorted(self._root[group].array_keys()) if group in self._root else []


def _create(zarr: Any, into: Any, name: str, array: np.ndarray) -> None:
    """An array without draws; missing numbers stand where a kill came between its growing and its filling."""
    n_chains, shape = array.shape[0], array.shape[2:]
    bytes_of_a_draw = max(1, n_chains * int(np.prod(shape, dtype=int)) * array.itemsize)
    codecs = zarr.codecs
    into.create_array(
        name,
        shape=(n_chains, 0, *shape),
        chunks=(n_chains, max(1, CHUNK // bytes_of_a_draw), *[max(1, n) for n in shape]),
        dtype=array.dtype,
        compressors=(codecs.ZstdCodec(level=1), codecs.Crc32cCodec()),
        fill_value=np.nan if array.dtype.kind == "f" else 0,
        dimension_names=("chain", "draw", *[f"{name}_dim_{i}" for i in range(len(shape))]),
    )


def _make_way(target: Path, overwrite: bool) -> None:
    """Take away draws that are to be overwritten, and nothing else."""
    if not overwrite:
        raise ModelError(f"{target} exists: pass overwrite=True, or another name")
    Folder.opened(target)
    with _told("write", target):
        shutil.rmtree(target)


def _what(target: Path) -> str:
    return "a file" if target.is_file() else "a folder of something else" if target.is_dir() else "nothing"


@contextmanager
def _told(verb: str, path: Path, where: str = "") -> Iterator[None]:
    """Say in a sentence what the disk, or the reader of chunks, does not like."""
    try:
        yield
    except OSError as error:
        raise ModelError(f"cannot {verb} {path}{where}: {error.strerror or error}") from error
    except (ValueError, RuntimeError, KeyError, TypeError) as error:  # what zarr and its codecs raise at damage
        raise ModelError(f"cannot {verb} {path}{where}: it is damaged: {error}") from error


def _zarr() -> Any:
    try:
        import zarr
    except ImportError as error:
        raise ModelError("draws on disk need zarr, which is not installed: pip install 'mcmix[store]'") from error
    return zarr


__all__ = ["FORMAT", "Folder"]
