"""Where rows on disk come from: what can be sliced, ``.npy`` files, tables in columns."""

from __future__ import annotations

import math
import mmap
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mcmix.errors import ModelError

TABLES = {".parquet": "parquet", ".arrow": "ipc", ".ipc": "ipc", ".feather": "ipc"}
STRETCHES = 64  # of rows that are looked at before all are read
_WHAT = (
    "an .npy, .parquet or .arrow file, a folder of tables, a pyarrow dataset, a Zarr array, an HDF5 dataset or a Dask "
    "array"
)


class Source(ABC):
    """Rows of numbers that are read on request.

    Attributes
    ----------
    name : str
    shape : tuple of int
    dtype : numpy.dtype
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    lazy: Any = None  # the Dask array that it is

    @abstractmethod
    def blocks(self, rows: int, first: int, end: int) -> Iterator[np.ndarray]:
        """Rows from `first` to before `end` in their order, so many at a time; the last block may be shorter."""

    @abstractmethod
    def some(self, rows: int) -> np.ndarray:
        """About so many rows from all over the data, or all of them where they are fewer."""

    @abstractmethod
    def fingerprint(self) -> Any:
        """What differs when the data were changed, as far as that is told without reading them."""

    def read(self) -> np.ndarray:
        """All rows at once."""
        found = np.empty(self.shape, self.dtype)
        first = 0
        for block in self.blocks(2**20, 0, len(found)):
            found[first : first + len(block)] = block
            first += len(block)
        return found


def source_of(given: Any, column: str | Sequence[str] | None) -> Source:
    """The source that was handed in.

    Raises
    ------
    ModelError
        If it is none, or there is no such file or column.
    """
    if isinstance(given, (str, os.PathLike)):
        path = Path(os.fspath(given))
        if not path.exists():
            raise ModelError(f"OnDisk: expected a file, got {path.name!r}, which does not exist")
        if path.suffix == ".npy":
            _refuse_column(path.name, column)
            return NumpyFile(path)
        if path.suffix in TABLES or path.is_dir():
            return Columns(_dataset(path), column, path.name)
        raise ModelError(f"OnDisk: expected {_WHAT}, got {path.name!r}; hand in the array that you have opened")
    if hasattr(given, "to_batches") and hasattr(given, "schema") and hasattr(given, "files"):
        return Columns(given, column, "dataset")
    if all(hasattr(given, a) for a in ("shape", "dtype", "__getitem__")) and len(given.shape) in (1, 2):
        _refuse_column(type(given).__name__, column)
        return DaskArray(given) if is_lazy(given) else Sliced(given)
    raise ModelError(f"OnDisk: expected {_WHAT}, got {type(given).__name__}")


def _refuse_column(name: str, column: Any) -> None:
    if column is not None:
        raise ModelError(f"OnDisk: {name} has no columns by name, got column={column!r}; slice it, or leave it out")


def _refuse_kind(name: str, kind: Any) -> None:
    if getattr(kind, "kind", "") not in "iubf" or kind.itemsize > 8:
        raise ModelError(f"{name}: expected numbers of up to 64 bits, got {kind}")


def _stamp(path: Path) -> tuple[str, int, int]:
    """Size and time of the last change: nobody reads a large file to see that it is the same."""
    try:
        found = path.stat()
    except OSError as error:
        raise ModelError(f"{path.name}: the file cannot be read any more ({error.strerror})") from error
    return path.name, found.st_size, found.st_mtime_ns


class _Mapped(NamedTuple):
    """Where in a file the rows of a memory map begin."""

    path: str
    start: int


class Sliced(Source):
    """Anything that gives rows when it is sliced: a Zarr array, an HDF5 dataset, a memory map."""

    def __init__(self, array: Any):
        self._array = array
        self.name = str(getattr(array, "name", "") or type(array).__name__)
        self.shape, self.dtype = tuple(map(int, array.shape)), np.dtype(array.dtype)
        _refuse_kind(self.name, self.dtype)

    def __getstate__(self) -> dict[str, Any]:
        """A memory map goes along as its file, of which another process maps the same rows."""
        held, array = self.__dict__.copy(), self._array
        if isinstance(array, np.memmap) and array.filename is not None and array.flags.c_contiguous:
            start = np.frombuffer(array._mmap, np.uint8).ctypes.data  # type: ignore[attr-defined]
            mapped = array.offset - array.offset % mmap.ALLOCATIONGRANULARITY
            held["_array"] = _Mapped(str(array.filename), mapped + array.ctypes.data - start)
        return held

    def __setstate__(self, held: dict[str, Any]) -> None:
        self.__dict__.update(held)
        if isinstance(self._array, _Mapped):
            path, start = self._array
            self._array = np.memmap(path, self.dtype, "r", start, self.shape)

    def blocks(self, rows: int, first: int, end: int) -> Iterator[np.ndarray]:
        """Slices."""
        for start in range(first, end, rows):
            yield np.asarray(self._array[start : min(start + rows, end)])

    def some(self, rows: int) -> np.ndarray:
        """Short slices, evenly spaced."""
        n = self.shape[0]
        return np.concatenate([np.asarray(self._array[a:b]) for a, b in _spread_out(n, rows)])

    def fingerprint(self) -> Any:
        """Of a memory map its file's; of others their shape."""
        path = getattr(self._array, "filename", None)
        stamp = _stamp(Path(os.fspath(path))) if isinstance(path, (str, os.PathLike)) else ()
        return tuple(map(int, self._array.shape)), stamp

    def read(self) -> np.ndarray:
        """A memory map stays one."""
        return self._array if isinstance(self._array, np.memmap) else super().read()


class DaskArray(Sliced):
    """A Dask array: what is asked of it is computed then, and nothing is kept.

    Raises
    ------
    ModelError
        If it does not know how many rows it has, or rows are cut into pieces of uneven width.
    """

    def __init__(self, array: Any):
        if any(not math.isfinite(n) for n in array.shape):
            raise ModelError(
                f"{array.name}: expected a Dask array of known shape, got {array.shape}; call compute_chunk_sizes()"
            )
        super().__init__(array)
        widths = sorted(set(array.chunks[1])) if len(self.shape) > 1 else []
        if len(widths) > 1:
            raise ModelError(
                f"{self.name}: expected chunks with all columns, or of one width, got widths "
                f"{', '.join(map(str, array.chunks[1]))}; pass array.rechunk({{1: -1}})"
            )
        self.lazy = array

    def some(self, rows: int) -> np.ndarray:
        """Short stretches, evenly spaced, computed at once."""
        wanted = np.concatenate([np.arange(a, b) for a, b in _spread_out(self.shape[0], rows)])
        return np.asarray(self._array[wanted])

    def fingerprint(self) -> Any:
        """Its name says what it is computed from."""
        return self.shape, str(self._array.name)


def is_lazy(given: Any) -> bool:
    """Whether it is an array of Dask's."""
    return all(hasattr(given, a) for a in ("__dask_graph__", "chunks", "dtype"))


class NumpyFile(Source):
    """An ``.npy`` file of rows: read, not mapped, so that what was read does not stay in memory."""

    def __init__(self, path: Path):
        self._path, self.name = path.absolute(), path.name
        array = self.read()
        self.shape, self.dtype = array.shape, array.dtype
        _refuse_kind(self.name, self.dtype)
        if array.ndim not in (1, 2) or not array.flags.c_contiguous:
            raise ModelError(f"{self.name}: expected numbers or vectors row by row (C order), got shape {self.shape}")
        self._start = int(array.offset)  # type: ignore[attr-defined]

    def blocks(self, rows: int, first: int, end: int) -> Iterator[np.ndarray]:
        """By reading on in the file."""
        wide = int(np.prod(self.shape[1:], dtype=int))
        with open(self._path, "rb") as file:
            file.seek(self._start + first * wide * self.dtype.itemsize)
            for start in range(first, end, rows):
                n = min(rows, end - start)
                yield np.fromfile(file, self.dtype, n * wide).reshape(n, *self.shape[1:])

    def some(self, rows: int) -> np.ndarray:
        """Short stretches, evenly spaced."""
        wide, found = int(np.prod(self.shape[1:], dtype=int)), []
        with open(self._path, "rb") as file:
            for a, b in _spread_out(self.shape[0], rows):
                file.seek(self._start + a * wide * self.dtype.itemsize)
                found.append(np.fromfile(file, self.dtype, (b - a) * wide).reshape(b - a, *self.shape[1:]))
        return np.concatenate(found)

    def fingerprint(self) -> Any:
        """Its size and when it was written."""
        return _stamp(self._path)

    def read(self) -> np.ndarray:
        """A memory map.

        Raises
        ------
        ModelError
            If it is no such file.
        """
        try:
            return np.load(self._path, mmap_mode="r", allow_pickle=False)
        except (ValueError, EOFError, OSError) as error:
            raise ModelError(f"{self.name}: expected an .npy file of numbers ({error})") from error


class Columns(Source):
    """Columns of Parquet or Arrow files, which are one table row after row."""

    def __init__(self, dataset: Any, column: str | Sequence[str] | None, name: str):
        self._dataset = dataset
        there = list(dataset.schema.names)
        if column is None and len(there) > 1:
            raise ModelError(f"OnDisk: {name} has columns {', '.join(there[:10])}; say which with column=")
        wanted = there if column is None else [column] if isinstance(column, str) else list(column)
        missing = [c for c in wanted if c not in there]
        if missing or not wanted:
            raise ModelError(f"OnDisk: {name} expected a column among {', '.join(there[:10])}, got {missing or 'none'}")
        self._columns, flat = wanted, column is None or isinstance(column, str)
        self.name = f"{name}, column {', '.join(wanted)}"
        self.dtype = np.result_type(*[self._kind(c) for c in wanted])
        n = int(dataset.count_rows())
        self.shape = (n,) if flat else (n, len(wanted))

    def _kind(self, column: str) -> np.dtype[Any]:
        """The type of a column's numbers.

        Raises
        ------
        ModelError
            If it holds something else.
        """
        told = self._dataset.schema.field(column).type
        try:
            kind = np.dtype(told.to_pandas_dtype())
        except (NotImplementedError, TypeError) as error:
            raise ModelError(f"{self.name}: expected numbers in column {column!r}, got {told}") from error
        if kind.kind not in "iubf" or kind.itemsize > 8:
            raise ModelError(f"{self.name}: expected numbers in column {column!r}, got {told}")
        return kind

    def blocks(self, rows: int, first: int, end: int) -> Iterator[np.ndarray]:
        """Batches, cut and joined to blocks."""
        held, n = list[np.ndarray](), 0
        for at, batch in self._batches(min(rows, 2**17), first, end):
            held.append(self._numbers(batch, at))
            n += batch.num_rows
            if n >= rows:
                joined = np.concatenate(held)
                for start in range(0, n - rows + 1, rows):
                    yield joined[start : start + rows]
                held, n = [joined[n - n % rows :]], n % rows
        if n:
            yield np.concatenate(held)

    def _batches(self, rows: int, first: int, end: int) -> Iterator[tuple[int, Any]]:
        """Batches of rows from `first` to before `end`, and where they begin; groups before and after are not read."""
        at, whole = 0, (first, end) == (0, self.shape[0])
        groups = [self._dataset] if whole else (g for f in self._dataset.get_fragments() for g in _groups_of(f))
        for group in groups:
            n = 0 if whole else int(group.count_rows())
            if not whole and (at + n <= first or at >= end):
                at += n
                continue
            for batch in group.to_batches(columns=self._columns, batch_size=rows):
                low, high = max(first - at, 0), min(end - at, batch.num_rows)
                if low < high:
                    yield at + low, batch.slice(low, high - low)
                at += batch.num_rows

    def some(self, rows: int) -> np.ndarray:
        """The first rows of some groups of rows, in all files; nulls are left to whoever reads all."""
        groups = [g for f in self._dataset.get_fragments() for g in _groups_of(f)]
        chosen = groups[:: max(1, len(groups) // STRETCHES)]
        each = -(-rows // len(chosen))
        tables = [g.head(each, columns=self._columns).drop_null() for g in chosen]
        found = [self._numbers(b, 0) for t in tables for b in t.to_batches()]
        return np.concatenate(found) if found else np.empty((0, *self.shape[1:]), self.dtype)

    def _numbers(self, batch: Any, first: int) -> np.ndarray:
        """A batch as an array.

        Raises
        ------
        ModelError
            If some entries are null; their rows are named.
        """
        found = []
        for name in self._columns:
            column = batch.column(name)
            if column.null_count:
                rows = first + np.flatnonzero(np.asarray(column.is_null()))
                listed = ", ".join(map(str, rows[:5])) + (", ..." if len(rows) > 5 else "")
                raise ModelError(
                    f"{self.name}: expected complete rows, got a null in column {name!r} in row {listed}; leave these "
                    "rows out, or read the column and pass it as an array with missing entries"
                )
            found.append(np.asarray(column.to_numpy(zero_copy_only=False), dtype=self.dtype))
        return found[0] if len(self.shape) == 1 else np.stack(found, axis=1)

    def fingerprint(self) -> Any:
        """Sizes of the files, and when they were written."""
        return [_stamp(Path(f)) if os.path.exists(f) else f for f in self._dataset.files]


def _groups_of(fragment: Any) -> list[Any]:
    """Groups of rows of one file, where its format has such."""
    return list(fragment.split_by_row_group()) if hasattr(fragment, "split_by_row_group") else [fragment]


def _spread_out(n: int, rows: int) -> list[tuple[int, int]]:
    """Beginnings and ends of evenly spaced stretches of so many rows together; all rows where they are fewer."""
    if n <= rows:
        return [(0, n)]
    each = max(1, rows // STRETCHES)
    starts = np.linspace(0, n - each, STRETCHES).astype(int)
    return [(int(a), int(a) + each) for a in starts]


def _dataset(path: Path) -> Any:
    """The table in a file or a folder.

    Raises
    ------
    ModelError
        If pyarrow is not there, or the file is no table.
    """
    try:
        from pyarrow import ArrowInvalid, dataset
    except ImportError as error:
        raise ModelError(f"OnDisk: {path.name} needs pyarrow: pip install 'mcmix[parquet]'") from error
    try:
        return dataset.dataset(str(path), format=TABLES.get(path.suffix, "parquet"))
    except (ArrowInvalid, OSError) as error:
        raise ModelError(f"{path.name}: expected a table ({error})") from error


__all__ = ["Columns", "DaskArray", "NumpyFile", "Sliced", "Source", "is_lazy", "source_of"]
