"""One progress bar for all chains: quiet when there is nobody to see it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from mcmix.screen import in_notebook, is_watched, progress_told, settle


class Progress:
    """Sweeps done by all chains, with their rate and the time left.

    Parameters
    ----------
    total : int
        Sweeps of all chains together.
    shown : bool
        Asked for by the user; without a terminal or notebook it stays quiet all the same, but for a listener that a
        command has set (:func:`mcmix.screen.telling`).
    """

    def __init__(self, total: int, shown: bool, label: str):
        self.bar = self._bar(total, label) if shown and is_watched() else None
        self.total, self.tell = total, progress_told.get() if shown else None

    def _bar(self, total: int, label: str) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # tqdm's remark that a notebook lacks ipywidgets
            from tqdm.auto import tqdm

            settle()  # what was shown on this line before
            try:
                return tqdm(
                    total=total, desc=label, unit=" sweeps", unit_scale=True, dynamic_ncols=True, leave=in_notebook()
                )
            except ImportError:  # a notebook without ipywidgets
                from tqdm import tqdm as plain

                return plain(total=total, desc=label, unit=" sweeps", unit_scale=True, leave=True)

    def at(self, done: int) -> None:
        """Show how many sweeps are done."""
        if self.bar is not None and done > self.bar.n:
            self._try(lambda bar: bar.update(done - bar.n))
        if self.tell is not None:
            self.tell(done, self.total)

    def say(self, text: str) -> None:
        """Show something beside the sweeps from now on."""
        self._try(lambda bar: bar.set_postfix_str(text, refresh=False))

    def close(self) -> None:
        """Finish the bar."""
        self._try(lambda bar: bar.close())

    def _try(self, what: Callable[[Any], Any]) -> None:
        """A terminal that has gone away takes the bar along, not the run."""
        try:
            if self.bar is not None:
                what(self.bar)
        except Exception:  # noqa: BLE001  whatever a stream raises that cannot be written to
            self.bar = None
