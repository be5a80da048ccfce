"""Moves of vectors and matrices with the labels summed out: densities, gradients, exactness."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from scipy.special import logsumexp

import mcmix as mc
from mcmix.kernels.transforms import CORRELATION, POSITIVE_DEFINITE
from mcmix.sampling.label_mixing import sweeps_given_labels
from mcmix.steps import gaps
from mcmix.steps.offers import pays
from mcmix.steps.targets import Piece
from mcmix.testing import joint_test
from tests.harness import gaps as with_gaps
from tests.harness import levels
from tests.runs import sampler
from tests.steps.test_marginal_moves import bound, gradient_is_right, move_of, on_the_marginal

sampled = sampler(iterations=2000, burn=1000)

D = 2


def rows(n=60, d=D, seed=0, apart=2.0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) + apart * (np.arange(n) % 2)[:, None]


def of(matrix, family, x=None, k=2, centre=0.0, precision=0.1):
    """A mixture of normal vectors, its means normal about a centre."""
    x = rows() if x is None else x
    d = x.shape[1]
    mu = mc.MvNormal("mu", np.zeros(d) + centre, precision * np.eye(d), size=k)
    return mc.Mixture("y", mc.Dirichlet("w", np.ones(k)), family, mu, matrix, value=x, observed=True)


def wishart():
    return of(mc.Wishart("T", 5.0, 2.0 * np.eye(D), size=2), mc.MvNormal)


def shared():
    return of(mc.Wishart("T", 5.0, 2.0 * np.eye(D)), mc.MvNormal)


def by_scale():
    return of(mc.WishartCov("T", 5.0, 0.5 * np.eye(D), size=2), mc.MvNormal)


def inverse_wishart():
    return of(mc.InverseWishart("C", 5.0, 2.0 * np.eye(D), size=2), mc.MvNormalCov)


def correlations():
    scale, r = mc.HalfNormal("scale", 0.5, size=3), mc.LKJ("r", 2.0, 3)
    covariance = mc.Lambda("covariance", lambda s=scale, r=r: s[:, None] * r * s[None, :])
    return of(covariance, mc.MvNormalCov, rows(d=3))


def hierarchy():
    """Unknown centre, precision of the means, scale matrix and concentration of its prior."""
    centre, precision = mc.Normal("centre", 0.0, 0.1, size=D), mc.Gamma("precision", 2.0, 2.0)
    size = mc.Gamma("size", 3.0, 1.0)
    base = mc.Lambda("base", lambda s=size: s * np.eye(D))
    mu = mc.MvNormal("mu", centre, mc.Lambda("spread", lambda p=precision: p * np.eye(D)), size=2)
    T = mc.Wishart("T", 5.0, base, size=2)
    return mc.Mixture("y", mc.Dirichlet("w", [1.0, 1.0]), mc.MvNormal, mu, T, value=rows(), observed=True)


def degrees():
    nu = mc.Uniform("nu", 3.0, 9.0)
    return of(mc.InverseWishart("C", nu, 2.0 * np.eye(D), size=2), mc.MvNormalCov)


def matrix_of_matrix():
    base = mc.Wishart("base", 6.0, 3.0 * np.eye(D))
    return of(mc.InverseWishart("C", 5.0, base, size=2), mc.MvNormalCov)


def missing():
    x = rows()
    x[::7, 0] = np.nan
    x[3, 1] = np.nan
    return of(mc.Wishart("T", 5.0, 2.0 * np.eye(D), size=2), mc.MvNormal, np.ma.masked_invalid(x))


def beside_a_number():
    """A row is a vector and a count."""
    z = mc.Categorical("z", mc.Dirichlet("w", [1.0, 1.0]), size=60)
    mu, T = mc.MvNormal("mu", np.zeros(D), np.eye(D), size=2), mc.Wishart("T", 5.0, 2.0 * np.eye(D), size=2)
    rate = mc.Gamma("rate", 2.0, 0.5, size=2)
    counts = np.random.default_rng(4).poisson(3.0, size=60)
    return [
        mc.MvNormal("y", mu[z], T[z], value=rows(), observed=True),
        mc.Poisson("n", rate[z], value=counts, observed=True),
    ]


def known_matrix():
    return of(np.eye(D), mc.MvNormal)


def lists():
    z = mc.Categorical("z", mc.Dirichlet("w", [1.0, 1.0]), size=60)
    mus = [mc.MvNormal(f"mu_{k}", np.zeros(D), 0.1 * np.eye(D)) for k in range(2)]
    matrices = [mc.Wishart(f"T_{k}", 5.0, 2.0 * np.eye(D)) for k in range(2)]
    return mc.Mixture("y", z, mc.MvNormal, mc.Container(mus), mc.Container(matrices), value=rows(), observed=True)


MODELS = [
    wishart, shared, by_scale, inverse_wishart, correlations, hierarchy, degrees, matrix_of_matrix, missing,
    beside_a_number, known_matrix, lists,
]  # fmt: skip


@pytest.mark.parametrize("make", MODELS, ids=lambda f: f.__name__)
def test_gradients(make):
    made = make()
    m = mc.MCMC(made if isinstance(made, list) else [made], marginal_moves=True)
    assert not m.assembled.why_not_marginal
    drawn = {"z", "y label", "y"}  # with the labels: what is missing of rows
    assert {v.name for v in move_of(m).variables} == {v.name for v in m.model.stochastics} - drawn
    assert move_of(m).moves_all
    ask, _ = bound(m)
    here = ask.where()
    here = np.where(np.isfinite(here), here, 0.0) + 0.1 * np.random.default_rng(3).standard_normal(here.size)
    gradient_is_right(ask, here, 1e-5)


def test_the_density_is_the_labels_summed_out():
    x = rows(40)
    m = mc.MCMC([of(mc.Wishart("T", 5.0, 2.0 * np.eye(D), size=2), mc.MvNormal, x)], marginal_moves=True)
    ask, chain = bound(m)
    node = {n.name: n for n in m.model.stochastics}
    for free in ask.where() + 0.3 * np.random.default_rng(1).standard_normal((4, ask.where().size)):
        found, _ = ask(free)
        ask.move(free)
        mu, T, w = (chain.get(node[name]) for name in ("mu", "T", "w"))
        logs = [np.log(w[k]) + stats.multivariate_normal.logpdf(x, mu[k], np.linalg.inv(T[k])) for k in range(2)]
        prior = stats.multivariate_normal.logpdf(mu, np.zeros(D), 10.0 * np.eye(D)).sum()
        prior += sum(stats.wishart.logpdf(T[k], 5.0, 0.5 * np.eye(D)) for k in range(2))
        factors = np.diagonal(np.linalg.cholesky(T), axis1=1, axis2=2)
        jacobian = np.log(w).sum() + 2 * D * np.log(2.0) + (np.log(factors) * (D + 1 - np.arange(D))).sum()
        assert found == pytest.approx(logsumexp(logs, axis=0).sum() + prior + jacobian, abs=1e-9)


@pytest.mark.parametrize("transform", [POSITIVE_DEFINITE, CORRELATION])
def test_entries_of_matrices_have_free_coordinates_of_their_own(transform):
    d, piece = 3, Piece(None, transform, np.zeros(18), np.zeros(18), 3)
    below = [(i, j) for i in range(d) for j in range(i + (transform == POSITIVE_DEFINITE))]
    expected = {m * 9 + i * d + j: m * len(below) + at for m in range(2) for at, (i, j) in enumerate(below)}
    assert {entry: piece.place(entry) for entry in range(18) if piece.place(entry) is not None} == expected


# -------------------------------------------------------------------- exactness


def moderate(made=None):
    """Few rows, no prior with heavy tails."""
    T = mc.Wishart("T", 6.0, 4.0 * np.eye(D), size=2) if made is None else made
    return [of(T, mc.MvNormal, np.zeros((6, D)), precision=0.5)]


def moderate_correlations():
    r = mc.LKJ("r", 2.0, 3, size=2)
    return [of(r, mc.MvNormalCov, np.zeros((5, 3)), precision=0.5)]


def moderate_covariances():
    return [of(mc.InverseWishart("C", 9.0, 4.0 * np.eye(D), size=2), mc.MvNormalCov, np.zeros((6, D)), precision=0.5)]


JOINT = {"Wishart": moderate, "LKJ": moderate_correlations, "inverse Wishart": moderate_covariances}


@pytest.mark.parametrize("name", [j if j == "Wishart" else pytest.param(j, marks=pytest.mark.slow) for j in JOINT])
def test_the_joint_distribution_stays(name):
    level = levels.each("samplers", 100)
    result = joint_test(
        mc.Model(JOINT[name]()), prepare=on_the_marginal, replications=100, sweeps=15, false_alarm=level, seed=21
    )
    assert result.passed, result


@pytest.mark.parametrize(
    "times", [0.0, pytest.param(1e9, marks=pytest.mark.slow)], ids=["dear to integrate out", "cheap"]
)
def test_the_joint_distribution_stays_where_coordinates_are_missing(times, monkeypatch):
    """Labels are drawn with missing coordinates integrated out, whatever that costs, as parameters were moved."""
    monkeypatch.setattr(gaps, "MOST_TIMES", times)
    x = np.ma.masked_invalid([[np.nan, 1.0], [0.3, np.nan], [0.1, -1.0], [np.nan] * 2, [1.5, np.nan], [np.nan, 0.7]])
    level = levels.each("samplers", 100)
    model = [of(np.array([[4.0, -3.0], [-3.0, 4.0]]), mc.MvNormal, x, precision=0.1)]
    result = with_gaps.joint_test(model, 100, level, seed=23, sweeps=15, prepare=on_the_marginal)
    assert result.passed, result


def test_tuned_moves_agree_with_gibbs_sampling():
    x = rows(200, apart=2.5)
    found = {}
    for marginal, count in ((True, 3000), (False, 30_000)):
        model = [of(mc.Wishart("T", 5.0, 2.0 * np.eye(D), size=2), mc.MvNormal, x)]
        m = mc.MCMC(model, marginal_moves=marginal)
        sampled(m, seed=5, iterations=count + 1000, burn=1000)
        mu, T = m.trace("mu")[:], m.trace("T")[:]
        order = np.argsort(mu[:, :, 0], axis=1)
        mu, T = (np.take_along_axis(v, order.reshape(-1, 2, *[1] * (v.ndim - 2)), axis=1) for v in (mu, T))
        draws = np.concatenate([mu.reshape(len(mu), -1), T.reshape(len(T), -1)], axis=1)
        batches = draws.reshape(40, -1, draws.shape[1]).mean(1)
        found[marginal] = draws.mean(0), batches.std(0, ddof=1) / np.sqrt(40)
    (a, first), (b, second) = found.values()
    assert (np.abs(a - b) < 5 * np.hypot(first, second)).all()


# -------------------------------------------------------------------- what is chosen


def chosen(x, k=2, **options):
    d = x.shape[1]
    m = mc.MCMC([of(mc.Wishart("T", d + 2.0, (d + 2.0) * np.eye(d), size=k), mc.MvNormal, x, k)], **options)
    return sampled(m, seed=1, iterations=110, burn=100, chains=1)


def is_marginal(m):
    return any(s.name == "labels summed out" for s in m.step_methods)


def test_by_default_label_updates_go_on_unless_few_points_stand_for_many():
    assert is_marginal(chosen(rows(400, apart=1.0), marginal_moves=True))
    assert not is_marginal(chosen(rows(400, apart=1.0)))
    assert not is_marginal(chosen(rows(30_000, apart=1.0)))
    many, fewer = (
        mc.MCMC([of(np.eye(2), mc.MvNormal, rows(n, apart=1.3))], marginal_moves=True) for n in (1_000_000, 60_000)
    )
    assert pays(move_of(many)) and not pays(move_of(fewer))


@pytest.mark.parametrize("apart", [2.5, 4.0])
def test_how_slowly_label_updates_move_is_known_before(apart):
    """Beside chains that ran: within a factor of 2.5, where the normal approximation is one."""
    x = rows(500, apart=apart)
    compiled = mc.MCMC([of(mc.Wishart("T", 4.0, 4.0 * np.eye(D), size=2), mc.MvNormal, x)], marginal_moves=True)
    expected = sweeps_given_labels(compiled.assembled, move_of(compiled))
    m = sampled(
        mc.MCMC([of(mc.Wishart("T", 4.0, 4.0 * np.eye(D), size=2), mc.MvNormal, x)], marginal_moves=False),
        seed=3, iterations=21_000, burn=1000,
    )  # fmt: skip
    table = m.summary()
    sweeps = 80_000 / table["ess_bulk"].min()
    assert expected / 2.5 < sweeps < 2.5 * expected, (expected, sweeps)


def test_the_same_seed_gives_the_same_draws_on_any_number_of_cores():
    x = rows(100, apart=1.5)
    one, two = (
        sampled(
            mc.MCMC([of(mc.Wishart("T", 4.0, 4.0 * np.eye(D), size=2), mc.MvNormal, x)], marginal_moves=True),
            6,
            300,
            200,
            cores=c,
        )
        for c in (1, 2)
    )
    assert is_marginal(one)
    assert np.array_equal(one.trace("T")[:], two.trace("T")[:])
