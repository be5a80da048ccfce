"""What power-scaled priors and likelihoods do to each quantity, and what that means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from mcmix.report import arviz_bridge, arviz_measures
from mcmix.report.frames import table_frame

if TYPE_CHECKING:
    from pandas import DataFrame

THRESHOLD = 0.05  # of sensitivity: about that of a normal mean that a doubled power moves by 0.3 standard deviations
CONFLICT, STRONG, NONE = "prior-data conflict", "strong prior / weak likelihood", "-"
FEWEST = 400  # effective draws below which a sensitivity is noise


@dataclass(frozen=True, repr=False)
class Sensitivity:
    """How the posterior answers to the power of prior and likelihood.

    Attributes
    ----------
    table : DataFrame
        A row for each quantity. ``prior`` and ``likelihood``: derivative of the cumulative Jensen-Shannon distance to
        the posterior by the log2 of the power, a number without unit. ``diagnosis``: ``"prior-data conflict"`` where
        both reach 0.05, ``"strong prior / weak likelihood"`` where the prior alone does, else ``"-"``.
        ``prior_shift``: how the posterior mean moves as the prior's power doubles, to first order, in posterior
        standard deviations. ``ess``: effective draws. ``origin``: ``"as named"``, ``"relabelled"`` or ``"label-free"``.
    priors : tuple of str
        Variables whose priors were scaled.
    reading : str
        What the table says, in plain words.
    """

    table: DataFrame
    priors: tuple[str, ...]
    reading: str

    def __repr__(self) -> str:
        return f"{self.table.round(3).to_string()}\n{self.reading}"

    def _repr_html_(self) -> str:
        return f"{self.table.round(3).to_html()}<p>{escape(self.reading)}</p>"


def power_scaled(
    quantities: Mapping[str, tuple[np.ndarray, str]],
    log_prior: np.ndarray,
    log_likelihood: np.ndarray,
    priors: Sequence[str],
    notes: Sequence[str] = (),
) -> Sensitivity:
    """The table and its reading.

    Parameters
    ----------
    quantities : mapping of name to (draws of shape (chains, draws), origin)
    log_prior, log_likelihood : ndarray, shape (chains, draws)
    priors : sequence of str
    notes : sequence of str
        What else the reader should know.

    Notes
    -----
    Kallioinen, Paananen, Buerkner and Vehtari (2023), "Detecting and diagnosing prior and likelihood sensitivity with
    power-scaling", Statistics and Computing 34. The shift is the derivative of an expectation by the power of a factor:
    its posterior covariance with the factor's logarithm, times log 2 for a doubling.
    """
    values = np.stack([x.astype(float) for x, _ in quantities.values()], axis=-1)
    prior, likelihood = (arviz_bridge.power_scaling(values, x) for x in (log_prior, log_likelihood))
    centred = values - values.mean(axis=(0, 1))
    spread = values.std(axis=(0, 1))
    # d E(x) / d power = Cov(x, log prior) at power one
    together = (centred * (log_prior - log_prior.mean())[..., None]).mean(axis=(0, 1))
    shift = np.log(2.0) * together / np.where(spread > 0.0, spread, np.nan)
    diagnoses = [diagnosis(p, q) for p, q in zip(prior, likelihood, strict=True)]
    columns = {
        "prior": prior,
        "likelihood": likelihood,
        "diagnosis": np.array(diagnoses),
        "prior_shift": shift,
        "ess": arviz_measures.ess(values),
        "origin": np.array([origin for _, origin in quantities.values()]),
    }
    unknown = [n for n, x in zip(quantities, prior + likelihood, strict=True) if np.isnan(x)]
    notes = [*notes, f"not known, weights have no tail to smooth: {_few(unknown)}"] if unknown else notes
    reading = _read(list(quantities), diagnoses, columns["ess"], priors, notes)
    return Sensitivity(table_frame(columns, list(quantities)), tuple(priors), reading)


def diagnosis(prior: float, likelihood: float) -> str:
    """What two sensitivities mean together.

    Examples
    --------
    >>> diagnosis(0.1, 0.2), diagnosis(0.1, 0.01), diagnosis(0.01, 0.2)
    ('prior-data conflict', 'strong prior / weak likelihood', '-')
    """
    if not prior >= THRESHOLD:
        return NONE
    return CONFLICT if likelihood >= THRESHOLD else STRONG


def _read(
    names: list[str], diagnoses: list[str], effective: np.ndarray, priors: Sequence[str], notes: Sequence[str]
) -> str:
    parts = [f"priors of {', '.join(priors)} scaled"]
    for kind, words in (
        (CONFLICT, "prior and data pull apart for"),
        (STRONG, "the prior weighs more than the data for"),
    ):
        found = [n for n, d in zip(names, diagnoses, strict=True) if d == kind]
        if found:
            parts.append(f"{words} {_few(found)} ({kind})")
    if len(parts) == 1:
        parts.append(f"no quantity is sensitive to them (all below {THRESHOLD:g})")
    shaky = [n for n, e in zip(names, effective, strict=True) if e < FEWEST]
    if shaky:
        parts.append(f"fewer than {FEWEST} effective draws of {_few(shaky)}: draw more before trusting those rows")
    return "; ".join([*parts, *notes])


def _few(names: list[str]) -> str:
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return ", ".join(names[:8]) + more


__all__ = ["Sensitivity", "diagnosis", "power_scaled"]
