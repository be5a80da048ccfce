"""Draws of 60 short runs, kept: whether a change of the engine left every algorithm as it was, to the last bit.

``python -m tests.golden keep`` writes the fingerprints of this state, ``python -m tests.golden`` compares with them. A
change that alters draws on purpose is listed in CHANGED with its reason, and kept anew.

Bits are those of one kind of processor and one set of versions (the compiler chooses instructions by both), so that the
test skips elsewhere.
"""

from __future__ import annotations

import hashlib
import json
import platform
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import llvmlite.binding
import numba
import numpy as np
import scipy

import mcmix as mc
from mcmix.distributions.table import FAMILIES
from tests.harness import features, grammar

KEPT = Path(__file__).with_name("golden.json")
SWEEPS, PAIRS = 30, 30

ANGLES = "sums of cosines and sines stand for angles, and their parameters move by slices"
TOGETHER = "coefficients that meet in a row are drawn together"
CHANGED: dict[str, str] = {  # name of a run: why its draws are others than before the engine was opened
    "features: simplex tables + lists of nodes": "weights in a list that labels look up have an exact draw",
    "features: missing coordinates + nested mixtures": TOGETHER,
    "features: known groups + several rows per label": TOGETHER,
    "features: row parameters + nested mixtures": TOGETHER,
    "features: two observed nodes + nested mixtures": TOGETHER,
    "features: nested mixtures + lists of nodes": TOGETHER,
    "features: known groups + angles": ANGLES,
    "features: vector tables + angles": ANGLES,
    "mixture, VonMises location ~ Normal": ANGLES,
    "mixture, Dirichlet concentration ~ Uniform": "sums inside a row do not keep labels from their update",
}

LATER = {"tempering", "marginal moves"}  # features of no kept runs

Make = Callable[[], tuple[list[Any], Any, dict[str, Any]]]


def models() -> Iterator[tuple[str, Make]]:
    """Pairs of features, and a mixture of each family."""
    for chosen in [p for p in features.pairs() if not p & LATER][::4][:PAIRS]:

        def of_features(chosen: frozenset[str] = chosen) -> tuple[list[Any], Any, dict[str, Any]]:
            b = features.built(chosen)
            return b.nodes, None, dict(b.options)

        yield f"features: {features.title(chosen)}", of_features
    seen = set[str]()
    for small in grammar.mixtures(FAMILIES):
        if small.family not in seen:
            seen.add(small.family)

            def of_family(s: grammar.Small = small) -> tuple[list[Any], Any, dict[str, Any]]:
                return (*s.make(), {})

            yield small.name, of_family


def fingerprint(make: Make) -> str:
    """Of all draws of a short run; the refusal where a model is refused."""
    nodes, prepare, options = make()
    m = mc.MCMC(nodes, **options)
    if prepare is not None:
        prepare(m)
    try:
        m.sample(SWEEPS, 10, chains=2, cores=1, seed=1, progress_bar=False)
    except mc.McmixError as refusal:
        return type(refusal).__name__
    found = hashlib.sha256()
    draws = m.draws()
    for name in sorted(draws.variables):
        found.update(name.encode() + np.ascontiguousarray(draws.variables[name]).tobytes())
    return found.hexdigest()[:16]


def machine() -> dict[str, str]:
    """What bits depend on."""
    return {
        "processor": llvmlite.binding.get_host_cpu_name(),
        "python": platform.python_version(),
        "numba": numba.__version__,
        "numpy": np.__version__,
        "scipy": scipy.__version__,
    }


def fingerprints() -> dict[str, str]:
    """All of them, by name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {name: fingerprint(make) for name, make in models()}


def differences(kept: dict[str, str]) -> list[str]:
    """Names of runs that draw something else now, or are gone."""
    now = fingerprints()
    return [name for name, mark in kept.items() if now.get(name) != mark]


if __name__ == "__main__":
    if sys.argv[1:] == ["keep"]:
        KEPT.write_text(json.dumps({"machine": machine(), "runs": fingerprints()}, indent=1) + "\n")
        print(f"kept {KEPT.name}")
    else:
        changed = differences(json.loads(KEPT.read_text())["runs"])
        print("\n".join(changed) if changed else "all as kept")
        sys.exit(bool(changed))
