"""Fit mixtures with given numbers of components to columns of a file, compare them, and report the best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

import mcmix as mc
from mcmix.api.compare import Comparison
from mcmix.api.fit.job import COMPARISON, DOUBTFUL, STOPPED, WELL, Job, Wish, begun, drawn, ended
from mcmix.api.fit.patience import alive
from mcmix.api.fit.written import Outcome, units_of_data, write
from mcmix.api.groups import groups_or_reason, one_group
from mcmix.api.report import verdict_of
from mcmix.errors import ModelError
from mcmix.files import written_beside
from mcmix.screen import say

CRITERIA = {"evidence": ("log_evidence", 1), "loo": ("loo", 1), "bic": ("bic", -1), "icl": ("icl", -1)}
IN_WORDS = {"evidence": "the marginal likelihood", "loo": "leave-one-out", "bic": "BIC", "icl": "ICL"}
SHOWN = ("log_evidence", "evidence_error", "loo", "loo_difference", "bic", "icl", "occupied")


def fit(wish: Wish) -> int:
    """Do it; returns the exit code.

    Raises
    ------
    ModelError
        If the file or the wish cannot be served.
    KeyboardInterrupt
        If Ctrl-C came before there was anything to report, or a second time.
    """
    job = begun(wish)
    for k in wish.components:
        if not job.stopped:
            _sample(job, k)
    done = ", ".join(map(str, job.complete))
    return ended(job, f" of {done} components", lambda: _finished(job))


def _finished(job: Job) -> int:
    """Compare, choose the number of components, write everything."""
    wish, samplers = job.wish, job.complete
    with alive("still judging the draws"):
        diagnoses = {k: m.diagnose() for k, m in samplers.items()}
    comparison, decided = None, Decided(next(iter(samplers)))
    if len(samplers) > 1:
        say("comparing them, of which the evidence takes longest")
        with alive("still comparing"):
            comparison = mc.compare(samplers)
        decided = choice(comparison, wish, {k: d.ok for k, d in diagnoses.items()}, list(samplers))
        decided = replace(decided, probability=_probability(comparison, wish, decided.number, list(samplers)))
        _write_table(comparison, wish.folder / COMPARISON)
        table = comparison.table[list(SHOWN)].round(2).to_string()  # the page has the rest
        say(f"\n{table}\n{comparison.reading}\n\nreported: {decided.told}\n")
    best = decided.number
    say(verdict_of(diagnoses[best], relabelled=best > 1))
    write(job, samplers[best], _outcome(job, decided, comparison, diagnoses[best].ok))
    if job.stopped:
        return STOPPED
    return WELL if diagnoses[best].ok else DOUBTFUL


def _outcome(job: Job, decided: Decided, comparison: Comparison | None, trusted: bool) -> Outcome:
    """What is reported: the groups of the number that was chosen."""
    best, units = decided.number, units_of_data(job)
    m = job.samplers[best]
    with alive("still working out which row belongs where"):
        groups, why_none = groups_or_reason(m, "last", units) if best > 1 else (one_group(m, units), "")
    numbers = list(job.complete) if comparison is not None else []
    criterion = IN_WORDS[job.wish.choose if comparison is None else _criterion(comparison, job.wish)]
    return Outcome(best, groups, why_none, trusted, comparison, numbers, decided.probability, criterion, decided.aside)


def _probability(comparison: Comparison, wish: Wish, best: int, numbers: Sequence[int]) -> float | None:
    """Of the number that is reported among all; None where another criterion chose, or the evidence is unsure."""
    errors = comparison.table["evidence_error"].to_numpy(dtype=float)
    if wish.choose != "evidence" or not (errors < 1.0).all():
        return None
    return float(comparison.table["probability"].iloc[list(numbers).index(best)])


def best_number(comparison: Comparison, wish: Wish, trusted: Sequence[bool] = ()) -> int:
    """The number of components that is best by the criterion; see :func:`choice`."""
    every = dict(zip(wish.components, trusted or [True] * len(wish.components), strict=True))
    return choice(comparison, wish, every, wish.components).number


@dataclass(frozen=True)
class Decided:
    """The number of components that is reported.

    Attributes
    ----------
    number : int
    why : str
    aside : str
        Which numbers do not count, and why.
    probability : float or None
        Of the number among all; None where nothing was compared, or it is not known.
    """

    number: int
    why: str = ""
    aside: str = ""
    probability: float | None = None

    @property
    def told(self) -> str:
        """In words."""
        aside = f" of those that count; left aside: {self.aside}" if self.aside else ""
        return f"{self.number} component{'s' if self.number > 1 else ''} ({self.why}{aside})"


def choice(comparison: Comparison, wish: Wish, trusted: Mapping[int, bool], numbers: Sequence[int]) -> Decided:
    """The number of components that is best by the criterion, and which were left aside.

    Of evidence, those count that are known to less than a nat from chains that agree, as long as there are such; else
    those that are known at all. What has no score is left aside, whatever the criterion.

    Raises
    ------
    ModelError
        If nothing has a score.
    """
    by = _criterion(comparison, wish)
    column, sign = CRITERIA[by]
    scores = sign * comparison.table[column].to_numpy(dtype=float)
    counted = np.isfinite(scores)
    if not counted.any():
        raise ModelError(f"--choose {wish.choose}: no number of components has a score; take more --draws, or another")
    reasons = {k: f"no {by} (too few draws, or none that it can be told from)" for k in _of(numbers, ~counted)}
    if by == "evidence":
        errors = comparison.table["evidence_error"].to_numpy(dtype=float)
        fine = np.array([trusted[k] for k in numbers])
        better = [(errors < 1.0) & fine, errors < 1.0, np.isfinite(errors), counted]
        among = next(mask & counted for mask in better if (mask & counted).any())
        reasons |= {k: "chains that cannot be trusted" for k in _of(numbers, counted & ~among & ~fine)}
        reasons |= {k: "evidence known to no better than a nat" for k in _of(numbers, counted & ~among & fine)}
        counted = among
    best = numbers[int(np.argmax(np.where(counted, scores, -np.inf)))]
    aside = "; ".join(f"{k} has {reason}" for k, reason in sorted(reasons.items()))
    instead = ", as the evidence of so many unknowns takes more --draws" if by != wish.choose else ""
    return Decided(best, f"the best by {by}{instead}", aside)


def _criterion(comparison: Comparison, wish: Wish) -> str:
    """What decides: what was asked for, but BIC in the place of an evidence that takes more draws than some have."""
    if wish.choose != "evidence":
        return wish.choose
    absent, errors = comparison.table["log_evidence"].isna().to_numpy(), comparison.table["evidence_error"].to_numpy()
    return "bic" if (absent & np.isinf(errors)).any() else "evidence"


def _of(numbers: Sequence[int], mask: np.ndarray) -> list[int]:
    return [k for k, yes in zip(numbers, mask, strict=True) if yes]


def _sample(job: Job, k: int) -> None:
    """Draw with k components and write the draws, whatever becomes of the next number; Ctrl-C ends the job's drawing.

    Raises
    ------
    KeyboardInterrupt
        If it came before there was any draw.
    """
    try:
        drawn(job, k)
    except KeyboardInterrupt:
        if not job.samplers:
            raise
        job.stopped = True


def _write_table(comparison: Comparison, target: Path) -> None:
    """All scores, a row for each number of components."""
    with written_beside(target) as beside:
        comparison.table.to_csv(beside, index_label="components")


__all__ = ["Decided", "best_number", "choice", "fit"]
