"""Points of the plane as few weighted ones: sums of smooth functions, and the densities of mixtures."""

from __future__ import annotations

import numpy as np
import pytest

import mcmix as mc
from mcmix.kernels.cells import add_lagrange_weights
from mcmix.sampling.few_rows import FewRows
from mcmix.sampling.marginal import Marginal
from mcmix.structure.recording import record
from mcmix.structure.weighted_cells import by_cells, nodes_of
from tests.runs import sampler
from tests.steps.test_marginal_moves import bound, move_of

sampled = sampler(iterations=400, burn=200, chains=2)


def points(n=60_000, seed=0):
    """Two overlapping groups in the plane."""
    rng = np.random.default_rng(seed)
    turn = np.array([[1.0, 0.0], [0.6, 0.8]])
    return rng.normal(size=(n, 2)) @ turn.T + 2.5 * (rng.random(n) < 0.4)[:, None]


def test_sums_of_smooth_functions_stay():
    x = points()
    rows = by_cells(x, np.array([0.7, 0.7]))
    assert rows.weights.sum() == pytest.approx(len(x), rel=1e-12)
    for f in (
        lambda v: v[:, 0] ** 7 * v[:, 1] ** 5,  # of the degree that nodes keep
        lambda v: np.exp(-0.5 * (v**2).sum(1)),
        lambda v: np.log1p(np.exp(v[:, 0] - v[:, 1])),
    ):
        assert (rows.weights * f(rows.values)).sum() == pytest.approx(f(x).sum(), rel=1e-9)


def test_points_of_sparse_cells_stay_themselves():
    x = np.array([[0.0, 0.0], [5.0, 5.0], [9.0, 1.0]])
    rows = by_cells(x, np.array([1.0, 1.0]))
    assert np.array_equal(rows.values, x) and rows.weights.tolist() == [1.0, 1.0, 1.0]


def test_the_kernel_beside_polynomials_written_out():
    """A point that sits on a node, one outside all cells, and others."""
    q, rng = 4, np.random.default_rng(3)
    nodes, barycentric = nodes_of(q)
    x = rng.random((20, 2)) * 2.0
    x[0] = 0.5 * (nodes[1] + 1.0), 0.5 * (nodes[2] + 1.0)
    cells = np.where(np.arange(20) == 7, -1, np.arange(20) % 2)
    cells[0] = 0
    found = np.zeros((2, q, q))
    add_lagrange_weights(x, np.zeros(2), np.ones(2), cells, nodes, barycentric, found)
    expected = np.zeros((2, q, q))
    for point, cell in zip(x, cells, strict=True):
        t = 2.0 * (point - np.floor(point)) - 1.0
        each = [
            [np.prod([(s - nodes[b]) / (nodes[a] - nodes[b]) for b in range(q) if b != a]) for a in range(q)] for s in t
        ]
        if cell >= 0:
            expected[cell] += np.outer(*each)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def lagrange(t, nodes):
    """All polynomials at t that are 1 at one node and 0 at the others."""
    others = [np.delete(nodes, a) for a in range(len(nodes))]
    return np.array([np.prod((t - o) / (node - o)) for node, o in zip(nodes, others, strict=True)])


def plane(x, k=2):
    mu = mc.MvNormal("mu", np.zeros(2), 0.01 * np.eye(2), size=k)
    T = mc.Wishart("T", 4.0, 4.0 * np.eye(2), size=k)
    return mc.Mixture("y", mc.Dirichlet("w", np.ones(k)), mc.MvNormal, mu, T, value=x, observed=True)


def test_weighted_points_say_what_all_points_say():
    m = mc.MCMC([plane(points())], marginal_moves=True)
    whole, _ = bound(m)
    fewer, _ = bound(m, 3)
    assert 3 * fewer.density.data.n_units < 60_000
    free = np.where(np.isfinite(whole.where()), whole.where(), 0.0)
    free[:2] = 1.0
    for at in (free, free + 0.3 * np.random.default_rng(2).standard_normal(free.size)):
        (exact, slope), (found, own) = whole(at), fewer(at)
        assert found == pytest.approx(exact, abs=3e-3)
        np.testing.assert_allclose(own, slope, rtol=0, atol=2e-6 * np.abs(slope).max())
        assert fewer.difference(at) == pytest.approx(abs(exact - found), abs=1e-8)


def test_a_run_over_few_points_is_that_over_all():
    x, found = points(), {}
    for marginal, iterations in ((True, 1000), (False, 4200)):  # long enough for R-hat to tell 1.02
        m = sampled(mc.MCMC([plane(x)], marginal_moves=marginal), 3, iterations, 200)
        table = m.summary()
        order = np.argsort(table["mean"].to_numpy()[[0, 2]])  # of components, by the first coordinate of their means
        places = np.concatenate(
            [np.arange(14)[s].reshape(2, -1)[order].ravel() for s in (np.s_[:4], np.s_[4:12], np.s_[12:])]
        )
        found[marginal] = table["mean"].to_numpy()[places], table["mcse_mean"].to_numpy()[places]
        if marginal:
            assert "weighted rows in the place of 60000, within 5e-04 nats" in str(m.explain())
            assert table["r_hat"].max() < 1.02
    (a, first), (b, second) = found.values()
    assert (np.abs(a - b) < 5.0 * np.hypot(first, second)).all()


@pytest.mark.parametrize(
    ("x", "why"),
    [
        (points(1000), "hardly fewer"),
        (np.column_stack([points(), np.zeros(60_000)]) + 0.0, "in the plane alone"),
        (np.column_stack([points()[:, 0], np.ones(60_000)]), "on a line"),
    ],
    ids=["few", "three coordinates", "a line"],
)
def test_where_all_rows_are_used_it_is_said_why(x, why):
    d = x.shape[1]
    mu = mc.MvNormal("mu", np.zeros(d), 0.01 * np.eye(d), size=2)
    y = mc.Mixture("y", mc.Dirichlet("w", [1.0, 1.0]), mc.MvNormal, mu, np.eye(d), value=x, observed=True)
    assert why in move_of(mc.MCMC([y], marginal_moves=True)).levels.why_not


def test_evidence_and_modes_ask_few_points_where_these_say_the_same():
    model = mc.Model([plane(points())])
    recording = record(model)
    few, whole = FewRows(recording, model), Marginal(recording, model)
    middle = {"mu": np.array([[0.0, 0.0], [2.5, 2.5]]), "T": np.stack([np.eye(2)] * 2), "w": np.log([0.6, 0.4])}
    rng = np.random.default_rng(4)
    kept = {
        n: middle[n.name] * (1.0 + 0.02 * rng.standard_normal((5, *[1] * middle[n.name].ndim))) for n in whole.needed
    }
    found, exact = few.log_densities(kept, np.ones(5, bool)), whole.log_densities(kept, np.ones(5, bool))
    assert few.is_short
    np.testing.assert_allclose(found, exact, rtol=0, atol=1e-4)
