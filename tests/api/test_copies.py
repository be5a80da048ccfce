"""Models, samplers and what came of them are copied and travel between processes; copies go on alike."""

import copy
import pickle
import subprocess
import sys

import numpy as np
import pytest
import scipy.stats

import mcmix as mc
import mcmix.pymc2 as pymc

QUIET = {"progress_bar": False}
X = np.random.default_rng(1).normal(5.0 * np.repeat([0, 1], 15), 1.0)


def pickled(x):
    return pickle.loads(pickle.dumps(x))


def cloudpickled(x):
    cloudpickle = pytest.importorskip("cloudpickle")
    return pickle.loads(cloudpickle.dumps(x))


WAYS = {"pickle": pickled, "deepcopy": copy.deepcopy, "cloudpickle": cloudpickled}


def double(mu):
    return 2.0 * np.array([mu, mu + 1.0])


def plain():
    mu = mc.Normal("mu", 0, 1)
    return [mu, mc.Normal("y", mu, 1, value=[0.5, 1.5], observed=True)]


def mixture():
    w, mu = mc.Dirichlet("w", [1.0, 1.0]), mc.Normal("mu", 2.0, 0.1, size=2)
    z = mc.Categorical("z", w, size=len(X))
    sd = mc.HalfCauchy("sd", 0, 1, size=2)
    return [mc.Normal("y", mu[z], 1 / sd[z] ** 2, value=np.where(np.arange(30) == 3, np.nan, X), observed=True)]


def operators():
    a, b = mc.Normal("a", 0, 1), mc.Gamma("b", 2, 2)
    d = mc.Deterministic(eval=double, doc="", name="d", parents={"mu": a})
    total = np.exp(-abs(a)) + np.sum(d) + np.concatenate([d, d])[1] + mc.InvLogit("p", a)
    return [mc.Normal("y", total, b, value=X, observed=True), d]


def nested():
    mu = mc.Normal("mu", [[-1.0, 1.0], [4.0, 6.0]], 0.8)
    w, v = mc.Dirichlet("w", [1, 1]), mc.Dirichlet("v", [1, 1], size=2)
    return [mc.Mixture("y", w, mc.Mixture, v, mc.Normal, mu, 1.0, value=X, observed=True)]


def laws():
    parts = [mc.Normal.dist(mc.Normal("m", 0, 1), 1.0), mc.StudentT.dist(mc.Normal("n", 5, 1), 1.0, 4.0)]
    return [mc.Mixture("y", mc.Dirichlet("w", [1, 1]), parts, value=X, observed=True)]


def bounded():
    rate = mc.Gamma("rate", 2, 2)
    return [
        mc.Censored("c", mc.Weibull, 1.5, rate, upper=2.0, value=[0.5, 2.0, 1.0], observed=True),
        mc.Truncated("t", mc.Normal, rate, 1.0, lower=0.0, value=[0.5, 1.5], observed=True),
    ]


def from_scipy():
    scale = mc.Gamma("scale", 2, 2)
    return [mc.from_scipy(scipy.stats.gengamma)("y", 2.0, 1.5, scale=scale, value=[1.0, 2.0, 1.5], observed=True)]


def containers():
    mus = [mc.Normal(f"mu{k}", k, 1) for k in range(3)]
    p = mc.Beta("p", 1, 1)
    z = mc.Categorical("z", [p, 1 - p], size=len(X))
    return [mc.Normal("y", mc.Index("at", mus[:2], z), 1, value=X, observed=True), mc.Normal("o", mus[2], 1)]


def vectors():
    rows = np.random.default_rng(2).normal(size=(20, 2))
    mu, p = mc.MvNormal("mu", [0, 0], np.eye(2), size=2), mc.Wishart("p", 4, np.eye(2), size=2)
    return [mc.Mixture("y", mc.Dirichlet("w", [1, 1]), mc.MvNormal, mu, p, value=rows, observed=True)]


MODELS = [plain, mixture, operators, nested, laws, bounded, from_scipy, containers, vectors]


@pytest.mark.parametrize("way", ["pickle", "deepcopy"])
@pytest.mark.parametrize("build", MODELS)
def test_copies_hold_the_same_draws_and_go_on_alike(build, way):
    m = mc.MCMC(build()).sample(60, 30, chains=2, seed=1, **QUIET)
    again = WAYS[way](m)
    for name, draws in m.draws().variables.items():
        np.testing.assert_array_equal(again.trace(name)[:], m.trace(name)[:])
        assert not np.shares_memory(again.draws().variables[name], draws)
        assert not again.draws().variables[name].flags.writeable
    assert again.model.nodes[0] is not m.model.nodes[0]
    m.sample(30, **QUIET)
    again.sample(30, **QUIET)
    for name, draws in m.draws().variables.items():
        np.testing.assert_array_equal(again.draws().variables[name], draws)


@pytest.mark.parametrize("way", WAYS)
def test_models_and_samplers_that_have_not_begun(way):
    m = WAYS[way](mc.MCMC(mixture()))
    own = mc.MCMC(mixture()).sample(40, 10, seed=3, **QUIET)
    np.testing.assert_array_equal(m.sample(40, 10, seed=3, **QUIET).trace("mu")[:], own.trace("mu")[:])
    model = WAYS[way](mc.Model(mixture()))
    np.testing.assert_array_equal(mc.MCMC(model).sample(40, 10, seed=3, **QUIET).trace("mu")[:], own.trace("mu")[:])
    data = next(n for n in model.nodes if n.name == "y")
    assert data in next(n for n in model.nodes if n.name == "mu").children or data in data.parent_nodes[0].children
    with pytest.raises(ValueError, match="read-only"):
        np.asarray(data.known)[0] = 7.0


def test_lambdas_travel_with_cloudpickle():
    mu = mc.Normal("mu", 0, 1)
    shift = mc.Lambda("shift", lambda mu=mu: mu + 1.0)
    m = mc.MCMC([shift, mc.Normal("y", shift, 1, value=[0.5, 1.5], observed=True)]).sample(
        60, 30, chains=2, seed=1, **QUIET
    )
    for again in (copy.deepcopy(m), cloudpickled(m)):
        np.testing.assert_array_equal(again.trace("shift")[:], m.trace("shift")[:])


def test_tempered_learned_and_read_samplers():
    m = mc.MCMC(mixture(), tempering=3)
    m.use_step_method(mc.Metropolis, m.model.get_node("mu"))
    again = copy.deepcopy(m.sample(60, 30, chains=2, seed=1, **QUIET))
    np.testing.assert_array_equal(again.sample(20, **QUIET).trace("mu")[:], m.sample(20, **QUIET).trace("mu")[:])
    read = mc.MCMC(plain()).read({"mu": np.random.default_rng(1).normal(size=(2, 50))})
    np.testing.assert_array_equal(pickled(read).trace("mu")[:], read.trace("mu")[:])


@pytest.mark.parametrize("way", WAYS)
def test_what_came_of_a_run(way):
    m = mc.MCMC(mixture()).sample(300, 100, chains=2, seed=1, **QUIET)
    copied = WAYS[way]
    np.testing.assert_array_equal(copied(m.draws()).variables["mu"], m.draws().variables["mu"])
    np.testing.assert_array_equal(copied(m.trace("mu"))[:], m.trace("mu")[:])
    assert copied(m.diagnose()).verdict == m.diagnose().verdict
    np.testing.assert_array_equal(copied(mc.classify(m)).probabilities, mc.classify(m).probabilities)
    np.testing.assert_array_equal(copied(mc.partition(m)).labels, mc.partition(m).labels)
    law = mc.predictive(m)
    np.testing.assert_array_equal(copied(law).pdf([0.0, 5.0]), law.pdf([0.0, 5.0]))
    relabelled = m.relabel()
    np.testing.assert_array_equal(copied(relabelled)["posterior"]["mu"].values, relabelled["posterior"]["mu"].values)


@pytest.mark.parametrize("way", WAYS)
def test_approximations(way):
    w, mu = mc.Dirichlet("w", [1, 1]), mc.Normal("mu", 0, 0.01, size=2)
    q = mc.VB([mc.Mixture("y", w, mc.Normal, mu, 1.0, value=X, observed=True)]).update(3, seed=1, verbose=False)
    other = WAYS[way](q)
    np.testing.assert_array_equal(other["mu"].mean, q["mu"].mean)
    np.testing.assert_array_equal(other.update(verbose=False).bound, q.update(verbose=False).bound)
    np.testing.assert_array_equal(WAYS[way](q["mu"]).mean, q["mu"].mean)
    fitted = mc.NormApprox(plain()).fit(seed=1)
    again = WAYS[way](fitted)
    np.testing.assert_array_equal(again.mu["mu"], fitted.mu["mu"])
    np.testing.assert_array_equal(again.C["mu"], fitted.C["mu"])
    assert again.AIC == fitted.AIC


def test_old_samplers(tmp_path):
    mu = pymc.Normal("mu", 0, 1)
    w = pymc.Dirichlet("w", [1.0, 2.0])
    m = pymc.MCMC([mu, w, pymc.Normal("y", mu, 1, value=[0.5, 1.5], observed=True)])
    m.sample(60, 20, progress_bar=False)
    for again in (pickled(m), copy.deepcopy(m)):
        for name in ("mu", "w"):
            np.testing.assert_array_equal(again.trace(name)[:], m.trace(name)[:])
        assert again.db.trace("mu")[:].shape == m.db.trace("mu")[:].shape
    trace = m.trace("mu")
    np.testing.assert_array_equal(pickled(trace)[:], trace[:])


def test_a_sampler_in_another_process(tmp_path):
    m = mc.MCMC(plain()).sample(60, 30, chains=2, seed=1, **QUIET)
    child = """if True:
        import pickle, sys
        m = pickle.load(sys.stdin.buffer)
        print(m.sample(20, progress_bar=False).trace("mu")[:].tolist())
    """
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", child], input=pickle.dumps(m), capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.decode().strip() == str(m.sample(20, **QUIET).trace("mu")[:].tolist())


def test_a_shallow_copy_of_a_node_is_nobodys_child():
    mu, y = plain()
    before = set(mu.children)
    copy.copy(y)
    assert set(mu.children) == before == {y}
