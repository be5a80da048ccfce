"""Arrays in Zarr's format: how they are made, packed and named, and what is said where the disk refuses."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from mcmix.errors import ModelError
from mcmix.traces.disk_files import PARTIAL

ROWS_AT_ONCE = 2**21  # of arrays that are written and read block by block
BLOCK_BYTES = 2**23
SHUFFLES = ["noshuffle", "shuffle", "bitshuffle"]  # as Blosc numbers them


def create(into: Any, name: str, array: np.ndarray, rows: int, dims: Sequence[str] | None, room: int = 0) -> None:
    """An array with room for draws; missing numbers stand where a kill came between its growing and its filling."""
    n_chains, shape = array.shape[0], array.shape[2:]
    into.create_array(
        name,
        shape=(n_chains, room, *shape),
        chunks=(n_chains, rows, *[max(1, n) for n in shape]),
        dtype=array.dtype,
        compressors=_codecs(array.dtype),
        fill_value=np.nan if array.dtype.kind == "f" else 0,
        dimension_names=("chain", "draw", *(dims or counted(name, len(shape)))),
    )


def create_in_blocks(
    into: Any, name: str, like: np.ndarray, axis: int, dims: Sequence[str], overwrite: bool = False
) -> Any:
    """Zeros that are never in memory as a whole: chunks are blocks of rows, which are along an axis; chains come first.

    Parameters
    ----------
    into : zarr.Group
    name : str
    like : ndarray
        Of the array's shape and type.
    axis : int
        Of the rows; a chunk has one entry of the axes before it.
    dims : sequence of str
    overwrite : bool
    """
    wide = like.itemsize * int(np.prod(like.shape[axis + 1 :], dtype=int))
    rows = max(1, min(like.shape[axis], ROWS_AT_ONCE, BLOCK_BYTES // wide))
    return into.create_array(
        name,
        shape=like.shape,
        chunks=(*(1 for _ in range(axis)), rows, *like.shape[axis + 1 :]),
        dtype=like.dtype,
        compressors=_codecs(like.dtype),
        dimension_names=tuple(dims),
        overwrite=overwrite,
    )


def blocks_of(array: Any, axis: int) -> Iterator[slice]:
    """The rows of an array's chunks along an axis, in order."""
    n, step = array.shape[axis], array.chunks[axis]
    return (slice(a, min(a + step, n)) for a in range(0, n, step))


def write(into: Any, name: str, values: np.ndarray, dims: Sequence[str], overwrite: bool = False) -> None:
    """An array that is whole at once."""
    text = values.dtype.kind in "USO"
    array = into.create_array(
        name,
        shape=values.shape,
        chunks=tuple(max(1, n) for n in values.shape),
        dtype=zarr_there().dtype.VariableLengthUTF8() if text else values.dtype,
        compressors=_codecs(values.dtype),
        dimension_names=tuple(dims),
        overwrite=overwrite,
    )
    whole(array)[...] = values.astype(object) if text else values


def write_chunk(array: Any, number: int, values: np.ndarray) -> bool:
    """Write a chunk from its first draw on as the library does, but in this thread, at a tenth of what it costs there.

    The library hands each codec and each file to a thread of its own: one and a half milliseconds of a core for arrays
    of which this run has ten, and memory that these threads keep.

    Parameters
    ----------
    array : zarr.Array
    number : int
        Of the chunk along draws.
    values : ndarray, shape (chains, draws, *shape)
        At most as many draws as in a chunk.

    Returns
    -------
    bool
        Whether it was written: an array that was packed in another way is the library's business.
    """
    import google_crc32c
    import numcodecs

    kinds = [type(c).__name__ for c in array.metadata.codecs]
    n = values.shape[1]
    fits = n <= array.chunks[1] and (len(values), *values.shape[2:]) == (array.chunks[0], *array.chunks[2:])
    if kinds != ["BytesCodec", "BloscCodec", "Crc32cCodec"] or not fits or sys.byteorder != "little":
        return False
    if n < array.chunks[1]:
        padded = np.full(array.chunks, array.fill_value, array.dtype)
        padded[:, :n], values = values, padded
    told = array.metadata.codecs[1].to_dict()["configuration"]  # in the format's own words, whatever the release
    packer = numcodecs.Blosc(told["cname"], told["clevel"], SHUFFLES.index(told["shuffle"]))
    packed = packer.encode(np.ascontiguousarray(values, array.dtype))
    path = Path(array.store.root) / array.path / array.metadata.encode_chunk_key((0, number, *[0] * (array.ndim - 2)))
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}{PARTIAL}")
    with beside.open("wb") as file:
        file.write(packed)
        file.write(google_crc32c.value(packed).to_bytes(4, "little"))
    os.replace(beside, path)
    return True


def name_axes(group: Any, coords: Mapping[str, Any]) -> None:
    """Labels along the axes that arrays of a group have."""
    used = {d for _, x in group.arrays() for d in x.metadata.dimension_names or ()}
    for axis in sorted(used & set(coords)):
        labels = np.asarray(coords[axis])
        if axis not in group and labels.ndim == 1:
            write(group, axis, labels if labels.dtype.kind in "iufb" else labels.astype(str), [axis])


def counted(name: str, n_axes: int) -> list[str]:
    """Names of axes that nobody has named."""
    return [f"{name}_dim_{i}" for i in range(n_axes)]


def _codecs(dtype: np.dtype[Any]) -> tuple[Any, ...]:
    """The quickest that makes labels several times smaller, and a checksum; doubles of draws hardly get smaller."""
    codecs = zarr_there().codecs
    shuffled = "shuffle" if dtype.kind == "f" else "bitshuffle"
    packed = codecs.BloscCodec(cname="lz4", clevel=1, shuffle=shuffled, typesize=max(1, dtype.itemsize))
    return packed, codecs.Crc32cCodec()


def whole(array: Any) -> Any:
    """The array, which writes chunks of nothing but zeros too: one that is not there is a loss."""
    return array.with_config({"write_empty_chunks": True})


def grows(array: Any) -> bool:
    """Whether it holds draws."""
    return tuple((array.metadata.dimension_names or ())[:2]) == ("chain", "draw")


def metadata(node: Any) -> dict[str, Any]:
    """As it stands in the node's own file."""
    path = Path(node.store.root) / node.path / "zarr.json"
    return dict(json.loads(path.read_text()))


@contextmanager
def told(verb: str, path: Path, where: str = "") -> Iterator[None]:
    """Say in a sentence what the disk, or the reader of chunks, does not like."""
    try:
        yield
    except ModelError:
        raise
    except OSError as error:
        raise ModelError(f"cannot {verb} {path}{where}: {error.strerror or error}") from error
    except (ValueError, RuntimeError, KeyError, TypeError) as error:  # what zarr and its codecs raise at damage
        raise ModelError(f"cannot {verb} {path}{where}: it is damaged: {error}") from error


def zarr_there() -> Any:
    """The library.

    Raises
    ------
    ModelError
        If it is not installed.
    """
    try:
        import zarr
        import zarr.dtype
    except ImportError as error:
        raise ModelError("draws on disk need zarr, which is not installed: pip install 'mcmix[store]'") from error
    return zarr


__all__ = [
    "blocks_of",
    "counted",
    "create",
    "create_in_blocks",
    "grows",
    "metadata",
    "name_axes",
    "told",
    "whole",
    "write",
    "zarr_there",
]
