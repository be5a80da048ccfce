"""Tables of mixed columns, and rows with weights: sweeps, CPU time.

Twenty columns of five kinds, a tenth of the cells missing; and counts of whole numbers as distinct values with weights
beside the same rows one by one.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np

import mcmix as mc
from benchmarks.measure import Row, row

K = 5
SWEEPS = 200


def _table(n: int, columns: int) -> dict[str, object]:
    rng = np.random.default_rng(1)
    group, found = rng.integers(K, size=n), {}
    for j in range(columns):
        levels = rng.normal(0.0, 2.0, K)[group]
        made = {
            0: lambda at=levels: rng.normal(at, 1.0),
            1: lambda at=levels: rng.lognormal(at, 1.0),
            2: lambda at=levels: rng.poisson(np.exp(0.5 * at)).astype(float),
            3: lambda at=levels: (rng.random(n) < 1.0 / (1.0 + np.exp(-at))).astype(float),
            4: lambda at=levels: np.array(["a", "b", "c", "d"], dtype=object)[
                rng.binomial(3, 1.0 / (1.0 + np.exp(-at)))
            ],
        }[j % 5]()
        entries = np.asarray(made, dtype=object)
        entries[rng.random(n) < 0.1] = None
        found[f"column {j}"] = entries
    return found


def _seconds(nodes: list[object]) -> float:
    m = mc.MCMC(nodes, marginal_moves=False)
    m.sample(30, 20, chains=1, seed=1, progress_bar=False)
    before = time.process_time()
    m.sample(SWEEPS, 0, progress_bar=False)
    return time.process_time() - before


def tables(quick: bool) -> Iterator[Row]:
    """All of it."""
    n = 2_000 if quick else 10_000
    z = mc.Categorical("z", mc.Dirichlet("w", 1.0, size=K), size=n, trace=False)
    yield row("200 sweeps of 20 mixed columns", n, K, _seconds([*mc.from_frame(_table(n, 20), z)]), "s")
    rng = np.random.default_rng(2)
    x = rng.poisson(np.where(rng.random(10 * n) < 0.4, 2.0, 9.0))
    values, counts = np.unique(x, return_counts=True)
    for data, weights, what in ((x, None, "rows"), (values, counts, "distinct values with weights")):
        w, rate = mc.Dirichlet("w", [1.0, 1.0]), mc.Gamma("rate", 2.0, 0.5, size=2)
        y = mc.Mixture("y", w, mc.Poisson, rate, value=data, observed=True, weights=weights)
        yield row(f"200 sweeps of Poisson counts: {what}", 10 * n, 2, _seconds([y]), "s")


__all__ = ["tables"]
