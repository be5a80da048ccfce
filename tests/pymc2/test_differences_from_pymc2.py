"""Where answers differ from PyMC 2's because it is wrong, in thirteen ways; and what is refused with a clear word."""

import copy
import os
import subprocess
import sys
import tomllib
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

import mcmix as mc
from tests import references as ref
from tests import runs
from tests.references import assert_law, assert_masses, assert_mean, assert_shares, chains_of

HOME = Path(__file__).parents[2]


sampled = runs.sampler(iterations=6000, burn=1000)


def python(code, **environment):
    """What another process prints."""
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=HOME,
        env={**os.environ, "PYTHONPATH": str(HOME), **environment},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


# -------------------------------------------------------------------- D1: unknowns behind functions


def heights(n=200, seed=3):
    rng = np.random.default_rng(seed)
    return np.where(rng.random(n) < 0.7, rng.normal(150, 10, n), rng.normal(200, 20, n))


def notebook(x, **keywords):
    """The model and the very list of the notebook, in which sd is not listed."""
    p = mc.Uniform("p", 0, 1)
    assignment = mc.Categorical("assignment", [p, 1 - p], size=len(x))
    stds = mc.Uniform("stds", 0, 100, size=2)
    taus = 1.0 / stds**2
    centers = mc.Normal("centers", [145, 210], [0.01, 0.02], size=2)

    @mc.deterministic
    def center_i(assignment=assignment, centers=centers):
        return centers[assignment]

    @mc.deterministic
    def tau_i(assignment=assignment, taus=taus):
        return taus[assignment]

    obs = mc.Normal("obs", center_i, tau_i, value=x, observed=True)
    return mc.MCMC(mc.Model([p, assignment, obs, taus, centers]), **keywords)


def test_d1_an_unknown_reached_through_functions_only_is_sampled():
    x = heights()
    m = notebook(x)
    assert {s.name for s in m.model.stochastics} == {"p", "assignment", "stds", "centers"}
    assert m.model.get_node("stds") in m.step_method_dict
    sampled(m, 1)
    exact = ref.TwoNormals(x).importance(20_000, 2)
    assert exact.effective > 2000
    for name, columns in (("stds", [3, 4]), ("centers", [1, 2]), ("p", [0])):
        centre, error = exact.expected(exact.points[:, columns])
        draws = chains_of(m, name).reshape(4, 5000, -1)
        assert_mean(draws, centre, name, error)


def test_d1_through_a_potential_and_through_missing_data():
    hidden, depth = mc.Normal("hidden", 0, 1), mc.Uniform("depth", 0, 1)
    twice = mc.Lambda("twice", lambda hidden=hidden: 2 * hidden)

    @mc.potential
    def pull(twice=twice, depth=depth):
        return -0.5 * (twice - depth) ** 2

    y = mc.Normal("y", mc.Normal("centre", 0, 1), 1.0, value=[1.0, np.nan], observed=True)
    assert {s.name for s in mc.Model([pull, y]).stochastics} == {"hidden", "depth", "centre", "y"}


# -------------------------------------------------------------------- D2, D3: stationary distributions


@pytest.mark.parametrize("start", [0, 1, 2])
@pytest.mark.parametrize("options", [{}, {"non_negative": False}, {"proposal_distribution": "prior"}], ids=str)
def test_d2_integer_walks_have_the_right_law_wherever_they_start(start, options):
    z = mc.Categorical("z", [1 / 3, 1 / 3, 1 / 3], value=start)
    m = mc.MCMC([z])
    m.use_step_method(mc.DiscreteMetropolis, z, **options)
    sampled(m, 2, 4000, 0, start={"z": start})
    assert_masses(chains_of(m, "z"), [1 / 3, 1 / 3, 1 / 3])


def test_d2_an_integer_walk_below_zero_is_not_folded():
    n = mc.DiscreteUniform("n", -4, 3, value=3)
    m = mc.MCMC([n])
    m.use_step_method(mc.DiscreteMetropolis, n, non_negative=False)
    sampled(m, 3, 20_000, 0)
    assert_masses(chains_of(m, "n"), dict.fromkeys(range(-4, 4), 1 / 8))


def test_d3_a_slice_includes_the_prior():
    mu = mc.Normal("mu", 0.0, 1.0)
    y = mc.Normal("y", mu, 1.0, value=3.0, observed=True)
    m = mc.MCMC([mu, y])
    m.use_step_method(mc.Slicer, mu)
    draws = chains_of(sampled(m, 4, 20_000), "mu")
    assert_law(draws, stats.norm(1.5, np.sqrt(0.5)))
    assert_mean((draws - 1.5) ** 2, 0.5)


# -------------------------------------------------------------------- D4: labels


def unknown_share():
    p = mc.Uniform("p", 0, 1)
    return [p, 1 - p]


WEIGHTS = {
    "two from a list": (2, unknown_share),
    "two known": (2, lambda: [0.4, 0.6]),
    "three from a Dirichlet": (3, lambda: mc.Dirichlet("w", [1.0, 1.0, 1.0])),
    "three known": (3, lambda: [0.2, 0.3, 0.5]),
}


@pytest.mark.parametrize(("k", "weights"), WEIGHTS.values(), ids=WEIGHTS)
def test_d4_labels_are_drawn_one_by_one_from_their_conditionals(k, weights, capsys):
    """Where data say little, about as many labels change in each sweep as independent draws would change."""
    z = mc.Categorical("z", weights(), size=300)
    mu = mc.Normal("mu", np.arange(k) * 0.1, 100.0, size=k)
    y = mc.Normal("y", mu[z], 1.0, value=np.random.default_rng(5).normal(0, 1, 300), observed=True)
    m = mc.MCMC([z, mu, y])
    assert "label update" in runs.line_of(m, "z", capsys)
    assert not isinstance(m.step_method_dict[z][0], mc.BinaryMetropolis | mc.DiscreteMetropolis)
    sampled(m, 5, 400, 100, chains=2)
    labels = chains_of(m, "z", 2)
    for chain in labels:
        masses = (chain[..., None] == np.arange(k)).mean(1)  # sweep by sweep, since weights move
        expected = 1 - (masses[1:] * masses[:-1]).sum(1).mean()
        assert (chain[1:] != chain[:-1]).mean() == pytest.approx(expected, rel=0.1)


def test_d4_labels_by_enumeration():
    x = np.array([-0.8, 0.6, 1.7, 2.4, 3.9])
    cuts = np.array([0.5, 2.5])
    w = mc.Dirichlet("w", [1.0, 2.0, 1.5])
    z = mc.Categorical("z", w, size=5)
    mu = mc.Normal("mu", [0.0, 2.0, 4.0], 0.5, size=3)
    y = mc.Normal("y", mu[z], 0.8, value=x, observed=True)
    m = sampled(mc.MCMC([w, z, mu, y]), 6, 20_000)
    exact = ref.enumerated(
        [ref.normal_mean(x, mean, 0.5, 0.8, cuts) for mean in (0.0, 2.0, 4.0)],
        5,
        ref.dirichlet_label_prior([1.0, 2.0, 1.5]),
    )
    assert_shares(chains_of(m, "z")[..., None] == np.arange(3), exact.memberships)


# -------------------------------------------------------------------- D5: the same seed in another process

ANOTHER = """
import hashlib
import numpy as np
import mcmix as mc

class Walk(mc.StepMethod):
    def step(self):
        before = self.logp_plus_loglike
        self.stochastic.value = self.stochastic.value + self.rng.normal()
        if not self.logp_plus_loglike - before > -self.rng.exponential():
            self.stochastic.revert()

class One(Walk):
    @staticmethod
    def competence(stochastic):
        return 3 if stochastic.name == "c" else 0

class Other(Walk):
    @staticmethod
    def competence(stochastic):
        return 3 if stochastic.name == "c" else 0

x = np.random.default_rng(1).normal(0, 1, (30, 2))
wishart = mc.Wishart("wishart", 4, np.eye(2))
rows = mc.MvNormal("rows", np.zeros(2), wishart, value=x, observed=True)
p = mc.Uniform("p", 0, 1)
z = mc.Categorical("z", [p, 1 - p], size=30)
mu = mc.Normal("mu", [-1, 1], 1.0, size=2)
a, b, c, d = (mc.Normal(name, 0, 1) for name in "abcd")
y = mc.Normal("y", mu[z] + 0.1 * np.tanh(a + b) + 0.1 * c, 1.0, value=x[:, 0], observed=True)
n = mc.Poisson("n", 3.0)
m = mc.MCMC([wishart, rows, p, z, mu, a, b, c, d, y, n])
m.use_step_method(Walk, d)
m.use_step_method(mc.Metropolis, n)
m.sample(120, 40, chains=2, seed=11, progress_bar=False)
for name in ("wishart", "p", "z", "mu", "a", "b", "c", "d", "n"):
    print(name, hashlib.sha256(np.ascontiguousarray(m.trace(name)[:]).tobytes()).hexdigest())
print([type(s).__name__ for s in m.step_methods])
"""


def test_d5_one_seed_in_several_processes():
    told = [python(ANOTHER, PYTHONHASHSEED=salt) for salt in ("0", "1")]
    assert len(told[0].splitlines()) == 10
    assert told[0] == told[1]


UNORDERED = """
import mcmix as mc
filler = [object() for _ in range({waste})]
nodes = set()
for i in range(12):
    filler.append([0] * i * {waste})
    mu = mc.Normal(f"mu{{i}}", 0, 1)
    nodes |= {{mu, mc.Normal(f"y{{i}}", mu, 1, value=float(i), observed=True)}}
m = mc.MCMC(nodes)
m.sample(3, chains=1, seed=12, progress_bar=False)
print([float(m.trace(f"mu{{i}}")[0]) for i in range(12)])
"""


@pytest.mark.slow
def test_d5_a_set_of_nodes_in_several_processes():
    """A set has another order in each process; the draws must not have."""
    told = {python(UNORDERED.format(waste=waste)) for waste in (1, 7, 40)}
    assert len(told) == 1


# -------------------------------------------------------------------- D6: masked whole numbers


@pytest.mark.parametrize("weights", [[0.3, 0.7], [0.2, 0.3, 0.5]], ids=str)
def test_d6_masked_labels_with_the_fill_value_of_numpy(weights):
    k = len(weights)
    data = np.ma.masked_equal([0, 1, -1, 0, k - 1, -1], -1)
    data.fill_value = 999999
    z = mc.Categorical("z", weights, value=data, observed=True)
    assert set(np.asarray(z.value)) <= set(range(k))
    assert np.isfinite(z.logp)
    y = mc.Normal("y", mc.Index("centre", np.arange(k), z), 4.0, value=[0.1, 0.9, 0.7, 0.2, k - 1, 0.0], observed=True)
    draws = chains_of(sampled(mc.MCMC([z, y]), 7), "z")
    for i, datum in enumerate((0.7, 0.0)):
        odds = np.array(weights) * stats.norm(np.arange(k), 0.5).pdf(datum)
        assert_masses(draws[..., i], odds / odds.sum())


def test_d6_masked_counts_with_the_fill_value_of_numpy():
    data = np.ma.array([3, 999999, 4], mask=[False, True, False])
    y = mc.Poisson("y", 2.0, value=data, observed=True)
    assert np.asarray(y.value)[1] < 100
    assert_masses(chains_of(sampled(mc.MCMC([y]), 8), "y")[..., 0], stats.poisson(2.0).pmf(np.arange(8)))


# -------------------------------------------------------------------- D7: weights that do not sum to one


@pytest.mark.parametrize(
    "build",
    [
        lambda: mc.Categorical("z", [0.9, 0.9], size=3),
        lambda: mc.Categorical("z", [0.3, 0.3]),
        lambda: mc.Categorical("z", [0.2, 0.5, 0.5], value=[0, 2], observed=True),
        lambda: mc.Categorical("z", [[0.5, 0.5], [0.9, 0.9]]),
        lambda: mc.Categorical("z", [1.2, -0.2]),
        lambda: mc.Categorical("z", [np.nan, 1.0]),
        lambda: mc.Multinomial("z", 5, [0.9, 0.9]),
    ],
    ids=["1.8", "0.6", "data", "one row", "negative", "not a number", "multinomial"],
)
def test_d7_weights_that_do_not_sum_to_one_are_refused(build):
    with pytest.raises(mc.McmixError, match="z"):
        build()


def test_d7_weights_of_unknowns_that_do_not_sum_to_one_are_refused():
    """They are found when the node is made, or else before the first sweep."""
    p = mc.Uniform("p", 0.5, 1.0, value=0.9)
    with pytest.raises(mc.McmixError, match="z"):
        z = mc.Categorical("z", [p, p], value=[0, 1, 1], observed=True)
        sampled(mc.MCMC([p, z]), 9, 20, 0)


def test_d7_a_size_that_the_value_contradicts():
    with pytest.raises(mc.ModelError, match=r"(?s)z.*(4.*3|3.*4)"):
        mc.Categorical("z", [0.5, 0.5], value=[0, 1, 1], size=4)
    with pytest.raises(mc.ModelError, match=r"(?s)z.*(4.*3|3.*4)"):
        mc.Categorical("z", [0.5, 0.5], value=[0, 1, 1], size=4, observed=True)


# -------------------------------------------------------------------- D8: shapes of simplices


def test_d8_a_dirichlet_has_all_its_weights():
    w = mc.Dirichlet("w", [1.0, 2.0, 3.0])
    whole = mc.CompletedDirichlet("whole", w)
    part = mc.Lambda("part", lambda w=w: w[:2])
    completed = mc.CompletedDirichlet("completed", part)
    y = mc.Categorical("y", w, value=[0, 2, 2, 1], observed=True)
    for node in (w, whole, completed):
        assert node.value.shape == (3,)
        assert np.sum(node.value) == pytest.approx(1.0)
    m = sampled(mc.MCMC([w, whole, completed, y]), 10)
    for name in ("w", "whole", "completed"):
        draws = chains_of(m, name)
        assert draws.shape == (4, 5000, 3)
        np.testing.assert_allclose(draws.sum(-1), 1.0)
        assert_mean(draws, np.array([2.0, 3.0, 5.0]) / 10)


# -------------------------------------------------------------------- D9: memory


def test_d9_functions_by_row_are_not_kept_unless_asked_for():
    x = heights(50)
    plain = sampled(notebook(x), 11, 30, 10)
    assert set(plain.draws().variables) == {"p", "assignment", "stds", "centers"}
    with pytest.raises(mc.ModelError, match="center_i"):
        plain.trace("center_i")
    asked = sampled(notebook(x, trace=["center_i"]), 11, 30, 10)
    z, centers = asked.trace("assignment")[:], asked.trace("centers")[:]
    np.testing.assert_array_equal(asked.trace("center_i")[:], np.take_along_axis(centers, z.astype(int), 1))


@pytest.mark.slow
def test_d9_memory_stays_small():
    """Three functions and labels as doubles would be 3.2 GB for these draws; labels in one byte are 100 MB."""
    x = heights(50_000)
    sampled(notebook(x[:10]), 12, 20, 10)  # what compiling takes is not what is measured
    m = notebook(x)
    tracemalloc.start()
    sampled(m, 12, 250, 0, chains=8)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    labels = m.draws().variables["assignment"]
    assert (labels.shape, labels.dtype.itemsize) == ((8, 250, 50_000), 1)
    assert labels.nbytes < peak < 2.5 * labels.nbytes
    tracemalloc.start()
    less = sampled(notebook(x, label_budget=2**20), 12, 250, 0, chains=8)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "assignment" not in less.draws().variables
    assert peak < 0.5 * labels.nbytes
    np.testing.assert_array_equal(less.trace("centers")[:], m.trace("centers")[:])
    assert less.memberships().shape == (50_000, 2)


# -------------------------------------------------------------------- D10: reports are only reports


def values_of(m):
    return {node.name: copy.deepcopy(np.asarray(node.value)) for node in m.model.variables}


REPORTS = {
    "summary": lambda m: m.summary(),
    "stats": lambda m: m.stats(),
    "trace": lambda m: m.trace("mu")[:],
    "deviance": lambda m: m.deviance,
    "memberships": lambda m: m.memberships(),
    "posterior_predictive": lambda m: m.posterior_predictive(20),
    "prior_predictive": lambda m: m.prior_predictive(20),
    "predictive_density": lambda m: m.predictive_density("y", np.linspace(-1, 5, 7)),
    "component_densities": lambda m: m.component_densities("y", np.linspace(-1, 5, 7)),
    "to_arviz": lambda m: m.to_arviz(log_likelihood=True, log_prior=True, posterior_predictive=True, prior=True),
    "explain": lambda m: m.explain(),
    "graph": lambda m: m.model.graph_source(),
}


def small_mixture():
    x = np.array([-0.8, 0.6, 1.7, 2.4, 3.9])
    z = mc.Categorical("z", [0.4, 0.6], size=5)
    mu = mc.Normal("mu", [0.0, 3.0], 0.2, size=2)
    return mc.MCMC([z, mu, mc.Normal("y", mu[z], 0.8, value=x, observed=True)])


@pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS)
def test_d10_reports_leave_the_model_and_the_run_alone(report):
    m, untouched = small_mixture(), small_mixture()
    for sampler in (m, untouched):
        sampled(sampler, 13, 60, 10)
    before, draws = values_of(m), copy.deepcopy(m.draws().variables)
    report(m)
    after = values_of(m)
    assert before.keys() == after.keys()
    for name in before:
        np.testing.assert_array_equal(after[name], before[name], name)
    for name in draws:
        np.testing.assert_array_equal(m.draws().variables[name], draws[name])
    for sampler in (m, untouched):
        sampler.sample(40, progress_bar=False)
    for name in ("z", "mu"):
        np.testing.assert_array_equal(m.trace(name)[:], untouched.trace(name)[:])


def test_d10_the_deviance_has_the_labels_summed_out_and_no_criterion_uses_mean_labels():
    m = sampled(small_mixture(), 14, 200, 100)
    mu = m.trace("mu")[:]
    x = np.asarray(m.model.get_node("y").value)
    rows = np.log(stats.norm(mu[:, None, :], 0.8**-0.5).pdf(x[None, :, None]) @ [0.4, 0.6])
    np.testing.assert_allclose(np.ravel(m.deviance), -2 * rows.sum(1))
    for criterion in ("DIC", "dic", "BPIC", "bpic"):
        assert not hasattr(m, criterion)


# -------------------------------------------------------------------- D11: diagnostics


def diagnostics():
    """The functions under their names of PyMC 2."""
    from mcmix import pymc2

    return pymc2.iat, pymc2.gelman_rubin


def ar1(n, lag_one, rng):
    """A stationary autoregression with unit variance; its integrated time is (1 + r) / (1 - r)."""
    noise, draws = rng.normal(size=n), np.empty(n)
    draws[0] = noise[0]
    for i in range(1, n):
        draws[i] = lag_one * draws[i - 1] + np.sqrt(1 - lag_one**2) * noise[i]
    return draws


@pytest.mark.parametrize("lag_one", [0.0, 0.5, 0.9])
def test_d11_the_integrated_time_of_a_known_process(lag_one):
    """Its estimate has a relative error of about sqrt(2 (2 M + 1) / n) with M about five integrated times."""
    iat, _ = diagnostics()
    n, exact = 40_000, (1 + lag_one) / (1 - lag_one)
    found = float(np.mean([float(np.squeeze(iat(ar1(n, lag_one, np.random.default_rng(s))))) for s in range(4)]))
    error = exact * np.sqrt(2 * (2 * 5 * exact + 1) / n) / 2
    assert abs(found - exact) < 5 * error + 0.02 * exact


def test_d11_chains_that_agree_and_chains_that_do_not():
    _, gelman_rubin = diagnostics()
    chains = np.random.default_rng(15).normal(size=(4, 5000))
    assert float(np.squeeze(gelman_rubin(chains))) == pytest.approx(1.0, abs=0.005)
    apart = chains + np.array([0.0, 0.0, 0.0, 3.0])[:, None]
    assert float(np.squeeze(gelman_rubin(apart))) > 1.3
    drifting = chains + np.linspace(0.0, 3.0, 5000)  # no chain has settled, though all have the same mean
    assert float(np.squeeze(gelman_rubin(drifting))) > 1.1


def test_d11_chains_of_one_call_start_apart_and_are_compared_in_the_summary():
    mu = mc.Normal("mu", 0.0, 1e-4)
    y = mc.Normal("y", mu, 1.0, value=3.0, observed=True)
    m = mc.MCMC([mu, y])
    m.use_step_method(mc.Metropolis, mu, proposal_sd=1e-6)
    m.sample(200, chains=4, seed=16, progress_bar=False)
    assert float(m.summary()["r_hat"].max()) > 2.0
    exact = mc.MCMC([mu, y])
    assert float(sampled(exact, 16, 2000, 0).summary()["r_hat"].max()) < 1.02


# -------------------------------------------------------------------- D12: installation


def test_d12_nothing_is_compiled_when_installing():
    project = tomllib.loads((HOME / "pyproject.toml").read_text())
    assert project["build-system"]["build-backend"] == "setuptools.build_meta"
    assert [r.split(">")[0] for r in project["build-system"]["requires"]] == ["setuptools"]
    assert "ext-modules" not in project.get("tool", {}).get("setuptools", {})
    assert not (HOME / "setup.py").exists()
    assert not (HOME / "setup.cfg").exists()
    sources = {p.suffix for p in (HOME / "mcmix").rglob("*") if p.is_file() and "__pycache__" not in p.parts}
    assert sources <= {".py", ".pyi", ".typed", ".jinja"}  # the last is the template of a report's page


# -------------------------------------------------------------------- D13: modules as models

MODULE = """
from numpy import *
import sys, os, numpy, scipy.stats
import mcmix
import mcmix as mc

mu = mc.Normal("mu", 0, 1)
parts = [mu, mc.Normal("sideways", 0, 1)]
itself = sys.modules[__name__]


class Endless:
    def __iter__(self):
        while True:
            yield self

    def __getitem__(self, i):
        return self


endless = Endless()
text = "mu" * 1000
big = zeros(1_000_000)


@mc.deterministic
def twice(mu=mu):
    return 2 * mu


y = mc.Normal("y", twice, 1.0, value=[1.0, 3.0], observed=True)
"""

RUN = """
import mcmix as mc
import the_model
m = mc.MCMC(the_model)
print(sorted(n.name for n in m.model.stochastics), [n.name for n in m.model.observed_stochastics])
m.sample(200, 100, seed=1, progress_bar=False)
print(m.trace("mu")[:].shape)
"""


def test_d13_a_module_is_searched_for_nodes_and_nothing_else(tmp_path):
    (tmp_path / "the_model.py").write_text(MODULE)
    told = python(f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{RUN}")
    assert told.splitlines() == ["['mu', 'sideways'] ['y']", "(400,)"]


# -------------------------------------------------------------------- refusals that name what is wrong


def opaque(f):
    """The same function, which nobody can look into."""

    def calls(value, mu):
        if float(np.asarray(mu).ravel()[0]) > 1e300:
            return 0.0
        return f(value, mu)

    return calls


WRONG = {
    "not a number": lambda value, mu: float("nan") * mu,
    "an array": lambda value, mu: -0.5 * (value - mu) ** 2,
    "nothing": lambda value, mu: None,
}


@pytest.mark.parametrize("hidden", [False, True])
@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_a_log_density_that_is_no_number_names_the_node_and_the_parents(wrong, hidden):
    mu = mc.Normal("mu", 0.0, 1.0, value=0.625)
    with pytest.raises(mc.McmixError, match=r"(?s)culprit") as caught:
        y = mc.Stochastic(
            opaque(wrong) if hidden else wrong, "", "culprit", {"mu": mu}, value=np.array([1.0, 2.0]), observed=True
        )
        y.logp  # noqa: B018
    assert "mu" in str(caught.value)
    assert "0.625" in str(caught.value)


@pytest.mark.parametrize("hidden", [False, True])
def test_a_log_density_that_fails_on_the_way_names_the_node_and_the_parents(hidden):
    """Fine where it starts, not a number above one."""

    def logp(value, mu):
        with np.errstate(invalid="ignore"):
            return np.sum(-0.5 * (value - mu) ** 2 + 0.0 * np.sqrt(1.0 - mu))

    mu = mc.Normal("mu", 0.0, 1.0, value=0.0)
    y = mc.Stochastic(opaque(logp) if hidden else logp, "", "culprit", {"mu": mu}, value=np.array([3.0]), observed=True)
    m = mc.MCMC([mu, y])
    with pytest.raises(mc.McmixError, match=r"(?s)culprit.*mu"):
        m.sample(3000, 500, seed=17, chains=1, start={"mu": 0.0}, progress_bar=False)


def test_operators_in_place_and_writing_into_nodes_are_refused():
    mu = mc.Normal("mu", 0.0, 1.0, size=2)
    for change in ("mu += 1", "mu -= 1", "mu *= 2", "mu /= 2", "mu **= 2", "mu //= 2", "mu %= 2", "mu @= mu"):
        with pytest.raises(NotImplementedError, match="mu"):
            exec(change, {"mu": mu})
    with pytest.raises((NotImplementedError, TypeError)):
        mu[0] = 1.0


def test_containers_cannot_be_changed():
    a, b = mc.Normal("a", 0.0, 1.0), mc.Normal("b", 0.0, 1.0)
    row, table = mc.Container([a, b]), mc.Container({"a": a, "b": b})
    changes = [
        lambda: row.append(a),
        lambda: row.extend([a]),
        lambda: row.insert(0, a),
        lambda: row.pop(),
        lambda: row.remove(a),
        lambda: row.reverse(),
        lambda: row.sort(),
        lambda: row.clear(),
        lambda: row.__setitem__(0, b),
        lambda: row.__delitem__(0),
        lambda: row.__iadd__([a]),
        lambda: table.__setitem__("c", a),
        lambda: table.__delitem__("a"),
        lambda: table.update(c=a),
        lambda: table.pop("a"),
        lambda: table.popitem(),
        lambda: table.clear(),
        lambda: table.setdefault("c", a),
    ]
    for change in changes:
        with pytest.raises(NotImplementedError):
            change()
    assert (list(row.value), set(table.value)) == ([a.value, b.value], {"a", "b"})


def test_equality_is_identity_and_equal_is_a_node():
    a, b = mc.Normal("a", 0.0, 1.0, value=0.5), mc.Normal("b", 0.0, 1.0, value=0.5)
    assert (a == a) is True
    assert (a == b) is False
    assert len({a, b}) == 2
    same = mc.equal(a, b)
    assert isinstance(same, mc.Deterministic)
    assert bool(same.value)
    b.value = 0.25
    assert not bool(same.value)


@pytest.mark.parametrize("cast", [float, int, complex, bool], ids=lambda cast: cast.__name__)
def test_a_node_is_no_number(cast):
    a = mc.Normal("a", 0.0, 1.0, value=0.5)
    with pytest.raises(TypeError, match="a"):
        cast(a)
    with pytest.raises(TypeError, match="a"):
        cast(2 * a)
