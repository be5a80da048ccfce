"""mc.refit: the same model over a grid of one hyperparameter."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr
from typing import Any

import numpy as np

from mcmix.api.arguments import at_least_one, checked_lengths, sequence_from
from mcmix.api.complete_data import occupied_draws
from mcmix.api.diagnosis import at_a_glance, facts_of
from mcmix.api.evidence import evidence
from mcmix.api.mcmc import MCMC
from mcmix.errors import McmixError, ModelError
from mcmix.kernels import streams
from mcmix.report.diagnosis.quantities import groups_of
from mcmix.report.sensitivity.refits import EVIDENCE, OCCUPIED, Refits, Summary, side_by_side
from mcmix.traces.memory import Draws

MOST_ELEMENTS = 12  # of a variable
NINETY = 1.645


def refit(
    make: Callable[[Any], Any],
    values: Sequence[Any],
    *,
    iter: int,
    burn: int,
    chains: int = 4,
    seed: Any = None,
    name: str = "hyperparameter",
    draws: int = 4000,
) -> Refits:
    """Sample a model anew for each value of a hyperparameter and put what no name of a component enters side by side.

    Parameters
    ----------
    make : callable
        ``make(value)`` returns a new Model, list of nodes, or MCMC that was not sampled.
    values : sequence
        The grid; numbers for :func:`mcmix.plots.refits`.
    iter, burn, chains
        Of each run, as for :meth:`MCMC.sample`. Runs say nothing on the screen; what their verdicts found wrong is in
        the answer.
    seed : int or SeedSequence, optional
        Each value gets a stream of its own from it.
    name : str
        What the hyperparameter is called.
    draws : int
        Draws of each run for the evidence.

    Returns
    -------
    Refits
        ``table`` with posterior means and 90 % intervals of named elements, of sorted components where these have no
        names, of the number of occupied components, and the log evidence; ``reading``; ``verdicts``.

    Raises
    ------
    ModelError
        If `values` is empty, or something fails at a value, which is then named.

    Notes
    -----
    A prior that matters shows in posterior means; the evidence always depends on it.

    Examples
    --------
    >>> import mcmix as mc
    >>> def model(precision):
    ...     mu = mc.Normal("mu", 0, precision)
    ...     return [mu, mc.Normal("y", mu, 1.0, value=[2.9, 3.4], observed=True)]
    >>> found = mc.refit(model, [0.01, 1.0, 100.0], iter=600, burn=100, seed=1, name="precision of mu")
    >>> found.table.query("quantity == 'mu'")["mean"].round(0).tolist()
    [3.0, 2.0, 0.0]
    """
    grid = _checked(make, values, name)
    checked_lengths(iter, burn, 1)
    n_chains, most = at_least_one(chains, "chains", "refit"), at_least_one(draws, "draws", "refit")
    whole = sequence_from(seed, "refit")
    rows, verdicts, notes = [], [], dict[str, None]()
    for value, stream in zip(grid, streams.of_grid(whole, len(grid)), strict=True):
        try:
            m = _sampled(make(value), iter, burn, n_chains, stream)
            row, note = _summaries(m, most)
        except Exception as error:  # the user's function is among what is called
            raise ModelError(f"refit: at {name} = {value!r}: {type(error).__name__}: {error}") from error
        rows.append(row)
        verdicts.append(_verdict(m))
        notes |= dict.fromkeys(note)
    return side_by_side(name, grid, rows, verdicts, list(notes))


def _checked(make: Any, values: Any, name: Any) -> list[Any]:
    if not callable(make):
        raise ModelError(f"refit: expected a function that makes a model from a value, got {type(make).__name__}")
    try:
        grid = [v.item() if isinstance(v, np.generic) else v for v in values]
    except TypeError as error:
        raise ModelError(f"refit: values expected a sequence, got {values!r}") from error
    if not grid:
        raise ModelError("refit: values expected at least one value, got none")
    if not isinstance(name, str):
        raise ModelError(f"refit: name expected text, got {name!r}")
    return grid


def _sampled(made: Any, iterations: int, burn: int, chains: int, stream: np.random.SeedSequence) -> MCMC:
    m = made if isinstance(made, MCMC) else MCMC(made)
    if m._calls:
        raise ModelError("make() expected to return a model that was not sampled yet; build a new one at each call")
    with redirect_stderr(io.StringIO()):  # the verdict is in the answer
        return m.sample(iterations, burn, chains=chains, seed=stream, progress_bar=False).or_interrupted()


def _verdict(m: MCMC) -> str:
    seen = at_a_glance(m, m.draws())
    return seen.headline if seen.wrong else ""


def _summaries(m: MCMC, most: int) -> tuple[dict[str, Summary], list[str]]:
    """Of every quantity, and what the reader should know."""
    kept, notes = m.draws(), []
    found, large = _elements(m, kept)
    if large:
        notes.append(f"left out, more than {MOST_ELEMENTS} elements: {', '.join(large)}")
    filled = occupied_draws(m, kept, most)
    if filled is not None:
        found[OCCUPIED] = Summary.of(filled)
    if not m.model.data_nodes:
        return found, [*notes, "no evidence: there are no data"]
    try:
        proof = evidence(m, draws=most)
        error = proof.error if proof.agree else np.inf
        found[EVIDENCE] = Summary(proof.log, proof.log - NINETY * error, proof.log + NINETY * error, error)
    except McmixError as reason:
        found[EVIDENCE] = Summary(np.nan, np.nan, np.nan, np.nan)
        notes.append(f"no evidence: {reason}")
    return found, notes


def _elements(m: MCMC, kept: Draws) -> tuple[dict[str, Summary], list[str]]:
    """Elements under their names, and sorted components where names mean nothing; variables that are too large."""
    found: dict[str, Summary] = {}
    large: list[str] = []
    for group in groups_of(kept, facts_of(m), {}):
        if group.labels == ["log density"] or not (group.invariant or group.decides):
            continue
        if len(group.labels) > MOST_ELEMENTS:
            large.append(group.labels[0].partition("[")[0])
            continue
        draws = group.read(np.arange(len(group.labels))).astype(float)
        found |= {label: Summary.of(x) for label, x in zip(group.labels, draws, strict=True)}
    return found, large


__all__ = ["refit"]
