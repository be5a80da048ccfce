"""Extremes of weights, offsets, number formats and sizes: what a sampler has to survive."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from scipy import stats
from scipy.special import gammaln, logsumexp

import mcmix as mc
from tests import runs
from tests.references import assert_law, assert_shares, chains_of

sampled = runs.sampler(iterations=300, burn=100, chains=2)


# -------------------------------------------------------------------- weights


@pytest.mark.parametrize("rare", [1e-300, 1e-12])
def test_a_tiny_known_weight_counts_where_the_density_makes_up_for_it(rare: float):
    """exp of 690 stands against 1e-300 at x = 37.2: both labels are possible there."""
    x, centres, weights = np.array([0.0, 15.0, 37.2, 37.3, 45.0]), np.array([0.0, 37.3]), np.array([1.0 - rare, rare])
    y = mc.Mixture("y", mc.Categorical("z", weights, size=5), mc.Normal, centres, 1.0, value=x, observed=True)
    logs = np.log(weights) + stats.norm(centres, 1.0).logpdf(x[:, None])
    exact = np.exp(logs - logsumexp(logs, axis=1, keepdims=True))
    m = sampled(y, iterations=3000, burn=100, seed=71)
    np.testing.assert_allclose(m.memberships(), exact, rtol=1e-10, atol=1e-300)
    assert_shares(chains_of(m, "z", 2)[..., None] == np.arange(2), exact)
    np.testing.assert_allclose(m.predict_logpdf(x), logsumexp(logs, axis=1), rtol=1e-13)


def test_weights_far_below_any_double_are_alive():
    """Concentrations of 1e-5 put the free weight near exp(-1e5); a row likelier by exp(2e5) there finds it."""
    z = mc.Categorical("z", mc.Dirichlet("w", [1e-5, 1e-5]), size=2)
    y = mc.Mixture("y", z, mc.Normal, [0.0, 20.0], 1e3, value=[0.0, 20.0], observed=True)
    m = sampled(y, iterations=60, burn=0, seed=72, chains=4, start={"z": [0, 0]})
    labels, w = chains_of(m, "z"), chains_of(m, "w")
    assert (labels[:, -1] == [0, 1]).all()
    assert np.isfinite(w).all() and (w >= 0.0).all()
    np.testing.assert_allclose(w.sum(-1), 1.0, rtol=1e-14)
    np.testing.assert_array_equal(m.memberships()[:, 1] > 0.5, [False, True])


@pytest.mark.parametrize("k", [2, 30])
def test_tiny_concentrations_give_no_nan(k: int):
    x = np.random.default_rng(73).normal(size=40)
    w, mu = mc.Dirichlet("w", np.full(k, 1e-5)), mc.Normal("mu", 0.0, 0.1, size=k)
    m = sampled(mc.Mixture("y", w, mc.Normal, mu, 1.0, value=x, observed=True), iterations=300, burn=100, seed=74)
    for name in ("w", "mu"):
        assert np.isfinite(m.trace(name)[:]).all()
    np.testing.assert_allclose(m.memberships().sum(1), 1.0, rtol=1e-12)
    assert np.isfinite(m.predict_logpdf(x)).all()


# -------------------------------------------------------------------- an offset of 1e8


OFFSET = 1e8
ROWS = 200


def on_grid(x: np.ndarray) -> np.ndarray:
    """Rounded so that adding the offset loses nothing: what differs then is the sampler's arithmetic alone."""
    return np.round(x * 2.0**20) / 2.0**20


def two_groups(d: int = 1) -> np.ndarray:
    """Rows of variance 1e-2 about two centres."""
    rng = np.random.default_rng(75)
    centres = np.where(rng.random(ROWS) < 0.4, -0.3, 0.25)
    return on_grid(centres[:, None] + 0.1 * rng.normal(size=(ROWS, d)))


def numbers(c: float) -> Any:
    mu, tau = mc.Normal("mu", c, 4.0, size=2), mc.Gamma("tau", 2.0, 0.02, size=2)
    return mc.Mixture("y", mc.Dirichlet("w", [1, 1]), mc.Normal, mu, tau, value=two_groups()[:, 0] + c, observed=True)


def pairs(c: float) -> Any:
    theta = mc.NormalGamma("theta", c, 0.5, 3.0, 0.03, size=2)
    return mc.Mixture("y", mc.Dirichlet("w", [1, 1]), mc.Normal, theta, value=two_groups()[:, 0] + c, observed=True)


def vectors(c: float) -> Any:
    mu = mc.MvNormal("mu", np.full(2, c), 4.0 * np.eye(2), size=2)
    tau = mc.Wishart("tau", 4.0, 0.04 * np.eye(2), size=2)
    return mc.Mixture("y", mc.Dirichlet("w", [1, 1]), mc.MvNormal, mu, tau, value=two_groups(2) + c, observed=True)


def pairs_of_vectors(c: float) -> Any:
    theta = mc.NormalWishart("theta", np.full(2, c), 0.5, 4.0, 0.04 * np.eye(2), size=2)
    return mc.Mixture("y", mc.Dirichlet("w", [1, 1]), mc.MvNormal, theta, value=two_groups(2) + c, observed=True)


def hierarchy(c: float) -> Any:
    """Unknown means whose own centre and spread are unknown: sums of squares of unknowns."""
    centre, spread = mc.Normal("centre", c, 1.0), mc.Gamma("spread", 2.0, 2.0)
    mu: Any = mc.Normal("mu", centre, spread, size=4)
    group = np.arange(ROWS) % 4
    return mc.Normal("y", mu[group], mc.Gamma("tau", 2.0, 0.02), value=two_groups()[:, 0] + c, observed=True)


def hierarchy_of_vectors(c: float) -> Any:
    centre, spread = mc.MvNormal("centre", np.full(2, c), np.eye(2)), mc.Wishart("spread", 4.0, np.eye(2))
    mu: Any = mc.MvNormal("mu", centre, spread, size=3)
    group, tau = np.arange(ROWS) % 3, mc.Wishart("tau", 4.0, 0.04 * np.eye(2))
    return mc.MvNormal("y", mu[group], tau, value=two_groups(2) + c, observed=True)


def rows_with_errors(c: float) -> Any:
    """A factor of the precision for each row: no sums stand for the rows."""
    tau = mc.Gamma("tau", 2.0, 2.0)
    return mc.Normal(
        "y", mc.Normal("mu", c, 4.0), tau * np.linspace(50, 150, ROWS), value=two_groups()[:, 0] + c, observed=True
    )


def standard_deviations(c: float) -> Any:
    mu, sd = mc.Normal("mu", c, 4.0, size=2), mc.Uniform("sd", 0.01, 1.0, size=2)
    z = mc.Categorical("y label", mc.Dirichlet("w", [1, 1]), size=ROWS)
    return mc.Normal("y", mu[z], 1.0 / sd[z] ** 2, value=two_groups()[:, 0] + c, observed=True)  # type: ignore[index]


STARTS: dict[str, Any] = {
    "mu": lambda shape: np.linspace(-0.2, 0.2, int(np.prod(shape, dtype=int))).reshape(shape),
    "centre": np.zeros,
    "theta_mean": lambda shape: np.linspace(-0.2, 0.2, int(np.prod(shape, dtype=int))).reshape(shape),
}
WITH_VB = [numbers, pairs, vectors, pairs_of_vectors, hierarchy, hierarchy_of_vectors, rows_with_errors]

# Means of size 1e8 are kept to 1.5e-8, and a sweep rounds them some times; distances from them, about 0.1, carry that.
OF_MEANS = 1e-6
OF_OTHERS = 1e-5


def moved_by(found: Any, plain: Any, name: str) -> None:
    """The same but for the offset in means."""
    if name in STARTS:
        np.testing.assert_allclose(found - OFFSET, plain, rtol=0.0, atol=OF_MEANS)
    else:
        np.testing.assert_allclose(found, plain, rtol=OF_OTHERS, atol=OF_OTHERS)


@pytest.mark.parametrize("build", [*WITH_VB, standard_deviations])
def test_draws_move_with_the_data(build: Callable[[float], Any]):
    """The same random numbers lead to the same draws, moved: nothing of a variance of 1e-2 is lost."""
    samplers = []
    for c in (0.0, OFFSET):
        y = build(c)
        nodes = mc.Model([y]).stochastics
        start = {n.name: c + STARTS[n.name](n.shape) for n in nodes if n.name in STARTS}
        start |= {n.name: n.value for n in nodes if n.name not in STARTS and "label" not in n.name}
        samplers.append(mc.MCMC([y]).sample(150, 0, chains=1, seed=76, start=_moderate(start), progress_bar=False))
    plain, far = samplers
    for node in [n for n in plain.model.stochastics if "label" not in n.name]:
        moved_by(far.trace(node.name)[:], plain.trace(node.name)[:], node.name)


def _moderate(start: dict[str, Any]) -> dict[str, Any]:
    """Spreads near those of the data, so that both samplers start in the bulk."""
    for name in ("tau", "theta_precision"):
        if name in start:
            shape = np.shape(start[name])
            start[name] = np.broadcast_to(50.0 * np.eye(2), shape) if shape[-2:] == (2, 2) else np.full(shape, 50.0)
    return start


@pytest.mark.parametrize("build", WITH_VB)
def test_vb_moves_with_the_data(build: Callable[[float], Any]):
    plain, far = (mc.VB([build(c)]).update(seed=77, verbose=False) for c in (0.0, OFFSET))
    assert far.L == pytest.approx(plain.L, abs=1e-6)
    for node in mc.Model([build(0.0)]).stochastics:
        if "label" not in node.name:
            moved_by(far[node.name].mean, plain[node.name].mean, node.name)


# -------------------------------------------------------------------- float32


def in_format(dtype: Any) -> Iterator[tuple[str, Any, dict[str, Any]]]:
    """Models and starts, of the same values in another format."""
    rng = np.random.default_rng(78)

    def given(x: Any) -> Any:
        return np.asarray(x, np.float32).astype(dtype)

    x, start = given(rng.normal(size=30)), {"mu": given([-0.3, 0.7])}
    mu = mc.Normal("mu", given(0.1), given(0.3), size=2)
    w = mc.Dirichlet("w", given([1.1, 0.7]))
    yield "numbers", mc.Mixture("y", w, mc.Normal, mu, given([1.3, 0.6]), value=x, observed=True), start
    mu = mc.MvNormal("mu", given([0.1, -0.2]), given([[0.3, 0.1], [0.1, 0.2]]), size=2)
    y = mc.Mixture(
        "y",
        given([0.25, 0.75]),
        mc.MvNormal,
        mu,
        np.eye(2, dtype=dtype),
        value=given(rng.normal(size=(20, 2))),
        observed=True,
    )
    yield "vectors", y, {"mu": given(rng.normal(size=(2, 2)))}
    mu = mc.Gamma("mu", given(2.2), given(1.1), size=2)
    counts = given(rng.poisson(3.0, 20))
    yield "counts", mc.Mixture("y", mc.Dirichlet("w", given([1, 2])), mc.Poisson, mu, value=counts, observed=True), {}
    mu = mc.Normal("mu", given(0.1), given(0.3), size=2)
    t = given(rng.normal(size=30))
    mean = mc.Lambda("mean", lambda m=mu: m[0] + m[1] * t)
    yield "a covariate", mc.StudentT("y", mean, sigma=given(1.7), nu=given(4.3), value=x, observed=True), start


@pytest.mark.parametrize("number", range(4))
def test_float32_is_the_float64_of_the_same_values(number: int):
    draws = []
    for dtype in (np.float32, np.float64):
        _, y, start = list(in_format(dtype))[number]
        m = sampled(y, iterations=60, burn=10, seed=79, start=start)
        draws.append(m.trace("mu")[:])
        draws.append(m.trace("deviance")[:])
    assert draws[0].dtype == np.float64
    np.testing.assert_array_equal(draws[0], draws[2])
    np.testing.assert_array_equal(draws[1], draws[3])


@pytest.mark.parametrize("number", range(2))
def test_float32_in_vb(number: int):
    bounds = [mc.VB([list(in_format(t))[number][1]]).update(seed=80, verbose=False).L for t in (np.float32, np.float64)]
    assert bounds[0] == bounds[1]


def test_float32_densities():
    x, mean, precision = (np.float32([v]) for v in (0.3, -1.7, 2.3))
    found = mc.Normal("x", mean, precision, value=x).logp
    assert found == mc.Normal("x", mean.astype(float), precision.astype(float), value=x.astype(float)).logp


# -------------------------------------------------------------------- sizes


def normal_gamma_posterior(x: np.ndarray, mean: float, times: float, shape: float, rate: float) -> tuple[float, ...]:
    """Mean, its weight, shape and rate given the data, and the log evidence."""
    n, average = len(x), np.mean(x)
    more = 0.5 * np.sum((x - average) ** 2) + 0.5 * times * n / (times + n) * (average - mean) ** 2
    found = ((times * mean + n * average) / (times + n), times + n, shape + 0.5 * n, rate + more)
    evidence = gammaln(found[2]) - gammaln(shape) + shape * np.log(rate) - found[2] * np.log(found[3])
    return (*found, evidence + 0.5 * np.log(times / found[1]) - 0.5 * n * np.log(2.0 * np.pi))


@pytest.mark.parametrize("n", [1, 2, 25])
def test_one_component_is_no_mixture(n: int):
    """Draws have the distribution of the closed form, and the bound of VB is the log evidence."""
    x = np.random.default_rng(81).normal(1.0, 2.0, n)
    theta = mc.NormalGamma("theta", 0.5, 0.3, 3.0, 2.0, size=1)
    y = mc.Mixture("y", mc.Dirichlet("w", [1.7]), mc.Normal, theta, value=x, observed=True)
    mean, times, shape, rate, evidence = normal_gamma_posterior(x, 0.5, 0.3, 3.0, 2.0)
    m = sampled(y, iterations=6000, burn=100, seed=82, chains=4)
    assert_law(chains_of(m, "theta_precision")[..., 0], stats.gamma(shape, scale=1.0 / rate))
    assert_law(chains_of(m, "theta_mean")[..., 0], stats.t(2.0 * shape, mean, np.sqrt(rate / (shape * times))))
    np.testing.assert_array_equal(m.memberships(), np.ones((n, 1)))
    np.testing.assert_array_equal(m.trace("w")[:], 1.0)
    assert mc.VB([y]).update(seed=83, verbose=False).L == pytest.approx(evidence, rel=1e-12)


def test_one_row():
    """The label of a single row: prior times evidence, by hand."""
    mu = mc.Normal("mu", [0.0, 3.0], 1.0)
    z = mc.Categorical("z", mc.Dirichlet("w", [1.0, 2.0]), size=1)
    y = mc.Mixture("y", z, mc.Normal, mu, [1.0, 4.0], value=[1.4], observed=True)
    logs = np.log([1.0, 2.0]) + stats.norm([0.0, 3.0], np.sqrt([2.0, 1.25])).logpdf(1.4)
    m = sampled(y, iterations=20000, burn=200, seed=84, chains=4)
    assert_shares(chains_of(m, "z")[..., None] == np.arange(2), np.exp(logs - logsumexp(logs))[None])
    assert np.isfinite(mc.VB([y]).update(seed=85, verbose=False).L)


@pytest.mark.slow
@pytest.mark.parametrize("law", ["numbers", "vectors", "counts"])
def test_a_thousand_components(law: str):
    rng, k, n = np.random.default_rng(86), 1000, 200
    w = mc.Dirichlet("w", np.full(k, 0.01))
    if law == "numbers":
        x: Any = rng.normal(0.0, 3.0, n)
        mu, tau = mc.Normal("mu", 0.0, 0.1, size=k), mc.Gamma("tau", 2.0, 1.0, size=k)
        y = mc.Mixture("y", w, mc.Normal, mu, tau, value=x, observed=True)
    elif law == "vectors":
        x = rng.normal(0.0, 3.0, (n, 2))
        mu = mc.MvNormal("mu", np.zeros(2), 0.1 * np.eye(2), size=k)
        y = mc.Mixture("y", w, mc.MvNormal, mu, np.eye(2), value=x, observed=True)
    else:
        x, mu = rng.poisson(5.0, n), mc.Gamma("mu", 2.0, 0.5, size=k)
        y = mc.Mixture("y", w, mc.Poisson, mu, value=x, observed=True)
    m = sampled(y, iterations=60, burn=20, seed=87)
    assert np.isfinite(m.trace("mu")[:]).all()
    np.testing.assert_allclose(m.memberships().sum(1), 1.0, rtol=1e-12)
    assert np.isfinite(m.predict_logpdf(x)).all()
    assert np.isfinite(mc.VB([y]).update(20, seed=88, verbose=False).bound).all()
