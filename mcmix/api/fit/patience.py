"""Signs of life while something takes long: a bar where somebody watches, lines where a log is written."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from mcmix.screen import is_watched, say, telling

EVERY = 10.0  # seconds between two lines


@contextmanager
def sweeps_told(every: float = EVERY) -> Iterator[None]:
    """Say every few seconds how far the chains are; a bar does so where somebody watches."""
    if is_watched():
        yield
        return
    told = _Sweeps(every)
    teller = threading.Thread(target=told.tell, daemon=True)
    teller.start()
    try:
        with telling(told.heard):
            yield
    finally:
        told.ended.set()
        teller.join()


class _Sweeps:
    """How far chains are, said every so often, before the first sweep and after the last one too."""

    def __init__(self, every: float):
        self.every, self.ended = every, threading.Event()
        self._done, self._total, self._begun = 0, 1, time.perf_counter()

    def heard(self, done: int, total: int) -> None:
        """So many sweeps of so many are done."""
        self._done, self._total = done, total

    def tell(self) -> None:
        """Until it has ended."""
        while not self.ended.wait(self.every):
            say(f"    {_so_far(self._done, self._total, time.perf_counter() - self._begun)}")


def _so_far(done: int, total: int, seconds: float) -> str:
    """Sweeps done, and the time left.

    Examples
    --------
    >>> _so_far(250, 1000, 20.0), _so_far(0, 1000, 12.0)
    ('25 % of the sweeps after 20 s, about 60 s left', 'no sweep done after 12 s: compiling, or finding starts')
    >>> _so_far(1000, 1000, 90.0)
    'all sweeps done after 90 s: looking whether the chains agree'
    """
    if done >= total:
        return f"all sweeps done after {seconds:.0f} s: looking whether the chains agree"
    if not done:
        return f"no sweep done after {seconds:.0f} s: compiling, or finding starts"
    left = seconds * (total - done) / done
    return f"{100 * done / total:.0f} % of the sweeps after {seconds:.0f} s, about {left:.0f} s left"


@contextmanager
def alive(what: str, every: float = EVERY) -> Iterator[None]:
    """Say every few seconds that something is still going on."""
    ended, begun = threading.Event(), time.perf_counter()

    def tell() -> None:
        while not ended.wait(every):
            say(f"    {what} ({time.perf_counter() - begun:.0f} s)")

    teller = threading.Thread(target=tell, daemon=True)
    teller.start()
    try:
        yield
    finally:
        ended.set()
        teller.join()


__all__ = ["alive", "sweeps_told"]
