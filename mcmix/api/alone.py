"""One thread at a time changes a sampler."""

from __future__ import annotations

import os
from types import TracebackType
from typing import Any

from mcmix.errors import ModelError
from mcmix.sampling.interrupts import HeldBack

_CLAIMS: dict[int, Alone] = {}  # by the id of the sampler, which lives as long as its claim
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_CLAIMS.clear)  # the threads that run here do not run there


class Alone:
    """A block in which nobody else changes a sampler, and Ctrl-C and SIGTERM are held back (see :class:`HeldBack`).

    Parameters
    ----------
    sampler : object
    what : str
        What is done meanwhile, in the user's words.

    Raises
    ------
    ModelError
        On entry, if another such block of the sampler has not ended: of another thread, of a signal's handler, of a
        function that a step calls.
    """

    def __init__(self, sampler: Any, what: str):
        self._sampler, self._what, self._held = sampler, what, HeldBack()

    def __enter__(self) -> HeldBack:
        self._held.__enter__()  # first, so that no claim is left behind
        first = _CLAIMS.setdefault(id(self._sampler), self)
        if first is not self:
            self._held.__exit__(None, None, None)
            raise ModelError(
                f"{self._what}: expected a sampler at rest, got one that is busy with {first._what}(); wait until that "
                "call has returned (halt() ends a run early), or make another MCMC object"
            )
        return self._held

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        del _CLAIMS[id(self._sampler)]
        self._held.__exit__(kind, error, at)


__all__ = ["Alone"]
