"""Who may write to a folder, and how a file in it is replaced."""

from __future__ import annotations

import os
import weakref
from pathlib import Path
from typing import Any

from mcmix.errors import ModelError

try:
    import fcntl
except ImportError:  # Windows: nobody is kept out
    fcntl = None  # type: ignore[assignment]

PARTIAL = ".partial"  # how names end of what is not whole yet


def locked(path: Path) -> Any:
    """Let no other process write here as long as this one does; what is returned, called, lets others.

    The system forgets it with the process.

    Raises
    ------
    ModelError
        If another one does.
    """
    if fcntl is None:
        return None
    held = _Held(path)
    try:
        fcntl.flock(held.handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        held()
        raise ModelError(f"{path} is written to by another run: wait until it has ended") from error
    return held


class _Held:
    """An open folder, closed when it is called or nobody holds it any more."""

    def __init__(self, path: Path):
        self.handle = os.open(path, os.O_RDONLY)
        self._close = weakref.finalize(self, os.close, self.handle)

    def __call__(self) -> None:
        self._close()


def replaced(path: Path, text: str) -> None:
    """Write a file whole or not at all. A kill leaves the old one or the new one; a power cut may leave neither."""
    beside = path.with_name(f"{path.name}.{os.getpid()}{PARTIAL}")
    try:
        beside.write_text(text)
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


__all__ = ["PARTIAL", "locked", "replaced"]
