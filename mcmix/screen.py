"""What is said on the screen, on terminals of every kind."""

from __future__ import annotations

import sys


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
    stream = sys.stderr if error else sys.stdout
    try:
        print(text, file=stream, flush=True)
    except UnicodeEncodeError:
        encoding = getattr(stream, "encoding", None) or "ascii"
        print(str(text).encode(encoding, "backslashreplace").decode(encoding), file=stream, flush=True)


def in_notebook() -> bool:
    """Whether a Jupyter kernel runs this process."""
    shell = sys.modules.get("IPython")
    running = shell.get_ipython() if shell is not None and hasattr(shell, "get_ipython") else None
    return running is not None and type(running).__name__ == "ZMQInteractiveShell"


def is_watched() -> bool:
    """Whether somebody sees what is written on standard error as it comes: a terminal, or a notebook."""
    return in_notebook() or sys.stderr.isatty()


__all__ = ["in_notebook", "is_watched", "say"]
