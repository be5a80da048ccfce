"""What is said on the screen, on terminals of every kind."""

from __future__ import annotations

import atexit
import sys
from contextlib import suppress
from typing import TextIO

_shown = ""  # what stands on the line that has no end yet


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
    settle()
    _print(str(text), sys.stderr if error else sys.stdout, "\n")


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


__all__ = ["in_notebook", "is_watched", "say", "settle", "show"]
