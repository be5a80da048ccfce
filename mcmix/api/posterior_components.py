"""How many components, and how many clusters: posteriors of both beside their priors, and evidence of each number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import gammaln, logsumexp

from mcmix.api.cluster_sizes import cluster_sizes, counted
from mcmix.api.partitions import kept_or_drawn
from mcmix.api.sources import is_sampler
from mcmix.errors import ModelError
from mcmix.nodes.stochastic import Stochastic
from mcmix.notebook import shown
from mcmix.report.diagnosis.mixing import effective_for_mean
from mcmix.report.frames import table_frame
from mcmix.report.partitions.block_priors import Finite
from mcmix.structure.evaluate import evaluate
from mcmix.structure.unknown_number import UnknownNumber, units_of
from mcmix.traces.memory import Draws

if TYPE_CHECKING:
    from pandas import DataFrame

WHAT = "posterior_components"
FEWEST_DRAWS, MOST_DRAWS = 400, 10_000  # at which the posterior of the number given the partition is looked at
MOST_LABELS = 2 * 10**7  # units times draws, from which on draws are fewer
PRIOR_DRAWS = 1000  # of an unknown concentration
SHOWN = 5e-4  # probability from which a number has a row in a notebook
AT_THE_END = 0.001  # posterior probability of the largest number, where the prior was cut, that is worth a word


@dataclass(frozen=True, repr=False)
class PosteriorComponents:
    """Posteriors of the number of components K and of the number of clusters K+, beside their priors.

    Entry k - 1 of each array is about k.

    Attributes
    ----------
    name : str
        Of the unknown number of components.
    n : int
        Units.
    components, clusters : ndarray, shape (most,)
        Posterior probability of k components, and of k clusters (components with units).
    prior_components, prior_clusters : ndarray, shape (most,)
        Before the data; that of clusters is exact where the concentration is known, else an average over 1000 draws of
        its prior. NaN where it would take longer than half a minute.
    errors, cluster_errors : ndarray, shape (most,)
        Monte Carlo standard errors of the posterior probabilities.
    log_evidence : ndarray, shape (most,)
        Log density of the data given k components, up to one constant for all: 0 for the most probable number. Log
        Bayes factors are their differences. NaN where no draw says anything, or the prior rules k out.
    log_evidence_errors : ndarray, shape (most,)
        Monte Carlo standard errors of the differences from the most probable number.
    beyond : float
        Prior probability of numbers above `most`, which was cut off.
    """

    name: str
    n: int
    components: np.ndarray
    clusters: np.ndarray
    prior_components: np.ndarray
    prior_clusters: np.ndarray
    errors: np.ndarray
    cluster_errors: np.ndarray
    log_evidence: np.ndarray
    log_evidence_errors: np.ndarray
    beyond: float

    @property
    def mode(self) -> int:
        """The most probable number of components."""
        return int(self.components.argmax()) + 1

    @property
    def most_clusters(self) -> int:
        """The most probable number of clusters."""
        return int(self.clusters.argmax()) + 1

    def to_frame(self) -> DataFrame:
        """A row for each number, as a pandas DataFrame.

        Examples
        --------
        >>> mc.posterior_components(m).to_frame()  # doctest: +SKIP
        """
        columns = {
            "number": np.arange(1, len(self.components) + 1), "components": self.components, "mcse": self.errors,
            "prior": self.prior_components, "clusters": self.clusters, "clusters_mcse": self.cluster_errors,
            "clusters_prior": self.prior_clusters, "log_evidence": self.log_evidence,
            "log_evidence_mcse": self.log_evidence_errors,
        }  # fmt: skip
        return table_frame(columns, range(len(self.components)))

    @property
    def said(self) -> str:
        """The most probable numbers in words."""
        most = f"{self.most_clusters} clusters with probability {self.clusters.max():.3g}"
        return f"{self.mode} components with probability {self.components.max():.3g}, {most}{self._end()}"

    def _end(self) -> str:
        """What to say where the posterior presses on a prior that was cut."""
        pressed = self.beyond > 0.0 and self.components[-1] > AT_THE_END
        told = f"; {len(self.components)}, where the prior was cut, has {self.components[-1]:.2g}: raise most="
        return told if pressed else ""

    def __repr__(self) -> str:
        return f"<PosteriorComponents of {self.name}, {self.n} units: {self.said}>"

    def _repr_html_(self) -> str:
        kept = np.flatnonzero(np.maximum(self.components, self.clusters) >= SHOWN)
        rows = slice(0, int(kept.max()) + 1 if kept.size else 1)
        frame = self.to_frame().iloc[rows]
        return shown(f"Number of components {self.name}", {str(c): frame[c].tolist() for c in frame}, self.said)


def posterior_components(draws: Any, *, label: str | None = None, calls: str = "last") -> PosteriorComponents:
    """Posteriors of the numbers of components and of clusters, with their priors, and the evidence of each number.

    Parameters
    ----------
    draws : MCMC or Posterior
        Of a model with a :class:`mcmix.NumberOfComponents`.
    label : str, optional
        Which label vector, where several have an unknown number of components; the first by default.
    calls : {"last", "all"}

    Returns
    -------
    PosteriorComponents

    Raises
    ------
    ModelError
        If the number of components is known, or draws that are needed were not kept.

    Notes
    -----
    Probabilities of K are means of those given the partition of each draw (weights and empty components integrated
    out; Rao-Blackwell), at 10,000 evenly spaced draws at most; those of K+ are shares of the same draws. Errors are
    standard deviations over the square root of effective draws.

    The evidence of K is its posterior probability over its prior one, up to a constant. It needs no other run, and is
    surest where K is probable. What K and K+ mean, and how both answer to their priors: Fruehwirth-Schnatter,
    Malsiner-Walli and Gruen (2021), "Generalized mixtures of finite mixtures and telescoping sampling", Bayesian
    Analysis 16.

    Examples
    --------
    >>> import numpy as np, mcmix as mc
    >>> x = np.random.default_rng(1).normal(np.repeat([-40.0, 40.0], 20), 1.0)
    >>> K = mc.NumberOfComponents("K", most=8)
    >>> z = mc.Categorical("z", mc.Dirichlet("w", 1.0, size=K), size=40)
    >>> mu = mc.Normal("mu", 0, sigma=40, size=K)
    >>> m = mc.MCMC([mc.Mixture("y", z, mc.Normal, mu, 1.0, value=x, observed=True)])
    >>> found = mc.posterior_components(m.sample(2000, 500, seed=1))
    >>> found.mode, found.most_clusters, found.log_evidence.round(1)[1].item()
    (2, 2, 0.0)
    """
    if not is_sampler(draws):
        raise ModelError(f"{WHAT}: expected a sampler or its posterior, got {type(draws).__name__}")
    unknown = number_of_labels(draws, label)
    kept = _some(draws.draws(calls), unknown)
    sizes = _sizes(draws, kept, unknown)
    numbers = (sizes > 0).sum(1)
    masses = _given_partitions(unknown, numbers, sizes, _values(unknown, kept))
    by_chain = (kept.n_chains, -1)
    occupied = numbers[:, None] == np.arange(1, unknown.most + 1)
    (components, errors), (clusters, cluster_errors) = (
        _mean_and_error(x.reshape(*by_chain, unknown.most)) for x in (masses, occupied.astype(float))
    )
    prior = unknown.node.probabilities
    evidence, evidence_errors = _log_evidence(masses.reshape(*by_chain, unknown.most), prior)
    return PosteriorComponents(
        unknown.node.name, unknown.block.label.n_units, components, clusters, prior, _prior_clusters(unknown, draws),
        errors, cluster_errors, evidence, evidence_errors, unknown.node.beyond,
    )  # fmt: skip


def number_of_labels(m: Any, label: str | None) -> UnknownNumber:
    """The unknown number of components of a label vector, or a refusal."""
    numbers: Sequence[UnknownNumber] = m.assembled.structure.numbers
    named = {n.block.label.node.name: n for n in numbers}
    if not numbers:
        raise ModelError(
            f"{WHAT}: expected a model with an unknown number of components (mc.NumberOfComponents), got one where it "
            "is known or has no end; mc.occupied(m) has the posterior of the number of clusters"
        )
    if label is not None and label not in named:
        raise ModelError(f"{WHAT}: label= expected one of {', '.join(map(repr, named))}, got {label!r}")
    return numbers[0] if label is None else named[label]


# -------------------------------------------------------------------- at draws


def _some(draws: Draws, unknown: UnknownNumber) -> Draws:
    """Evenly spaced draws, as many as are looked at: fewer where the labels of many units are needed."""
    label = unknown.block.label
    many = units_of(label.node.name) not in draws.statistics
    most = int(np.clip(MOST_LABELS // label.n_units, FEWEST_DRAWS, MOST_DRAWS)) if many else MOST_DRAWS
    positions = draws.thinned(most)
    kept = positions[positions[:, 0] == 0, 1]
    variables, told = ({n: x[:, kept] for n, x in part.items()} for part in (draws.variables, draws.statistics))
    return Draws(variables, told, angles=draws.angles, labels=draws.labels)


def _sizes(m: Any, kept: Draws, unknown: UnknownNumber) -> np.ndarray:
    """Sizes of clusters at each draw, shape (draws, capacity), empty ones among them; else labels are drawn again."""
    label = unknown.block.label
    found = cluster_sizes(kept, label.node.name, unknown.capacity, label.lowest)
    if found is None:
        found = counted(kept_or_drawn(m, kept, label.node, WHAT), unknown.capacity, label.lowest)
    return found.reshape(-1, unknown.capacity)


def _values(unknown: UnknownNumber, kept: Draws) -> list[dict[Stochastic, np.ndarray]]:
    """What concentration and prior masses are made of, at each draw; one of them where that is nothing."""
    nodes = _parents(unknown)
    missing = [n.name for n in nodes if n.name not in kept.variables]
    if missing:
        raise ModelError(f"{WHAT}: draws of {', '.join(missing)} were not kept; expected trace=True for them")
    if not nodes:
        return [{}]
    places = np.ndindex(kept.n_chains, kept.n_draws)
    return [{n: kept.variables[n.name][place] for n in nodes} for place in places]


def _parents(unknown: UnknownNumber) -> list[Stochastic]:
    return [leaf.extra for leaf in sorted(unknown.log_masses.leaves, key=lambda x: x.extra.name)]


def _given_partitions(unknown: UnknownNumber, numbers: np.ndarray, sizes: np.ndarray, values: Any) -> np.ndarray:
    """Probability of each number of components given the partition of each draw, shape (draws, most).

    Sizes of clusters matter where the concentration depends on the number, else how many there are.
    """
    k = np.arange(1, unknown.most + 1)
    occupied = numbers[:, None]
    names = gammaln(k + 1.0) - gammaln(np.maximum(k - occupied, 0) + 1.0)
    logs = np.where(k >= occupied, names, -np.inf) + np.array([evaluate(unknown.log_masses, v) for v in values])
    if unknown.is_dynamic:  # else the same for every number
        a = np.array([evaluate(unknown.concentrations, v) for v in values])
        for column in sizes.T:
            of_one = gammaln(column[:, None] + a) - gammaln(a)
            logs += np.where(column[:, None] > 0, of_one, 0.0)
    return np.asarray(np.exp(logs - logsumexp(logs, axis=1, keepdims=True)))


def _mean_and_error(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means of (chains, draws, numbers), and their Monte Carlo standard errors; 0 where nothing varies."""
    effective = effective_for_mean(np.moveaxis(x, -1, 0))
    spread = x.std(axis=(0, 1))
    with np.errstate(invalid="ignore", divide="ignore"):
        return x.mean(axis=(0, 1)), np.where(spread > 0.0, spread / np.sqrt(effective), 0.0)


def _log_evidence(masses: np.ndarray, prior: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Logs of posterior over prior, from the most probable number on, and the errors of these differences."""
    mean = masses.mean(axis=(0, 1))
    seen = (mean > 0.0) & (prior > 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.where(seen, np.log(mean) - np.log(prior), np.nan)
        best = int(mean.argmax())
        relative = masses / mean - masses[..., best : best + 1] / mean[best]  # the delta method
    errors = _mean_and_error(np.where(seen, relative, 0.0))[1]
    return logs - logs[best], np.where(seen, errors, np.nan)


# -------------------------------------------------------------------- before the data


def _prior_clusters(unknown: UnknownNumber, m: Any) -> np.ndarray:
    """Prior probability of each number of clusters; NaN where it would take too long."""
    a = _prior_concentrations(unknown, m)
    found = np.zeros(unknown.most)
    most = min(unknown.most, unknown.block.label.n_units)
    try:
        for prior, values in _gibbs_type(unknown, a):
            found[:most] += prior.weights.sum() * _conditional(prior, values, most)
    except ModelError:  # it would take longer than half a minute
        return np.full(unknown.most, np.nan)
    return found


def _conditional(prior: Finite, values: np.ndarray, most: int) -> np.ndarray:
    whole = Finite(prior.n, prior.numbers, prior.weights / prior.weights.sum(), prior.dynamic)
    return np.asarray(whole.probabilities(values, most).mean(0))


def _gibbs_type(unknown: UnknownNumber, a: np.ndarray) -> list[tuple[Finite, np.ndarray]]:
    """Priors on K with a law of the concentration each, which together are the model's."""
    p, n = unknown.node.probabilities, unknown.block.label.n_units
    numbers = np.flatnonzero(p) + 1
    weights = p[numbers - 1]
    if a.shape[1] == 1:
        return [(Finite(n, numbers, weights), a[:, 0])]
    total = a * np.arange(1, a.shape[1] + 1)
    if np.allclose(total, total[:, :1], rtol=1e-12):
        return [(Finite(n, numbers, weights, dynamic=True), total[:, 0])]
    return [(Finite(n, numbers[i : i + 1], weights[i : i + 1]), a[:, k - 1]) for i, k in enumerate(numbers)]


def _prior_concentrations(unknown: UnknownNumber, m: Any) -> np.ndarray:
    """Concentrations under each number of components, shape (draws of their prior, most or 1)."""
    nodes = _parents(unknown)
    draws: list[dict[Stochastic, np.ndarray]] = [{}]
    if nodes:
        found = m.model.prior_predictive(PRIOR_DRAWS, 0, [n.name for n in nodes])
        draws = [{n: found[n.name][i] for n in nodes} for i in range(PRIOR_DRAWS)]
    return np.array([np.ravel(evaluate(unknown.concentrations, values)) for values in draws])


__all__ = ["PosteriorComponents", "posterior_components"]
