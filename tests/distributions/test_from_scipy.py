"""Distributions made of scipy.stats distributions: signatures, densities, draws, posteriors, refusals."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest
from scipy import special, stats

import mcmix as mc
from tests import runs
from tests.references import (
    Component,
    assert_law,
    assert_mean,
    assert_shares,
    chains_of,
    dirichlet_label_prior,
    enumerated,
    subsets,
)

GenGamma = mc.from_scipy(stats.gengamma)


sampled = runs.sampler(iterations=1000, burn=200, seed=5)


def test_shapes_in_scipys_order_and_names() -> None:
    assert list(inspect.signature(GenGamma).parameters)[:5] == ["name", "a", "c", "loc", "scale"]
    x = GenGamma("x", 2.0, 1.5, loc=0, scale=3, size=5)
    assert x.shape == (5,) and x.value.dtype == float
    assert x.logp == pytest.approx(stats.gengamma.logpdf(x.value, 2.0, 1.5, 0, 3).sum())
    same = GenGamma("x", c=1.5, a=2.0, scale=3, value=[1.0, 4.0])
    assert same.logp == pytest.approx(stats.gengamma.logpdf([1.0, 4.0], 2.0, 1.5, scale=3).sum())


@pytest.mark.parametrize(
    ("distribution", "shapes"),
    [
        (stats.norm, ()), (stats.gengamma, (2.0, 1.5)), (stats.genextreme, (0.2,)), (stats.johnsonsu, (1.0, 2.0)),
        (stats.exponnorm, (1.3,)), (stats.nbinom, (4, 0.3)), (stats.hypergeom, (40, 12, 9)),
        (stats.skellam, (3.0, 2.0)),
    ],
    ids=lambda v: getattr(v, "name", None),
)  # fmt: skip
def test_draws_and_densities_are_scipys(distribution: Any, shapes: tuple[float, ...]) -> None:
    law = mc.from_scipy(distribution)
    node = law("x", *shapes, size=4000)
    discrete = isinstance(distribution, stats.rv_discrete)
    assert node.value.dtype == (int if discrete else float)
    density = distribution.logpmf if discrete else distribution.logpdf
    assert node.logp == pytest.approx(float(np.sum(density(node.value, *shapes))))
    error = distribution.std(*shapes) / np.sqrt(4000)
    assert abs(node.value.mean() - distribution.mean(*shapes)) < 4.5 * error
    rows = law.family.draw(np.random.default_rng(0), None, *shapes, np.array([0, 100, 200]))
    assert rows.shape == (3,)
    assert np.all(np.diff(rows) > 20)


def test_a_distribution_of_ones_own() -> None:
    class Triangle(stats.rv_continuous):
        def _pdf(self, x: Any) -> Any:
            return 2.0 * x

    law = mc.from_scipy(Triangle(a=0.0, b=1.0, name="triangle"))
    assert law("x", value=[0.5, 1.0]).logp == pytest.approx(np.log(2.0))
    with pytest.raises(mc.SupportError, match=r"x: expected values in \[0.0, 1.0\] \(triangle\), got 1.5 in row 1"):
        law("x", value=[0.5, 1.5], observed=True)


def test_an_unknown_scale() -> None:
    """Gamma rows as a generalised gamma with c = 1: an inverse gamma prior of the scale stays one."""
    y = np.array([0.7, 2.1, 1.4, 3.0])
    scale = mc.InverseGamma("scale", 3.0, 2.0)
    sampler = sampled(GenGamma("y", 2.0, 1.0, scale=scale, value=y, observed=True))
    assert_law(chains_of(sampler, "scale"), stats.invgamma(3.0 + 2.0 * len(y), scale=2.0 + y.sum()), "scale")


def test_as_a_prior() -> None:
    """A logistic prior from SciPy against quadrature."""
    mean = mc.from_scipy(stats.logistic)("mean", loc=1.0, scale=0.5)
    sampler = sampled(mc.Normal("y", mean, 4.0, value=[0.2, -0.5], observed=True))
    grid = np.linspace(-4.0, 5.0, 4001)
    masses = stats.logistic.pdf(grid, 1.0, 0.5) * stats.norm.pdf(0.2, grid, 0.5) * stats.norm.pdf(-0.5, grid, 0.5)
    assert_mean(chains_of(sampler, "mean"), np.sum(grid * masses) / masses.sum(), "mean")


ROWS = np.array([0.1, 0.3, 0.2, 2.5, 4.0, 1.1])


def component(shape: float, rate: float) -> Component:
    """Gamma rows of shape 2 with their rate integrated out, for every subset."""
    inside = subsets(len(ROWS))
    a, b = shape + 2.0 * inside.sum(1), rate + inside @ ROWS
    rows = inside @ np.log(ROWS)
    log_evidence = rows + special.gammaln(a) - special.gammaln(shape) + shape * np.log(rate) - a * np.log(b)
    return Component(log_evidence, {"mean": a / b})


@pytest.mark.slow
def test_components_of_a_mixture() -> None:
    """Two gamma components through SciPy's gengamma against all 64 label vectors."""
    z = mc.Categorical("z", mc.Dirichlet("w", [1.0, 2.0]), size=len(ROWS))
    rate = mc.Gamma("rate", [6.0, 3.0], [1.0, 4.0], size=2)
    sampler = sampled(GenGamma("y", 2.0, 1.0, scale=1.0 / rate[z], value=ROWS, observed=True), iterations=1200)
    exact = enumerated([component(6.0, 1.0), component(3.0, 4.0)], len(ROWS), dirichlet_label_prior([1.0, 2.0]))
    assert_shares(chains_of(sampler, "z")[..., None] == np.arange(2), exact.memberships, "labels")
    assert_mean(chains_of(sampler, "rate"), exact.expected("mean"), "rates")


def test_many_labels_go_as_a_block() -> None:
    """Too many rows for one label at a time: the table of K evaluations, known components."""
    rng = np.random.default_rng(4)
    x = np.concatenate([rng.gumbel(0.0, 1.0, 20), rng.gumbel(4.0, 1.0, 20)])
    z = mc.Categorical("z", [0.5, 0.5], size=len(x))
    sampler = sampled(mc.from_scipy(stats.gumbel_r)("y", loc=4.0 * z, value=x, observed=True))
    assert sampler.step_method_dict[z][0].name == "non-factorising labels"
    density = stats.gumbel_r.pdf(x[:, None], [0.0, 4.0])
    shares = density / density.sum(1, keepdims=True)
    assert_shares(chains_of(sampler, "z")[..., None] == np.arange(2), shares, "labels")


def test_censored_and_truncated() -> None:
    law = stats.gengamma(2.0, 1.5, scale=3.0)
    node = mc.Censored("y", GenGamma, 2.0, 1.5, scale=3.0, upper=[4.0, 4.0], value=[4.0, 1.0])
    assert node.logp == pytest.approx(law.logsf(4.0) + law.logpdf(1.0))
    cut = mc.Truncated("x", GenGamma, 2.0, 1.5, scale=3.0, lower=5.0, upper=6.0, size=200)
    assert np.all((cut.value >= 5.0) & (cut.value <= 6.0))
    mass = np.log(law.cdf(6.0) - law.cdf(5.0))
    assert cut.logp == pytest.approx(law.logpdf(cut.value).sum() - 200 * mass)
    counts = mc.Truncated("n", mc.from_scipy(stats.nbinom), 4, 0.3, lower=3, upper=5, size=50)
    assert set(np.unique(counts.value)) <= {3, 4, 5}


def test_a_censored_law_of_scipy_is_sampled() -> None:
    """Exponential times by another name: the same gamma posterior of the rate."""
    times, ends = np.array([0.4, 2.0, 1.1, 3.0]), np.array([3.0, 2.0, 3.0, 3.0])
    rate = mc.Gamma("rate", 2.0, 1.0)
    sampler = sampled(mc.Censored("y", mc.from_scipy(stats.expon), scale=1.0 / rate, upper=ends, value=times))
    events = np.sum(times < ends)
    assert_law(chains_of(sampler, "rate"), stats.gamma(2.0 + events, scale=1.0 / (1.0 + times.sum())), "rate")


@pytest.mark.parametrize(
    ("build", "kind", "words"),
    [
        (lambda: mc.from_scipy(stats.gamma(2.0)), TypeError, ["from_scipy", "scipy.stats.gamma"]),
        (lambda: mc.from_scipy(stats.multivariate_normal), TypeError, ["from_scipy", "continuous or discrete"]),
        (lambda: mc.from_scipy("gamma"), TypeError, ["from_scipy", "'gamma'"]),
        (lambda: mc.from_scipy(mc.Normal), TypeError, ["from_scipy"]),
        (lambda: GenGamma("x", 2.0), TypeError, ["x", "c"]),
        (lambda: GenGamma("x", 2.0, 1.5, shape=3.0), TypeError, ["x", "'shape'", "a, c, loc, scale"]),
        (lambda: GenGamma("x", -2.0, 1.5), mc.SupportError, ["x", "scipy.stats.gengamma", "-2"]),
        (lambda: GenGamma("x", 2.0, 1.5, scale=-1.0), mc.SupportError, ["x", "scale", "-1"]),
        (lambda: GenGamma("x", 2.0, 1.5, value=[1, -1], observed=True), mc.SupportError, ["x", "gengamma", "row 1"]),
        (lambda: mc.from_scipy(stats.poisson)("x", 2.0, value=[1.5], observed=True), mc.SupportError, ["x", "1.5"]),
    ],
)
def test_refusals(build: Any, kind: type[Exception], words: list[str]) -> None:
    with pytest.raises(kind) as refusal:
        build()
    assert not [word for word in words if word not in str(refusal.value)], str(refusal.value)
