"""The joint test for data with missing entries, and small models that have some.

Entries that are missing are unknowns: each replication draws whole rows, shows the sampler those that are known, and
starts it at those that are not. The distribution of whole rows must then be what it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

import mcmix as mc
from mcmix import testing
from mcmix.nodes.ancestral import drawn_forward
from mcmix.nodes.stochastic import Stochastic
from mcmix.testing.quantities import log_density_of, of_labels, of_numbers
from mcmix.testing.rule import Quantity, Rule, ranked
from tests.harness import grammar
from tests.harness.grammar import LABELS

ROWS = 4
GAPS = np.array([[True, False], [False, True], [True, True], [False, False]])


def joint_test(
    nodes: Any, replications: int, false_alarm: float, seed: int, sweeps: int = 10, direct: int = 7, prepare: Any = None
) -> testing.HarnessResult:
    """As :func:`mcmix.testing.joint_test`, for one model with missing entries."""
    model = mc.Model(nodes)
    masks = {n: np.array(n.mask) for n in model.data_nodes if n.mask is not None}
    everything = list(dict.fromkeys([*model.stochastics, *model.data_nodes]))
    quantities = _quantities(model, everything)

    def drawn(rng: np.random.Generator) -> dict[str, Any]:
        values = drawn_forward(everything, {}, rng)
        return {n.name: values[n] for n in everything}

    def replicate(sequence: np.random.SeedSequence) -> dict[str, float]:
        child, own = sequence.spawn(2)
        rng = np.random.default_rng(own)
        values = drawn(rng)
        for node in model.data_nodes:
            node.observe(values[node.name], mask=masks.get(node))
        m = mc.MCMC(model)
        if prepare is not None:
            prepare(m)
        start = {n.name: values[n.name] for n in model.stochastics}
        m.sample(sweeps, 0, sweeps, chains=1, seed=child, start=start, progress_bar=False)
        values |= {n.name: m._runners[0].chain.get(n)[()] for n in model.stochastics}
        return ranked(quantities, values, [drawn(rng) for _ in range(direct)], rng)

    return Rule("joint test with gaps", replications, 3, 3, false_alarm).applied(replicate, seed)


def _quantities(model: mc.Model, everything: list[Stochastic]) -> dict[str, Quantity]:
    found: dict[str, Quantity] = {}
    example: Mapping[str, Any] = {n.name: n.value for n in everything}
    for node in everything:
        if np.issubdtype(node.dtype, np.floating):
            found |= of_numbers(node.name, np.asarray(example[node.name]))
        else:
            found |= of_labels(node.name, [])
        if node.mask is not None:
            found[f"mean of what {node.name} lacks"] = _mean_where(node.name, np.array(node.mask))
            found[f"log density of {node.name}"] = log_density_of(node, model)
    return found


def _mean_where(name: str, mask: np.ndarray) -> Quantity:
    return lambda values: float(np.mean(np.asarray(values[name])[mask]))


# -------------------------------------------------------------------- models


def _rows() -> Any:
    return np.ma.array(np.random.default_rng(1).normal(size=(ROWS, 2)), mask=GAPS)


def coordinates_by_precision() -> Any:
    mean = mc.MvNormal("mean", np.zeros(2), np.eye(2))
    return mc.MvNormal("data", mean, np.array([[1.0, 0.4], [0.4, 2.0]]), value=_rows(), observed=True)


def coordinates_by_covariance() -> Any:
    cover = mc.InverseWishart("cover", 6.0, 2.0 * np.eye(2))
    return mc.MvNormalCov("data", np.zeros(2), cover, value=_rows(), observed=True)


def coordinates_by_factor() -> Any:
    mean = mc.MvNormal("mean", np.zeros(2), np.eye(2))
    return mc.MvNormalChol("data", mean, np.array([[1.0, 0.0], [0.4, 0.8]]), value=_rows(), observed=True)


def coordinates_of_components() -> Any:
    mean = mc.MvNormal("mean", np.zeros(2), np.eye(2), size=LABELS)
    z = grammar.labels((2.0, 2.0), ROWS)
    return mc.Mixture("data", z, mc.MvNormal, mean, np.array([[1.0, 0.4], [0.4, 2.0]]), value=_rows(), observed=True)


def numbers() -> Any:
    mean: Any = mc.Normal("mean", 0.0, 0.5, size=LABELS)
    z = grammar.labels((2.0, 2.0), ROWS)
    value = np.ma.array(np.zeros(ROWS), mask=[True, False, False, False])
    return mc.Normal("data", mean[z], 1.0, value=value, observed=True)


def counts() -> Any:
    rate: Any = mc.Gamma("rate", 2.0, 1.0, size=LABELS)
    z = grammar.labels((2.0, 2.0), ROWS)
    value = np.ma.array(np.zeros(ROWS, int), mask=[True, False, False, False])
    return mc.Poisson("data", rate[z], value=value, observed=True)


MODELS = {
    "missing coordinates, precision": ("MvNormal", coordinates_by_precision),
    "missing coordinates, covariance": ("MvNormalCov", coordinates_by_covariance),
    "missing coordinates, factor": ("MvNormalChol", coordinates_by_factor),
    "missing coordinates of components": ("MvNormal", coordinates_of_components),
    "missing numbers": ("Normal", numbers),
    "missing counts": ("Poisson", counts),
}
