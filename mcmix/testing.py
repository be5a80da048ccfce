"""Is a sampler right? Statistical tests of whole samplers, for any model that can be simulated from.

:func:`joint_test` asks whether sweeps leave the joint law of unknowns and data as it is, :func:`rank_calibration`
whether posterior draws are calibrated. Both compare ranks with the uniform law, look harder only where something seems
wrong, and raise a false alarm with a stated probability at most.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from mcmix.api.mcmc import MCMC
from mcmix.errors import ModelError
from mcmix.nodes.ancestral import drawn_forward
from mcmix.nodes.model import Model, parents_given
from mcmix.nodes.node import Node
from mcmix.nodes.stochastic import Stochastic

Quantity = Callable[[Mapping[str, Any]], float]
Prepare = Callable[[MCMC], object]
Replicate = Callable[[np.random.SeedSequence], dict[str, float]]

DIGITS = 9  # quantities are compared to so many digits: what is constant but for rounding has ties, not an order
CLEAR = 0.1  # above this adjusted p-value a stage ends the test: lower is cheaper, and lets more faults slip
SHOWN = 6  # quantities that a result prints


# -------------------------------------------------------------------- what comes back


@dataclass(frozen=True, repr=False)
class HarnessResult:
    """What a test found.

    Attributes
    ----------
    name : str
        Which test it was.
    ranks : dict of str to ndarray, shape (replications,)
        Per quantity the randomised rank of the sampler's draw among true ones, between 0 and 1; uniform where the
        sampler is right. Values near 1: the sampler draws too high.
    p_values : dict of str to float
        Per quantity, for location and spread together (doubled smaller one of two exact Kolmogorov-Smirnov tests).
    threshold : float
        The test fails where a p-value is at or below it: `false_alarm` over stages and quantities.
    false_alarm : float
        Probability, at most, that the test fails a sampler that is right.
    stage, stages : int
        Where the test ended, and how many stages it had.
    """

    name: str
    ranks: dict[str, np.ndarray]
    p_values: dict[str, float]
    threshold: float
    false_alarm: float
    stage: int
    stages: int

    @property
    def passed(self) -> bool:
        """Whether nothing wrong was found."""
        return min(self.p_values.values()) > self.threshold

    @property
    def replications(self) -> int:
        """How many the verdict rests on."""
        return len(self.ranks[self.worst])

    @property
    def worst(self) -> str:
        """The quantity with the smallest p-value."""
        return min(self.p_values, key=self.p_values.__getitem__)

    @property
    def advice(self) -> str:
        """What to do next."""
        if self.passed:
            return "nothing found; for smaller errors raise replications=, or pass quantities= that you care about"
        return (
            f"the sampler's draws of '{self.worst}' are {_fault(self.ranks[self.worst])}; test with one step at a time "
            "(prepare=lambda m: m.use_step_method(...)), and look at the density and the Hastings term of the step"
        )

    def __repr__(self) -> str:
        worst = sorted(self.p_values, key=self.p_values.__getitem__)
        lines = [f"  p = {self.p_values[q]:<8.2g} {q}" for q in worst[:SHOWN]]
        if len(worst) > SHOWN:
            lines.append(f"  and {len(worst) - SHOWN} larger ones")
        verdict = "passed" if self.passed else "FAILED"
        return "\n".join(
            [
                f"<{self.name}: {verdict}, {self.replications} replications, stage {self.stage} of {self.stages}; "
                f"fails at p <= {self.threshold:.2g} (false alarm {self.false_alarm:.2g})",
                *lines,
                f"  next: {self.advice}>",
            ]
        )


def _fault(ranks: np.ndarray) -> str:
    """In words, how ranks depart from the uniform law most."""
    away, spread = ranks.mean() - 0.5, np.abs(2 * ranks - 1).mean() - 0.5
    if abs(away) >= abs(spread):
        return "too high" if away > 0 else "too low"
    return "too spread out" if spread > 0 else "too narrow"


# -------------------------------------------------------------------- the tests


def joint_test(
    simulated: Any,
    sampled: Any = None,
    *,
    prepare: Prepare | None = None,
    quantities: Mapping[str, Quantity] | None = None,
    steps: int = 1,
    sweeps: int = 20,
    direct: int = 9,
    replications: int = 150,
    stages: int = 3,
    growth: int = 3,
    false_alarm: float = 1e-5,
    seed: Any = None,
) -> HarnessResult:
    """Test that a sampler leaves the joint law of unknowns and data as it is.

    Each replication draws unknowns and data from the model and goes `steps` times through sweeps of the sampler given
    the data; between two steps the data are drawn afresh given the unknowns. If the sampler is right, the end is again
    a draw of unknowns and data from the model, and its rank among independent direct draws is uniform.

    Parameters
    ----------
    simulated : Model, or anything a Model takes
        Which to draw from. It has data nodes (their present values do not matter, their shapes do) and no potentials.
        Small is best: 5 to 20 rows, two or three components, proper and moderate priors.
    sampled : Model, or anything a Model takes, optional
        What the sampler is made for, where it is another model with the same names and shapes (a planted fault).
    prepare : callable of MCMC, optional
        Called with each new sampler before it runs: ``lambda m: m.use_step_method(mc.Slicer, "sd")``.
    quantities : mapping of str to callable, optional
        What is ranked: functions of a mapping from names to values; by default :func:`label_invariant`.
    steps : int
        How often sweeps alternate with fresh data; each step assembles the sampler anew (some milliseconds).
    sweeps : int
        In each step; nothing adapts during them.
    direct : int
        Direct draws that a replication's end is ranked among.
    replications : int
        In the first stage.
    stages, growth : int
        A stage that leaves doubt is followed by one with `growth` times as many replications in all.
    false_alarm : float
        Probability, at most, that a sampler that is right fails.
    seed : int or SeedSequence, optional
        The same seed gives the same verdict.

    Returns
    -------
    HarnessResult

    Raises
    ------
    ModelError
        If the model has no data, missing entries, potentials or a node that cannot be drawn; if the two models differ
        in names or shapes; if a quantity is NaN; if a count or probability is out of range.

    Notes
    -----
    Geweke (2004), "Getting it right: joint distribution tests of posterior simulators", JASA 99, and Gandy and Scott
    (2020), "Unit testing for MCMC and other Monte Carlo methods", for ranks and the sequential rule. Putting the direct
    draw at a random place of the sequence is exact only if the part before it is run by the reversed sampler, and a
    sweep through several steps is not reversible; so sequences start at a direct draw and their ends are ranked among
    others. Replications are then independent, and the false alarm is exact for any sampler.

    The data stay fixed within a step because that costs microseconds a sweep. A sampler that cannot reach some
    values, but leaves the law as it is, passes: :func:`rank_calibration` sees that.

    Examples
    --------
    >>> import mcmix as mc, mcmix.testing
    >>> def model(rate):
    ...     theta = mc.Gamma("theta", 2, rate)
    ...     return mc.Model([theta, mc.Poisson("y", theta, value=[0] * 5, observed=True)])
    >>> mcmix.testing.joint_test(model(3), seed=1).passed
    True
    >>> mcmix.testing.joint_test(model(3), model(1 / 3), seed=1).passed
    False
    """
    rule = _Rule("joint test", replications, stages, growth, false_alarm)
    _refuse_counts(steps=steps, sweeps=sweeps, direct=direct)
    simulator, sampler = _pair(simulated, sampled, prepare)
    measured = quantities or label_invariant(simulator.model)

    def replicate(sequence: np.random.SeedSequence) -> dict[str, float]:
        *children, own = sequence.spawn(steps + 1)
        rng = np.random.default_rng(own)
        values = simulator.draw(rng)
        for number, child in enumerate(children):
            if number > 0:
                values |= simulator.fresh_data(values, rng)
            values |= sampler.moved(values, sweeps, child)
        return _ranked(measured, values, [simulator.draw(rng) for _ in range(direct)], rng)

    with sampler.data_kept():
        return rule.applied(replicate, seed)


def rank_calibration(
    simulated: Any,
    sampled: Any = None,
    *,
    prepare: Prepare | None = None,
    quantities: Mapping[str, Quantity] | None = None,
    burn: int = 200,
    thin: int = 20,
    draws: int = 9,
    replications: int = 150,
    stages: int = 3,
    growth: int = 3,
    false_alarm: float = 1e-5,
    seed: Any = None,
) -> HarnessResult:
    """Test that posterior draws are calibrated: simulation-based calibration of the sampler as users run it.

    Each replication draws unknowns and data from the model, samples the posterior of the unknowns from the sampler's
    own start, and ranks the true values among thinned draws; the rank is uniform if the sampler is right.

    Parameters
    ----------
    simulated, sampled, prepare, quantities, replications, stages, growth, false_alarm, seed
        As for :func:`joint_test`.
    burn : int
        Sweeps before the first kept one's; steps adapt during them.
    thin : int
        Sweeps for each draw that is kept.
    draws : int
        Kept draws that the true values are ranked among.

    Returns
    -------
    HarnessResult

    Raises
    ------
    ModelError
        As :func:`joint_test` does.

    Notes
    -----
    Talts, Betancourt, Simpson, Vehtari and Gelman (2018), "Validating Bayesian inference algorithms with
    simulation-based calibration". The false alarm is as stated only for a sampler that has forgotten its start after
    `burn` sweeps and the draw before after `thin`: a failure may also say that these are too few.

    Examples
    --------
    >>> import mcmix as mc, mcmix.testing
    >>> def model(mean):
    ...     mu = mc.Normal("mu", mean, 1)
    ...     return mc.Model([mu, mc.Normal("y", mu, 1, value=[0.0, 0.0], observed=True)])
    >>> mcmix.testing.rank_calibration(model(0), seed=1).passed
    True
    >>> mcmix.testing.rank_calibration(model(0), model(3), seed=1).passed
    False
    """
    rule = _Rule("rank calibration", replications, stages, growth, false_alarm)
    _refuse_counts(burn=burn, thin=thin, draws=draws)
    simulator, sampler = _pair(simulated, sampled, prepare)
    measured = quantities or label_invariant(simulator.model)

    def replicate(sequence: np.random.SeedSequence) -> dict[str, float]:
        child, own = sequence.spawn(2)
        rng = np.random.default_rng(own)
        truth = simulator.draw(rng)
        found = [truth | values for values in sampler.posterior(truth, burn, thin, draws, child)]
        # one minus the rank of the truth among draws: as in the joint test, high is where the sampler draws too high
        return {q: 1 - rank for q, rank in _ranked(measured, truth, found, rng).items()}

    with sampler.data_kept():
        return rule.applied(replicate, seed)


# -------------------------------------------------------------------- what is ranked


def label_invariant(model: Model) -> dict[str, Quantity]:
    """Functions of unknowns and data that stay the same when component labels are exchanged.

    Parameters
    ----------
    model : Model

    Returns
    -------
    dict of str to callable
        Of each continuous unknown the value, or the least, greatest and (of three or more entries) mean one, for
        symmetric matrices the same of their log determinants; of each vector of whole numbers the largest group and
        the number of groups, and every table's mean over the rows as they look it up; the log density of each data
        node given the labels.

    Examples
    --------
    >>> import mcmix as mc, mcmix.testing
    >>> z = mc.Categorical("z", [0.5, 0.5], size=3)
    >>> mu = mc.Normal("mu", 0, 1, size=2)
    >>> y = mc.Normal("y", mu[z], 1, value=[0.0, 1.0, 2.0], observed=True)
    >>> found = mcmix.testing.label_invariant(mc.Model([y]))
    >>> list(found)[:3]
    ['least mu', 'greatest mu', 'largest group of z']
    >>> found["greatest mu"]({"mu": [2.0, 3.0]})
    3.0
    """
    example = _Simulator(model).draw(np.random.default_rng(0))
    discrete = [n for n in model.stochastics if np.issubdtype(n.dtype, np.integer) or n.dtype == bool]
    continuous = [n for n in model.stochastics if n not in discrete]
    labels = [n.name for n in discrete if len(n.shape) == 1 and n.shape[0] > 1]
    found: dict[str, Quantity] = {}
    for node in [*continuous, *[n for n in discrete if n.name not in labels]]:
        found |= _of_numbers(node.name, np.asarray(example[node.name]))
    for name in labels:
        found |= _of_labels(name, [n.name for n in continuous if len(n.shape) > 0])
    for node in model.data_nodes:
        found[f"log density of {node.name}"] = _log_density(node, model)
    return found


def _of_numbers(name: str, example: np.ndarray) -> dict[str, Quantity]:
    """The order of a variable's entries does not matter to what is ranked."""
    if _is_symmetric(example):
        return _extremes(name, f"log det {name}", math.prod(example.shape[:-2]), lambda v: np.linalg.slogdet(v)[1])
    return _extremes(name, name, example.size, np.asarray)


def _is_symmetric(example: np.ndarray) -> bool:
    square = example.ndim >= 2 and example.shape[-1] == example.shape[-2] > 1
    return square and np.allclose(example, example.swapaxes(-1, -2))


def _extremes(name: str, title: str, size: int, function: Callable[[Any], Any]) -> dict[str, Quantity]:
    if size == 1:
        return {title: _summary(name, function, np.sum)}
    summaries: dict[str, Callable[[Any], Any]] = {"least": np.min, "greatest": np.max}
    if size > 2:
        summaries["mean"] = np.mean
    return {f"{word} {title}": _summary(name, function, f) for word, f in summaries.items()}


def _summary(name: str, function: Callable[[Any], Any], summarised: Callable[[Any], Any]) -> Quantity:
    return lambda values: float(summarised(function(np.asarray(values[name]))))


def _of_labels(name: str, tables: Sequence[str]) -> dict[str, Quantity]:
    """How a vector of labels parts its units, and what the units look up."""
    return {
        f"largest group of {name}": lambda v: float(np.unique(v[name], return_counts=True)[1].max()),
        f"groups of {name}": lambda v: float(len(np.unique(v[name]))),
        **{f"mean {table} at {name}": _mean_at(table, name) for table in tables},
    }


def _mean_at(table: str, labels: str) -> Quantity:
    return lambda values: float(_looked_up(values[table], values[labels]).mean())


def _looked_up(table: Any, labels: Any) -> np.ndarray:
    # clipped, because not every vector of whole numbers holds labels of every table
    return np.take(np.asarray(table), np.asarray(labels).astype(int), axis=0, mode="clip")


def _log_density(node: Stochastic, model: Model) -> Quantity:
    members = [n for n in model.ordered() if isinstance(n, Stochastic)]

    def quantity(values: Mapping[str, Any]) -> float:
        known: dict[Node, Any] = {n: values[n.name] for n in members}
        return node.log_density(values[node.name], parents_given(node, known))

    return quantity


# -------------------------------------------------------------------- drawing and sampling


class _Simulator:
    """Draws of a model from its laws, by name."""

    def __init__(self, model: Model):
        self.model = model
        _refuse_model(model)

    def draw(self, rng: np.random.Generator) -> dict[str, Any]:
        """Unknowns and data."""
        nodes = [*self.model.stochastics, *self.model.data_nodes]
        values = drawn_forward(nodes, {}, rng)
        return {n.name: values[n] for n in nodes}

    def fresh_data(self, values: Mapping[str, Any], rng: np.random.Generator) -> dict[str, Any]:
        """Data given the unknowns."""
        nodes = self.model.data_nodes
        drawn = drawn_forward(nodes, {n: values[n.name] for n in self.model.stochastics}, rng)
        return {n.name: drawn[n] for n in nodes}


@dataclass
class _Sampler:
    """The sampler under test; its model's data are replaced, and it is assembled anew each time."""

    model: Model
    prepare: Prepare | None

    def moved(self, values: Mapping[str, Any], sweeps: int, seed: np.random.SeedSequence) -> dict[str, Any]:
        """Unknowns some sweeps after they had these values."""
        m = self._made(values)
        start = {n.name: values[n.name] for n in self.model.stochastics}
        m.sample(sweeps, 0, sweeps, chains=1, seed=seed, start=start, progress_bar=False)
        return self._present(m)

    def posterior(
        self, values: Mapping[str, Any], burn: int, thin: int, draws: int, seed: np.random.SeedSequence
    ) -> Iterator[dict[str, Any]]:
        """Thinned draws of the unknowns given the data, from the sampler's own start."""
        m = self._made(values)
        m.sample(burn + thin, burn, thin, chains=1, seed=seed, progress_bar=False)
        yield self._present(m)
        for _ in range(draws - 1):
            yield self._present(m.sample(thin, 0, thin, progress_bar=False))

    def _made(self, values: Mapping[str, Any]) -> MCMC:
        for node in self.model.data_nodes:
            node.observe(values[node.name])
        m = MCMC(self.model)
        if self.prepare is not None:
            self.prepare(m)
        return m

    def _present(self, m: MCMC) -> dict[str, Any]:
        # from the chain itself: a variable that is not traced may be the one that is wrong
        chain = m._runners[0].chain
        return {n.name: chain.get(n)[()] for n in self.model.stochastics}

    @contextmanager
    def data_kept(self) -> Iterator[None]:
        """Put the data back afterwards."""
        kept = {n: n.value for n in self.model.data_nodes}
        try:
            yield
        finally:
            for node, value in kept.items():
                node.observe(value)


def _pair(simulated: Any, sampled: Any, prepare: Prepare | None) -> tuple[_Simulator, _Sampler]:
    """Where draws come from, and what is tested."""
    one = simulated if isinstance(simulated, Model) else Model(simulated)
    other = one if sampled is None else sampled if isinstance(sampled, Model) else Model(sampled)
    shapes = [{n.name: n.shape for n in [*m.stochastics, *m.data_nodes]} for m in (one, other)]
    if shapes[0] != shapes[1]:
        raise ModelError(f"sampled: expected the names and shapes {shapes[0]} of the simulated model, got {shapes[1]}")
    _refuse_model(other)
    return _Simulator(one), _Sampler(other, prepare)


def _refuse_model(model: Model) -> None:
    """Refuse what has no joint law to draw from."""
    if not model.data_nodes:
        raise ModelError("the test expects a model with data nodes, got none")
    if model.potentials:
        names = ", ".join(p.name for p in model.potentials)
        raise ModelError(f"the test expects a model without potentials (they cannot be drawn from), got {names}")
    gaps = [n.name for n in model.data_nodes if n.mask is not None]
    if gaps:
        raise ModelError(f"the test expects data without missing entries, got some in {', '.join(gaps)}")


def _refuse_counts(**counts: int) -> None:
    for name, count in counts.items():
        if not (isinstance(count, (int, np.integer)) and count >= 1):
            raise ModelError(f"{name}: expected a whole number of at least 1, got {count!r}")


# -------------------------------------------------------------------- ranks and the rule


def _ranked(
    quantities: Mapping[str, Quantity],
    values: Mapping[str, Any],
    others: Sequence[Mapping[str, Any]],
    rng: np.random.Generator,
) -> dict[str, float]:
    """Randomised rank of each quantity among its values elsewhere: exactly uniform if all have one law."""
    found = {}
    for name, quantity in quantities.items():
        own, *rest = (_rounded(name, quantity(v)) for v in (values, *others))
        ties = sum(r == own for r in rest)
        rank = sum(r < own for r in rest) + rng.integers(ties + 1)
        found[name] = float((rank + rng.random()) / (len(rest) + 1))
    return found


def _rounded(name: str, value: float) -> float:
    if math.isnan(value):
        raise ModelError(f"quantity '{name}': expected a number, got NaN")
    return float(f"{value:.{DIGITS}g}")


def _uniformity(ranks: np.ndarray) -> float:
    """A p-value for location and spread; both tests are exact, the smaller one counts twice."""
    tests = [stats.kstest(u, "uniform").pvalue for u in (ranks, np.abs(2 * ranks - 1))]
    return float(min(1.0, 2 * min(tests)))


@dataclass(frozen=True)
class _Rule:
    """When to stop: early where all is clear or something is surely wrong, else look `growth` times as long.

    Every stage tests all quantities at false_alarm / (stages * quantities), so that by the union bound the whole
    errs with probability `false_alarm` at most, however the stages depend on each other.
    """

    name: str
    replications: int
    stages: int
    growth: int
    false_alarm: float

    def __post_init__(self) -> None:
        _refuse_counts(replications=self.replications, stages=self.stages, growth=self.growth)
        if not 0 < self.false_alarm < 1:
            raise ModelError(f"false_alarm: expected a probability between 0 and 1, got {self.false_alarm!r}")

    def applied(self, replicate: Replicate, seed: Any) -> HarnessResult:
        """Replicate, look, and go on while in doubt."""
        sequence = seed if isinstance(seed, np.random.SeedSequence) else np.random.SeedSequence(seed)
        rows: list[dict[str, float]] = []
        for stage in range(1, self.stages + 1):
            total = self.replications * self.growth ** (stage - 1)
            rows += [replicate(child) for child in sequence.spawn(total - len(rows))]
            found = self._looked_at(rows, stage)
            clear = min(found.p_values.values()) * len(found.p_values) > CLEAR
            if clear or not found.passed:
                break
        return found

    def _looked_at(self, rows: Sequence[Mapping[str, float]], stage: int) -> HarnessResult:
        ranks = {q: np.array([row[q] for row in rows]) for q in rows[0]}
        p_values = {q: _uniformity(r) for q, r in ranks.items()}
        threshold = self.false_alarm / (self.stages * len(ranks))
        return HarnessResult(self.name, ranks, p_values, threshold, self.false_alarm, stage, self.stages)


__all__ = ["HarnessResult", "joint_test", "label_invariant", "rank_calibration"]
