"""The one way in which files are written, and archives of arrays read: whole or not at all."""

from __future__ import annotations

import os
import tempfile
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from shutil import copymode
from typing import Any

import numpy as np

from mcmix.errors import ModelError

STALE = 3600.0  # seconds after which what a killed process left beside a file is taken away
_MARK = ".writing"


@contextmanager
def written_beside(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A path to write to, beside the one that is meant; it takes its place when the block ends well.

    Who looks at `path`, at any moment and whatever becomes of this process, sees the old file or the new one whole.

    Parameters
    ----------
    path : str or path
        Its folder is made. A link is followed; what is no file (a pipe, a terminal) is written to as it is.

    Yields
    ------
    Path
        With the ending of `path`.

    Raises
    ------
    ModelError
        If `path` is a folder, or cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with written_beside(Path(folder) / "a" / "b.txt") as beside:
    ...         _ = beside.write_text("whole")
    ...     [file.name for file in (Path(folder) / "a").iterdir()]
    ['b.txt']
    """
    target = Path(os.path.realpath(path))
    if target.is_dir():
        raise ModelError(f"expected a file to write, got the folder {path}")
    if target.exists() and not target.is_file():
        yield target
        return
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _sweep(target)
        beside = target.with_name(f".{target.stem}.{os.getpid()}-{time.monotonic_ns()}{_MARK}{target.suffix}")
        try:
            yield beside
            _settle(beside, target)
            os.replace(beside, target)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise ModelError(f"cannot write {path}: {error.strerror or error}") from error


def _settle(beside: Path, target: Path) -> None:
    """Let the disk have all of it before it takes the other's place, with the same rights."""
    if target.exists():
        copymode(target, beside)
    with beside.open("rb") as file:
        os.fsync(file.fileno())


def _sweep(target: Path) -> None:
    """Take away what killed processes left beside a file long ago."""
    for left in target.parent.glob(f".{_escaped(target.stem)}.*{_MARK}{_escaped(target.suffix)}"):
        try:
            if time.time() - left.stat().st_mtime > STALE:
                left.unlink()
        except OSError:  # another process was faster
            continue


def _escaped(name: str) -> str:
    return "".join(f"[{c}]" if c in "*?[" else c for c in name)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write a text in UTF-8, whole or not at all."""
    with written_beside(path) as beside:
        beside.write_text(text, encoding="utf-8")


def write_arrays(path: str | os.PathLike[str], arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays by name to an .npz file, whole or not at all."""
    with written_beside(path) as beside, beside.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
        file.flush()


def temporary_array(shape: tuple[int, ...], dtype: Any, folder: str | os.PathLike[str] | None = None) -> np.ndarray:
    """Zeros in a memory map of a file without a name, which goes when nobody holds them, whatever ends the process.

    Parameters
    ----------
    shape : tuple of int
    dtype : data type
    folder : path, optional
        On whose disk it is; by default that of temporary files (the environment's TMPDIR).

    Raises
    ------
    ModelError
        If there is no room: it is taken at once, as a full disk under a map would end the process.

    Examples
    --------
    >>> labels = temporary_array((3,), np.uint8)
    >>> labels[1] = 2
    >>> labels.tolist()
    [0, 2, 0]
    """
    size = max(1, int(np.prod(shape, dtype=int)) * np.dtype(dtype).itemsize)
    place = tempfile.gettempdir() if folder is None else folder
    try:
        with tempfile.TemporaryFile(dir=place) as file:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, size)
            return np.memmap(file, dtype, "r+" if hasattr(os, "posix_fallocate") else "w+", shape=shape)
    except OSError as error:
        told = error.strerror or error
        raise ModelError(f"cannot write a temporary file of {size / 2**20:.1f} MiB to {place}: {told}") from error


def read_arrays(path: str | os.PathLike[str], what: str, by: str) -> dict[str, np.ndarray]:
    """All arrays of an .npz file by name.

    Parameters
    ----------
    path : str or path
    what : str
        Who reads: refusals begin with it.
    by : str
        Who wrote such a file.

    Raises
    ------
    ModelError
        If there is no such file, or it cannot be read to its end.
    """
    source = Path(path)
    if not source.is_file():
        came = "a folder" if source.is_dir() else "none"
        raise ModelError(f"{what}: expected a file written by {by}, got {came} at {path}")
    try:
        if not zipfile.is_zipfile(source):
            raise ValueError("it is empty" if not source.stat().st_size else "it is cut, or another kind of file")
        with np.load(source, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except Exception as error:  # whatever the readers of archives raise at what is damaged
        raise ModelError(f"{what}: {source.name} is no whole file written by {by}: {error}") from error


__all__ = ["read_arrays", "temporary_array", "write_arrays", "write_text", "written_beside"]
