"""What data and labels together say of a fit: DIC 4, and how many components hold rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.special import xlogy

from mcmix.errors import McmixError
from mcmix.kernels import streams
from mcmix.nodes.stochastic import Stochastic
from mcmix.report.evidence.scores import Score, complete_deviance_information
from mcmix.report.statistics import batch_error
from mcmix.sampling.buffers import buffers
from mcmix.sampling.marginal import Marginal
from mcmix.sampling.run import collected, run, runner
from mcmix.steps.methods import NoStepper
from mcmix.steps.plan import assemble
from mcmix.steps.table import Choice
from mcmix.structure.label_vectors import LabelVector
from mcmix.structure.recording import record
from mcmix.traces.memory import Draws

LABELLINGS = (10, 40)  # draws of all labels, fewest and most, each with a short run of the parameters given them
MOST_ROWS = 3 * 10**7  # rows x sweeps in all these runs, beyond which labellings are fewer
MOST_UNKNOWNS = 500  # that are drawn given each labelling
MOST_LABELLED = 200_000  # units of which labellings are drawn: of more, a score of theirs would take minutes
SWEEPS, SETTLING = (
    100,
    50,
)  # of such a run; it begins at a draw from its own distribution, so only its steps have to settle
LOOKS = 20  # of these sweeps, for the mean of a log density
MOST_ENTRIES = 10**8  # draws x rows x components that label probabilities are computed for, one draw at a time
AT_ONCE = 10**7  # labels held at a time
BATCHES = 20

NOTHING = Score(np.nan, np.nan)


def complete_scores(m: Any, kept: Draws, marginal: Marginal, most: int) -> tuple[Score, Score]:
    """DIC 4, and the mean number of components that hold rows; NaN where labels cannot be read one by one.

    DIC 4 is NaN of more than 200,000 units, or 500 unknowns, too.

    Parameters
    ----------
    m : MCMC
    kept : Draws
    marginal : Marginal
        Of the model, labels summed out.
    most : int
        Draws that are looked at.

    Notes
    -----
    Given a draw, a component of label probabilities p_i is empty with probability prod(1 - p_i): no labels need to be
    drawn for the number of occupied ones.
    """
    labels = marginal.label_vectors
    if len(labels) > 1 or marginal.non_factorising:
        return NOTHING, NOTHING
    if not labels:
        return _without_labels(kept, marginal, most), NOTHING
    label = labels[0]
    positions = kept.thinned(max(LABELLINGS[1], min(most, MOST_ENTRIES // (label.n_units * label.n_labels))))
    likelihood, negative_entropy, occupied = np.array(list(_by_draw(kept, positions, marginal, label))).T.reshape(
        3, kept.n_chains, -1
    )
    filled = Score(float(occupied.mean()), float(batch_error(occupied, BATCHES)))
    unknowns = sum(kept.variables[n.name][0, 0].size for n in marginal.needed)
    if label.n_units > MOST_LABELLED or unknowns > MOST_UNKNOWNS:
        return NOTHING, filled
    try:
        gains = np.array(list(_gains(m, kept, marginal, label)))
    except McmixError:  # a model whose parameters cannot be sampled with labels held has no such score
        return NOTHING, filled
    return complete_deviance_information(likelihood + negative_entropy, gains), filled


def occupied_draws(m: Any, kept: Draws, most: int) -> np.ndarray | None:
    """Number of components that hold rows, shape (chains, draws), or None without one vector of labels.

    Counted where the labels were kept; else in expectation given each of at most so many draws' parameters.
    """
    labels = [b.label for b in m.assembled.structure.blocks]
    if len(labels) != 1:
        return None
    label = labels[0]
    if label.node.name in kept.variables:
        some = kept.thinned(most)
        drawn = kept.variables[label.node.name][:, some[some[:, 0] == 0, 1]]
        known = label.known_counts > 0
        here = [(drawn == value).any(axis=-1) | k for value, k in zip(label.values, known, strict=True)]
        return np.sum(here, axis=0, dtype=float)
    marginal = Marginal(record(m.model, rows=m.rows), m.model)
    if marginal.non_factorising or any(n.name not in kept.variables for n in marginal.needed):
        return None
    label = marginal.label_of(label.node)
    positions = kept.thinned(min(most, max(LABELLINGS[1], MOST_ENTRIES // (label.n_units * label.n_labels))))
    return np.reshape([x[2] for x in _by_draw(kept, positions, marginal, label)], (kept.n_chains, -1))


def _without_labels(kept: Draws, marginal: Marginal, most: int) -> Score:
    """Complete data are the data: the deviance at the posterior means of the parameters."""
    positions = kept.thinned(most)
    found = []
    for chain, draw in positions:
        marginal.put({n: kept.variables[n.name][chain, draw] for n in marginal.needed})
        found.append(marginal.log_likelihood())
    marginal.put({n: kept.variables[n.name][tuple(positions.T)].mean(axis=0) for n in marginal.needed})
    likelihood = np.reshape(found, (kept.n_chains, -1))
    value = -4.0 * likelihood.mean() + 2.0 * marginal.log_likelihood()
    return Score(float(value), float(4.0 * batch_error(likelihood, BATCHES)))


def _by_draw(
    kept: Draws, positions: np.ndarray, marginal: Marginal, label: LabelVector
) -> Iterator[tuple[float, float, float]]:
    """At each draw: log likelihood, minus the entropy of the labels, expected number of components with rows."""
    for chain, draw in positions:
        marginal.put({n: kept.variables[n.name][chain, draw] for n in marginal.needed})
        shares = _shares(marginal, label)
        with np.errstate(divide="ignore"):
            empty = np.exp(np.log1p(-np.minimum(shares, 1.0)).sum(axis=0))
        yield marginal.log_likelihood(), float(xlogy(shares, shares).sum()), float((1.0 - empty).sum())


def _shares(marginal: Marginal, label: LabelVector) -> np.ndarray:
    """Label probabilities of units at the marginal's present point, shape (units, K)."""
    found = np.zeros((label.n_units, label.n_labels))
    marginal.add_shares(label.node, found)
    return found


def _gains(m: Any, kept: Draws, marginal: Marginal, label: LabelVector) -> Iterator[float]:
    """What the mean of the parameters given data and labels has over draws of them, for several draws of the labels.

    In log density of data and labels, where that of the labels themselves, which varies most, drops out. A mean of few
    sweeps lies off by its own error, which lowers the log density by a part inverse to their number; that of the halves
    is lowered by twice as much, and their difference takes it away.
    """
    compiled = assemble(m.model, (), [Choice(NoStepper, (label.node,))], rows=m.rows)
    rng = np.random.default_rng(0)
    positions = kept.thinned(int(np.clip(MOST_ROWS // (label.n_units * (SWEEPS + SETTLING)), *LABELLINGS)))
    size = max(1, AT_ONCE // label.n_units)
    for first in range(0, len(positions), size):
        some = positions[first : first + size]
        drawn = [_drawn_labels(kept, c, d, marginal, label, rng) for c, d in some]
        starts = [
            _given(m, kept, c, d) | {label.node: label.node.state_of(label.values[z])}
            for (c, d), z in zip(some, drawn, strict=True)
        ]
        runners = [runner(compiled, i, streams.of_short_chain(first + i), start, {}) for i, start in enumerate(starts)]
        out = buffers(compiled, len(runners), SWEEPS, 0)
        run(runners, out, SWEEPS + SETTLING, SETTLING, 1, progress_bar=False)
        draws = collected(compiled, out, SWEEPS).variables
        for i, z in enumerate(drawn):
            parts = [slice(None), slice(SWEEPS // 2), slice(SWEEPS // 2, None)]
            whole, *halves = [
                _joint(marginal, label, z, {n: draws[n.name][i, p].mean(axis=0) for n in marginal.needed})
                for p in parts
            ]
            spread = [
                _joint(marginal, label, z, {n: draws[n.name][i, j] for n in marginal.needed})
                for j in range(0, SWEEPS, SWEEPS // LOOKS)
            ]
            yield 2.0 * whole - 0.5 * sum(halves) - float(np.mean(spread))


def _drawn_labels(
    kept: Draws, chain: int, draw: int, marginal: Marginal, label: LabelVector, rng: np.random.Generator
) -> np.ndarray:
    """Labels of all units given a draw's parameters, as positions among the label's values."""
    marginal.put({n: kept.variables[n.name][chain, draw] for n in marginal.needed})
    levels = np.cumsum(_shares(marginal, label), axis=1)
    return np.asarray((levels <= rng.random((label.n_units, 1)) * levels[:, -1:]).sum(axis=1))


def _joint(marginal: Marginal, label: LabelVector, labels: np.ndarray, means: dict[Stochastic, np.ndarray]) -> float:
    """Log density of the data and these labels."""
    marginal.put(means)
    shares = _shares(marginal, label)[np.arange(label.n_units), labels]
    with np.errstate(divide="ignore"):
        return marginal.log_likelihood() + float(np.log(shares).sum())


def _given(m: Any, kept: Draws, chain: int, draw: int) -> dict[Stochastic, Any]:
    return {n: kept.variables[n.name][chain, draw] for n in m.model.stochastics if n.name in kept.variables}


__all__ = ["complete_scores", "occupied_draws"]
