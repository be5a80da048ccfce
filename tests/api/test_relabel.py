"""Relabelling: planted permutations are undone, whatever the method and whoever made the draws."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

import mcmix as mc
from mcmix.errors import ModelError
from mcmix.report import arviz_bridge
from mcmix.report.labels.assignment import assigned, over_blocks
from mcmix.report.labels.components import Components
from mcmix.report.labels.methods import METHODS, chosen_for
from mcmix.report.labels.relabelled import alike

K, CHAINS, DRAWS = 3, 2, 150


def separated():
    """A sampler on three components far apart."""
    x = np.concatenate([np.random.default_rng(i).normal(10.0 * i, 1.0, 20 + 10 * i) for i in range(K)])
    mu, w = mc.Normal("mu", 0, 0.001, size=K), mc.Dirichlet("w", np.ones(K))
    tau, z = mc.Gamma("tau", 2, 2, size=K), mc.Categorical("z", w, size=len(x))
    return mc.MCMC([mc.Normal("y", mu[z], tau[z], value=x, observed=True), w, mu, tau])


def shuffled(m):
    """Exchange components at random in every kept draw; returns the permutations."""
    rng = np.random.default_rng(5)
    draws = m.draws()
    order = np.array([[rng.permutation(K) for _ in range(DRAWS)] for _ in range(CHAINS)])
    for name in ("mu", "tau", "w"):
        draws.variables[name] = np.take_along_axis(draws.variables[name], order, axis=2)
    names = np.argsort(order, axis=2)
    z = draws.variables["z"]
    draws.variables["z"] = np.take_along_axis(names, z.astype(np.intp), axis=2).astype(z.dtype)
    return order


@pytest.fixture(scope="module")
def planted():
    m = separated().sample(DRAWS + 200, 200, chains=CHAINS, seed=1, progress_bar=False)
    sorted_before = np.sort(m.draws().variables["mu"], axis=2)
    shuffled(m)
    return m, sorted_before


@pytest.mark.parametrize("method", [*METHODS, "auto"])
def test_planted_permutations_are_undone(planted, method):
    m, truth = planted
    found = mc.relabel(m, method)
    mu = found["posterior"]["mu"].values
    common = np.argsort(mu[0, 0])
    assert (mu[..., common] == truth).all()  # components far apart: sorted is relabelled
    z = found["posterior"]["z"].values
    assert (z == z[:1, :1]).all()
    assert (np.take_along_axis(mu, z.astype(int), axis=2).std(axis=(0, 1)) < 1.0).all()
    assert found["sample_stats"]["permutation"].shape == (CHAINS, DRAWS, K)
    assert (found["constant_data"]["mu_rhat_after"].values < 1.1).all()
    assert found.attrs["non-permutation rate"] == 0.0
    assert found.attrs["relabelling"] == ("ecr-iterative-1" if method == "auto" else method)


def test_the_draws_of_the_sampler_stay_as_they_were(planted):
    m, _ = planted
    before = m.draws().variables["mu"].copy()
    mc.relabel(m)
    assert (m.draws().variables["mu"] == before).all()


def test_methods_agree_where_components_are_far_apart(planted):
    m, _ = planted
    found = mc.relabel(m, compare=[name for name in METHODS if name != "ecr-iterative-1"])
    shares = [share for name, share in found.attrs.items() if name.startswith("agreement")]
    assert len(shares) == len(METHODS) - 1
    assert min(shares) == 1.0


def test_ordering_by_any_number_of_a_component(planted):
    m, _ = planted
    w = mc.relabel(m, "ordering", by="w")["posterior"]["w"].values
    assert (np.diff(w, axis=2) >= 0).all()
    with pytest.raises(ModelError, match="by= expected one of .*'mu'.*, got 'nu'"):
        mc.relabel(m, "ordering", by="nu")


def test_vectors_and_matrices_move_along():
    rng = np.random.default_rng(2)
    rows = np.concatenate([rng.normal(0, 1, (30, 2)), rng.normal(8, 1, (30, 2))])
    mu, tau = mc.MvNormal("mu", np.zeros(2), 0.01 * np.eye(2), size=2), mc.Wishart("tau", 4, np.eye(2), size=2)
    y = mc.Mixture("y", mc.Dirichlet("w", [1, 1]), mc.MvNormal, mu, tau, value=rows, observed=True)
    m = mc.MCMC([y, mu, tau]).sample(400, 200, seed=3, progress_bar=False)
    found = mc.relabel(m, "ordering", by="mu[1]")["posterior"]
    order = np.argsort(m.draws().variables["mu"][..., 1], axis=2)
    assert (found["mu"].values == np.take_along_axis(m.draws().variables["mu"], order[..., None], axis=2)).all()
    every = np.take_along_axis(m.draws().variables["tau"], order[..., None, None], axis=2)
    assert (found["tau"].values == every).all()


def test_lists_of_numbers_and_a_complement():
    x = np.concatenate([np.random.default_rng(3).normal(0, 1, 30), np.random.default_rng(4).normal(9, 1, 30)])
    p, a, b = mc.Beta("p", 2, 2), mc.Normal("a", 0, 0.01), mc.Normal("b", 0, 0.01)
    z = mc.Bernoulli("z", p, size=len(x))
    mean = mc.Lambda("mean", lambda z=z, a=a, b=b: np.where(z, a, b))
    m = mc.MCMC([mc.Normal("y", mean, 1.0, value=x, observed=True), p, a, b])
    m.sample(600, 200, seed=3, progress_bar=False)
    try:
        found = mc.relabel(m)["posterior"]
    except ModelError as refused:
        assert "no components are exchangeable" in str(refused)  # names that the structure did not prove free
        return
    gap = found["a"].values - found["b"].values
    assert (np.sign(gap) == np.sign(gap[0, 0])).all()


# -------------------------------------------------------------------- draws from elsewhere


def elsewhere(planted):
    m, truth = planted
    variables = {"center": m.draws().variables["mu"], "assignment": m.draws().variables["z"] + 1}
    groups = {"posterior": variables, "sample_stats": {"lp": m.draws().statistics["lp"]}}
    return arviz_bridge.to_inference_data(groups, dims={"center": ["cluster"]}), truth


@pytest.mark.parametrize("method", ["ecr", "ecr-iterative-1", "pra", "ordering", "point-process"])
def test_draws_from_elsewhere(planted, method):
    data, truth = elsewhere(planted)
    found = mc.relabel(data, method, vars={"components": "center", "labels": "assignment"})
    center = found["posterior"]["center"]
    assert center.dims == ("chain", "draw", "cluster")
    assert (center.values[..., np.argsort(center.values[0, 0])] == truth).all()
    assert found["posterior"]["assignment"].values.min() == 1
    assert (found["posterior"]["assignment"].values == found["posterior"]["assignment"].values[:1, :1]).all()
    assert "permutation" in found["sample_stats"]
    assert (data["posterior"]["center"].values == planted[0].draws().variables["mu"]).all()


def test_labels_alone_from_elsewhere(planted):
    data, _ = elsewhere(planted)
    z = mc.relabel(data, vars={"labels": "assignment"})["posterior"]["assignment"].values
    assert (z == z[:1, :1]).all()


def test_a_file_and_back(planted, tmp_path):
    found = mc.relabel(planted[0])
    path = arviz_bridge.to_netcdf(found, tmp_path / "run.nc")
    again, _ = arviz_bridge.posterior_from_netcdf(path)
    assert (again["mu"] == found["posterior"]["mu"].values).all()


# -------------------------------------------------------------------- bad input


def test_methods_that_need_what_was_not_kept(planted):
    data, _ = elsewhere(planted)
    with pytest.raises(ModelError, match="'stephens' computes label probabilities from the model"):
        mc.relabel(data, "stephens", vars={"labels": "assignment"})
    with pytest.raises(ModelError, match="'ecr' needs the draws of the labels"):
        mc.relabel(data, "ecr", vars={"components": ["center"]})
    with pytest.raises(ModelError, match="parameters by component, got none"):
        mc.relabel(data, "pra", vars={"labels": "assignment"})
    with pytest.raises(ModelError, match="'data-based' needs numbers"):
        mc.relabel(data, "data-based", vars={"labels": "assignment"})


def test_names_that_are_not_there(planted):
    data, _ = elsewhere(planted)
    with pytest.raises(ModelError, match="need vars=.*variables: center, assignment"):
        mc.relabel(data)
    with pytest.raises(ModelError, match="no variable 'mu'; there are center, assignment"):
        mc.relabel(data, vars={"components": "mu"})
    with pytest.raises(ModelError, match="expected a method among auto, ecr"):
        mc.relabel(planted[0], "sorting")
    with pytest.raises(ModelError, match="compare= expected"):
        mc.relabel(planted[0], compare=["sorting"])
    with pytest.raises(ModelError, match="label= expected one of 'z', got 'q'"):
        mc.relabel(planted[0], label="q")


def test_components_with_names_of_their_own_are_left_alone():
    x = np.random.default_rng(1).normal([[0.0], [9.0]], 1.0, (2, 20)).ravel()
    mu = mc.Normal("mu", [0.0, 9.0], 1.0)
    y = mc.Mixture("y", mc.Dirichlet("w", [1, 1]), mc.Normal, mu, 1.0, value=x, observed=True)
    m = mc.MCMC([y, mu]).sample(100, seed=1, progress_bar=False)
    with pytest.raises(ModelError, match="no components are exchangeable.*the priors differ"):
        mc.relabel(m)


def test_one_chain_is_enough(planted):
    m = separated().sample(300, 200, chains=1, seed=2, progress_bar=False)
    assert mc.relabel(m)["posterior"]["mu"].shape == (1, 100, K)


# -------------------------------------------------------------------- the parts


@settings(max_examples=50, derandomize=True, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 5))
def test_assignments_are_the_cheapest(seed, k):
    costs = np.random.default_rng(seed).normal(size=(4, k, k)).round(1)
    for cost, order in zip(costs, assigned(costs, np.zeros((k, k), bool)), strict=True):
        best = min(sum(cost[p[j], j] for j in range(k)) for p in permutations(range(k)))
        assert sum(cost[order[j], j] for j in range(k)) == pytest.approx(best)


@pytest.mark.parametrize("k", [3, 70])
def test_prices_and_threads_change_no_permutation(k):
    rng = np.random.default_rng(8)
    costs = rng.gamma(0.5, 1.0, (150, k, k)) * rng.gamma(0.5, 1.0, k) + 20 * rng.random(k)
    forbidden = rng.random((k, k)) < 0.2
    np.fill_diagonal(forbidden, False)
    found = over_blocks(lambda part: costs[part], 150, forbidden, level=True)
    assert not forbidden[found, np.arange(k)].any()
    for cost, order in zip(costs, found, strict=True):
        rows, columns = linear_sum_assignment(np.where(forbidden, 1e6, cost))
        assert cost[order, np.arange(k)].sum() == pytest.approx(cost[rows, columns].sum(), abs=1e-9)


def test_one_telling_parameter_is_not_lost_among_many_that_tell_nothing():
    rng, k, draws = np.random.default_rng(9), 60, 300
    order = np.array([rng.permutation(k) for _ in range(draws)])
    centre = np.take_along_axis(10.0 * np.arange(k) + rng.normal(0, 1, (draws, k)), order, axis=1)
    noise = {f"n{i}": rng.normal(size=(draws, k)) for i in range(3)}
    c = Components(k, {**noise, "centre": centre, "same": np.full((draws, k), 0.1)}, classes=[range(k)])
    for method in ("pra", "point-process"):
        found = np.take_along_axis(order, METHODS[method](c).order, axis=1)
        assert (found == found[:1]).mean() > 0.99


def test_two_label_vectors_have_a_permutation_each():
    rng = np.random.default_rng(4)
    x, y = rng.normal(9.0 * rng.integers(0, 2, 40)), rng.normal(7.0 * rng.integers(0, 3, 40))
    nodes = []
    for name, data, k in (("a", x, 2), ("b", y, 3)):
        mu = mc.Normal(f"mu {name}", 5, 0.01, size=k)
        z = mc.Categorical(f"z {name}", mc.Dirichlet(f"w {name}", np.ones(k)), size=40)
        nodes += [mc.Normal(f"y {name}", mu[z], 1.0, value=data, observed=True), mu]
    m = mc.MCMC(nodes).sample(300, 200, chains=2, seed=1, progress_bar=False)
    found = mc.relabel(m)["sample_stats"]
    assert found["permutation z a"].dims == ("chain", "draw", "component_z a")
    assert found["permutation z b"].dims == ("chain", "draw", "component_z b")
    only = mc.relabel(m.to_arviz(), label="z b")
    assert only["sample_stats"]["permutation"].shape == (2, 100, 3)
    assert only["posterior"]["mu a"].values.tolist() == m.draws().variables["mu a"].tolist()


def test_classes_bound_what_may_change_places():
    values = np.array([[3.0, 2.0, 1.0], [1.0, 2.0, 3.0]])
    c = Components(3, {"mu": values}, classes=[[0, 2]])
    assert METHODS["ordering"](c).order.tolist() == [[2, 1, 0], [0, 1, 2]]
    assert (METHODS["pra"](c).order[:, 1] == 1).all()


def test_alike_knows_a_common_exchange_of_names():
    order = np.array([np.random.default_rng(i).permutation(4) for i in range(10)])
    assert alike(order, order[:, [2, 0, 3, 1]]) == 1.0
    assert alike(order, np.tile(np.arange(4), (10, 1))) < 1.0


def test_a_draw_without_a_clear_permutation_is_counted():
    near = np.tile([[0.0, 5.0], [5.0, 0.1], [0.1, 5.2], [5.1, 0.0]], (5, 1))
    near[6] = [0.1, 0.0]
    c = Components(2, {"mu": near}, log_density=np.append(1.0, np.zeros(19)), classes=[[0, 1]])
    assert np.flatnonzero(~METHODS["point-process"](c).proper).tolist() == [6]


# -------------------------------------------------------------------- mistakes, and draws with little in them


def strange(**changed):
    """An ArviZ object of two components in four units, with some variables replaced."""
    rng = np.random.default_rng(3)
    z = np.tile([0, 0, 1, 1], (2, 50, 1))
    posterior = {"mu": rng.normal([0.0, 5.0], 0.1, (2, 50, 2)), "z": z, "total": rng.normal(size=(2, 50))} | changed
    return arviz_bridge.to_inference_data({"posterior": posterior, "sample_stats": {"lp": rng.normal(size=(2, 50))}})


BOTH = {"labels": "z", "components": ["mu"]}


def test_labels_begin_at_zero_though_no_unit_is_in_the_first_component():
    order = np.tile([[0, 1, 2], [0, 2, 1]], (2, 25, 1))
    mu = np.take_along_axis(np.broadcast_to([9.0, 0.0, 5.0], (2, 50, 3)), order, axis=2)
    z = np.argsort(order, axis=2)[:, :, [1, 1, 2, 2]]
    assert z.min() == 1
    data = strange(mu=mu, z=z, total=mu[..., 0])
    with pytest.raises(ModelError, match="'z' has labels from 1 to 2 for 3 components.*'first_label': 0"):
        mc.relabel(data, vars=BOTH)
    found = mc.relabel(data, vars={**BOTH, "first_label": 0})["posterior"]
    rows = np.take_along_axis(found["mu"].values, found["z"].values, axis=2)
    assert (rows == [0.0, 0.0, 5.0, 5.0]).all()
    assert (found["mu"].values.std(axis=(0, 1)) == 0.0).all()


def test_labels_that_begin_at_one_still_do():
    plain, from_one = strange(), strange(z=np.tile([1, 1, 2, 2], (2, 50, 1)))
    one, other = (mc.relabel(data, vars=BOTH)["posterior"] for data in (plain, from_one))
    assert np.array_equal(one["z"].values + 1, other["z"].values)
    assert np.array_equal(one["mu"].values, other["mu"].values)


def test_labels_from_one_though_no_unit_is_in_the_last_component():
    rng = np.random.default_rng(4)
    order = np.array([[rng.permutation(2) for _ in range(50)] for _ in range(2)])
    mu = np.take_along_axis(np.broadcast_to([0.0, 5.0], (2, 50, 2)), order, axis=2)
    mu = np.concatenate([mu, np.full((2, 50, 1), 9.0)], axis=2)
    z = np.argsort(order, axis=2)[:, :, [0, 0, 1, 1]] + 1
    data = strange(mu=mu, z=z, total=mu[..., 0])
    found = mc.relabel(data, vars={**BOTH, "first_label": 1})["posterior"]
    assert (np.take_along_axis(found["mu"].values, found["z"].values - 1, axis=2) == [0.0, 0.0, 5.0, 5.0]).all()
    assert (found["mu"].values.std(axis=(0, 1)) == 0.0).all()
    with pytest.raises(ModelError, match="expected labels from 1 .'first_label'., got 0"):
        mc.relabel(strange(), vars={**BOTH, "first_label": 1})
    with pytest.raises(ModelError, match="'first_label' expected 0 or 1, got 2"):
        mc.relabel(data, vars={**BOTH, "first_label": 2})


@pytest.mark.parametrize("call", [lambda d: mc.relabel(d, "ecr", vars=BOTH), lambda d: mc.classify(d, vars=BOTH)])
def test_components_that_are_missing_in_some_draws_have_no_names(call):
    padded = np.where(np.arange(3) < 2 + np.arange(50)[:, None] % 2, 1.0, np.nan)
    with pytest.raises(ModelError, match="number of components varies between draws.*use mc.partition on the labels"):
        call(strange(mu=np.tile(padded, (2, 1, 1)), z=np.tile([0, 0, 1, 2], (2, 50, 1))))


def test_axes_that_were_only_counted_get_names():
    found = mc.relabel(strange(), vars=BOTH)
    assert found["posterior"]["mu"].dims == ("chain", "draw", "component")
    assert found["posterior"]["z"].dims == ("chain", "draw", "observation")
    assert found["posterior"]["observation"].values.tolist() == [0, 1, 2, 3]
    assert not {"mu_dim_0", "z_dim_0"} & set(found["posterior"].coords)
    assert found["constant_data"]["mu_rhat_after"].dims == ("component",)
    taken = arviz_bridge.to_inference_data(
        {"posterior": {n: strange()["posterior"][n].values for n in ("mu", "z")} | {"a": np.zeros((2, 50, 5))}},
        dims={"a": ["component"]},
    )
    assert mc.relabel(taken, vars=BOTH)["posterior"]["mu"].dims[2] == "mu_dim_0"


def test_arguments_that_would_change_nothing_are_refused(planted):
    with pytest.raises(ModelError, match="by= expected method='ordering'.*got method='auto'"):
        mc.relabel(planted[0], by="mu")
    with pytest.raises(ModelError, match="vars= is for draws without a model"):
        mc.relabel(planted[0], vars={"labels": "z"})


def test_methods_say_what_they_miss(tmp_path):
    x = np.ma.masked_invalid([0.1, -0.2, np.nan, 9.1, 8.8, 9.3])
    mu = mc.Normal("mu", 0, 0.01, size=2)
    z = mc.Categorical("z", [0.5, 0.5], size=6)
    m = mc.MCMC([mc.Normal("y", mu[z], 1.0, value=x, observed=True), mu]).sample(60, 20, seed=1, progress_bar=False)
    for draws in (m, arviz_bridge.to_netcdf(m.to_arviz(), tmp_path / "gap.nc")):
        with pytest.raises(ModelError, match="'data-based' needs numbers.*got y with missing values"):
            mc.relabel(draws, "data-based")
    with pytest.raises(ModelError, match="'ordering' needs draws of parameters by component, got none"):
        mc.relabel(strange(), "ordering", vars={"labels": "z"})


def test_relabelling_twice_and_attributes_of_variables():
    data = strange()
    data["posterior"]["mu"].attrs["units"] = "m"
    once = mc.relabel(data, vars=BOTH)
    again = mc.relabel(once, "pra", vars=BOTH)
    assert np.array_equal(once["posterior"]["mu"].values, again["posterior"]["mu"].values)
    assert again.attrs["relabelling"] == "pra"
    kept = arviz_bridge.with_draws(data, {"mu": data["posterior"]["mu"].values}, {})["posterior"]["mu"].attrs
    assert kept == data["posterior"]["mu"].attrs


@pytest.mark.parametrize(
    ("changed", "method", "roles"),
    [
        ({}, "pra", "z"),
        ({}, "pra", ["z"]),
        ({}, "pra", {"components": "total"}),
        ({}, "pra", {"components": 5}),
        ({}, "pra", {"labels": ["z"], "components": "mu"}),
        ({}, "pra", {"labels": "total", "components": "mu"}),
        ({}, ["pra"], BOTH),
        ({}, "data-based", {**BOTH, "data": np.zeros(3)}),
        ({}, "data-based", {**BOTH, "data": 3.0}),
        ({}, "data-based", {**BOTH, "data": "y"}),
        ({}, "data-based", {**BOTH, "data": [0.0, np.nan, 1.0, 2.0]}),
        ({"z": np.full((2, 50, 4), 0.5)}, "ecr", BOTH),
        ({"z": np.full((2, 50, 4), np.nan)}, "ecr", BOTH),
        ({"z": np.tile([0, 0, 1, 2], (2, 50, 1))}, "ecr", BOTH),
        ({"mu": np.full((2, 50, 2), np.nan)}, "pra", BOTH),
        ({"mu": np.full((2, 50, 2), np.inf)}, "point-process", BOTH),
    ],
)
def test_mistakes_are_told_in_words(changed, method, roles):
    with pytest.raises(ModelError, match="relabel"):
        mc.relabel(strange(**changed), method, vars=roles)


def test_a_parameter_to_order_by_is_one_name():
    with pytest.raises(ModelError, match="by= expected"):
        mc.relabel(strange(), "ordering", by=["mu"], vars=BOTH)


def test_rows_by_the_million_are_not_weighed_for_names():
    few, many = (np.broadcast_to(0.0, (n, 1)) for n in (1000, 10**6))
    asked = {"tables": {"mu": np.zeros((2000, 2))}, "probabilities": lambda positions: iter(())}
    assert chosen_for(Components(2, data=few, **asked))[0] == "stephens"
    assert chosen_for(Components(2, data=many, **asked))[0] == "pra"
