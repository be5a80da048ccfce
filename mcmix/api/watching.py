"""A run that writes its draws to a folder, watched from another process."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from mcmix.api.diagnosis import GLIMPSE
from mcmix.api.resumed import load
from mcmix.errors import ModelError
from mcmix.report import frames
from mcmix.screen import say
from mcmix.traces.disk import Folder

MOST_ROWS = 30
SILENT = 120.0  # seconds without a word after which a run is said to be silent


def watch(store: Path, every: float, once: bool = False) -> None:
    """Show how far a run is, again and again until it has ended.

    Parameters
    ----------
    store : Path
    every : float
        Seconds between two looks.
    once : bool
        One look.

    Raises
    ------
    ModelError
        If there is no such folder.
    """
    seen = -1
    while True:
        folder = Folder.opened(store)
        if folder.n_draws != seen:
            say(looked_at(folder))
        seen = folder.n_draws
        if once or folder.said.get("finished") is not None:
            return
        time.sleep(every)


def looked_at(folder: Folder) -> str:
    """What a folder says of its run, as text: how far it is, and a table of what was drawn so far."""
    return "\n".join([headline(folder), *([table(folder)] if folder.n_draws else [])])


def headline(folder: Folder) -> str:
    """How far a run is, in a line."""
    told: dict[str, Any] = folder.said.get("progress") or {}
    if not told:
        return f"{folder.path}: not begun"
    done, of, chains = told["done"], told["iterations"], told["chains"]
    where = "burn-in" if done < told["burn"] else f"{folder.n_draws} draws"
    words = [f"{folder.path}: {done} of {of} iterations x {chains} chains ({done / of:.0%}), {where}"]
    if told["fewest"] is not None:
        words.append(f"min ESS {told['fewest']['effective']:.0f} ({told['fewest']['of']})")
    if told["seconds"] > 0 and done:
        words.append(f"{folder.n_draws * chains / told['seconds']:.0f} draws/s")
    if folder.said.get("finished") is not None:
        words.append("ended" if folder.said["finished"] else "cut: mc.resume goes on with it")
    elif time.time() - told["at"] > SILENT:
        words.append(f"silent for {time.time() - told['at']:.0f} s: it may have been killed; mc.resume goes on with it")
    elif done:
        words.append(f"about {told['seconds'] * (of - done) / done:.0f} s left")
    return "; ".join(words)


def table(folder: Folder) -> str:
    """Mean, deviation, effective draws and R-hat of what was drawn, as sampled."""
    found = load(folder.path)
    draws = found.draws().glimpse(GLIMPSE)
    names = found._reported(draws)
    try:
        frame = frames.summary_frame(draws, names)
    except ModelError:  # a damaged variable; the headline is true all the same
        return ""
    shown = frame.iloc[:MOST_ROWS][[c for c in ("mean", "sd", "ess_bulk", "r_hat") if c in frame]]
    more = f"\n... and {len(frame) - MOST_ROWS} more" if len(frame) > MOST_ROWS else ""
    return f"{shown.to_string(float_format=lambda x: f'{x:.4g}')}{more}"


__all__ = ["watch"]
