"""Which columns of data decided how a model was recorded: those whose numbers somebody looked at meanwhile.

What is made of columns is remembered (:mod:`mcmix.structure.sources`), so that it can be made of others. That says
nothing of decisions: a factor that fell away because all its numbers were one, a number that a user's function was
handed as it is. A recording with such decisions is made anew for other data.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class _Noted(threading.local):
    columns: set[Any] | None = None


_noted = _Noted()


def note_read(source: Any) -> None:
    """Note that the numbers of a constant with this source were looked at."""
    if _noted.columns is not None and source is not None:
        _noted.columns |= source.columns


@contextmanager
def reads_noted() -> Iterator[set[Any]]:
    """The columns that are looked at inside; an inner note is part of no outer one."""
    before, _noted.columns = _noted.columns, set()
    try:
        yield _noted.columns
    finally:
        _noted.columns = before


__all__ = ["note_read", "reads_noted"]
