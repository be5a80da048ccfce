"""What PyMC 2's own test suite and old programs rely on beside distributions and samplers: small things, all by
name.
"""

import copy
import time

import numpy as np
import pytest
from scipy import stats

import mcmix as modern
import mcmix.pymc2 as mc
from mcmix.distributions.table import FAMILIES
from mcmix.errors import ModelError
from mcmix.pymc2.table import ROWS
from mcmix.pymc2.utils import logp_of_set, normcdf
from tests.pymc2.test_pymc2 import POINTS
from tests.references import assert_mean

# -------------------------------------------------------------------- numbers


SCALAR = [row for row in ROWS if row.family.scalar_logpdf is not None]


@pytest.mark.parametrize("row", SCALAR, ids=lambda row: row.stem)
def test_single_numbers_take_the_quick_way_to_the_same_value(row):
    function = getattr(mc, f"{row.stem}_like")
    names = [p.alias or p.name for p in row.parameters]
    rng = np.random.default_rng(7)
    hard = [0.0, 1.0, -1.0, 2, 3, True, np.inf, -np.inf, np.nan, 1e300, np.float64(0.5), np.int64(4)]
    for _ in range(60):
        x, *parameters = (hard[i] for i in rng.integers(len(hard), size=1 + len(names)))
        quick = function(x, *parameters)
        assert isinstance(quick, float)
        np.testing.assert_equal(quick, function(np.array(x), *map(np.array, parameters)))
        np.testing.assert_equal(quick, function(x, **dict(zip(names, parameters, strict=True))))


@pytest.mark.parametrize("call", [lambda: mc.poisson_like(3, 5.0), lambda: mc.t_like(1.0, nu=3.0),
                                  lambda: mc.noncentral_t_like(1.0, 0.0, 1.0, 3)])  # fmt: skip
def test_a_single_log_density_is_cheap(call):
    call()
    spent = []
    for _ in range(3):  # the best of three, as other work on the machine costs processor time here too
        began = time.process_time()
        for _ in range(500):
            call()
        spent.append((time.process_time() - began) / 500)
    assert min(spent) < 2e-5


@pytest.mark.parametrize(("stem", "x", "parameters", "unused"), POINTS, ids=[p[0] for p in POINTS])
def test_expected_values_are_those_of_draws(stem, x, parameters, unused):
    expected = getattr(mc, f"{stem}_expval")(*parameters)
    np.random.seed(11)
    if stem in ("cauchy", "half_cauchy"):
        assert np.isnan(expected) if stem == "cauchy" else expected == np.inf
        return
    draws = np.asarray(getattr(mc, f"r{stem}")(*parameters, size=1500))
    if stem == "dirichlet":
        expected = expected[..., :-1]
    if stem == "von_mises":
        draws = np.angle(np.exp(1j * (draws - expected)))
        expected = 0.0
    if stem == "categorical":
        draws = draws.astype(float)
    error = draws.std(axis=0) / np.sqrt(len(draws))
    assert np.all(np.abs(draws.mean(axis=0) - expected) <= 5.0 * error + 1e-12)


def test_expected_values_at_the_edges():
    assert mc.inverse_gamma_expval(1.0, 2.0) == np.inf and np.isnan(mc.t_expval(1.0)) and mc.t_expval(3.0) == 0.0
    far = mc.truncated_normal_expval(0.0, 1.0, 20.0, 21.0), mc.truncated_normal_expval(0.0, 1.0, -21.0, -20.0)
    assert far[0] == pytest.approx(20.0498, abs=1e-3) and far[1] == pytest.approx(-far[0])  # Mills: 20 + 1/20 - ...
    assert mc.truncated_normal_expval(1.0, 4.0, -np.inf, np.inf) == 1.0
    np.testing.assert_allclose(mc.normal_expval([1.0, 2.0], 1.0), [1.0, 2.0])
    np.testing.assert_allclose(mc.gamma_expval(alpha=3.0, beta=[1.0, 2.0]), [3.0, 1.5])
    np.testing.assert_allclose(mc.multinomial_expval(10, [0.2, 0.8]), [2.0, 8.0])
    with pytest.raises(TypeError, match="normal_expval: expected mu, tau"):
        mc.normal_expval(1.0)


def test_sums_and_distribution_functions():
    a, b = mc.Normal("A", 0, 1, value=0.3), mc.Gamma("B", 1, 1, value=2.0)
    d = mc.Gamma("D", mc.Lambda("C", lambda b=b: np.sqrt(b)), 1, value=0.7)
    assert logp_of_set({a, b, d}) == pytest.approx(a.logp + b.logp + d.logp, rel=1e-12)

    @mc.stochastic
    def broken(value=3.0, x=1):
        if value != 3:
            raise RuntimeError("no other value")
        return 0.0

    broken.value = 2.0
    with pytest.raises(RuntimeError, match="no other value"):
        logp_of_set({a, b, d, broken})
    impossible = mc.Uniform("U", 0, mc.Uniform("top", 0, 2, value=0.5), value=1.0)
    with pytest.raises(mc.ZeroProbability):
        logp_of_set({impossible, broken, a})
    x = np.array([[-40.0, 0.0], [1.0, 8.0]])
    np.testing.assert_allclose(normcdf(x), stats.norm.cdf(x))
    np.testing.assert_allclose(normcdf(x, log=True), stats.norm.logcdf(x), rtol=1e-12)


def test_names_of_old_modules():
    assert mc.distributions.Normal is mc.Normal and mc.distributions.rnormal is mc.rnormal
    assert mc.distributions.normal_expval is mc.normal_expval and mc.numpy is np and mc.inf == np.inf
    assert mc.truncnorm_like(0.5, 0, 1, -1, 1) == mc.truncated_normal_like(0.5, 0, 1, -1, 1)
    np.random.seed(2)
    assert np.all(np.abs(mc.rtruncnorm(0, 1, -1, 1, size=50)) < 1)
    angle = mc.CircVonMises("angle", 3.1, 50.0)
    assert angle.is_circular and isinstance(angle, mc.VonMises)


# -------------------------------------------------------------------- nodes


def test_parents_have_old_names_and_values():
    a = mc.Normal("a", 0, 1, value=0.5)
    b = mc.Normal("b", a, 2.0, value=1.0, observed=True)
    assert list(b.parents) == ["mu", "tau"] and "mu" in b.parents and "mean" in b.parents and "x" not in b.parents
    assert b.parents["mu"] is a and b.parents["mean"] is a and b.parents.get("precision") == 2.0
    assert b.parents.get("sigma") is None and b.parents.value == {"mu": 0.5, "tau": 2.0}
    assert b.parents.stochastics == [a]
    z = mc.Categorical("z", mc.Dirichlet("w", [1, 1]), size=3)
    assert list(z.parents) == ["p"] and list(mc.Binomial("n", 3, 0.5).parents) == ["n", "p"]
    double = mc.Lambda("double", lambda a=a: 2 * a)
    assert double.parents.value == {"a": 0.5} and double.parents.a is a
    assert list(modern.Normal("m", a, 2.0).parents) == ["mean", "precision"]
    with pytest.raises(NotImplementedError, match="does not change"):
        b.parents["mu"] = 3.0
    with pytest.raises(KeyError):
        b.parents["sigma"]
    with pytest.raises(NotImplementedError):
        modern.Normal("m2", a, 2.0).parents.update(mean=1.0)
    copied = copy.deepcopy(b)
    assert copied.parents["mu"].name == "a" and copied.parents["mean"] is not a and copied.logp == b.logp


def test_data_have_no_trace():
    a = mc.Normal("a", 0, 1)
    b = mc.Normal("b", a, 1, value=[1.0, 2.0], observed=True)
    gaps = mc.Normal("gaps", a, 1, value=np.ma.masked_values([1.0, -9.0], -9.0), observed=True)
    M = mc.MCMC([a, b, gaps])
    M.sample(20, progress_bar=False)
    assert not hasattr(b, "trace") and gaps.trace().shape == (20, 1) and a.trace().shape == (20,)
    assert not hasattr(modern.Normal("y", 0, 1, value=1.0, observed=True), "trace")
    with pytest.raises(ModelError, match="b: data are not drawn"):
        b.trace()
    with pytest.raises(ModelError, match="no draws"):  # an unknown has one once it is sampled
        mc.Normal("c", 0, 1).trace()


def test_levels_of_talk_are_attributes():
    a = mc.Normal("a", 0, 1, verbose=2)
    assert a.verbose == 2 and mc.Lambda("b", lambda a=a: a).verbose == -1 and mc.Slicer(a).verbose == -1

    class Walk(mc.Metropolis):
        def propose(self):
            self.stochastic.value = self.stochastic.value + self.rng.normal()

        def hastings_factor(self):
            return 0.0 if self.verbose == 1 else np.nan

    M = mc.MCMC([a])
    M.use_step_method(Walk, a, verbose=1)
    M.sample(50, 10, progress_bar=False)
    assert M.step_method_dict[a][0].verbose == 1 and M.trace("a")[:].std() > 0
    assert all(step.verbose == -1 for step in mc.MCMC([mc.Normal("d", 0, 1)]).step_methods)


def test_containers():
    e, s = mc.Exponential("e", 1.0, value=2.0), mc.DiscreteUniform("s", 0, 9, value=4)
    nested = [[e, s], [s, e, 3.0], 54.323]
    held = mc.Container(nested)
    assert held[1][0] is s and held.value[0][0] is e.value and held[1][2] is nested[1][2] and held.value[2] is nested[2]
    assert set(held.stochastics) == {e, s} and held.logp == pytest.approx(e.logp + s.logp)
    chosen = mc.Container({e, s})
    assert e in chosen and set(chosen.value) == {e.value, s.value}
    array = np.empty((3, 3), dtype=object)
    array[0, :], array[1, :], array[2, :] = e, 1.0, nested
    boxed = mc.Container(array)
    assert boxed[0, 1] is e and boxed.value[0, 1] is e.value and boxed.value[2, 1] == [4, 2.0, 3.0]
    assert boxed.value[2, 2] == 54.323
    copied = copy.deepcopy(held)
    assert copied[0][0].name == "e" and copied[1][1] is copied[0][0]


@pytest.mark.parametrize("weights", [[[0.2, 0.3, 0.5]], np.array([[0.2, 0.3, 0.5]]), "node", "list of nodes"])
def test_weights_in_one_row(weights):
    p = mc.Beta("p", 1, 1, value=0.2)
    if isinstance(weights, str):
        row = [p, 0.3, 0.7 - p]
        weights = [row] if weights != "node" else mc.Lambda("row", lambda p=p: np.array([[p, 0.3, 0.7 - p]]))
    assert mc.Categorical("z", weights, value=2).logp == pytest.approx(np.log(0.5))
    assert mc.Categorical("z", weights, value=[2, 0]).logp == pytest.approx(np.log(0.1))
    assert mc.Categorical("z", weights, size=4).shape == (4,) and mc.Categorical("z", weights).shape == ()
    assert mc.Multinomial("m", 3, weights, value=[1, 1, 1]).logp == pytest.approx(np.log(6 * 0.2 * 0.3 * 0.5))
    if not isinstance(weights, mc.Node):
        known = [[0.2, 0.3, 0.5]]
        assert mc.categorical_like([-1], known) == mc.categorical_like([3], known) == -np.inf
        assert mc.categorical_like([2, 0], known) == pytest.approx(np.log(0.1))


def test_sizes_that_nodes_say():
    n = mc.DiscreteUniform("n", 1, 9, value=4)
    sizes = [n, n.value, np.array(4), 4.0, mc.Lambda("twice", lambda n=n: np.array([2, n]))]
    shapes = [mc.Normal("x", 0, 1, size=size).shape for size in sizes]
    assert shapes == [(4,)] * 4 + [(2, 4)]
    assert modern.Normal("x", 0, 1, size=np.array(3)).shape == (3,)
    with pytest.raises(ModelError, match="size expected whole numbers"):
        mc.Normal("x", 0, 1, size=2.5)


# -------------------------------------------------------------------- models and runs


def test_data_of_one_name():
    m = mc.Normal("m", 0, 0.01)
    data = [mc.Normal("y", m, 1.0, value=v, observed=True) for v in (1.0, 2.0, 4.0)]
    np.random.seed(1)
    M = mc.MCMC([m, *data])
    M.sample(2500, 500, progress_bar=False)
    assert_mean(M.trace("m")[:][None], 7 / 3.01, "m")
    assert [node.name for node in data] == ["y", "y_2", "y_3"] and M.get_node("y") is data[0]
    assert sorted(M.to_arviz()["observed_data"].data_vars) == ["y", "y_2", "y_3"]
    assert [node.name for node in mc.Model([m, *data]).observed_stochastics] == ["y", "y_2", "y_3"]
    taken = [mc.Normal("y_2", m, 1, value=0.0, observed=True), *[mc.Normal("y", m, 1, value=v, observed=True)
                                                                 for v in (0.0, 1.0)]]  # fmt: skip
    assert len({n.name for n in mc.Model([m, *taken]).observed_stochastics}) >= 3
    with pytest.raises(ModelError, match="two nodes named 'm'"):
        mc.Model([mc.Normal("m", 0, 1), mc.Normal("m", 0, 1)])
    with pytest.raises(ModelError, match="two nodes named 'x'"):
        modern.Model([modern.Normal("x", m, 1, value=v, observed=True) for v in (1.0, 2.0)])


class Curve:
    """Data with a method, which no array holds."""

    def loglike(self, a):
        return -0.5 * (a - 2.0) ** 2


CURVE = Curve()


@pytest.mark.parametrize("seen_through", [True, False])
def test_data_that_are_objects(seen_through):
    a = mc.Normal("a", 0, 0.1)
    slope = mc.Lambda("slope", lambda a=a: 2 * a)

    @mc.stochastic(observed=True, dtype=object)
    def fit(value=CURVE, slope=slope):
        return value.loglike(slope / 2 if seen_through else float(slope) / 2)

    np.random.seed(3)
    M = mc.MCMC([a, fit])
    M.sample(2500, 500, progress_bar=False)
    assert_mean(M.trace("a")[:][None], 20 / 11, "a")
    np.testing.assert_allclose(M.trace("deviance")[:], (M.trace("a")[:] - 2.0) ** 2)
    assert isinstance(M.fit.value, Curve) and M.to_arviz() is not None and M.stats()["a"]["n"] == 2000
    assert fit.logp == pytest.approx(CURVE.loglike(a.value))


def test_objects_are_data_alone():
    with pytest.raises(ModelError, match="thing: a value of dtype object can be data only"):
        mc.Stochastic(lambda value: 0.0, "", "thing", {}, value=Curve(), dtype=object)
    with pytest.raises(ModelError, match="fit: expected an array of numbers.*dtype=object"):
        mc.Stochastic(lambda value: 0.0, "", "fit", {}, value=Curve(), observed=True)


def test_functions_of_objects():
    table = mc.Stochastic(lambda value: 0.0, "", "table", {}, value={"mean": 3.0}, observed=True, dtype=object)
    a = mc.Normal("a", 0, 1)
    shifted = mc.Lambda("shifted", lambda a=a, table=table: a + table["mean"])
    y = mc.Normal("y", shifted, 1.0, value=[3.0, 5.0], observed=True)
    np.random.seed(4)
    M = mc.MCMC([a, y])
    M.sample(2500, 500, progress_bar=False)
    assert_mean(M.trace("a")[:][None], 2 / 3, "a")


def changed(n, seed=6):
    a = mc.Normal("a", 0, 1, size=2)
    b = mc.Normal("b", a, 1, value=[[1.0, 2.0]] * 3, observed=True)
    w, z = mc.Dirichlet("w", [1, 1, 1]), None
    z = mc.Categorical("z", w, size=5)
    M = mc.MCMC([a, b, z])
    np.random.seed(seed)
    M.sample(n, progress_bar=False)
    before = {node.name: np.array(node.value) for node in (a, w, z)}
    return M, before


def test_steps_change_between_calls():
    M, before = changed(400)
    M.use_step_method(mc.NoStepper, M.z)
    M.use_step_method(mc.NoStepper, M.w)
    M.use_step_method(mc.Slicer, M.a)
    M.sample(2500, progress_bar=False)
    np.testing.assert_array_equal(M.trace("z")[:], np.tile(before["z"], (2500, 1)))
    np.testing.assert_allclose(M.trace("w")[:], np.tile(before["w"], (2500, 1)), rtol=1e-12)
    assert_mean(M.trace("a")[500:][None], np.array([0.75, 1.5]), "a")
    assert M.trace("a", chain=0)[:].shape == (400, 2) and M.trace("a", chain=None)[:].shape == (2900, 2)
    assert [type(s).__name__ for s in M.step_method_dict[M.a]] == ["Slice"]
    assert M.a.trace(chain=None).shape == (2900, 2) and M.stats()["a"]["n"] == 2900
    M.remove_step_method(M.step_method_dict[M.a][0])
    M.sample(20, progress_bar=False)
    assert [type(s).__name__ for s in M.step_method_dict[M.a]] != ["Slice"]
    assert M.trace("deviance", chain=None)[:].shape == (2920,)


def test_changed_steps_go_on_where_the_chain_stands():
    M, before = changed(300)
    M.use_step_method(mc.NoStepper, M.a)
    M.sample(3, progress_bar=False)
    np.testing.assert_allclose(M.trace("a")[:], np.tile(before["a"], (3, 1)))


def test_changed_steps_draw_the_same_from_the_same_seed():
    runs = []
    for seed in (6, 6, 7):
        M, _ = changed(50, seed)
        M.use_step_method(mc.Metropolis, M.a)
        M.sample(60, progress_bar=False)
        with pytest.raises(ModelError, match="Slicer cannot serve 'w'"):
            M.use_step_method(mc.Slicer, M.w)
        M.use_step_method(mc.AdaptiveMetropolis, M.w)
        M.sample(40, progress_bar=False)
        runs.append(M.trace("a", chain=None)[:])
    np.testing.assert_array_equal(runs[0], runs[1])
    assert np.all(runs[0] != runs[2]) and np.unique(runs[0][:, 0]).size > 60
    whole = modern.MCMC([modern.Normal("a", 0, 1)]).sample(10, seed=1, chains=1, progress_bar=False)
    with pytest.raises(ModelError, match="the chains have started"):  # mcmix's own sampler keeps its rule
        whole.use_step_method(mc.Slicer, "a")


def test_imputed_entries_are_nodes():
    rate = mc.Gamma("rate", 1.0, 1.0)
    y = mc.Impute("y", mc.Poisson, np.ma.masked_values([3, -1, 5, 4], -1), mu=rate)
    assert [n.observed for n in y] == [True, False, True, True] and y[1].name == "y[1]" and not hasattr(y[0], "trace")
    np.random.seed(5)
    M = mc.MCMC([rate, *y])
    M.sample(3000, 500, progress_bar=False)
    assert_mean(M.trace("rate")[:][None], 13 / 4, "rate")
    assert_mean(M.trace("y[1]")[:][None].astype(float), 13 / 4, "the missing count")
    means = mc.Normal("means", 0, 1, size=(2, 2), value=[[1.0, 2.0], [3.0, 4.0]])
    table = mc.ImputeMissing("x", mc.Normal, [[0.0, None], [np.nan, 1.0]], mu=means, tau=[[1.0, 2.0], [3.0, 4.0]])
    assert table.shape == (2, 2) and table[0, 1].name == "x[0, 1]" and table[1, 1].observed
    assert table[1, 0].parents.value == {"mu": 3.0, "tau": 3.0}


def test_a_law_from_draws():
    rng = np.random.default_rng(8)
    earlier = rng.normal(3.0, 1.0, 4000)
    mu = mc.stochastic_from_data("mu", earlier, lower=2.0)
    cut = stats.truncnorm(-1.0, np.inf, 3.0, 1.0)
    for x in (2.5, 3.0, 4.0):
        mu.value = x
        assert mu.logp == pytest.approx(cut.logpdf(x), abs=0.12)  # the estimate's own error at 4000 draws
    mu.value = 1.9
    with pytest.raises(mc.ZeroProbability):
        _ = mu.logp
    assert np.all([mu.random() >= 2.0 for _ in range(20)])
    y = mc.Normal("y", mu, 1.0, value=3.0, observed=True)
    np.random.seed(9)
    M = mc.MCMC([mu, y])
    M.sample(1500, 500, progress_bar=False)
    grid = np.linspace(2.0, 8.0, 2001)
    density = cut.pdf(grid) * stats.norm.pdf(grid, 3.0)
    assert abs(M.trace("mu")[:].mean() - (grid * density).sum() / density.sum()) < 0.1
    for bad in ([1.0, 1.0], [[1.0, 2.0]], [1.0, np.inf]):
        with pytest.raises(ModelError, match="v: expected a vector of finite numbers"):
            mc.stochastic_from_data("v", bad)
    with pytest.raises(ModelError, match="v: expected data between the bounds"):
        mc.stochastic_from_data("v", earlier, upper=-100.0)


def test_families_have_a_quick_way_for_each_law_of_single_numbers():
    assert {f.name for f in FAMILIES.values() if f.scalar_logpdf is not None} >= {row.family_name for row in SCALAR}
    assert len(SCALAR) >= 24
