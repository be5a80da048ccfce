"""One thing to know about a run, and the words for it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from mcmix.traces.memory import Draws

FAILURE, WARNING, NOTE = "failure", "warning", "note"
SEVERITIES = (FAILURE, WARNING, NOTE)


@dataclass(frozen=True)
class Finding:
    """One thing to know about a run.

    Attributes
    ----------
    kind : str
        In two or three words, the same for every run: "chains disagree", "stuck chain", "never accepted" ...
    severity : {"failure", "warning", "note"}
        Draws that are not the posterior's; draws that are too few; neither.
    what : str
        What was seen, and where.
    advice : str
        What to do.
    """

    kind: str
    severity: str
    what: str
    advice: str = ""

    def __str__(self) -> str:
        return f"{self.what}; {self.advice}" if self.advice else self.what


def size_of(draws: Draws) -> str:
    """Chains and draws in words."""
    return f"{draws.n_chains} chain{'s' * (draws.n_chains > 1)} x {draws.n_draws} draws"


def in_sentence(label: str) -> str:
    """The label of a quantity as a sentence has it: "mu (sorted)[1]" is "mu[1] (ordered components)"."""
    name, mark, place = label.partition(" (sorted)")
    return f"{name}{place} (ordered components)" if mark else label


def in_words(numbers: Iterable[int], draws: Draws) -> str:
    """Chains by number, or all of them."""
    listed = [str(n) for n in numbers]
    if len(listed) == draws.n_chains:
        return "the chain" if len(listed) == 1 else "all chains"
    return f"chain{'s' * (len(listed) > 1)} {', '.join(listed)}"


def some_of(names: Sequence[str]) -> str:
    """Names, the first five at most."""
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def rounded_up(number: float) -> int:
    """To two leading digits."""
    unit = 10 ** max(0, int(np.log10(max(number, 1.0))) - 1)
    return int(np.ceil(number / unit) * unit)
