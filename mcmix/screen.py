"""What is said on the screen, on terminals of every kind."""

from __future__ import annotations

import atexit
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import TextIO

_shown = ""  # what stands on the line that has no end yet
_kept_back: ContextVar[list[str] | None] = ContextVar("mcmix_kept_back", default=None)
progress_told: ContextVar[Callable[[int, int], None] | None] = ContextVar("mcmix_progress_told", default=None)


def show(text: str) -> None:
    """Put a text on a line of the error stream, in the place of what was shown there before; for who watches.

    Parameters
    ----------
    text : str
        One line. What is said next goes below it.
    """
    global _shown
    with suppress(OSError, ValueError):  # a terminal that has gone away
        _print("\r" + text.ljust(len(_shown)), sys.stderr, "")
        _shown = text


def settle() -> None:
    """Let what was shown stand: what comes next begins a new line."""
    global _shown
    if _shown:
        _shown = ""
        with suppress(OSError, ValueError):
            _print("", sys.stderr, "\n")


atexit.register(settle)


def say(text: object = "", error: bool = False) -> None:
    """Print a text at once; letters that the terminal does not have are written as escapes.

    Parameters
    ----------
    text : object
        Shown as ``str`` has it.
    error : bool
        To the error stream, beside what a program writes.

    Examples
    --------
    >>> say("mu")
    mu
    """
    held = _kept_back.get()
    if error and held is not None:
        held.append(str(text))
        return
    settle()
    _print(str(text), sys.stderr if error else sys.stdout, "\n")


@contextmanager
def kept_back() -> Iterator[list[str]]:
    """What is said to the error stream meanwhile is put into a list: for a command that has its own words for it.

    Progress goes on being shown.

    Examples
    --------
    >>> with kept_back() as said:
    ...     say("R-hat 1.3", error=True)
    >>> said
    ['R-hat 1.3']
    """
    said: list[str] = []
    token = _kept_back.set(said)
    try:
        yield said
    finally:
        _kept_back.reset(token)


@contextmanager
def telling(listener: Callable[[int, int], None]) -> Iterator[None]:
    """Let a function hear of the sweeps done and to do while chains run: where nobody watches, a log wants lines."""
    token = progress_told.set(listener)
    try:
        yield
    finally:
        progress_told.reset(token)


def _print(text: str, stream: TextIO, end: str) -> None:
    try:
        print(text, file=stream, end=end, flush=True)
    except UnicodeEncodeError:
        encoding = getattr(stream, "encoding", None) or "ascii"
        print(text.encode(encoding, "backslashreplace").decode(encoding), file=stream, end=end, flush=True)


def in_notebook() -> bool:
    """Whether a Jupyter kernel runs this process."""
    shell = sys.modules.get("IPython")
    running = shell.get_ipython() if shell is not None and hasattr(shell, "get_ipython") else None
    return running is not None and type(running).__name__ == "ZMQInteractiveShell"


def is_watched() -> bool:
    """Whether somebody sees what is written on standard error as it comes: a terminal, or a notebook."""
    return in_notebook() or sys.stderr.isatty()


__all__ = ["in_notebook", "is_watched", "kept_back", "progress_told", "say", "settle", "show", "telling"]
