"""Predictive densities and memberships of new rows from kept draws: closed forms, plain twins, refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats
from scipy.special import logsumexp

import mcmix as mc
from tests import runs

RNG = np.random.default_rng(20240501)
X = np.concatenate([RNG.normal(0.0, 1.0, 30), RNG.normal(6.0, 1.0, 21)])
NEW = np.linspace(-3.0, 9.0, 13)
PLANE = np.concatenate([RNG.normal([0.0, 0.0], 1.0, (20, 2)), RNG.normal([5.0, -3.0], 1.0, (17, 2))])
NEW_PLANE = RNG.normal(1.0, 3.0, (9, 2))


sampled = runs.sampler(iterations=240, burn=40, chains=2, seed=1)


def kept(m: mc.MCMC, *names: str) -> list[np.ndarray]:
    return [m.trace(name)[:] for name in names]


def agrees(m: mc.MCMC, new: Any, joint: Any, **keywords: Any) -> None:
    """Beside the plain twin: `joint` has the log of weight times density, shape (draws, rows, K)."""
    logs = np.asarray(joint)
    by_draw = logsumexp(logs, axis=2)
    expected = logsumexp(by_draw, axis=0) - np.log(len(logs))
    # kernels use an exponential with error 3e-13
    np.testing.assert_allclose(m.predict_logpdf(new, **keywords), expected, rtol=1e-9, atol=1e-9)
    shares = np.exp(logs - by_draw[:, :, None]).mean(0)
    np.testing.assert_allclose(m.memberships(new, **keywords), shares, rtol=1e-9, atol=1e-9)


def normals(new: np.ndarray, w: np.ndarray, mu: np.ndarray, tau: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return stats.norm.logpdf(new[None, :, None], mu[:, None, :], tau[:, None, :] ** -0.5) + np.log(w)[:, None, :]


# -------------------------------------------------------------------- closed forms


def test_one_normal_with_unknown_mean_predicts_by_its_normal_law():
    mu = mc.Normal("mu", 0.0, 0.01)
    m = sampled(mc.Normal("y", mu, 1.0, value=X[:20], observed=True), iterations=4040)
    precision = 0.01 + 20.0
    exact = stats.norm.logpdf(NEW, X[:20].sum() / precision, np.sqrt(1.0 + 1.0 / precision))
    # 8000 independent draws: the relative error of a mean of densities at 9 sd, the worst here, is below 3 per cent
    np.testing.assert_allclose(m.predict_logpdf(NEW, draws=8000), exact, atol=0.1)
    near = np.abs(NEW) < 3.5
    np.testing.assert_allclose(m.predict_logpdf(NEW, draws=8000)[near], exact[near], atol=0.02)


def test_one_normal_with_unknown_precision_predicts_by_a_student_t():
    tau = mc.Gamma("tau", 2.0, 3.0)
    m = sampled(mc.Normal("y", 0.0, tau, value=X[:10], observed=True), iterations=4040)
    shape, rate = 2.0 + 5.0, 3.0 + 0.5 * (X[:10] ** 2).sum()
    exact = stats.t.logpdf(NEW[:8], 2.0 * shape, 0.0, np.sqrt(rate / shape))
    np.testing.assert_allclose(m.predict_logpdf(NEW[:8], draws=8000), exact, atol=0.05)


def test_it_integrates_to_one():
    w = mc.Dirichlet("w", [1.0, 1.0])
    z = mc.Categorical("z", w, size=len(PLANE))
    mu = mc.MvNormal("mu", np.zeros(2), 0.1 * np.eye(2), size=2)
    m = sampled(mc.Mixture("y", z, mc.MvNormal, mu, np.eye(2), value=PLANE, observed=True))
    axis = np.linspace(-9.0, 13.0, 111)
    grid = np.stack(np.meshgrid(axis, axis - 3.0), -1).reshape(-1, 2)
    mass = np.exp(m.predict_logpdf(grid, draws=20)).sum() * (axis[1] - axis[0]) ** 2
    assert mass == pytest.approx(1.0, abs=1e-6)  # smooth and zero at the edge: the sum is exact far beyond this


# -------------------------------------------------------------------- plain twins over the kept draws


@pytest.mark.parametrize("spelling", ["weights", "labels", "look-up", "function"])
@pytest.mark.parametrize("rows", [1, 2, 13, len(X)])
def test_two_normals_by_every_spelling(spelling: str, rows: int):
    w = mc.Dirichlet("w", [1.0, 2.0])
    mu, tau = mc.Normal("mu", 3.0, 0.05, size=2), mc.Gamma("tau", 2.0, 2.0, size=2)
    z = mc.Categorical("z", w, size=len(X)) if spelling != "weights" else w
    if spelling == "look-up":
        y = mc.Normal("y", mu[z], tau[z], value=X, observed=True)
    elif spelling == "function":

        @mc.deterministic
        def centre(z: Any = z, mu: Any = mu) -> Any:
            return mu[z]

        y = mc.Normal("y", centre, tau[z], value=X, observed=True)
    else:
        y = mc.Mixture("y", z, mc.Normal, mu, tau, value=X, observed=True)
    m = sampled(y, iterations=60)
    new = np.resize(NEW, rows)
    agrees(m, new, normals(new, *kept(m, "w", "mu", "tau")))


def test_one_shared_parameter_and_no_weights_unknown():
    mu = mc.Normal("mu", 3.0, 0.05, size=2)
    m = sampled(mc.Mixture("y", [0.3, 0.7], mc.Normal, mu, np.ones(len(X)), value=X, observed=True))
    (found,) = kept(m, "mu")
    agrees(m, NEW, normals(NEW, np.tile([0.3, 0.7], (400, 1)), found, np.ones_like(found)))


def test_a_yes_or_no_label_and_labels_known_for_some_rows():
    p, mu = mc.Beta("p", 1.0, 1.0), mc.Normal("mu", [0.0, 6.0], 1.0)
    known = np.ma.masked_array(np.zeros(len(X), dtype=int), mask=np.arange(len(X)) >= 10)
    z = mc.Bernoulli("z", p, value=known, observed=True)
    m = sampled(mc.Normal("y", mc.Lambda("centre", lambda z=z, mu=mu: mu[1 * z]), 1.0, value=X, observed=True))
    share, found = kept(m, "p", "mu")
    agrees(m, NEW, normals(NEW, np.stack([1.0 - share, share], 1), found, np.ones_like(found)))


def test_tables_of_columns_and_missing_coordinates():
    w = mc.Dirichlet("w", [1.0, 1.0])
    mu, tau = mc.Normal("mu", 1.0, 0.05, size=(2, 2)), mc.Gamma("tau", 2.0, 2.0, size=(2, 2))
    m = sampled(
        mc.Mixture("y", mc.Categorical("z", w, size=len(PLANE)), mc.Normal, mu, tau, value=PLANE, observed=True)
    )
    new = NEW_PLANE.copy()
    new[[0, 3], 0], new[[1, 3], 1] = np.nan, np.nan  # the fourth row is all missing
    weights, means, precisions = kept(m, "w", "mu", "tau")
    for rows in (NEW_PLANE, new):
        each = stats.norm.logpdf(rows[None, :, None], means[:, None], precisions[:, None] ** -0.5)
        agrees(m, rows, np.nansum(each, axis=3) + np.log(weights)[:, None])
    assert m.predict_logpdf(new)[3] == pytest.approx(0.0, abs=1e-12)


def vectors(kind: str) -> tuple[Any, Any]:
    """A mixture of vectors by one of the three distributions, and from a draw the covariances (K, D, D)."""
    z = mc.Categorical("z", mc.Dirichlet("w", [1.0, 1.0]), size=len(PLANE))
    mu = mc.MvNormal("mu", np.zeros(2), 0.05 * np.eye(2), size=2)
    if kind == "precision":
        tau = mc.Wishart("tau", 4, np.eye(2), size=2)
        return mc.Mixture("y", z, mc.MvNormal, mu, tau, value=PLANE, observed=True), np.linalg.inv
    if kind == "shared precision":
        tau = mc.Wishart("tau", 4, np.eye(2))
        y = mc.Mixture("y", z, mc.MvNormal, mu, tau, value=PLANE, observed=True)
        return y, lambda x: np.repeat(np.linalg.inv(x)[:, None], 2, axis=1)
    scale = mc.Gamma("tau", 2.0, 1.0, size=2)
    factor = np.array([[1.0, 0.0], [0.4, 0.8]])
    if kind == "factor":

        @mc.deterministic
        def factors(scale: Any = scale) -> Any:
            return scale[:, None, None] * factor

        y = mc.Mixture("y", z, mc.MvNormalChol, mu, factors, value=PLANE, observed=True)
        return y, lambda x: (x**2)[:, :, None, None] * (factor @ factor.T)

    @mc.deterministic
    def covariances(scale: Any = scale) -> Any:
        return scale[:, None, None] * (factor @ factor.T)

    y = mc.Mixture("y", z, mc.MvNormalCov, mu, covariances, value=PLANE, observed=True)
    return y, lambda x: x[:, :, None, None] * (factor @ factor.T)


@pytest.mark.parametrize("kind", ["precision", "shared precision", "covariance", "factor"])
def test_normal_vectors_by_every_matrix_and_missing_coordinates(kind: str):
    y, covariances = vectors(kind)
    m = sampled(y, iterations=60)
    weights, means, matrices = kept(m, "w", "mu", "tau")
    spread = covariances(matrices)
    new = NEW_PLANE.copy()
    new[[0, 3], 0], new[[1, 3], 1] = np.nan, np.nan
    for rows in (NEW_PLANE, new):
        joint = np.zeros((len(weights), len(rows), 2)) + np.log(weights)[:, None]
        for i, row in enumerate(rows):
            seen = np.flatnonzero(~np.isnan(row))
            for s, k in np.ndindex(len(weights), 2) if seen.size else ():
                part = spread[s, k][np.ix_(seen, seen)]
                joint[s, i, k] += stats.multivariate_normal.logpdf(row[seen], means[s, k][seen], part)
        agrees(m, rows, joint)


def test_counts_of_categories_given_their_total():
    rng = np.random.default_rng(3)
    counts = np.concatenate([rng.multinomial(12, [0.7, 0.2, 0.1], 15), rng.multinomial(9, [0.1, 0.2, 0.7], 14)])
    p = mc.Dirichlet("p", np.ones((2, 3)))
    w = mc.Dirichlet("w", [1.0, 1.0])
    z = mc.Categorical("z", w, size=len(counts))
    m = sampled(mc.Multinomial("y", counts.sum(1), p[z], value=counts, observed=True), iterations=60)
    new = rng.multinomial(7, [0.3, 0.3, 0.4], 8)
    weights, shares = kept(m, "w", "p")
    each = stats.multinomial.logpmf(new[None, :, None], 7, shares[:, None])
    agrees(m, new, each + np.log(weights)[:, None])
    assert m.predict_logpdf([[1.5, 1.0, 0.0]])[0] == -np.inf


def test_one_component_of_vectors_and_of_counts():
    mu = mc.MvNormal("mu", np.zeros(2), 0.1 * np.eye(2))
    m = sampled(mc.MvNormal("y", mu, np.eye(2), value=PLANE, observed=True), iterations=60)
    each = np.stack([stats.multivariate_normal.logpdf(NEW_PLANE, centre, np.eye(2)) for centre in m.trace("mu")[:]])
    np.testing.assert_allclose(m.predict_logpdf(NEW_PLANE), logsumexp(each, axis=0) - np.log(len(each)), rtol=1e-9)
    rate = mc.Gamma("rate", 1.0, 1.0)
    m = sampled(mc.Poisson("y", rate, value=[3, 4, 2], observed=True), iterations=60)
    each = stats.poisson.logpmf(np.arange(5), m.trace("rate")[:][:, None])
    np.testing.assert_allclose(m.predict_logpdf(range(5)), logsumexp(each, axis=0) - np.log(len(each)), rtol=1e-9)
    assert m.predict_logpdf([0.5])[0] == -np.inf


def test_different_laws_and_several_data_nodes_on_the_same_labels():
    w = mc.Dirichlet("w", [9.0, 1.0])
    z = mc.Categorical("z", w, size=len(X))
    mu, rate = mc.Normal("mu", 3.0, 0.05), mc.Gamma("rate", 1.0, 1.0, size=2)
    y = mc.Mixture("y", z, [mc.Normal.dist(mu, 0.2), mc.Uniform.dist(-50.0, 50.0)], value=X, observed=True)
    counts = np.random.default_rng(4).poisson(2.0, len(X))
    n = mc.Poisson("n", rate[z], value=counts, observed=True)
    m = sampled([y, n], iterations=60)
    weights, centre, rates = kept(m, "w", "mu", "rate")
    new = np.arange(len(NEW)) % 4
    first = stats.norm.logpdf(NEW, centre[:, None], 0.2**-0.5)
    each = np.stack([first, np.full_like(first, -np.log(100.0))], 2)
    each = each + stats.poisson.logpmf(new[None, :, None], rates[:, None]) + np.log(weights)[:, None]
    agrees(m, {"y": NEW, "n": new}, each)
    with pytest.raises(mc.ModelError, match="expected a value for each of y, n, by name"):
        m.predict_logpdf(NEW)
    with pytest.raises(mc.ModelError, match="same number for every node, got y 13, n 2"):
        m.predict_logpdf({"y": NEW, "n": [1, 2]})


def test_two_label_vectors_in_one_row():
    a, b = (mc.Categorical(name, [0.4, 0.6], size=len(X)) for name in "ab")
    mu, nu = mc.Normal("mu", [0.0, 3.0], 1.0), mc.Normal("nu", [0.0, 6.0], 1.0)
    m = sampled(mc.Normal("y", mu[a] + nu[b], 1.0, value=X, observed=True), iterations=60)
    one, other = kept(m, "mu", "nu")
    means = (one[:, :, None] + other[:, None, :]).reshape(-1, 1, 4)
    logs = stats.norm.logpdf(NEW[None, :, None], means) + np.log(np.outer([0.4, 0.6], [0.4, 0.6])).ravel()
    total = logsumexp(logs, axis=2)
    np.testing.assert_allclose(m.predict_logpdf(NEW), logsumexp(total, axis=0) - np.log(len(total)), rtol=1e-9)
    by_pair = np.exp(logs - total[:, :, None]).mean(0).reshape(-1, 2, 2)
    np.testing.assert_allclose(m.memberships(NEW, label="a"), by_pair.sum(2), rtol=1e-9)
    np.testing.assert_allclose(m.memberships(NEW, label=b), by_pair.sum(1), rtol=1e-9)
    with pytest.raises(mc.ModelError, match="which label vector.*there are: a, b"):
        m.memberships(NEW)


def test_truncated_laws_and_the_datas_own_rows():
    w, mu = mc.Dirichlet("w", [1.0, 1.0]), mc.Normal("mu", [0.0, 6.0], 1.0)
    z = mc.Categorical("z", w, size=len(X))
    m = sampled(mc.Truncated("y", mc.Normal, mu[z], 1.0, lower=-4.0, value=X, observed=True), iterations=60)
    weights, means = kept(m, "w", "mu")
    each = stats.truncnorm.logpdf(NEW[None, :, None], -4.0 - means[:, None], np.inf, means[:, None])
    agrees(m, NEW, each + np.log(weights)[:, None])
    # the data's own rows as new ones have the memberships that the run reports
    np.testing.assert_allclose(m.memberships(X), m.memberships(), rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(m.memberships("z"), m.memberships(name="z"))
    assert m.predict_logpdf([]).shape == (0,) and m.memberships([]).shape == (0, 2)
    assert m.predict_logpdf(NEW, draws=10).shape == NEW.shape


# -------------------------------------------------------------------- refusals


def mixture(precision: Any = 1.0, **keywords: Any) -> mc.MCMC:
    w, mu = mc.Dirichlet("w", [1.0, 1.0]), mc.Normal("mu", [0.0, 6.0], 1.0)
    z = mc.Categorical("z", w, size=len(X))
    return sampled(mc.Normal("y", mu[z], precision, value=X, observed=True), iterations=60, **keywords)


def test_rows_that_do_not_fit_are_refused():
    m = mixture()
    for new, message in (
        (np.zeros((3, 2)), r"y expected 1 columns, got shape \(3, 2\)"),
        ({"x": NEW}, "expected a value for each of y, by name"),
        ([np.inf], "expected finite numbers, or NaN for what is missing, got infinity"),
        (["a"], r"y: expected an array of numbers, got \['a'\]: text"),
    ):
        with pytest.raises(mc.ModelError, match=message):
            m.predict_logpdf(new)
    with pytest.raises(mc.ModelError, match="mu is no label vector"):
        m.predict_logpdf(NEW, label="mu")
    with pytest.raises(mc.ModelError, match="predict_logpdf: expected a label vector or its name, got 3"):
        m.predict_logpdf(NEW, label=3)
    with pytest.raises(mc.ModelError, match="draws expected"):
        m.predict_logpdf(NEW, draws=0)


def test_parameters_of_the_datas_own_rows_are_refused():
    errors = np.linspace(0.5, 1.5, len(X))
    for new in (NEW, X):  # as many rows as the data have: still not theirs
        with pytest.raises(
            mc.ModelError, match="y: new rows expected parameters that depend on the label alone.*trace"
        ):
            mixture(errors).predict_logpdf(new)
    z = mc.Categorical("z", [0.5, 0.5], size=3)
    mu = mc.Normal("mu", [0.0, 6.0], 1.0)
    grouped = sampled(mc.Normal("y", mu[z[np.arange(len(X)) % 3]], 1.0, value=X, observed=True), iterations=60)
    with pytest.raises(mc.ModelError, match="y: new rows expected parameters that depend on the label alone"):
        grouped.predict_logpdf(NEW)
    rows = np.tile([[0.2, 0.8]], (len(X), 1)) + np.linspace(0.0, 0.1, len(X))[:, None] * [1, -1]
    by_row = mc.Normal("y", mu[mc.Categorical("z", rows, size=len(X))], 1.0, value=X, observed=True)
    with pytest.raises(mc.ModelError, match="z: new rows expected parameters that depend on the label alone"):
        sampled(by_row, iterations=60).memberships(NEW)


def test_censored_rows_missing_counts_and_dropped_draws_are_refused():
    rate = mc.Gamma("rate", 1.0, 1.0)
    censored = mc.Censored("y", mc.Exponential, rate, upper=4.0, value=[1.0, 4.0, 2.0], observed=True)
    with pytest.raises(mc.ModelError, match="y: new rows of censored data.*uncensored distribution"):
        sampled(censored, iterations=60).predict_logpdf([1.0])
    p = mc.Dirichlet("p", np.ones(3))
    counts = sampled(mc.Multinomial("y", 3, p, value=[[1, 1, 1], [3, 0, 0]], observed=True), iterations=60)
    with pytest.raises(mc.ModelError, match="expected complete, got NaN"):
        counts.predict_logpdf([[1.0, np.nan, 1.0]])
    mu = mc.Normal("mu", 0.0, 1.0, trace=False)
    dropped = sampled(mc.Normal("y", mu, 1.0, value=X, observed=True), iterations=60)
    with pytest.raises(mc.ModelError, match="predict_logpdf needs the draws of mu, which were not kept"):
        dropped.predict_logpdf(NEW)
    with pytest.raises(mc.ModelError, match="which label vector.*none"):
        dropped.memberships(NEW)


def test_too_many_patterns_of_missing_coordinates_are_refused():
    data = np.random.default_rng(5).normal(size=(20, 8))
    mu = mc.MvNormal("mu", np.zeros(8), np.eye(8))
    m = sampled(mc.MvNormal("y", mu, np.eye(8), value=data, observed=True), iterations=60)
    new = np.where(np.arange(2**8)[:, None] >> np.arange(8) & 1, np.nan, 0.0)
    with pytest.raises(mc.ModelError, match="at most 64 patterns of missing coordinates, got 256"):
        m.predict_logpdf(new)


@pytest.mark.parametrize("kind", ["table", "vectors"])
def test_data_with_missing_entries_of_their_own(kind: str):
    data = np.where(np.random.default_rng(6).random(PLANE.shape) < 0.1, np.nan, PLANE)
    z = mc.Categorical("z", mc.Dirichlet("w", [1.0, 1.0]), size=len(PLANE))
    law = (mc.Normal, 1.0) if kind == "table" else (mc.MvNormal, np.eye(2))
    start = np.array([[0.0, 0.0], [5.0, -3.0]])
    mu = mc.Normal("mu", start, 1.0) if kind == "table" else mc.MvNormal("mu", start, np.eye(2))
    m = sampled(mc.Mixture("y", z, law[0], mu, law[1], value=np.ma.masked_invalid(data), observed=True), iterations=60)
    weights, means = kept(m, "w", "mu")
    each = stats.norm.logpdf(NEW_PLANE[None, :, None], means[:, None]).sum(3)
    agrees(m, NEW_PLANE, each + np.log(weights)[:, None])
