"""Components that are split and merged: exact posteriors, the joint test of each family, where it pays."""

import numpy as np
import pytest

import mcmix as mc
from mcmix.errors import ModelError
from mcmix.steps.from_disk import why_rows
from mcmix.structure import component_moves
from mcmix.testing import joint_test
from tests import ten_units
from tests.harness import levels
from tests.synthetic import apart

TWO = {mc.SplitMerge: {"tries": 2}}
sampled = ten_units.sampled


SLOW = ("Pitman-Yor process", "known number")  # the latter is also what a fault is planted in


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow if n in SLOW else ()) for n in ten_units.PRIORS]
)
def test_all_partitions_of_ten_units(name):
    m = ten_units.run(name, 21, TWO)
    ten_units.assert_partitions(m, ten_units.exact(name))
    (step,) = [s for s in m.assembled.steps if s.name == "split and merge"]
    assert step.ratio > 0.02


# -------------------------------------------------------------------- faults


def test_a_forgotten_term_is_seen(monkeypatch):
    """Which name a new component gets is chosen: without that, clusters are too few."""
    of_known = component_moves._mass

    def without_names(block, structure):
        weights, mass = of_known(block, structure)
        return weights, mass - component_moves.names_of(block)

    monkeypatch.setattr(component_moves, "_mass", without_names)
    with pytest.raises(AssertionError):
        ten_units.assert_partitions(ten_units.run("known number", 22, TWO), ten_units.exact("known number"))


def test_a_wrong_ratio_of_coefficients_is_seen(monkeypatch):
    """V_n(t + 1) / V_n(t), too large by a fifth."""
    right = component_moves._of_unknown_number

    def wrong(block, structure):
        return right(block, structure) + 0.2 * component_moves.occupied_of(block)

    monkeypatch.setattr(component_moves, "_of_unknown_number", wrong)
    with pytest.raises(AssertionError):
        m = ten_units.run("static", 23, TWO, iterations=21_000)
        ten_units.assert_partitions(m, ten_units.exact("static"))


# -------------------------------------------------------------------- families, by the joint test

N = 8


def labels(open_number):
    """Labels, and how many components there are, known or not."""
    if open_number:
        number = mc.NumberOfComponents("K", (0.3, 0.3, 0.2, 0.2))
        return number, mc.Categorical("z", mc.Dirichlet("w", 1.0, size=number), size=N)
    return 3, mc.Categorical("z", mc.Dirichlet("w", np.full(3, 0.8)), size=N)


def precisions(number, z):
    centre, scale = mc.Normal("centre", 0.0, 1.0), mc.Gamma("scale", 2.0, 2.0)
    mu, s2 = mc.Normal("mu", centre, 0.5, size=number), mc.InverseGamma("s2", 3.0, scale, size=number)
    return mc.Mixture("y", z, mc.Normal, mu, 1.0 / s2, value=np.zeros(N), observed=True)


def pairs(number, z):
    tau = mc.Gamma("tau", 3.0, mc.Gamma("g", 2.0, 2.0), size=number)
    return mc.Mixture(
        "y", z, mc.Normal, mc.Normal("mu", 0.0, 0.5 * tau, size=number), tau, value=np.zeros(N), observed=True
    )


def counts(number, z):
    rate, p = mc.Gamma("rate", 2.0, 1.0, size=number), mc.Beta("p", 1.5, 2.0, size=number)
    y = mc.Poisson("y", rate[z], value=np.zeros(N, int), observed=True)
    return [y, mc.Bernoulli("b", p[z], value=np.zeros(N, int), observed=True)]


def vectors(number, z):
    mean = mc.MvNormal("mean", mc.Normal("b", 0.0, 1.0) * np.ones(2), np.eye(2), size=number)
    tau = mc.Wishart("tau", 4.0, np.eye(2), size=number)
    return mc.Mixture("y", z, mc.MvNormal, mean, tau, value=np.zeros((N, 2)), observed=True)


def vector_pairs(number, z):
    tau = mc.Wishart("tau", 4.0, np.eye(2), size=number)
    mean = mc.MvNormal("mean", np.zeros(2), 0.5 * tau, size=number)
    return mc.Mixture("y", z, mc.MvNormal, mean, tau, value=np.zeros((N, 2)), observed=True)


def covariances(number, z):
    cov = mc.InverseWishart("cov", 5.0, np.eye(2), size=number)
    mean = mc.MvNormal("mean", np.zeros(2), np.eye(2), size=number)
    return mc.Mixture("y", z, mc.MvNormalCov, mean, cov, value=np.zeros((N, 2)), observed=True)


MODELS = [precisions, pairs, counts, vectors, vector_pairs, covariances]
# The rest have their slow part: what draws a kind of parameter is in one of these each.
FAST = {(precisions, True), (pairs, False), (counts, True), (vectors, True), (vector_pairs, False)}
CASES = [(m, o) for m in MODELS for o in (True, False)]
LEVEL = levels.each("split and merge", len(CASES))


@pytest.mark.parametrize(
    ("model", "open_number"),
    [
        pytest.param(
            m, o, marks=() if (m, o) in FAST else pytest.mark.slow, id=f"{m.__name__}-{'open' if o else 'known'}"
        )
        for m, o in CASES
    ],
)
def test_sweeps_leave_the_joint_distribution_as_it_is(model, open_number):
    def prepare(m):
        m.use_step_method(mc.SplitMerge, "z", tries=2)

    found = joint_test(
        model(*labels(open_number)), prepare=prepare, sweeps=8, replications=80, false_alarm=LEVEL, seed=24
    )
    assert found.passed


# -------------------------------------------------------------------- what it is for


@pytest.mark.parametrize("weights", ["unknown number", "sticks"])
def test_clusters_are_found_from_one(weights):
    x, truth = apart(300, 8, seed=25)
    for seed in range(20):
        if weights == "sticks":
            size: object = 20
            w, start = mc.StickBreaking("w", 1.0, size=20), {"w_sticks": np.full(19, 0.99)}
        else:
            size = mc.NumberOfComponents("K", most=20)
            w, start = mc.Dirichlet("w", 1.0, size=size), {"K": 1}
        z = mc.Categorical("z", w, size=len(x))
        mu, tau = (
            mc.MvNormal("mu", np.zeros(2), 0.01 * np.eye(2), size=size),
            mc.Wishart("tau", 4.0, np.eye(2), size=size),
        )
        m = mc.MCMC([mc.Mixture("y", z, mc.MvNormal, mu, tau, value=x, observed=True)], marginal_moves=False)
        sampled(m, seed, 200, 150, chains=1, quiet=True, start={"z": np.zeros(len(x), int), **start})
        # a draw may have a cluster in two parts: the prior of the number is flat
        assert np.mean([is_found(z, truth) for z in m.trace("z")[:]]) > 0.3, seed


def is_found(labels, truth):
    """Whether each cluster has a label of its own for nearly all of its points."""
    most = [np.bincount(labels[truth == k]).argmax() for k in np.unique(truth)]
    shares = [(labels[truth == k] == most[k]).mean() for k in np.unique(truth)]
    return len(set(most)) == len(most) and np.mean(shares) > 0.9


def test_a_wrong_split_is_left_where_the_number_is_known():
    x, truth = apart(300, 3, seed=26)
    z = mc.Categorical("z", mc.Dirichlet("w", np.ones(3)), size=len(x))
    mu, tau = mc.MvNormal("mu", np.zeros(2), 0.01 * np.eye(2), size=3), mc.Wishart("tau", 4.0, np.eye(2), size=3)
    y = mc.Mixture("y", z, mc.MvNormal, mu, tau, value=x, observed=True)
    wrong = np.where(truth == 2, 1, truth)  # one component for two clusters, two for the first
    wrong = np.where((truth == 0) & (np.arange(300) % 2 == 0), 2, wrong)
    groups = [x[wrong == k] for k in range(3)]
    start = {
        "z": wrong,
        "mu": np.array([g.mean(0) for g in groups]),
        "tau": np.array([np.linalg.inv(np.cov(g.T)) for g in groups]),
    }
    found = {}
    for tries in (0, 3):
        m = mc.MCMC([y], marginal_moves=False)
        m.use_step_method(mc.SplitMerge, "z", tries=tries)
        sampled(m, 27, 200, 199, chains=1, quiet=True, start=start)
        found[tries] = np.mean(
            [(m.trace("z")[-1][truth == k] == m.trace("z")[-1][truth == k][0]).mean() for k in range(3)]
        )
    assert found[3] > 0.98 > found[0]


def test_two_components_are_divided_anew():
    """Two wide clusters one above the other, each with a gap in its middle, parted left and right of that."""
    rng = np.random.default_rng(28)
    across = np.tile([-12.0, 12.0], 200) + 3.0 * rng.normal(size=400)
    x = np.column_stack([across, np.repeat([-6.0, 6.0], 200) + 0.5 * rng.normal(size=400)])
    truth, wrong = np.repeat([0, 1], 200), (x[:, 0] > 0.0).astype(int)
    groups = [x[wrong == k] for k in range(2)]
    start = {
        "z": wrong,
        "mu": np.array([g.mean(0) for g in groups]),
        "tau": np.array([np.linalg.inv(np.cov(g.T)) for g in groups]),
    }
    found = {}
    for tries in (0, 4):
        z = mc.Categorical("z", mc.Dirichlet("w", np.ones(2)), size=400)
        mu = mc.MvNormal("mu", np.zeros(2), 0.01 * np.eye(2), size=2)
        tau = mc.Wishart("tau", 4.0, np.eye(2), size=2)
        y = mc.Mixture("y", z, mc.MvNormal, mu, tau, value=x, observed=True)
        m = mc.MCMC([y], marginal_moves=False)
        m.use_step_method(mc.SplitMerge, "z", tries=tries)
        sampled(m, 29, 40, 39, chains=1, quiet=True, start=start)
        found[tries] = max((m.trace("z")[-1] == truth).mean(), (m.trace("z")[-1] != truth).mean())
    assert found[4] > 0.98 > found[0]


# -------------------------------------------------------------------- what is said, and what is refused


def test_explain_says_where_it_serves():
    m = mc.MCMC(ten_units.PRIORS["static"][0](), marginal_moves=False)
    (step,) = [s for s in m.explain().steps if s.step == "split and merge"]
    assert "the number of components is open" in step.reason
    assert "split and merge" not in str(mc.MCMC(ten_units.PRIORS["known number"][0](), marginal_moves=False).explain())


def test_rows_stay_where_labels_are():
    """On workers of a cluster, and on disk, nobody keeps labels that a move could look at."""
    for name, said in (("Dirichlet process", "split and merge looks at"), ("static", "looks at"), ("known number", "")):
        compiled = mc.MCMC(ten_units.PRIORS[name][0](), marginal_moves=False).assembled
        labels = [s for s in compiled.steps if s.label_pass is not None]
        assert said in why_rows(compiled, labels) if said else not why_rows(compiled, labels)


def test_it_can_be_left_out():
    m = mc.MCMC(ten_units.PRIORS["static"][0](), marginal_moves=False)
    m.use_step_method(mc.SplitMerge, "z", tries=0)
    assert "split and merge" not in str(m.explain())


def scale(z):
    return mc.Normal("y", 0.0, mc.Uniform("sd", 0, 9, size=2)[z] ** -2, value=np.arange(6.0), observed=True)


def heavy_tails(z):
    return mc.StudentT("y", mc.Normal("mu", 0, 1, size=2)[z], 1.0, 4.0, value=np.arange(6.0), observed=True)


def laplace(z):
    return mc.Normal("y", mc.Laplace("mu", 0, 1, size=2)[z], 1.0, value=np.arange(6.0), observed=True)


@pytest.mark.parametrize(("made", "what"), [(heavy_tails, "no sums"), (laplace, "no conjugate"), (scale, "bounds")])
def test_what_cannot_be_split_is_refused(made, what):
    z = mc.Categorical("z", mc.Dirichlet("w", np.ones(2)), size=6)
    m = mc.MCMC([made(z)])
    with pytest.raises(ModelError, match=what):
        m.use_step_method(mc.SplitMerge, "z")


def test_numbers_of_tries_are_checked():
    m = mc.MCMC(ten_units.PRIORS["static"][0]())
    with pytest.raises(ModelError, match="tries expected a number from 0 on, got -1"):
        m.use_step_method(mc.SplitMerge, "z", tries=-1)
