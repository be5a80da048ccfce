"""Compiled code before anybody waits for it: small models of each kind are run, and the cache keeps what they need.

For images of containers, for CI, for a machine that is set up.
"""

from __future__ import annotations

import importlib
import io
import pkgutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from typing import Any

import numpy as np

import mcmix
from mcmix import kernels
from mcmix.distributions.table import FAMILIES
from mcmix.errors import ModelError
from mcmix.kernels.base import AddressedKernel, compiled_here
from mcmix.kernels.driver import DRIVER
from mcmix.screen import say

mc: Any = mcmix  # as a user writes models: nodes are looked up, added, compared
SWEEPS, BURN = 20, 10
ROWS = 24


def warm(kinds: Sequence[str] = (), everything: bool = False) -> int:
    """Compile what usual models need, with a line for each kind of them; return the number of kernels compiled.

    Parameters
    ----------
    kinds : sequence of str
        Of :data:`KINDS`; all of them when left out.
    everything : bool
        Then also each kernel by itself, and the density of every distribution.

    Raises
    ------
    ModelError
        For a kind that is none.
    """
    unknown = [k for k in kinds if k not in KINDS]
    if unknown:
        raise ModelError(f"warm: expected kinds of models among {', '.join(KINDS)}, got {', '.join(unknown)}")
    before = compiled_here.kernels, compiled_here.seconds
    for kind in kinds or KINDS:
        _told(kind, KINDS[kind])
    if everything:
        _told("every kernel and density", _every_kernel)
    count, seconds = compiled_here.kernels - before[0], compiled_here.seconds - before[1]
    say(f"{count} kernels compiled in {seconds:.1f} s; kept in {DRIVER.kept_in or 'no folder, which is of no use'}")
    return count


def _told(what: str, make: Callable[[], Any]) -> None:
    before, start = compiled_here.kernels, time.perf_counter()
    with (
        redirect_stderr(io.StringIO()),
        redirect_stdout(io.StringIO()),
    ):  # what such short runs are worth is of no interest
        make()
    say(f"{what}: {compiled_here.kernels - before} kernels, {time.perf_counter() - start:.1f} s")


# -------------------------------------------------------------------- models


def _sampled(*nodes: Any, **options: Any) -> None:
    mc.MCMC(list(nodes), **options).sample(SWEEPS, BURN, chains=1, seed=1, progress_bar=False)


def _rows() -> np.ndarray:
    return np.random.default_rng(1).normal(np.repeat([0.0, 8.0], ROWS // 2), 1.0)


def _labels(**options: Any) -> Any:
    return mc.Categorical("z", mc.Dirichlet("w", [1.0, 1.0]), size=ROWS, **options)


def _normals() -> tuple[Any, ...]:
    z, mu = _labels(), mc.Normal("mu", 0.0, 0.01, size=2)
    tau = mc.Gamma("tau", 2.0, 2.0, size=2)
    return z, mu, tau, mc.Normal("y", mu[z], tau[z], value=_rows(), observed=True)


def _one_group() -> None:
    mu = mc.Normal("mu", 0.0, 0.01)
    tau = mc.Gamma("tau", 2.0, 2.0)
    _sampled(mu, tau, mc.Normal("y", mu, tau, value=_rows(), observed=True))


def _spreads() -> None:
    p = mc.Uniform("p", 0.0, 1.0)
    z = mc.Categorical("z", [p, 1 - p], size=ROWS)
    mu, sd = mc.Normal("mu", 0.0, 0.01, size=2), mc.Uniform("sd", 0.0, 20.0, size=2)
    _sampled(p, z, mu, sd, mc.Normal("y", mu[z], 1.0 / sd[z] ** 2, value=_rows(), observed=True))


def _free_density() -> None:
    z, mu = _labels(), mc.Normal("mu", 0.0, 0.01, size=2)
    scale = mc.HalfCauchy("scale", 0.0, 1.0, size=2)
    _sampled(z, mu, scale, mc.StudentT("y", mu[z], scale[z] ** -2.0, 4.0, value=_rows(), observed=True))


def _counts() -> None:
    z, rate = _labels(), mc.Gamma("rate", 2.0, 0.5, size=2)
    counts = np.abs(_rows()).round().astype(int)
    _sampled(z, rate, mc.Poisson("y", rate[z], value=counts, observed=True))


def _vectors(gaps: bool = False) -> None:
    mu = mc.MvNormal("mu", np.zeros(2), 0.01 * np.eye(2), size=2)
    precision = mc.Wishart("precision", 4, np.eye(2), size=2)
    z, rows = _labels(), np.column_stack([_rows(), _rows()[::-1]])
    rows[::5, 0] = np.nan if gaps else rows[::5, 0]
    _sampled(z, mu, precision, mc.MvNormal("y", mu[z], precision[z], value=rows, observed=True))


def _missing() -> None:
    z, mu = _labels(), mc.Normal("mu", 0.0, 0.01, size=2)
    rows = _rows()
    rows[::5] = np.nan
    _sampled(z, mu, mc.Normal("y", mu[z], 1.0, value=rows, observed=True))


def _regressions() -> None:
    z, x = _labels(), np.column_stack([np.ones(ROWS), np.linspace(-1.0, 1.0, ROWS)])
    beta, tau = mc.Normal("beta", 0.0, 0.01, size=(2, 2)), mc.Gamma("tau", 2.0, 2.0, size=2)
    _sampled(z, beta, tau, mc.Normal("y", (x * beta[z]).sum(-1), tau[z], value=_rows(), observed=True))


def _count_regressions() -> None:
    z, x = _labels(), np.column_stack([np.ones(ROWS), np.linspace(-1.0, 1.0, ROWS)])
    beta, counts = mc.Normal("beta", 0.0, 1.0, size=(2, 2)), np.abs(_rows()).round().astype(int)
    _sampled(z, beta, mc.Poisson("y", np.exp((x * beta[z]).sum(-1)), value=counts, observed=True))


KINDS: dict[str, Callable[[], Any]] = {
    "one-group": _one_group,
    "mixtures": lambda: _sampled(*_normals()),
    "spreads": _spreads,
    "free-densities": _free_density,
    "counts": _counts,
    "vectors": _vectors,
    "vectors-with-gaps": lambda: _vectors(gaps=True),
    "missing": _missing,
    "regressions": _regressions,
    "count-regressions": _count_regressions,
    "vb": lambda: mc.VB(list(_normals())).update(2),
    "map": lambda: mc.MAP(list(_normals())).fit(),
}


def _every_kernel() -> None:
    for compiled in _all_kernels():
        _ = compiled.address


def _all_kernels() -> Iterator[AddressedKernel]:
    for module in pkgutil.iter_modules(kernels.__path__, kernels.__name__ + "."):
        yield from (x for x in vars(importlib.import_module(module.name)).values() if isinstance(x, AddressedKernel))
    for family in FAMILIES.values():  # some are expressions of others
        if family.event is not None:
            yield family.event_density
        elif family.scalar_logpdf is not None:
            yield family.density


__all__ = ["KINDS", "warm"]
