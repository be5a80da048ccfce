"""What is handed to ArviZ goes straight into the plots of the generation that is installed, and into files and back."""

import arviz as az
import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot
from pandas import DataFrame

import mcmix as mc
from mcmix.report import arviz_bridge

FIRST = arviz_bridge.generation() == 0
NAMES = ["mu", "tau", "w"]
ALL = {"log_likelihood": True, "log_prior": True, "posterior_predictive": True, "prior": True}
GROUPS = {
    "posterior", "sample_stats", "observed_data", "log_likelihood", "log_prior", "posterior_predictive", "prior",
    "prior_predictive",
}  # fmt: skip
OF_COMPONENTS = {"posterior": NAMES, "prior": NAMES, "log_prior": ["mu", "tau"]}
OF_ROWS = {
    "posterior": ["z"], "log_likelihood": ["y"], "posterior_predictive": ["y"], "prior_predictive": ["y"],
    "observed_data": ["y"],
}  # fmt: skip

pytestmark = [
    pytest.mark.usefixtures("no_open_figures"),
    # ArviZ 0.23 calls a function that Matplotlib 3.11 is about to change; ArviZ's to mend
    pytest.mark.filterwarnings("ignore:Passing a dict or None as alias_mapping"),
    pytest.mark.filterwarnings("ignore:Estimated shape parameter of Pareto"),  # of the 40 rows that are drawn here
]


def mixture():
    x = np.concatenate([np.random.default_rng(0).normal(c, 1, 20) for c in (0, 8)])
    w, mu, tau = mc.Dirichlet("w", [1, 1]), mc.Normal("mu", 0, 1e-2, size=2), mc.Gamma("tau", 1, 1, size=2)
    z = mc.Categorical("z", w, size=40)
    return mc.MCMC([mc.Normal("y", mu[z], tau[z], value=x, observed=True), mu, tau, w, z])


@pytest.fixture(scope="module")
def m():
    return mixture().sample(400, 150, chains=4, seed=1)


@pytest.fixture(scope="module")
def full(m):
    return m.to_arviz(**ALL)


@pytest.fixture(scope="module")
def relabelled(m):
    return mc.relabel(m)


def texts(figure):
    figure.draw_without_rendering()
    return [t.get_text() for t in figure.findobj(matplotlib.text.Text)]


def groups_of(data):
    return {g.strip("/") for g in (data.groups() if FIRST else data.groups)} - {""}


def dataset(data, group):
    return data[group] if FIRST else data[group].to_dataset()


# ---------------------------------------------------------------- names of dimensions


def test_groups_and_dimensions(full):
    assert groups_of(full) == GROUPS
    for group, names in OF_COMPONENTS.items():
        for name in names:
            assert full[group][name].dims == ("chain", "draw", "component"), (group, name)
    for group, names in OF_ROWS.items():
        for name in names:
            assert full[group][name].dims[-1] == "observation", (group, name)
            assert full[group][name].sizes["observation"] == 40


def test_relabelled_draws_have_the_same_dimensions_and_more(relabelled):
    assert relabelled["posterior"]["mu"].dims == ("chain", "draw", "component")
    assert relabelled["sample_stats"]["permutation"].dims == ("chain", "draw", "component")
    for name in NAMES:
        assert relabelled["constant_data"][f"{name}_rhat_after"].dims == ("component",)


# ---------------------------------------------------------------- plots of draws


@pytest.fixture(params=["full", "relabelled"])
def data(request):
    return request.getfixturevalue(request.param)


def test_forest(data):
    found = az.plot_forest(data, var_names=["mu", "w"])
    if FIRST:
        labels = [t.get_text() for t in found[0].get_yticklabels()]
        assert sorted(labels) == ["[1]", "[1]", "mu[0]", "w[0]"]
        return
    assert found.viz["component_label"]["mu"].dims == ("component",)
    assert "component" in texts(pyplot.gcf())


def test_rank(data):
    found = az.plot_rank(data, var_names=["mu", "w"])
    if FIRST:
        assert len([a for a in np.ravel(found) if a.get_visible() and a.patches]) == 4
        return
    assert found.viz["plot"]["mu"].dims == ("component",)


def test_trace(data):
    found = az.plot_trace(data, var_names=["mu"], **({"compact": False} if FIRST else {}))
    if FIRST:
        assert [a.get_title() for a in found[:, 0]] == ["mu\n0", "mu\n1"]
        return
    assert found.viz["plot"]["mu"].dims == ("component",)


def test_pair(data):
    found = az.plot_pair(data, var_names=["mu", "w"])
    if FIRST:
        assert found.shape == (3, 3)  # four elements, without the diagonal
        return
    assert found.viz["component_x"].values.tolist() == [0, 1, 0, 1]


def test_histograms_as_facets_over_components(data):
    if FIRST:
        found = az.plot_posterior(data, var_names=["mu"], kind="hist")
        assert [a.get_title() for a in np.ravel(found)] == ["mu\n0", "mu\n1"]
        assert az.plot_density(data, var_names=["mu"]).size == 2
        return
    found = az.plot_dist(data, var_names=["mu"], kind="hist", cols=["component"])
    assert found.viz["plot"].dims == ("component",)
    assert found.viz["dist"]["mu"].dims == ("component",)
    every = az.plot_dist(data, var_names=NAMES, kind="hist")
    assert all(every.viz["plot"][name].dims == ("component",) for name in NAMES)


def test_what_the_histograms_show_is_what_was_relabelled(relabelled):
    mu = relabelled["posterior"]["mu"].values
    if FIRST:
        axes = np.ravel(az.plot_posterior(relabelled, var_names=["mu"], kind="hist"))
        spans = [(min(p.get_x() for p in a.patches), max(p.get_x() + p.get_width() for p in a.patches)) for a in axes]
    else:
        lines = az.plot_dist(relabelled, var_names=["mu"], kind="hist", cols=["component"]).viz["dist"]["mu"].values
        spans = [(line.get_xdata().min(), line.get_xdata().max()) for line in lines]
    for k, (low, high) in enumerate(spans):
        assert (low, high) == (pytest.approx(mu[..., k].min(), abs=0.2), pytest.approx(mu[..., k].max(), abs=0.2))


def test_summary_names_components(relabelled):
    table = az.summary(relabelled, var_names=["mu"])
    assert list(table.index) == ["mu[0]", "mu[1]"]
    assert table["r_hat"].astype(float).max() < 1.1


# ---------------------------------------------------------------- plots of the other groups


def test_predictive_checks(full):
    if FIRST:
        axes = az.plot_ppc(full, num_pp_samples=20)
        assert axes.get_xlabel() == "y"
        az.plot_ppc(full, group="prior", num_pp_samples=20)
        return
    for group in ("posterior_predictive", "prior_predictive"):
        found = az.plot_ppc_dist(full, group=group, num_samples=20)
        assert found.viz["plot"]["y"].dims == ()
        assert found.viz["predictive_dist"]["y"].sizes["sample"] == 20


def test_leave_one_out_of_each_row(full):
    found = az.loo(full, pointwise=True)
    each = found.loo_i if FIRST else found.elpd_i
    assert each.dims == ("observation",)
    az.plot_khat(found)


def test_prior_beside_posterior(full):
    if FIRST:
        assert az.plot_dist_comparison(full, var_names=["w"]).shape == (2, 3)
        return
    assert az.plot_prior_posterior(full, var_names=["w"]).viz["plot"]["w"].dims == ("component",)


# ---------------------------------------------------------------- files


def rich():
    """Rows with text labels, a missing entry, vectors and matrices by component, awkward names."""
    rng = np.random.default_rng(4)
    frame = DataFrame(
        np.concatenate([rng.normal(c, 1, (15, 2)) for c in (0, 9)]), index=[f"row {i}" for i in range(30)]
    )
    frame.iloc[3, 1] = np.nan
    mu = mc.MvNormal("mu", np.zeros(2), 0.01 * np.eye(2), size=2)
    prec = mc.Wishart("component", 4, np.eye(2), size=2)
    z = mc.Categorical("z", mc.Dirichlet("w/share", [1, 1]), size=30)
    m = mc.MCMC([mc.MvNormal("y", mu[z], prec[z], value=frame, observed=True), mu, prec, z])
    return m.sample(200, 100, chains=2, seed=3)


def assert_nothing_lost(data, file):
    arviz_bridge.to_netcdf(data, file)
    for back in (az.from_netcdf(str(file)), arviz_bridge.from_netcdf(file)):
        assert groups_of(back) == groups_of(data)
        assert dict(back.attrs) == dict(data.attrs)
        for group in groups_of(data):
            before, after = dataset(data, group), dataset(back, group)
            assert before.identical(after), group  # values, dimensions, coordinates and attributes
            assert {n: v.dtype.kind for n, v in before.variables.items()} == {
                n: v.dtype.kind for n, v in after.variables.items()
            }, group


def test_nothing_is_lost_in_a_file(data, tmp_path):
    assert_nothing_lost(data, tmp_path / "run.nc")


def test_nothing_of_a_rich_model_is_lost_in_a_file(tmp_path):
    m = rich()
    assert_nothing_lost(m.to_arviz(log_prior=True, posterior_predictive=True, prior=True), tmp_path / "run.nc")
    found = mc.relabel(m)
    assert_nothing_lost(found, tmp_path / "named.nc")  # ArviZ 1 keeps the other open
    assert found["posterior"]["mu"].dims[2] == "component"
    assert found["observed_data"]["y"].coords["observation"].values[3] == "row 3"


def test_relabelled_draws_come_back_as_such(relabelled, tmp_path):
    file = arviz_bridge.to_netcdf(relabelled, tmp_path / "run.nc")
    assert mc.plots.components(file, "mu").axes[0].get_xlabel() in ("mu[0]", "")
