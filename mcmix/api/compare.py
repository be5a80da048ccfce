"""Several models of the same data in one table, with a plain reading."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import logsumexp

from mcmix.api.arguments import checked_sampler
from mcmix.api.evidence import Target, evidence
from mcmix.api.partitions import occupied
from mcmix.errors import ModelError
from mcmix.report.evidence import scores
from mcmix.report.frames import table_frame
from mcmix.sampling import replay
from mcmix.sampling.mode import Search, run_from
from mcmix.sampling.mode import Target as Height

if TYPE_CHECKING:
    from pandas import DataFrame

CLOSE = 3.0  # nats of log evidence below which two models are about as good (Kass and Raftery 1995)


@dataclass(frozen=True, repr=False)
class Comparison:
    """Models side by side.

    Attributes
    ----------
    table : DataFrame
        A row for each model; see :func:`compare`.
    reading : str
        What the table says, in plain words.
    """

    table: DataFrame
    reading: str

    def __repr__(self) -> str:
        return f"{self.table.round(2).to_string()}\n{self.reading}"

    def _repr_html_(self) -> str:
        return f"{self.table.round(2).to_html()}<p>{self.reading}</p>"


def compare(models: Mapping[Any, Any], *, draws: int = 2000, calls: str = "last") -> Comparison:
    """Compare sampled models of the same data.

    Parameters
    ----------
    models : mapping of name to MCMC
        Each after sampling; for numbers of components, ``{k: sampler_with(k) for k in range(1, 6)}``.
    draws : int
        Draws of each that the scores are computed from.
    calls : {"last", "all"}

    Returns
    -------
    Comparison
        Its table has, for each model: ``log_evidence`` with its Monte Carlo error and ``probability`` (all models
        equally likely beforehand), by bridge sampling; ``loo`` and ``waic``, expected log predictive densities of
        single units with their standard errors, and the units for which they are unreliable; ``bic``, ``icl`` (at the
        mode that is reached from the best draw) and ``dic``, of which less is better; ``occupied``, the mean number of
        components that hold rows.

    Raises
    ------
    ModelError
        If models are of different data, or were not sampled.

    Notes
    -----
    Evidence asks how well a model foretells all data from its prior, and so depends on the prior; the predictive scores
    ask about one more unit, and tend to favour more components. Labels are summed out everywhere.

    Examples
    --------
    >>> import numpy as np, mcmix as mc
    >>> x = np.random.default_rng(1).normal([[0.0], [6.0]], 1.0, (2, 40)).ravel()
    >>> def sampler(k):
    ...     mu, w = mc.Normal("mu", 3, 0.05, size=k), mc.Dirichlet("w", np.ones(k))
    ...     return mc.MCMC([mc.Mixture("y", w, mc.Normal, mu, 1.0, value=x, observed=True), mu])
    >>> found = mc.compare({k: sampler(k).sample(1500, 500, seed=1) for k in (1, 2)})
    >>> found.table["probability"].round(3).tolist()
    [0.0, 1.0]
    """
    if not isinstance(models, Mapping) or not models:
        came = "none" if isinstance(models, Mapping) else type(models).__name__
        raise ModelError(f"compare: expected models by name, got {came}")
    _refuse_other_data(models)
    rows = {name: _row(m, draws, calls) for name, m in models.items()}
    columns = {c: np.array([row[c] for row in rows.values()]) for c in next(iter(rows.values()))}
    logs = columns["log_evidence"]
    columns["probability"] = np.exp(logs - logsumexp(logs))
    order = ["log_evidence", "evidence_error", "probability", *[c for c in columns if c not in _FIRST]]
    frame = table_frame({c: columns[c] for c in order}, [str(name) for name in rows])
    return Comparison(frame, _read(list(map(str, rows)), columns))


_FIRST = ("log_evidence", "evidence_error", "probability")


def _refuse_other_data(models: Mapping[Any, Any]) -> None:
    seen: dict[str, np.ndarray] | None = None
    for name, m in models.items():
        checked_sampler(m, f"compare: {name!r}")
        data = m.observed_data()
        if seen is None:
            seen = data
        elif data.keys() != seen.keys() or any(not np.array_equal(data[n], seen[n], equal_nan=True) for n in data):
            raise ModelError(f"compare: expected models of the same data; {name!r} has other data than the first")


def _row(m: Any, most: int, calls: str) -> dict[str, float]:
    kept = m.draws(calls)
    proof = evidence(m, draws=most, calls=calls)
    found, _ = replay.unit_log_likelihood(m.assembled, kept, most)
    logs = np.concatenate([x.reshape(*x.shape[:2], -1) for x in found.values()], axis=-1)
    left, wide = scores.leave_one_out(logs), scores.widely_applicable(logs)
    bic, icl = _at_the_mode(m, kept, logs.shape[-1])
    labelled = [n.name for n in m.assembled.labels if n.name in kept.variables]
    numbers = occupied(m, calls=calls) if labelled else np.array([np.nan])
    return {
        "log_evidence": proof.log,
        "evidence_error": proof.error if proof.agree else np.inf,
        "loo": left.value,
        "loo_error": left.error,
        "loo_unreliable": left.trouble,
        "waic": wide.value,
        "waic_error": wide.error,
        "waic_unreliable": wide.trouble,
        "bic": bic,
        "icl": icl,
        "dic": scores.deviance_information(logs),
        "occupied": float((np.arange(len(numbers)) * numbers).sum()) if labelled else np.nan,
    }


def _at_the_mode(m: Any, kept: Any, n_units: int) -> tuple[float, float]:
    """BIC and ICL at the mode that a search from the best draw reaches (or at that draw, where there is none)."""
    target = Target(m, kept)
    points = target.draws_at(kept, kept.n_chains * kept.n_draws)
    density = kept.statistics["lp"]
    best = points[np.unravel_index(int(np.nanargmax(density)), density.shape)]
    end = run_from(Height(target.marginal, target.view), best, Search("fmin_l_bfgs_b"))
    free = end.free if end.stationary else best
    target.marginal.put_kept(target.view.kept(free))
    bic = scores.bayesian_information(target.marginal.log_likelihood(), target.view.size, n_units)
    icl = bic
    for node in target.marginal.labels:
        label = next(b.label for b in m.assembled.structure.blocks if b.label.node is node)
        shares = np.zeros((label.n_units, label.n_labels))
        target.marginal.add_shares(node, shares)
        icl = scores.classification(icl, shares)
    return bic, icl


def _read(names: list[str], columns: Mapping[str, np.ndarray]) -> str:
    logs, errors = columns["log_evidence"], columns["evidence_error"]
    best = int(np.argmax(logs))
    close = [names[i] for i in np.argsort(-logs) if i != best and logs[best] - logs[i] < CLOSE]
    text = f"by evidence {names[best]} is best"
    text += f", and {', '.join(close)} about as good (within {CLOSE:g} nats)" if close else ", clearly"
    text += (
        f"; by leave-one-out {names[int(np.argmax(columns['loo']))]}, by BIC {names[int(np.argmin(columns['bic']))]}"
    )
    text += f", by ICL {names[int(np.argmin(columns['icl']))]}"
    shaky = [names[i] for i in range(len(names)) if not errors[i] < CLOSE / 3]
    if shaky:
        text += f"; the evidence of {', '.join(shaky)} is unsure: its two estimates differ, draw more"
    poor = [names[i] for i in range(len(names)) if columns["loo_unreliable"][i] > 0]
    return text + (f"; leave-one-out has unreliable units in {', '.join(poor)}" if poor else "")


__all__ = ["Comparison", "compare"]
