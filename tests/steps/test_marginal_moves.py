"""Moves with the labels summed out: gradients, exactness, weighted rows, what is refused and what is said."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from scipy.special import logsumexp

import mcmix as mc
from mcmix.distributions.table import FAMILIES
from mcmix.kernels import marginal as kernels
from mcmix.kernels import marginal_moves as moves
from mcmix.steps import offers
from mcmix.steps.base import Chain, Plan
from mcmix.steps.basins import grouped
from mcmix.steps.explain import explanation
from mcmix.steps.marginal import MarginalMove
from mcmix.steps.passes import AllRows, Pass
from mcmix.steps.plan import assemble
from mcmix.steps.proposals import Proposals
from mcmix.steps.scores import Scores
from mcmix.testing import enumeration_test, joint_test
from tests.harness import grammar, levels
from tests.runs import line_of, sampler, step_of

sampled = sampler(iterations=1500, burn=500)

START = np.array([0.1, 0.4])


def two_normals(n=200, apart=1.5, seed=0):
    rng = np.random.default_rng(seed)
    return np.where(rng.random(n) < 0.6, rng.normal(0.0, 1.0, n), rng.normal(apart, 1.0, n))


def pair(x, **options):
    """Two overlapping normal components with wide priors."""
    w = mc.Dirichlet("w", [1.0, 1.0])
    mu, sd = mc.Normal("mu", 0.0, 0.01, size=2), mc.Uniform("sd", 0.0, 10.0, size=2)
    return mc.MCMC(
        [mc.Mixture("y", w, mc.Normal, mu, 1 / sd**2, value=x, observed=True)], marginal_moves=True, **options
    )


def move_of(m):
    return next(s for s in m.assembled.steps if isinstance(s, MarginalMove))


def bound(m, level=None):
    """The density over one chain, which stands at the nodes' own values, all rows or some weighted ones."""
    move, compiled = move_of(m), m.assembled
    chain = Chain(compiled.plan.layout, np.random.SeedSequence(1))
    for node in compiled.model.stochastics:
        chain.put(node, node.value)
    density = move.density if level is None else move._density_at(level)
    return move._over(density, chain), chain


def gradient_is_right(ask, free, tolerance=2e-6):
    """The gradient beside central differences of the log density (Richardson)."""
    height, slope = ask(free)
    assert np.isfinite(height)
    for i, own in enumerate(slope):
        step = np.eye(free.size)[i] * 1e-4
        coarse, fine = ((ask(free + h)[0] - ask(free - h)[0]) / (2e-4 / part) for h, part in ((step, 1), (step / 2, 2)))
        expected = (4 * fine - coarse) / 3
        rounding = 1e-12 * (1.0 + abs(height)) / 1e-4
        assert own == pytest.approx(expected, rel=tolerance, abs=10 * rounding + tolerance), i


# -------------------------------------------------------------------- gradients

MIXTURES = list(grammar.mixtures(FAMILIES))


def few():
    """Small mixtures in which each parameter of each family is unknown once, and each prior stands once."""
    found, met = [], set()
    for small in MIXTURES:
        parts = set(small.name.split(" ~ "))
        if not parts <= met:
            met |= parts
            found.append(small)
    return found


FEW = few()


@pytest.mark.parametrize(
    "small", [s if s in FEW else pytest.param(s, marks=pytest.mark.slow) for s in MIXTURES], ids=lambda s: s.name
)
def test_gradients_of_every_family_link_and_prior(small):
    nodes, prepare = small.make()
    if prepare is not None:
        pytest.skip("a step of its own")
    m = mc.MCMC(nodes, marginal_moves=True)
    if m.assembled.why_not_marginal:
        pytest.skip(m.assembled.why_not_marginal)
    ask, _ = bound(m)
    rng = np.random.default_rng(3)
    here = ask.where()
    here = np.where(np.isfinite(here), here, 0.0) + 0.1 * rng.standard_normal(here.size)
    if not np.isfinite(ask(here)[0]):
        pytest.skip("a point without density")
    gradient_is_right(ask, here, 2e-5)


def test_most_mixtures_of_numbers_are_offered():
    """Those that are not have a reason that is one of these."""
    reasons = {}
    for small in FEW:
        nodes, prepare = small.make()
        if prepare is None:
            reasons[small.name] = mc.MCMC(nodes, marginal_moves=True).assembled.why_not_marginal
    refused = {why for why in reasons.values() if why}
    assert sum(not why for why in reasons.values()) > 0.7 * len(reasons)
    known = ("has no derivative here", "no continuous unknown", "differs by component", "its rows separate")
    assert all(any(reason in why for reason in known) for why in refused), refused


def test_gradients_with_hyperparameters_links_and_rows_of_their_own():
    x, error = two_normals(60), np.linspace(0.1, 0.5, 60)
    w, z = (w := mc.Dirichlet("w", [1.0, 2.0])), mc.Categorical("z", w, size=60)
    centre, spread = mc.Normal("centre", 0.0, 0.1), mc.HalfNormal("spread", 1.0)
    mu = mc.Normal("mu", centre, 1 / spread**2, size=2)
    sd = mc.Gamma("sd", 2.0, 2.0, size=2)
    y = mc.Normal("y", mu[z], 1 / (sd[z] ** 2 + error**2), value=x, observed=True)
    m = mc.MCMC([y], marginal_moves=True)
    assert "parameters vary by row" in line_of_any(m, "centre")
    ask, _ = bound(m)
    gradient_is_right(ask, ask.where() + 0.1)


def line_of_any(m, name):
    """What `explain` would say of the step that serves a variable."""
    return next(line for line in str(explanation(m.assembled)).splitlines() if name in line.split(":")[0].split(", "))


def test_gradients_of_regressions_and_of_labels_with_several_rows():
    rng = np.random.default_rng(5)
    covariate, group = rng.normal(size=60), np.repeat(np.arange(20), 3)
    z = mc.Categorical("z", mc.Dirichlet("w", [1.0, 1.0]), size=20)
    a, b = mc.Normal("a", 0.0, 0.1, size=2), mc.Normal("b", 0.0, 0.1, size=2)
    nu = mc.Gamma("nu", 2.0, 0.1)
    value = 1.0 + covariate + rng.normal(size=60)
    y = mc.StudentT("y", a[z[group]] + b[z[group]] * covariate, 1.0, nu, value=value, observed=True)
    m = mc.MCMC([y], marginal_moves=True)
    assert not m.assembled.why_not_marginal
    ask, _ = bound(m)
    gradient_is_right(ask, ask.where() + 0.2)


def test_the_density_is_the_labels_summed_out():
    x = two_normals(50)
    m = pair(x)
    ask, chain = bound(m)
    node = {n.name: n for n in m.model.stochastics}
    for free in ask.where() + 0.3 * np.random.default_rng(1).standard_normal((4, 5)):
        found, _ = ask(free)
        ask.move(free)
        mu, sd, w = (chain.get(node[name]) for name in ("mu", "sd", "w"))
        likelihood = logsumexp(np.log(w) + stats.norm.logpdf(x[:, None], mu, sd), axis=1).sum()
        prior = stats.norm.logpdf(mu, 0.0, 10.0).sum() - 2 * np.log(10.0)
        jacobian = np.log(w).sum() + np.log(sd * (1 - sd / 10)).sum()
        assert found == pytest.approx(likelihood + prior + jacobian, abs=1e-9)


@pytest.mark.parametrize("grouped_rows", [False, True], ids=["a row a unit", "several rows a unit"])
def test_derivatives_by_row_are_added_up_by_label(grouped_rows):
    """The accumulator beside NumPy, for labels that are known and for responsibilities."""
    rng = np.random.default_rng(8)
    units = np.repeat(np.arange(20), 2) if grouped_rows else np.arange(40)
    x, n = rng.standard_t(4.0, 40), units.max() + 1
    z = mc.Categorical("z", [0.4, 0.6], size=n)
    at = mc.Normal("at", 0.0, 1.0, size=2, value=[-0.3, 0.8])
    y = mc.StudentT("y", at[z[units]] if grouped_rows else at[z], 1.5, 4.0, value=x, observed=True)
    compiled = assemble(mc.Model([y]))
    block = compiled.structure.blocks[0]
    plan = Plan(compiled.structure)
    for node, variable in compiled.structure.recording.leaves.items():
        plan.layout.place(node, variable.size)
    scores = Scores(block.factors[0], block.label, AllRows(block.label))
    weigher = Pass(block, 0, others=[scores])
    weigher.place_sums(plan)
    weigher.compile(plan)
    scores.compile(plan)
    plan.finish()
    chain = Chain(plan.layout, np.random.SeedSequence(2))
    labels = rng.integers(0, 2, n)
    chain.put(at, at.value)
    chain.put(z, labels)
    one = weigher.bound(chain)

    slopes = FAMILIES["StudentT"].score(x[:, None], np.asarray(at.value), 1.5, 4.0)[1]
    assert one.collect() == 0
    own = np.array([slopes[labels[units] == k, k].sum() for k in range(2)])
    np.testing.assert_allclose(chain.view(("score", scores.s.factor, 0)), own, rtol=1e-12)

    shares = np.zeros((n, 2))
    assert one.weigh(shares=shares, collect=True) == 0
    logs = stats.t.logpdf(x[:, None], 4.0, np.asarray(at.value), 1 / np.sqrt(1.5))
    logs = np.log([0.4, 0.6]) + np.array([logs[units == u].sum(0) for u in range(n)])
    expected = np.exp(logs - logsumexp(logs, axis=1, keepdims=True))
    np.testing.assert_allclose(shares, expected, rtol=1e-9)
    sums = (expected[units] * slopes).sum(0)
    np.testing.assert_allclose(chain.view(("score", scores.s.factor, 0)), sums, rtol=1e-9)


# -------------------------------------------------------------------- weighted rows


def test_weighted_rows_say_what_all_rows_say():
    x = two_normals(20_000)
    m = pair(x)
    whole, _ = bound(m)
    fewer, _ = bound(m, 4)
    assert 10 * fewer.density.data.n_units < len(x)
    rng = np.random.default_rng(2)
    for free in whole.where() + 0.5 * rng.standard_normal((5, 5)):
        free[2:4] = rng.uniform(-2.5, -1.0, 2)  # sds between 0.8 and 2.7
        (one, slope), (other, by_fewer) = whole(free), fewer(free)
        assert other == pytest.approx(one, abs=1e-6)
        np.testing.assert_allclose(by_fewer, slope, atol=1e-4)
        assert fewer.difference(free) < 1e-6


@pytest.mark.parametrize("name", ["Poisson", "NegativeBinomial", "Binomial", "Geometric", "ZeroInflatedPoisson"])
def test_counts_are_weighed_by_their_distinct_values(name):
    family, rng = FAMILIES[name], np.random.default_rng(3)
    known = grammar.example(family)
    x = family.draw(rng, 3000, *[np.asarray(p, float) for p in known])
    parameters = [
        p if family.parameters[i].constraint == "count" else _unknown(family.parameters[i]) for i, p in enumerate(known)
    ]
    w = mc.Dirichlet("w", [1.0, 1.0])
    m = mc.MCMC([mc.Mixture("y", w, grammar.law(family), *parameters, value=x, observed=True)], marginal_moves=True)
    whole, _ = bound(m)
    fewer, _ = bound(m, 0)
    assert move_of(m).levels.exact
    assert fewer.density.data.n_units == len(np.unique(x))
    free = whole.where() + 0.1
    (one, slope), (other, by_fewer) = whole(free), fewer(free)
    assert other == pytest.approx(one, rel=1e-12)
    np.testing.assert_allclose(by_fewer, slope, rtol=1e-9, atol=1e-8)


def _unknown(parameter):
    prior = mc.Beta(parameter.name, 2.0, 2.0, size=2) if parameter.constraint == "probability" else None
    return prior if prior is not None else mc.Gamma(parameter.name, 2.0, 1.0, size=2)


def test_rounded_data_are_weighed_by_their_distinct_values():
    m = pair(np.round(two_normals(2000), 1))
    assert move_of(m).levels.exact
    assert bound(m, 0)[0].density.data.n_units < 100


@pytest.mark.parametrize(
    ("law", "why"), [("Laplace", "kinks"), ("Uniform", "kinks")], ids=["a kink at the centre", "edges"]
)
def test_densities_with_kinks_use_all_rows(law, why):
    x = np.random.default_rng(4).uniform(0.1, 0.9, 500)
    low, high = (0.0, 1.0) if law == "Uniform" else (mc.Normal("at", 0.0, 1.0, size=2), 1.0)
    high = mc.Gamma("high", 20.0, 10.0, size=2) if law == "Uniform" else high
    mixture = mc.Mixture("y", mc.Dirichlet("w", [1.0, 1.0]), getattr(mc, law), low, high, value=x, observed=True)
    m = mc.MCMC([mixture], marginal_moves=True)
    assert why in move_of(m).levels.why_not
    assert move_of(m)._density_at(2) is None


def test_a_scale_below_what_weighted_rows_resolve_is_noticed():
    m = sampled(pair(two_normals(5000)), seed=1, iterations=200, burn=100, chains=1)
    move, chain = move_of(m), m._runners[0].chain
    numbers = move._numbers(chain)
    assert numbers[kernels.LEVEL] > 0
    node = {n.name: n for n in m.model.stochastics}["sd"]
    chain.view(node)[:] = [1.2, 1e-3]
    numbers[kernels.SINCE] = 1e9  # the next move compares
    m.sample(1, progress_bar=False)
    assert numbers[kernels.WHOLE] == 1.0
    assert "were not fine enough" in move.note


def test_groups_of_weighted_numbers_are_those_that_are_there():
    rng = np.random.default_rng(6)
    x = np.concatenate([rng.normal(c, 0.3, 30) for c in (0.0, 5.0, 9.0)])
    found = grouped(x, np.ones(len(x)), 3, rng)
    assert found.tolist() == np.repeat([0, 1, 2], 30).tolist()


# -------------------------------------------------------------------- the stationary distribution


def small(law=mc.Normal, n=8):
    """A mixture in which everything has a moderate prior."""
    w = mc.Dirichlet("w", [2.0, 2.0])
    mu, tau = mc.Normal("mu", 0.0, 0.5, size=2), mc.Gamma("tau", 3.0, 2.0, size=2)
    own = (4.0,) if law is mc.StudentT else ()
    return [mc.Mixture("y", w, law, mu, tau, *own, value=np.zeros(n), observed=True)]


def hierarchy():
    centre, w = mc.Normal("centre", 0.0, 1.0), mc.Dirichlet("w", [2.0, 1.0])
    mu = mc.Normal("mu", centre, 1.0, size=2)
    return [mc.Mixture("y", w, mc.Normal, mu, 1.0, value=np.zeros(6), observed=True)]


def counts():
    w, rate = mc.Dirichlet("w", [2.0, 1.5]), mc.Gamma("rate", 2.0, 1.0, size=2)
    return [mc.Mixture("y", w, mc.Poisson, rate, value=[0] * 8, observed=True)]


def angles():
    w = mc.Dirichlet("w", [2.0, 2.0])
    at, k = mc.VonMises("at", 0.0, 1.0, size=2), mc.Gamma("k", 3.0, 1.0, size=2)
    return [mc.Mixture("y", w, mc.VonMises, at, k, value=np.zeros(8), observed=True)]


def a_bounded_probability():
    p, q = mc.Uniform("p", 0.1, 0.9), mc.Beta("q", 2.0, 2.0, size=2)
    w = mc.Lambda("w", lambda p=p: np.array([p, 1 - p]))
    return [mc.Mixture("y", w, mc.Bernoulli, q, value=[0] * 6, observed=True)]


def an_exchangeable_hierarchy():
    centre, w = mc.Normal("centre", 0.0, 1.0), mc.Dirichlet("w", [2.0, 2.0])
    mu = mc.Normal("mu", centre, 1.0, size=2)
    return [mc.Mixture("y", w, mc.Normal, mu, 1.0, value=np.zeros(6), observed=True)]


def known_weights():
    z, mu = mc.Categorical("z", [0.2, 0.5, 0.3], size=6), mc.Normal("mu", 0.0, 0.5, size=3)
    return [mc.Normal("y", mu[z], 1.0, value=np.zeros(6), observed=True)]


def hidden_chain():
    """Two sequences of states, first states and transitions unknown."""
    transitions = mc.Dirichlet("transitions", [[3.0, 1.0], [1.0, 2.0]])
    z = mc.MarkovChain("z", mc.Dirichlet("initial", [1.0, 2.0]), transitions, lengths=[3, 4])
    mu, tau = mc.Normal("mu", [-1.0, 1.0], 1.0), mc.Gamma("tau", 3, 2)
    x = np.random.default_rng(5).normal(size=7)
    return [mc.Normal("y", mu[z], tau, value=x, observed=True), z]


MODELS = {
    "exchangeable hierarchy": an_exchangeable_hierarchy,
    "known weights": known_weights,
    "normal": small,
    "Student t": lambda: small(mc.StudentT),
    "hierarchy": hierarchy,
    "counts": counts,
    "angles": angles,
    "probabilities": a_bounded_probability,
    "hidden chain": hidden_chain,
}


def on_the_marginal(m):
    """Every continuous unknown of the model by one move."""
    names = [n.name for n in m.model.stochastics if np.dtype(n.dtype).kind == "f"]
    m.use_step_method(mc.MarginalMove, names)


IN_EVERY_RUN = ("exchangeable hierarchy", "normal", "angles", "hidden chain")  # of the joint tests; the others are slow


def sometimes(names):
    """As parameters: those that are not for every run are slow."""
    return [n if n in IN_EVERY_RUN else pytest.param(n, marks=pytest.mark.slow) for n in names]


@pytest.mark.parametrize("name", sometimes(MODELS))
def test_the_joint_distribution_stays(name):
    model = mc.Model(MODELS[name]())
    level = levels.each("samplers", 100)
    result = joint_test(model, prepare=on_the_marginal, replications=100, sweeps=15, false_alarm=level, seed=11)
    assert result.passed, result


class Proposing(MarginalMove):
    """With independent proposals from a mixture that is as good as any where nothing is known."""

    def settle(self, chain, given):
        super().settle(chain, given)
        rng, d = np.random.default_rng(9), self.density.free
        factors = np.stack(
            [width * (np.eye(d) + 0.2 * np.tril(rng.standard_normal((d, d)), -1)) for width in (0.8, 1.5)]
        )
        learned = self._bound[id(chain)].learned
        learned.propose(Proposals(np.log([0.6, 0.4]), 0.5 * rng.standard_normal((2, d)), factors))
        learned.array[moves.TRIES] = 3.0


PROPOSED = ["normal", "hierarchy", "counts", "exchangeable hierarchy", "known weights"]


@pytest.mark.parametrize(
    "name", [n if n in IN_EVERY_RUN else pytest.param(n, marks=pytest.mark.slow) for n in PROPOSED]
)
def test_the_joint_distribution_stays_with_independent_proposals(name):
    def prepare(m):
        names = [n.name for n in m.model.stochastics if np.dtype(n.dtype).kind == "f"]
        m.use_step_method(Proposing, names)

    model = mc.Model(MODELS[name]())
    level = levels.each("samplers", 100)
    result = joint_test(model, prepare=prepare, replications=100, sweeps=8, false_alarm=level, seed=12)
    assert result.passed, result


@pytest.mark.slow
def test_an_enumerated_posterior_is_reached():
    w = mc.Dirichlet("w", [2.0, 2.0])
    mu = mc.Normal("mu", 0.0, 0.25, size=2)
    data = [-1.2, -0.8, 0.9, 1.4, 2.2]
    model = mc.Model([mc.Mixture("y", w, mc.Normal, mu, 1.0, value=data, observed=True)])
    result = enumeration_test(model, prepare=on_the_marginal, seed=4)
    assert result.passed, result


def test_tuned_moves_from_a_mode_agree_with_gibbs_sampling():
    x = two_normals(300, 3.0)
    one = sampled(pair(x), seed=1, iterations=6000, burn=1000)
    w = mc.Dirichlet("w", [1.0, 1.0])
    mu, sd = mc.Normal("mu", 0.0, 0.01, size=2), mc.Uniform("sd", 0.0, 10.0, size=2)
    other = sampled(
        [mc.Mixture("y", w, mc.Normal, mu, 1 / sd**2, value=x, observed=True)], seed=2, iterations=30_000, burn=2000
    )
    for name in ("mu", "sd", "w"):
        (a, first), (b, second) = (_sorted_draws(m, name) for m in (one, other))
        for j in range(2):
            error = np.hypot(first[j], second[j])
            assert abs(a[:, j].mean() - b[:, j].mean()) < 5 * error


def _sorted_draws(m, name):
    """Draws in the order of the locations, and Monte Carlo errors of their means by chains' means."""
    mu, x = m.trace("mu")[:], m.trace(name)[:]
    x = np.take_along_axis(x, np.argsort(mu, axis=1), axis=1)
    batches = x.reshape(40, -1, 2).mean(1)
    return x, batches.std(0, ddof=1) / np.sqrt(len(batches))


# -------------------------------------------------------------------- runs


def test_overlapping_components_converge_at_usual_lengths():
    m = sampled(pair(two_normals(2000)), seed=3, iterations=2000, burn=1000, chains=4)
    mu = np.sort(np.stack([m.trace("mu", chain=c)[:] for c in range(4)]), axis=-1)
    between, within = mu.mean(1).var(0, ddof=1), mu.var(1, ddof=1).mean(0)
    # R-hat below about 1.02: over 20 seeds the largest share was 0.024; label updates alone leave 0.4 and more
    assert np.all(between < 0.05 * within)
    assert 0.3 < step_of(m, "mu").ratio < 0.97


def test_the_same_seed_gives_the_same_draws_on_any_number_of_cores():
    x = two_normals(400)
    one, other = (sampled(pair(x), seed=5, iterations=300, burn=100, cores=c).trace("mu")[:] for c in (1, 2))
    np.testing.assert_array_equal(one, other)


def test_chains_learn_from_one_another_at_the_same_sweeps_on_any_number_of_cores():
    x = two_normals(400)
    one, other = (sampled(pair(x), seed=8, iterations=240, burn=200, chains=3, cores=c) for c in (1, 3))
    for r, q in zip(one._runners, other._runners, strict=True):
        first, second = (move_of(m)._bound[id(c.chain)].learned for m, c in ((one, r), (other, q)))
        np.testing.assert_array_equal(first.array, second.array)
    tables = [move_of(one)._bound[id(r.chain)].learned.proposed.told() for r in one._runners]
    assert len(tables[0]) > 0
    for table in tables[1:]:
        np.testing.assert_array_equal(table, tables[0])


def test_angles_get_no_independent_proposals():
    """Their densities go round: free coordinates beyond the seam are points that proposals count once and twice."""
    m = mc.MCMC(angles(), marginal_moves=True).sample(130, 120, chains=2, seed=1, progress_bar=False)
    move = move_of(m)
    assert move._sizes.proposals == move._sizes.redraws == 0
    assert all(move._bound[id(r.chain)].learned.proposed is None for r in m._runners)


def test_what_a_meeting_raises_ends_the_run_on_any_number_of_cores():
    for cores in (1, 2):
        m = pair(two_normals(60, 3.0))
        move_of(m).meet = lambda chains: 1 / 0
        with pytest.raises(ZeroDivisionError):
            m.sample(150, 120, chains=3, seed=1, cores=cores, progress_bar=False)


def test_chains_that_part_get_more_label_updates_in_a_sweep():
    m = sampled(pair(two_normals(60, 4.0)), seed=1, iterations=200, burn=150, chains=2)
    move, bound = move_of(m), move_of(m)._bound
    apart = [np.zeros((40, 5)), np.ones((40, 5))]
    for points, r in zip(apart, m._runners, strict=True):
        learned = bound[id(r.chain)].learned
        kept = learned.array[-move._sizes.history * learned.free :].reshape(-1, learned.free)
        kept[:40] = points + 0.1 * np.random.default_rng(1).standard_normal((40, 5))
        learned.array[[moves.POINTS_KEPT, moves.REPEATS]] = 40.0, 1.0
    chains = [r.chain for r in m._runners]
    chains[0].planned = 100
    others = [c for c in m._runners[0].calls if c.step is not move]
    move.meet(chains)
    assert {move.repeats(c) for c in chains} == {30}
    m.sample(1, progress_bar=False)
    again = [c for c in m._runners[0].swept_calls if c.step is not move]
    assert len(again) == 30 * len(others)


def test_a_saved_state_goes_on_bit_for_bit(tmp_path):
    x = two_normals(2000)
    m = sampled(pair(x), seed=6, iterations=250, burn=100)
    m.save_state(tmp_path / "state.npz")
    expected = m.sample(150, progress_bar=False).trace("sd")[:]
    again = pair(x)
    again.restore_state(tmp_path / "state.npz")
    np.testing.assert_array_equal(again.sample(150, progress_bar=False).trace("sd")[:], expected)


def test_labels_that_are_not_kept_are_drawn_at_the_end_alone():
    x = two_normals(40_000)
    m = sampled(pair(x, label_budget=0), seed=7, iterations=80, burn=40, chains=2)
    assert m.assembled.marginal_alone({}) is move_of(m)
    mu, sd, w = (m.trace(name)[:] for name in ("mu", "sd", "w"))
    likelihood = [
        logsumexp(np.log(b) + stats.norm.logpdf(x[:, None], a, s), axis=1).sum()
        for a, s, b in zip(mu, sd, w, strict=True)
    ]
    prior = stats.norm.logpdf(mu, 0.0, 10.0).sum(1) - 2 * np.log(10.0)
    kept = np.concatenate([draws.statistics["lp"].ravel() for draws in [m._calls[-1]]])
    np.testing.assert_allclose(kept, likelihood + prior, atol=1e-5)
    label = next(n for n in m.model.stochastics if np.dtype(n.dtype).kind == "i")
    chain = m._runners[0].chain
    counts = np.bincount(chain.get(label).astype(int), minlength=2)
    np.testing.assert_array_equal(chain.view(("units", label)), counts)
    assert m.memberships().shape == (40_000, 2)


def test_labels_that_are_kept_are_draws_given_the_parameters():
    x = np.array([-3.0, -2.5, 0.1, 2.0, 3.5])
    w, z = (w := mc.Dirichlet("w", [2.0, 2.0])), mc.Categorical("z", w, size=5)
    mu = mc.Normal("mu", [-2.0, 2.0], 4.0)
    m = sampled(
        mc.MCMC([mc.Normal("y", mu[z], 1.0, value=x, observed=True)], marginal_moves=True), seed=8, iterations=8000
    )
    draws, at, share = m.trace("z")[:], m.trace("mu")[:], m.trace("w")[:]
    logs = np.log(share)[:, None, :] + stats.norm.logpdf(x[None, :, None], at[:, None, :], 1.0)
    expected = np.exp(logs[..., 1] - logsumexp(logs, axis=-1))
    error = np.sqrt((expected * (1 - expected)).mean(0) / len(draws))
    assert np.all(np.abs(draws.mean(0) - expected.mean(0)) < 5 * error + 1e-4)


def test_starts_that_are_given_are_where_chains_start():
    m = pair(two_normals(100))
    sampled(m, seed=9, iterations=1, burn=0, chains=1, start={"mu": [0.2, 1.4], "sd": [1.0, 1.0], "w": [0.5, 0.5]})
    assert np.abs(m.trace("mu")[0] - [0.2, 1.4]).max() < 3.0


def test_what_tells_priors_apart_decides_which_component_is_which():
    """A start in the mirror mode is left by the search, whatever the seed."""
    rng = np.random.default_rng(10)
    x = np.concatenate([rng.normal(0.0, 1.0, 80), rng.normal(6.0, 1.0, 40)])
    mu = mc.Normal("mu", [0.0, 6.0], 4.0)
    y = mc.Mixture("y", mc.Dirichlet("w", [1.0, 1.0]), mc.Normal, mu, 1.0, value=x, observed=True)
    m = sampled(mc.MCMC([y], marginal_moves=True), seed=10, iterations=400, burn=100)
    assert np.all(m.trace("mu")[:, 0] < m.trace("mu")[:, 1])


# -------------------------------------------------------------------- what is refused, and what is said


def test_what_is_below_a_users_density_keeps_its_step_and_the_rest_moves(capsys):
    @mc.stochastic
    def mine(value=START):
        return float(-0.5 * np.sum(np.sort(np.asarray(value)) ** 2))

    w = mc.Dirichlet("w", [1.0, 1.0])
    mu = mc.Normal("mu", mine[0], 1.0, size=2)
    y = mc.Mixture("y", w, mc.Normal, mu, 1.0, value=[0.0, 1.0, 3.0], observed=True)
    m = mc.MCMC([y], marginal_moves=True)
    assert {v.name for v in move_of(m).variables} == {"w", "mu"}
    assert "without a derivative" in move_of(m).reason
    print(m.explain())
    assert "mine: " in capsys.readouterr().out


def test_a_density_of_the_users_in_the_rows_keeps_gibbs(capsys):
    def density(x, at):
        return -0.5 * (np.asarray(x) - at) ** 2 if at < 100 else -np.inf  # a decision on a value cannot be recorded

    mu = mc.Normal("mu", 0.0, 1.0, size=2)
    z = mc.Categorical("z", [0.5, 0.5], size=3)
    own = mc.Potential(
        name="own", logp=lambda z=z, mu=mu: sum(float(density(x, mu[int(k)])) for x, k in zip([0.1, 1.0, 3.0], z)),  # noqa: B905
        parents={"z": z, "mu": mu}, doc="",
    )  # fmt: skip
    m = mc.MCMC([own, mu, z], marginal_moves=True)
    assert "labels are not summed out" in m.assembled.why_not_marginal
    print(m.explain())
    assert "marginal_moves: labels are not summed out" in capsys.readouterr().out
    assert not any(isinstance(s, MarginalMove) for s in m.assembled.steps)


def test_without_labels_there_is_nothing_to_sum_out():
    mu = mc.Normal("mu", 0.0, 1.0)
    m = mc.MCMC([mc.Normal("y", mu, 1.0, value=[0.1, 0.3], observed=True)], marginal_moves=True)
    assert "one label vector" in m.assembled.why_not_marginal


def test_flags_are_true_or_false():
    with pytest.raises(mc.ModelError, match="marginal_moves: expected True or False, got 'yes'"):
        pair_with("yes")


def pair_with(flag):
    mu = mc.Normal("mu", 0.0, 1.0)
    return mc.MCMC([mc.Normal("y", mu, 1.0, value=[0.1], observed=True)], marginal_moves=flag)


def test_asked_for_where_it_cannot_be_is_an_error_with_the_reason():
    mu, k = mc.Normal("mu", 0.0, 1.0), mc.Poisson("k", 2.0)
    m = mc.MCMC([mc.Normal("y", mu + k, 1.0, value=[0.1, 0.3], observed=True)])
    with pytest.raises(mc.ModelError, match="cannot serve 'mu': mu: labels can be summed out where"):
        m.use_step_method(mc.MarginalMove, [mu])


def test_a_gradient_that_is_not_finite_names_node_chain_and_values():
    x = two_normals(40)
    w, mu = mc.Dirichlet("w", [1.0, 1.0]), mc.Normal("mu", 0.0, 0.1, size=2)
    a = mc.Normal("a", 0.0, 1.0)

    @mc.potential
    def kinked(a=a):
        return -np.sqrt(np.abs(a))

    y = mc.Mixture("y", w, mc.Normal, mu, 1.0, value=x, observed=True)
    m = mc.MCMC([y, kinked, a], marginal_moves=True)
    start = {"a": 0.0, "mu": [0.0, 1.0], "w": [0.5, 0.5]}
    with pytest.raises(mc.McmixError, match=r"chain 0, sweep 1, a at .*0.*gradient is not finite"):
        sampled(m, seed=1, iterations=5, burn=0, chains=1, start=start)


@pytest.mark.slow
def test_known_unequal_weights_keep_their_labels():
    """Label permutation moves must see labels that belong to the parameters."""
    x, weights = [-1.2, -0.8, 0.9, 1.4, 2.2], [0.2, 0.5, 0.3]
    z, mu = mc.Categorical("z", weights, size=5), mc.Normal("mu", 1.0, 0.3, size=3)
    model = mc.Model([mc.Normal("y", mu[z], 1.0, value=x, observed=True)])
    result = enumeration_test(model, prepare=on_the_marginal, seed=5)
    assert result.passed, result


def by_default(burn, x=None, thin=1, **options):
    w, mu = mc.Dirichlet("w", [1.0, 1.0]), mc.Normal("mu", 0.0, 0.01, size=2)
    y = mc.Mixture("y", w, mc.Normal, mu, 1.0, value=two_normals(60, 3.0) if x is None else x, observed=True)
    return mc.MCMC([y], **options).sample(burn + 50, burn, thin, chains=2, seed=1, progress_bar=False)


def moves_summed_out(m):
    return any(isinstance(s, MarginalMove) for s in m.step_methods)


def test_by_default_burn_in_to_learn_in_decides():
    assert moves_summed_out(by_default(100))
    assert not moves_summed_out(by_default(99))
    assert not moves_summed_out(by_default(100, marginal_moves=False))
    assert not moves_summed_out(by_default(100, tempering=2))
    assert not moves_summed_out(by_default(100, thin=10))


def test_by_default_very_many_unknowns_are_drawn_given_labels(monkeypatch):
    monkeypatch.setattr(offers, "MOST_FREE", 1)
    assert not moves_summed_out(by_default(100))


def test_by_default_steps_that_were_asked_for_stay_alone():
    w, mu = mc.Dirichlet("w", [1.0, 1.0]), mc.Normal("mu", 0.0, 0.01, size=2)
    m = mc.MCMC([mc.Mixture("y", w, mc.Normal, mu, 1.0, value=two_normals(60, 3.0), observed=True)])
    m.use_step_method(mc.Slicer, mu)
    m.sample(150, 100, chains=1, seed=1, progress_bar=False)
    assert not moves_summed_out(m)


def test_by_default_many_rows_that_few_cannot_stand_for_keep_label_updates():
    x = np.random.default_rng(1).normal(0.0, 1.0, (40_000, 1)) + np.zeros((1, 1))
    w, mu = mc.Dirichlet("w", [1.0, 1.0]), mc.Normal("mu", 0.0, 0.01, size=2)
    z = mc.Categorical("z", w, size=40_000)
    kinked = mc.Laplace("y", mu[z], 1.0, value=x[:, 0], observed=True)
    m = mc.MCMC([kinked]).sample(130, 120, chains=1, seed=1, progress_bar=False)
    assert not moves_summed_out(m)


def test_by_default_a_point_without_slope_is_left_to_other_steps():
    # a row at an end of the support: the density of one component is infinite or zero there
    rng = np.random.default_rng(2)
    x = np.append(rng.beta(2.0, 5.0, 60), [1.0, 1.0])
    w, a = mc.Dirichlet("w", [1.0, 1.0]), mc.Gamma("a", 2.0, 0.5, size=2)
    y = mc.Mixture("y", w, mc.Beta, a, 2.0, value=x[:60], observed=True)
    m = mc.MCMC([y]).sample(260, 200, chains=2, seed=1, progress_bar=False)
    move = next(s for s in m.step_methods if isinstance(s, MarginalMove))
    assert move.lenient
    density = move._bound[id(m._runners[0].chain)].density
    assert np.isfinite(density(density.where())[0])


def test_explain_tells_of_rows_and_metric():
    m = sampled(pair(two_normals(4000)), seed=13, iterations=200, burn=100, chains=2)
    line = line_of_any(m, "mu")
    assert "weighted rows in the place of 4000, within 1e-06 nats" in line
    assert "labels summed out" in line


def test_a_line_for_every_variable(capsys):
    m = pair(two_normals(30))
    assert "all continuous unknowns at once" in line_of(m, ", ".join(v.name for v in move_of(m).variables), capsys)
