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
    begun = last = time.perf_counter()
    ended, lock = threading.Event(), threading.Lock()

    def listener(done: int, total: int) -> None:
        nonlocal last
        now = time.perf_counter()
        with lock:
            due, last = now - last >= every, now if now - last >= every else last
        if due:
            say(f"    {_so_far(done, total, now - begun)}")

    def waiting() -> None:  # the chains tell nothing while the model is compiled and starts are sought
        while not ended.wait(every):
            listener(0, 1)

    def heard(done: int, total: int) -> None:
        if done:
            ended.set()
        listener(done, total)

    threading.Thread(target=waiting, daemon=True).start()
    try:
        with telling(heard):
            yield
    finally:
        ended.set()


def _so_far(done: int, total: int, seconds: float) -> str:
    """Sweeps done, and the time left.

    Examples
    --------
    >>> _so_far(250, 1000, 20.0), _so_far(0, 1000, 12.0)
    ('25 % of the sweeps after 20 s, about 60 s left', 'no sweep done after 12 s: compiling, or finding starts')
    """
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
