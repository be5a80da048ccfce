"""Ctrl-C and SIGTERM while something is written that must not be left half done."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, TypeVar

Made = TypeVar("Made")
NUMBERS = (signal.SIGINT, signal.SIGTERM)  # in the order in which they are taken over


class HeldBack:
    """A block in which Ctrl-C and SIGTERM are noted; what they do otherwise they do at its end.

    Python runs handlers in the main thread alone, between any two of its instructions; elsewhere the block does
    nothing. At the end a handler of the user's is called, and one that is Python's own raises KeyboardInterrupt. A
    SIGTERM that would end the process raises SystemExit(143) instead, so that ``finally`` blocks still run. Signals
    that are ignored, or go to a handler outside Python, stay with it. Blocks nest: an inner one hands on to the outer.

    Attributes
    ----------
    noted : list of int
        Signals that came and were not acted on yet.

    Examples
    --------
    >>> import signal
    >>> steps = []
    >>> try:
    ...     with HeldBack() as held:
    ...         signal.raise_signal(signal.SIGINT)
    ...         steps.append(len(held.noted))
    ... except KeyboardInterrupt:
    ...     steps.append("raised after the block")
    >>> steps
    [1, 'raised after the block']
    """

    def __init__(self) -> None:
        self.noted: list[int] = []
        self._through = False
        self._before: dict[int, Any] = {}
        self._raised: BaseException | None = None  # by a signal that was let through
        self._told: Callable[[], None] | None = None

    def __enter__(self) -> HeldBack:
        if threading.current_thread() is threading.main_thread():
            try:
                for number in NUMBERS:
                    self._take_over(number)
            except ValueError:  # an interpreter beside the main one has no say in signals
                pass
            except BaseException:  # raised by a signal that came before its handler was ours
                self._give_back()
                raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._told = None
        self._give_back()
        for number in sorted(set(self.noted), reverse=True):  # a SIGTERM before a Ctrl-C
            self._act(number, sys._getframe())

    def letting_through(self, work: Callable[[], Made]) -> Made:
        """Do work that writes to nothing that outlives it: during it a signal acts at once.

        Python drops what is raised in a finaliser, so that a Ctrl-C may be lost there: then it is raised at the end.
        """
        self._through, self._raised = True, None
        try:
            made = work()
        finally:
            self._through = False
        if self._raised is not None:
            raise self._raised
        return made

    def tell(self, what: Callable[[], None]) -> None:
        """Call something as soon as a signal comes, or now if one came already; it must not raise."""
        self._told = what
        if self.noted:
            what()

    def settle_ctrl_c(self) -> None:
        """Take Ctrl-C as dealt with, unless the user has a handler of his own, which is still called at the end."""
        if self._before.get(signal.SIGINT) is signal.default_int_handler:
            self.noted[:] = [n for n in self.noted if n != signal.SIGINT]

    def _take_over(self, number: int) -> None:
        before = signal.getsignal(number)
        if callable(before) or (number == signal.SIGTERM and before == signal.SIG_DFL):
            self._before[number] = before
            signal.signal(number, self._arrived)
            outer = getattr(before, "__self__", None)
            if isinstance(outer, HeldBack):  # what it noted before this block was there to be told
                self.noted += [n for n in outer.noted if n == number]

    def _give_back(self) -> None:
        """The last that is given back is Ctrl-C: from then on it may be raised here."""
        try:
            self._restore(signal.SIGTERM)
        finally:
            self._restore(signal.SIGINT)

    def _restore(self, number: int) -> None:
        if number in self._before and signal.getsignal(number) == self._arrived:
            signal.signal(number, self._before[number])

    def _arrived(self, number: int, frame: FrameType | None) -> None:
        if self._through:
            try:
                self._act(number, frame)
            except BaseException as error:
                self._raised = error
                raise
            return
        self.noted.append(number)
        if self._told is not None:
            self._told()

    def _act(self, number: int, frame: FrameType | None) -> None:
        before = self._before[number]
        if not callable(before):
            raise SystemExit(128 + number)
        before(number, frame)


__all__ = ["HeldBack"]
