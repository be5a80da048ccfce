"""Whatever is made of a model asks its rows: on other rows it is that of the model written with these data."""

import numpy as np
import pytest

import mcmix as mc
from mcmix.api.complete_data import complete_scores, occupied_draws
from mcmix.api.diagnosis import facts_of
from mcmix.api.evidence import Integrand, evidence
from mcmix.report.components import NormalComponents, table_of
from mcmix.sampling.start import seeds_of
from mcmix.structure.rows import Rows

RNG = np.random.default_rng(12)
N = 30
DATA = RNG.normal([[-2.0], [3.0]], 1.0, (2, N // 2)).ravel(), RNG.normal([[4.0], [9.0]], 0.5, (2, N // 2)).ravel()
GROUPS = np.ma.array(RNG.integers(0, 2, N), mask=np.arange(N) > 9), np.ma.array(np.ones(N, int), mask=np.arange(N) > 9)
GAPS = tuple(np.where(np.arange(N) % 7 == 3, np.nan, x) for x in DATA)
LINE = np.linspace(-2.0, 2.0, N)


def mixture(y):
    mu, tau = mc.Normal("mu", 0.0, 0.1, size=2), mc.Gamma("tau", 2.0, 1.0)
    z = mc.Categorical("z", mc.Dirichlet("w", [1.0, 1.0]), size=N)
    return [mc.Normal("y", mu[z], tau, value=y, observed=True)]


def some_labels(z):
    mu = mc.Normal("mu", 0.0, 0.1, size=2)
    z = mc.Categorical("z", mc.Dirichlet("w", [1.0, 1.0]), value=z, observed=True)
    return [mc.Normal("y", mu[z], 1.0, value=LINE, observed=True)]


def gaps(y):
    return [mc.Normal("y", mc.Normal("mu", 0.0, 0.1), mc.Gamma("tau", 2.0, 1.0), value=y, observed=True)]


def vectors(y):
    mu = mc.MvNormal("mu", np.zeros(2), np.eye(2) * 0.1, size=2)
    z = mc.Categorical("z", mc.Dirichlet("w", [1.0, 1.0]), size=N)
    return [mc.MvNormal("y", mu[z], np.eye(2), value=y, observed=True)]


MODELS = {mixture: DATA, some_labels: GROUPS, gaps: GAPS}
TABLES = np.column_stack(DATA), np.column_stack([DATA[1], -DATA[0]])


def pair(build, data=None):
    """A model on rows that are not its own, and the model that is written with them."""
    first, second = MODELS[build] if data is None else data
    model, name = mc.Model(build(first)), "z" if build is some_labels else "y"
    return model, Rows.of(model).with_values({name: second}), mc.Model(build(second))


def sampled(build):
    model, rows, written = pair(build)
    both = mc.MCMC(model)._on(rows), mc.MCMC(written)
    return [m.sample(120, 20, chains=2, seed=3, progress_bar=False) for m in both]


@pytest.mark.parametrize("build", MODELS)
def test_the_mode(build):
    model, rows, written = pair(build)
    one, other = mc.NormApprox(model)._on(rows).fit(seed=1, starts=2), mc.NormApprox(written).fit(seed=1, starts=2)
    assert one.logp_at_max == other.logp_at_max and one.BIC == other.BIC and one.data_len == other.data_len
    for node in one._view.nodes:
        np.testing.assert_array_equal(one.mu[node], other.mu[node.name])
    assert one.logp_at_max != mc.NormApprox(model).fit(seed=1, starts=2).logp_at_max


@pytest.mark.parametrize("build", MODELS)
def test_variational_bayes(build):
    model, rows, written = pair(build)
    one, other = (q.update(seed=1, verbose=False) for q in (mc.VB(model)._on(rows), mc.VB(written)))
    assert one.L == other.L
    own, as_written = (q.to_arviz(20, seed=1) for q in (one, other))
    for name, x in as_written.observed_data.items():
        np.testing.assert_array_equal(own.observed_data[name], x)
    if build is not gaps:
        np.testing.assert_array_equal(one.memberships(), other.memberships())
    assert one.posterior(20, seed=1).rows is rows
    with pytest.raises(mc.ModelError, match="other rows: updates were made"):
        one._on(rows)


@pytest.mark.parametrize("build", MODELS)
def test_evidence_criteria_and_facts(build):
    both = sampled(build)
    proofs = [evidence(m, draws=200, seed=1) for m in both]
    assert proofs[0].log == proofs[1].log
    found = [complete_scores(m, m.draws(), Integrand(m, m.draws()).marginal, 20) for m in both]
    np.testing.assert_equal(*[[(s.value, s.error) for s in scores] for scores in found])
    np.testing.assert_equal(*[occupied_draws(m, m.draws(), 20) for m in both])
    one, other = [repr(facts_of(m)) for m in both]
    assert one == other
    one, other = [str(m.diagnose()) for m in both]
    assert one == other


def test_what_is_compared():
    one, other = sampled(mixture)
    tables = [mc.compare({"m": m}, draws=200).table for m in (one, other)]
    np.testing.assert_array_equal(tables[0].to_numpy(), tables[1].to_numpy())


@pytest.mark.parametrize("build", MODELS)
def test_data_that_are_reported(build):
    one, other = sampled(build)
    for name, x in other.observed_data().items():
        np.testing.assert_array_equal(one.observed_data()[name], x)
        np.testing.assert_array_equal(one.completed(name), other.completed(name))
    distributions = [mc.predictive(m, "y") for m in (one, other)]
    np.testing.assert_array_equal(*[d.data for d in distributions])
    np.testing.assert_array_equal(*[d.quantile([0.1, 0.9]) for d in distributions])
    if build is some_labels:
        np.testing.assert_array_equal(*[mc.partition(m).labels for m in (one, other)])
        chains = [m._runners[0].chain for m in (one, other)]
        nodes = [m.model.get_node("z") for m in (one, other)]
        np.testing.assert_array_equal(*[c.get(z) for c, z in zip(chains, nodes, strict=True)])


def test_tables_that_are_pictured():
    model, rows, written = pair(vectors, TABLES)
    own = table_of(model, rows, "y", "a picture")
    np.testing.assert_array_equal(own[1], table_of(written, Rows.of(written), "y", "a picture")[1])
    assert NormalComponents(model, rows, own[0]).recording.rows is rows


def test_seedings():
    model, rows, written = pair(vectors, TABLES)
    found = [seeds_of(m.assembled, np.random.SeedSequence(1)) for m in (mc.MCMC(model)._on(rows), mc.MCMC(written))]
    rngs = [np.random.default_rng(1) for _ in found]
    labels = [next(iter(f.values())).labels(0, rng) for f, rng in zip(found, rngs, strict=True)]
    np.testing.assert_array_equal(*labels)
