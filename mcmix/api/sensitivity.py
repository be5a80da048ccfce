"""Sensitivity to priors by power-scaling, without refitting."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from mcmix.api.arguments import at_least_one, checked_sampler, listed
from mcmix.api.diagnosis import facts_of
from mcmix.api.relabel import relabel
from mcmix.errors import ModelError
from mcmix.nodes.node import Node
from mcmix.nodes.stochastic import Stochastic
from mcmix.report import arviz_bridge
from mcmix.report.diagnosis.facts import Facts
from mcmix.report.elements import element_labels
from mcmix.report.sensitivity.power_scaling import Sensitivity, power_scaled
from mcmix.sampling import pointwise, predictive_density, replay
from mcmix.sampling.marginal import Marginal
from mcmix.structure.recording import record
from mcmix.traces.memory import Draws

MOST_ELEMENTS = 24  # of a variable that was not asked for by name
ROWS = 3  # of the data at which the predictive density is a quantity


def sensitivity(
    m: Any,
    *,
    priors: Any = None,
    names: Any = None,
    draws: int = 4000,
    calls: str = "last",
    method: str = "auto",
) -> Sensitivity:
    """Ask how the posterior answers to the power of its priors and of its likelihood.

    The prior is raised to powers next to 1 and the kept draws weighted accordingly; how fast each quantity's
    distribution moves away is its sensitivity. The same is done with the likelihood, labels summed out. A quantity that
    both move feels prior and data pull apart; one that the prior alone moves is told by the prior.

    Parameters
    ----------
    m : MCMC
        After sampling.
    priors : str, node or sequence of these, optional
        Unknowns whose priors are scaled; by default all but those whose prior depends on a hyperparameter (there the
        hyperparameter's own is scaled) and labels. Potentials belong to neither side.
    names : str or sequence of str, optional
        Variables to look at; by default all of at most 24 elements, and what no name of a component enters: log
        predictive density at some rows of the data, number of occupied components.
    draws : int
        Kept draws that are used, evenly spaced over all chains.
    calls : {"last", "all"}
    method : str
        How components that have no names of their own get them, as for :func:`relabel`: as drawn they switch, and
        sensitivities of switching draws would mean nothing.

    Returns
    -------
    Sensitivity
        With ``table`` (a row for each quantity), ``reading`` and ``priors``.

    Raises
    ------
    ModelError
        If a name is unknown, draws that are needed were not kept, labels cannot be summed out, or prior or likelihood
        are not finite at some draw.

    Notes
    -----
    Power-scaling with Pareto-smoothed weights and the cumulative Jensen-Shannon distance, as ArviZ computes it:
    Kallioinen, Paananen, Buerkner and Vehtari (2023). Powers are 1.01 and its inverse.

    Examples
    --------
    >>> import numpy as np, mcmix as mc
    >>> mu = mc.Normal("mu", 0, 4.0)
    >>> m = mc.MCMC([mc.Normal("y", mu, 1.0, value=[3.2, 2.9, 3.4], observed=True), mu])
    >>> found = m.sample(1500, 500, seed=1).sensitivity()
    >>> found.table.loc["mu", "diagnosis"]
    'prior-data conflict'
    """
    checked_sampler(m, "sensitivity")
    kept = m.draws(calls)
    positions = kept.thinned(at_least_one(draws, "draws", "sensitivity"))
    some = positions[positions[:, 0] == 0, 1]
    marginal = Marginal(record(m.model, rows=m.rows), m.model)
    _refuse_non_factorising(marginal)
    if not m.model.data_nodes:
        raise ModelError("sensitivity: the model has no data, so its posterior is its prior")
    facts = facts_of(m)
    scaled = _scaled(m, marginal, priors)
    thinned = _thinned(kept, some, {n.name for n in m.assembled.labels})
    log_prior = _log_prior(m, thinned, scaled)
    log_likelihood = -0.5 * pointwise.deviance(m.assembled, thinned)
    for what, x in (("prior", log_prior), ("likelihood", log_likelihood)):
        if not np.isfinite(x).all():
            raise ModelError(f"sensitivity: expected a finite log {what} at every draw, got {x[~np.isfinite(x)][0]}")
    quantities, notes = _quantities(m, kept, some, facts, names, calls, method)
    if names is None:
        quantities |= _label_free(m, kept, thinned, some, facts)
    if not quantities:
        raise ModelError("sensitivity: nothing to look at; pass names=")
    return power_scaled(quantities, log_prior, log_likelihood, [n.name for n in scaled], notes)


# -------------------------------------------------------------------- what is scaled


def _refuse_non_factorising(marginal: Marginal) -> None:
    if marginal.non_factorising:
        listed_ = "; ".join(f"{n.name} ({why})" for n, why in marginal.non_factorising.items())
        raise ModelError(f"sensitivity: expected labels that can be summed out of the likelihood, got {listed_}")


def _scaled(m: Any, marginal: Marginal, asked: Any) -> list[Stochastic]:
    """Unknowns whose priors are scaled."""
    apart = {*marginal.labels, *m.model.data_nodes}
    candidates = [n for n in m.model.stochastics if n not in apart]
    if asked is None:
        return [n for n in candidates if not _has_hyperparameters(n, candidates, marginal.needed)]
    wanted = [n.name if isinstance(n, Node) else n for n in listed(asked)]
    known = {n.name: n for n in candidates}
    unknown = [n for n in wanted if n not in known]
    if unknown or not wanted:
        came = ", ".join(map(repr, unknown)) or "none"
        raise ModelError(f"sensitivity: priors= expected unknowns among {', '.join(known)}, got {came}")
    return [known[n] for n in dict.fromkeys(wanted)]


def _has_hyperparameters(node: Stochastic, candidates: Collection[Stochastic], needed: Collection[Stochastic]) -> bool:
    """Whether its prior depends on an unknown that the data see through such priors alone."""
    parents = set(node.extended_parents)
    return any(n in parents and n not in needed for n in candidates)


def _log_prior(m: Any, thinned: Draws, scaled: Sequence[Stochastic]) -> np.ndarray:
    """Log prior density of the scaled unknowns at every draw, shape (chains, draws)."""
    found = replay.log_prior(m.assembled, thinned)
    absent = [n.name for n in scaled if n.name not in found]
    if absent:
        raise ModelError(
            f"sensitivity needs the draws of {', '.join(absent)} and of what their priors depend on, which were not "
            "kept; leave trace=False out"
        )
    shape = (thinned.n_chains, thinned.n_draws)
    total = np.zeros(shape)
    for n in scaled:
        total += found[n.name].reshape(*shape, -1).sum(axis=-1)
    return total


# -------------------------------------------------------------------- what is looked at


def _quantities(
    m: Any, kept: Draws, some: np.ndarray, facts: Facts, names: Any, calls: str, method: str
) -> tuple[dict[str, tuple[np.ndarray, str]], list[str]]:
    """Elements of variables, with the origin of their draws; components that have no names come relabelled."""
    tables = {v for f in facts.labels.values() for t in f.tables for v, _ in t}
    tables |= {v for f in facts.labels.values() for v in f.complements}
    available = [n for n in kept.variables if n not in facts.labels]
    wanted = available if names is None else [n.name if isinstance(n, Node) else str(n) for n in listed(names)]
    unknown = [n for n in wanted if n not in available]
    if unknown:
        raise ModelError(
            f"sensitivity: names= expected variables among {', '.join(available)}, got {', '.join(unknown)}"
        )
    nameless = [n for n in wanted if n in facts.nameless and n not in tables]
    if nameless and names is not None:
        raise ModelError(f"sensitivity: {', '.join(nameless)} depend on components that have no names of their own")
    large = [n for n in wanted if names is None and int(np.prod(kept.variables[n].shape[2:])) > MOST_ELEMENTS]
    wanted = [n for n in wanted if n not in nameless and n not in large]
    renamed, how = _relabelled(m, facts, calls, method) if set(wanted) & tables else ({}, "")
    found: dict[str, tuple[np.ndarray, str]] = {}
    for name in wanted:
        origin = "relabelled" if name in tables else "as named"
        values = (renamed if name in tables else kept.variables)[name][:, some]
        flat = values.reshape(*values.shape[:2], -1)
        labels = element_labels(name, values.shape[2:], kept.labels.get(name, ()))
        found |= {label: (flat[:, :, i], origin) for i, label in enumerate(labels) if np.ptp(flat[:, :, i]) > 0}
    notes = [f"components are named by {how}"] if how else []
    notes += [f"left out, pass names= to see them: {', '.join(large)}"] if large else []
    notes += [f"left out, functions of components without names: {', '.join(nameless)}"] if nameless else []
    return found, notes


def _relabelled(m: Any, facts: Facts, calls: str, method: str) -> tuple[Mapping[str, np.ndarray], str]:
    """Draws under one name for each component, and how these were found."""
    data = relabel(m, method, calls=calls)
    keys = ["relabelling", *(f"relabelling {name}" for name in facts.labels)]
    hows = [str(data.attrs[key]) for key in keys if key in data.attrs]
    return arviz_bridge.draws_of(data)[0], ", ".join(dict.fromkeys(hows))


def _label_free(
    m: Any, kept: Draws, thinned: Draws, some: np.ndarray, facts: Facts
) -> dict[str, tuple[np.ndarray, str]]:
    """What no name of a component enters."""
    found: dict[str, tuple[np.ndarray, str]] = {}
    for name, label in facts.labels.items():
        if label.exchangeable and name in kept.variables:
            labels = kept.variables[name][:, some]
            filled = sum((labels == k).any(axis=-1).astype(float) for k in range(label.n_components))
            filled = np.asarray(filled)
            if np.ptp(filled) > 0:
                found[f"occupied components of {name}"] = (filled, "label-free")
    try:
        for names, logs in predictive_density.at_rows_of_data(m.assembled, thinned, ROWS):
            found |= {n: (logs[:, :, i], "label-free") for i, n in enumerate(names) if np.ptp(logs[:, :, i]) > 0}
    except ModelError:  # rows that cannot be written for others have no such density
        pass
    return found


def _thinned(kept: Draws, some: np.ndarray, labels: Collection[str]) -> Draws:
    """Draws of everything but the labels at some positions of each chain."""
    return Draws({n: v[:, some] for n, v in kept.variables.items() if n not in labels})


__all__ = ["sensitivity"]
