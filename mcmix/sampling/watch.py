"""What is said of a run while it goes on: effective draws so far, in the bar and in a file of lines."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mcmix.errors import ModelError
from mcmix.sampling.buffers import Buffers, seen_as
from mcmix.sampling.runner import Runner
from mcmix.sampling.running import Running

EVERY = 1.0  # seconds between two looks


class Watch:
    """Looks at the draws of a run now and then.

    Parameters
    ----------
    running : Running
        Follows the draws.
    numbers : callable
        What is followed, of the numbers that are recorded.
    out : Buffers, optional
        Where draws are; without it somebody else lets `running` take them.
    file : path, optional
        One line of JSON is added to it at each look: ``done`` and ``iterations`` (of each chain), ``draws`` (of each),
        ``per_second`` (draws of all chains), ``seconds``, ``seconds_left``, and, once it can be said, ``fewest``: the
        quantity with the fewest effective draws, and these.

    Raises
    ------
    ModelError
        If the file cannot be written.
    """

    def __init__(
        self,
        running: Running,
        numbers: Callable[[np.ndarray], np.ndarray],
        out: Buffers | None = None,
        file: str | Path | None = None,
    ):
        self.running, self.numbers, self.out = running, numbers, out
        self.file = None if file is None else Path(file)
        self._began = self._looked = time.monotonic()
        self._first: int | None = None
        self._taken = 0
        if self.file is not None:
            self._write("")

    def look(self, runners: Sequence[Runner], iterations: int, last: bool = False) -> str:
        """What the bar says beside the sweeps, where it is time for another look; nothing in between."""
        now = time.monotonic()
        done = iterations - max(r.left for r in runners)
        self._first = done if self._first is None else self._first
        if now - self._looked < EVERY and not last:
            return ""
        self._looked = now
        self._take(runners)
        fewest = self.running.fewest
        if self.file is not None:
            self._write(json.dumps(self._said(runners, iterations, done, now - self._began)) + "\n")
        return "" if fewest is None else f"min ESS {fewest[1]:.0f}"

    def _take(self, runners: Sequence[Runner]) -> None:
        if self.out is not None:
            rows = min(r.rows for r in runners)
            new = slice(self._taken, rows)
            alone = [(r.number, own) for r in runners if (own := r.own) is not None]
            drawn = self.out.numbers[:, new].copy() if alone else self.out.numbers[:, new]
            for number, own in alone:  # with room for more components than the others
                drawn[number] = seen_as(self.out.segments, own, 0, new)
            self.running.take(self.numbers(drawn))
            self._taken = rows

    def _said(self, runners: Sequence[Runner], iterations: int, done: int, seconds: float) -> dict[str, Any]:
        fewest, count = self.running.fewest, self.running.count
        pace = (done - (self._first or 0)) / max(seconds, 1e-9)
        return {
            "at": round(time.time(), 3),
            "done": done,
            "iterations": iterations,
            "chains": len(runners),
            "draws": count,
            "per_second": round(count * len(runners) / max(seconds, 1e-9), 1),
            "seconds": round(seconds, 3),
            "seconds_left": round((iterations - done) / pace, 1) if pace > 0 else None,
            "fewest": None if fewest is None else {"of": fewest[0], "effective": round(fewest[1], 1)},
        }

    def _write(self, line: str) -> None:
        assert self.file is not None
        try:
            with self.file.open("a", encoding="utf-8") as file:
                file.write(line)
        except OSError as error:
            raise ModelError(f"progress_file: cannot write {self.file}: {error.strerror or error}") from error


__all__ = ["Watch"]
