"""The grammar of features: what a mixture model may have beside its two components, any of it together with any other.

A model is made of a set of features; `built` writes it, and `Reference` says in plain NumPy what the density of each
unit is under each combination of labels. Few models cover all pairs (`few`), every triple has its own (`triples`).

``python -m tests.harness.features`` prints the table of pairs that stands in FEATURES.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import combinations, product
from typing import Any

import numpy as np
from scipy import stats
from scipy.special import logsumexp

import mcmix as mc

UNITS, MOST = 4, 5  # units of a model; features of one of the few models
FEATURES = (
    "missing entries", "missing coordinates", "known labels", "known groups", "vector tables", "simplex tables",
    "row parameters", "several rows per label", "two label vectors", "two observed nodes", "nested mixtures",
    "tempering",
    "angles", "lists of nodes", "marginal moves",
)  # fmt: skip

KNOWN = {1: 1, 2: 0}  # labels that are known
INNER = np.array([[0.3, 0.7], [0.6, 0.4]])  # weights of the inner labels of a nested mixture, by outer label
SECOND = np.array([0.4, 0.6])  # weights of a second label vector
ROWS = np.array([3, 2, 1, 0, 0, 1, 2, 3])  # units of rows where there are several
GROUPS = np.array([0, 1])
ERRORS = np.array([0.5, 0.8, 1.1, 1.4])  # factors of the precision, by row
MISSING = 1  # the row that is missing
Y = np.array([0.3, 1.9, -0.6, 2.4])
V = np.array([[0.1, 0.9], [2.2, -0.3], [0.4, 0.2], [1.8, 0.7]])
C = np.array([0, 2, 1, 2])
COUNTS = np.array([1, 4, 0, 3])


@dataclass(frozen=True)
class Built:
    """A model of some features.

    Attributes
    ----------
    features : frozenset of str
    nodes : list
    options : mapping
        Keywords of MCMC.
    """

    features: frozenset[str]
    nodes: list[Any]
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def exchangeable(self) -> bool:
        """Whether components may be alike at all: known labels and known inner weights tell them apart."""
        return not self.features & {"known labels", "nested mixtures"}

    def sampled(self, iterations: int = 150, burn: int = 50, chains: int = 2, seed: int = 1) -> mc.MCMC:
        """The model after a short run."""
        m = mc.MCMC(self.nodes, **self.options)
        return m.sample(iterations, burn, chains=chains, seed=seed, progress_bar=False)


def built(features: frozenset[str], alike: bool = False) -> Built:
    """The model of a set of features; with `alike`, priors do not tell the components apart."""
    unknown = features - set(FEATURES)
    if unknown:
        raise LookupError(f"no features {sorted(unknown)}: add a row to FEATURES of {__name__}")
    w = mc.Dirichlet("w", [2.0, 2.0 if alike else 3.0])
    z = _labels(w, features)
    nodes: list[Any] = [w, z]
    _scalars(z, features, nodes, alike)
    if features & {"vector tables", "missing coordinates"}:
        _vectors(z, features, nodes, alike)
    if "simplex tables" in features:
        _categories(z, features, nodes)
    if "two observed nodes" in features:
        rate = _table(mc.Gamma, "rate", [2.0, 2.0 if alike else 4.0], 1.0, features, nodes)
        nodes.append(mc.Poisson("n", _at(rate, z, "rate at z"), value=COUNTS, observed=True))
    options: dict[str, Any] = {"tempering": 2} if "tempering" in features else {}
    if "marginal moves" in features:
        options["marginal_moves"] = True
    return Built(features, nodes, options)


def _labels(w: Any, features: frozenset[str]) -> Any:
    if "known labels" not in features:
        return mc.Categorical("z", w, size=UNITS)
    mask = np.array([i not in KNOWN for i in range(UNITS)])
    value = np.ma.masked_array([KNOWN.get(i, 0) for i in range(UNITS)], mask=mask)
    return mc.Categorical("z", w, value=value, observed=True)


def _table(
    law: Any, name: str, first: Sequence[float], second: float, features: frozenset[str], nodes: list[Any]
) -> Any:
    """A table over two labels: one vector, or a list of two nodes."""
    if "lists of nodes" in features:
        table = [law(f"{name}{k}", x, second) for k, x in enumerate(first)]
        nodes += table
        return table
    table = law(name, first, second)
    nodes.append(table)
    return table


def _at(table: Any, index: Any, name: str) -> Any:
    """What labels look up in a vector or a list."""
    if isinstance(table, list):
        return mc.Lambda(name, lambda table=table, index=index: np.array(table)[index])
    return mc.Lambda(name, lambda table=table, index=index: table[index])


def rows_of(features: frozenset[str]) -> np.ndarray:
    """The unit of each scalar row."""
    return ROWS if "several rows per label" in features else np.arange(UNITS)


def scalar_rows(features: frozenset[str]) -> np.ndarray:
    """The scalar data, NaN where missing."""
    x = Y[rows_of(features)] + 0.1 * np.arange(len(rows_of(features)))
    if "missing entries" in features:
        x[rows_of(features) == MISSING] = np.nan
    return x


def _scalars(z: Any, features: frozenset[str], nodes: list[Any], alike: bool) -> None:
    """The scalar rows, on all label vectors."""
    units, x = rows_of(features), scalar_rows(features)
    several = "several rows per label" in features
    angles = "angles" in features
    law, spread = (mc.VonMises, 2.0) if angles else (mc.Normal, 0.5)
    mu = _table(law, "mu", [0.0, 0.0 if alike else 2.0], spread, features, nodes)
    mean: Any = _at(mu, z[units] if several else z, "mu at z")
    if "nested mixtures" in features:
        t = mc.Categorical("t", mc.Index("inner", INNER, z), size=UNITS)
        delta = mc.Normal("delta", [-1.0, 1.0], 1.0)
        mean = mean + delta[t[units] if several else t]
        nodes += [t, delta]
    if "known groups" in features:
        shift = mc.Normal("shift", [0.0, 1.0], 1.0)
        mean = mean + shift[np.resize(GROUPS, len(x))]
        nodes.append(shift)
    precision: Any = 1.5
    if "two label vectors" in features:
        v = mc.Categorical("v", SECOND, size=UNITS)
        tau = mc.Gamma("tau", [4.0, 8.0], 4.0)
        precision = tau[v[units] if several else v]
        nodes += [v, tau]
    if "row parameters" in features:
        precision = precision * np.resize(ERRORS, len(x))
    nodes.append(law("y", mean, precision, value=x, observed=True))


def vector_rows(features: frozenset[str]) -> np.ndarray:
    """The vectors, NaN where missing."""
    x = V.copy()
    if "missing coordinates" in features:
        x[0, 1] = np.nan
    return x


def _vectors(z: Any, features: frozenset[str], nodes: list[Any], alike: bool) -> None:
    eye, apart = np.eye(2), 0.0 if alike else 2.0
    if "lists of nodes" in features:
        nu: Any = [mc.MvNormal(f"nu{k}", [apart * k, 0.0], eye) for k in range(2)]
        nodes += nu
    else:
        nu = mc.MvNormal("nu", [[0.0, 0.0], [apart, 0.0]], eye)
        nodes.append(nu)
    nodes.append(mc.Mixture("x", z, mc.MvNormal, nu, eye, value=vector_rows(features), observed=True))


def category_rows(features: frozenset[str]) -> np.ma.MaskedArray:
    """The categories, masked where missing."""
    return np.ma.masked_array(C, mask=[i == MISSING and "missing entries" in features for i in range(UNITS)])


def _categories(z: Any, features: frozenset[str], nodes: list[Any]) -> None:
    value = category_rows(features) if "missing entries" in features else C
    if "lists of nodes" in features:
        q: Any = [mc.Dirichlet(f"q{k}", np.ones(3)) for k in range(2)]
        nodes += q
    else:
        q = mc.Dirichlet("q", np.ones((2, 3)))
        nodes.append(q)
    nodes.append(mc.Categorical("c", _at(q, z, "q at z"), value=value, observed=True))


# -------------------------------------------------------------------- what is right


class Reference:
    """Densities of units at draws, by sums over labels written out: nothing of the package but the draws.

    Parameters
    ----------
    b : Built
    m : MCMC
        After sampling.
    """

    def __init__(self, b: Built, m: mc.MCMC):
        self.features, self.m = b.features, m
        inner = (0, 1) if "nested mixtures" in b.features else (0,)
        second = (0, 1) if "two label vectors" in b.features else (0,)
        self.labels = list(product((0, 1), inner, second))
        self.logs = np.stack([self._joint(*k) for k in self.labels])  # (combinations, draws, units)

    def _draws(self, name: str) -> np.ndarray:
        """A table over two labels, shape (draws, 2, ...)."""
        if "lists of nodes" in self.features and name in ("mu", "nu", "q", "rate"):
            return np.stack([self.m.trace(f"{name}{k}")[:] for k in range(2)], axis=1)
        return self.m.trace(name)[:]

    def _joint(self, z: int, t: int, v: int) -> np.ndarray:
        logs = np.log(self.m.trace("w")[:])[:, z, None] * np.ones(UNITS)
        logs = logs + self._scalar(z, t, v)
        if "nested mixtures" in self.features:
            logs = logs + np.log(INNER[z, t])
        if "two label vectors" in self.features:
            logs = logs + np.log(SECOND[v])
        if self.features & {"vector tables", "missing coordinates"}:
            x = vector_rows(self.features)
            each = stats.norm.logpdf(x[None], self._draws("nu")[:, z, None], 1.0)
            logs = logs + np.nan_to_num(each).sum(axis=2)
        if "simplex tables" in self.features:
            seen = ~np.ma.getmaskarray(category_rows(self.features))
            logs = logs + np.where(seen, np.log(self._draws("q")[:, z][:, C]), 0.0)
        if "two observed nodes" in self.features:
            logs = logs + stats.poisson.logpmf(COUNTS, self._draws("rate")[:, z, None])
        if "known labels" in self.features:
            logs[:, [i for i, k in KNOWN.items() if k != z]] = -np.inf
        return logs

    def _scalar(self, z: int, t: int, v: int) -> np.ndarray:
        units, x = rows_of(self.features), scalar_rows(self.features)
        mean = self._draws("mu")[:, z, None] + np.zeros(len(x))
        if "nested mixtures" in self.features:
            mean = mean + self.m.trace("delta")[:][:, t, None]
        if "known groups" in self.features:
            mean = mean + self.m.trace("shift")[:][:, np.resize(GROUPS, len(x))]
        precision = 1.5 * np.ones((1, len(x)))
        if "two label vectors" in self.features:
            precision = self.m.trace("tau")[:][:, v, None] * np.ones(len(x))
        if "row parameters" in self.features:
            precision = precision * np.resize(ERRORS, len(x))
        if "angles" in self.features:
            each = stats.vonmises.logpdf(x - mean, precision)
        else:
            each = stats.norm.logpdf(x, mean, precision**-0.5)
        found = np.zeros((len(mean), UNITS))
        for row, unit in enumerate(units):
            found[:, unit] += np.nan_to_num(each[:, row])
        return found

    @property
    def seen(self) -> np.ndarray:
        """Units of which something was observed."""
        found = np.ones(UNITS, dtype=bool)
        others = {"vector tables", "missing coordinates", "two observed nodes"} & self.features
        if "missing entries" in self.features and not others:
            found[MISSING] = "known labels" in self.features and MISSING in KNOWN
        return found

    @property
    def units(self) -> np.ndarray:
        """Log likelihood of each unit, labels summed out, shape (draws, units)."""
        return np.asarray(logsumexp(self.logs, axis=0))

    @property
    def shares(self) -> np.ndarray:
        """Probability of z = 0 and 1 at each draw, shape (draws, units, 2)."""
        p = np.exp(self.logs - self.units)
        by_z = [sum(p[i] for i, k in enumerate(self.labels) if k[0] == z) for z in (0, 1)]
        return np.stack(by_z, axis=-1)


# -------------------------------------------------------------------- few models that cover all


def pairs() -> list[frozenset[str]]:
    """Every pair of features."""
    return [frozenset(p) for p in combinations(FEATURES, 2)]


def triples() -> list[frozenset[str]]:
    """Every triple of features."""
    return [frozenset(t) for t in combinations(FEATURES, 3)]


@cache
def few() -> tuple[frozenset[str], ...]:
    """Sets of features that cover every pair: grown one feature at a time, each the one that adds most new pairs."""
    missing, chosen = set(pairs()), list[frozenset[str]]()
    while missing:
        grown = set(min(missing, key=lambda p: [FEATURES.index(f) for f in sorted(p, key=FEATURES.index)]))
        while len(grown) < MOST:
            gains = {f: sum(frozenset((f, g)) in missing for g in grown) for f in FEATURES if f not in grown}
            best = max(FEATURES, key=lambda f: gains.get(f, -1))
            if gains[best] == 0:
                break
            grown.add(best)
        chosen.append(frozenset(grown))
        missing -= {frozenset(p) for p in combinations(grown, 2)}
    return tuple(chosen)


def title(features: frozenset[str]) -> str:
    """A set of features in words."""
    return " + ".join(f for f in FEATURES if f in features) or "none"


# -------------------------------------------------------------------- the table


def table() -> str:
    """A row and a column for each feature: the number of the model in which two meet."""
    models = few()
    head = ["| | " + " | ".join(str(i + 1) for i in range(len(FEATURES))) + " |", "|---" * (len(FEATURES) + 1) + "|"]
    lines = [
        f"| {i + 1} {f} | " + " | ".join(_meeting(f, g, models) for g in FEATURES) + " |"
        for i, f in enumerate(FEATURES)
    ]
    named = [f"{i + 1}. {title(s)}" for i, s in enumerate(models)]
    return "\n".join([*head, *lines, "", "Models:", "", *named])


def _meeting(first: str, second: str, models: Sequence[frozenset[str]]) -> str:
    if first == second:
        return "·"
    return next(str(i + 1) for i, s in enumerate(models) if {first, second} <= s)


def all_models() -> Iterator[frozenset[str]]:
    """The empty set, every feature alone, and those that cover the pairs."""
    yield frozenset()
    yield from (frozenset([f]) for f in FEATURES)
    yield from few()


if __name__ == "__main__":
    print(table())
