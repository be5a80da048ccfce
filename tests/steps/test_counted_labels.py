"""Numbers of rows by label, drawn value by value where nobody asks which row has which label."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import mcmix as mc
from mcmix.kernels.counted_labels import binomial
from mcmix.kernels.driver import run_step
from mcmix.steps import weighted
from mcmix.steps.base import Chain
from mcmix.steps.labels import LabelGibbs
from mcmix.structure import by_component, weighted_rows
from mcmix.testing import joint_test
from tests.harness import levels
from tests.runs import sampler

sampled = sampler(iterations=300, burn=100, chains=2)


def poisson(x, traced=False, k=2):
    w, rate = mc.Dirichlet("w", np.full(k, 2.0)), mc.Gamma("rate", 2.0, 0.5, size=k)
    z = mc.Categorical("z", w, size=len(x))
    z.trace_by_default = traced
    return mc.Mixture("y", z, mc.Poisson, rate, value=x, observed=True)


def counts(n=4000, seed=0):
    rng = np.random.default_rng(seed)
    return rng.poisson(np.where(rng.random(n) < 0.4, 2.0, 9.0))


def label_step(m):
    return next(s for s in m.assembled.steps if isinstance(s, LabelGibbs))


def in_a_sweep(m):
    """Kernels of the first chain's sweeps that are not among the calls of all steps: those that stand for others."""
    r = m._runners[0]
    return [c for c in r.swept_calls if c not in r.calls]


@pytest.mark.parametrize(("n", "p"), [(5, 0.3), (40, 0.02), (1000, 0.3), (100_000, 0.97)])
def test_binomial_draws(n, p):
    rng = np.random.default_rng(3)
    stream = int(rng.bit_generator.ctypes.bit_generator.value)
    draws = np.array([binomial(stream, float(n), p) for _ in range(4000)])
    assert ((draws == np.floor(draws)) & (draws >= 0) & (draws <= n)).all()
    edges = np.unique(stats.binom.ppf(np.linspace(0.1, 0.9, 9), n, p))
    chance = np.diff(np.concatenate([[0.0], stats.binom.cdf(edges, n, p), [1.0]]))
    seen = np.bincount(np.searchsorted(edges, draws), minlength=len(chance))
    assert stats.chisquare(seen, 4000 * chance).pvalue > 1e-4


def test_binomial_draws_that_are_certain():
    stream = int(np.random.default_rng(1).bit_generator.ctypes.bit_generator.value)
    assert [binomial(stream, n, p) for n, p in ((50.0, 0.0), (50.0, 1.0), (3.0, 1.0), (0.0, 0.4))] == [
        0.0,
        50.0,
        3.0,
        0.0,
    ]


def test_sums_given_parameters_have_the_moments_of_multinomial_numbers():
    x = counts()
    rate, w = np.array([2.0, 6.0, 9.0]), np.array([0.3, 0.3, 0.4])
    z = mc.Categorical("z", w, size=len(x))
    m = mc.MCMC([mc.Mixture("y", z, mc.Poisson, rate, value=x, observed=True)], marginal_moves=False)
    step, chain = label_step(m), Chain(m.assembled.plan.layout, np.random.SeedSequence(5))
    [call] = step.bind(chain)
    [s] = step.block.factors
    found = []
    for _ in range(3000):
        assert run_step(call.by_counts.kernel, call.by_counts.words, call.by_counts.reals, chain.stream) == 0
        found.append(np.concatenate([chain.view(("units", z)), chain.view(("sum", s.factor, 0))]))
    found = np.array(found)
    assert (found[:, :3].sum(1) == len(x)).all()
    share = w * stats.poisson.pmf(x[:, None], rate)
    share /= share.sum(1, keepdims=True)
    shift = float(s.cells.sums.shifts[0].value)
    for columns, about in ((found[:, :3], np.ones(len(x))), (found[:, 3:], x - shift)):
        mean = (share * about[:, None]).sum(0)
        spread = np.diag(np.einsum("n,nk->k", about**2, share)) - np.einsum("n,nk,nj->kj", about**2, share, share)
        assert (np.abs(columns.mean(0) - mean) < 5 * np.sqrt(np.diag(spread) / 3000)).all()
        np.testing.assert_allclose(np.cov(columns.T), spread, atol=0.12 * np.diag(spread).max())


def test_the_joint_distribution_stays(monkeypatch):
    monkeypatch.setattr(weighted, "ROWS_OF_A_VALUE", 0)
    monkeypatch.setattr(weighted_rows, "ROWS_OF_A_VALUE", 0.1)
    monkeypatch.setattr(by_component, "FEWEST_COUNTED", 1)
    seen = []

    def prepare(m):
        assert label_step(m).by_counts is not None
        seen.append(m)

    w, rate = mc.Dirichlet("w", [2.0, 2.0]), mc.Gamma("rate", 2.0, 1.0, size=2)
    model = mc.Model([mc.Mixture("y", w, mc.Poisson, rate, value=[0] * 12, observed=True)])
    result = joint_test(
        model, prepare=prepare, replications=100, sweeps=10, false_alarm=levels.each("samplers", 100), seed=7
    )
    assert result.passed and in_a_sweep(seen[-1]), result


def test_the_posterior_is_that_of_labels_drawn_row_by_row():
    tables = {}
    for traced in (False, True):
        m = sampled(mc.MCMC([poisson(counts(), traced)], marginal_moves=False), 2, 6000, 1000)
        assert bool(in_a_sweep(m)) != traced
        table = m.summary(["rate", "w"]) if traced else m.summary()
        table = table.loc[["rate[0]", "rate[1]", "w[0]", "w[1]"]]
        order = np.argsort(table["mean"].to_numpy()[:2])
        places = np.concatenate([order, 2 + order])
        tables[traced] = table["mean"].to_numpy()[places], table["mcse_mean"].to_numpy()[places]
    (a, first), (b, second) = tables.values()
    assert (np.abs(a - b) < 5.0 * np.hypot(first, second)).all()


def test_chains_end_with_labels_that_belong_to_their_sums():
    m = sampled(mc.MCMC([poisson(counts())], marginal_moves=False), 1)
    chain, step = m._runners[0].chain, label_step(m)
    labels = chain.get(step.variables[0])
    assert np.array_equal(chain.view(("units", step.variables[0])), np.bincount(labels, minlength=2))


def test_labels_that_somebody_asks_for_are_drawn_row_by_row():
    y = poisson(counts())
    z = next(n for n in mc.Model([y]).stochastics if n.name == "z")
    first = mc.Lambda("first", lambda z=z: z[0] * 1.0, trace=True)
    assert not in_a_sweep(sampled(mc.MCMC([y, first], marginal_moves=False), 1))
    beside = mc.Normal("beside", mc.Normal("m", 0.0, 1.0, size=2)[z[:3]], 1.0, value=np.zeros(3), observed=True)
    assert not in_a_sweep(sampled(mc.MCMC([y, beside], marginal_moves=False), 1))


class Looking(mc.StepMethod):
    """In Python, where it may look at labels."""

    def step(self):
        self.stochastic.value = self.stochastic.value


def test_steps_in_python_see_labels_that_were_drawn():
    y = poisson(counts())
    m = mc.MCMC([y], marginal_moves=False)
    m.use_step_method(Looking, "rate")
    assert not in_a_sweep(sampled(m, 1, 20, 10, chains=1, quiet=True))


def test_the_same_seed_gives_the_same_draws_on_any_number_of_cores():
    one, two = (sampled(mc.MCMC([poisson(counts())], marginal_moves=False), 3, cores=c) for c in (1, 2))
    assert in_a_sweep(one) and np.array_equal(one.trace("rate")[:], two.trace("rate")[:])


def test_a_value_that_no_label_explains_is_told_by_its_row():
    x = np.where(np.arange(4000) == 77, 9, counts() % 3)
    z = mc.Categorical("z", [0.5, 0.5], size=4000)
    z.trace_by_default = False
    y = mc.Mixture("y", z, mc.DiscreteUniform, 0, np.array([3, 4]), value=x, observed=True)
    with pytest.raises(mc.McmixError, match="77"):
        sampled(mc.MCMC([y], marginal_moves=False), 1)
