"""Names of rows, columns and axes in ArviZ's objects, tables, files and figures; label switching undone in tables."""

import copy

import numpy as np
import pandas as pd
import pytest

import mcmix as mc
from mcmix.report import arviz_bridge, plots

CARS = [f"car {i}" for i in range(40)]
RNG = np.random.default_rng(1)
X = np.concatenate([RNG.normal([0.0, 0.0], 1.0, (25, 2)), RNG.normal([8.0, 5.0], 1.0, (15, 2))])


@pytest.fixture(scope="module")
def frame():
    found = pd.DataFrame(X, columns=["speed", "mass"], index=pd.Index(CARS, name="car"))
    found.iloc[3, 1] = np.nan
    return found


@pytest.fixture(scope="module")
def vectors(frame):
    """Two normal vectors with unknown precision matrices: a run that nobody changes."""
    w = mc.Dirichlet("w", [1.0, 1.0])
    z = mc.Categorical("z", w, size=40)
    mu = mc.MvNormal("mu", np.zeros(2), np.eye(2) * 0.01, size=2)
    tau = mc.Wishart("tau", 4, np.eye(2), size=2)
    return mc.MCMC([mc.Mixture("y", z, mc.MvNormal, mu, tau, value=frame, observed=True)]).sample(300, 100, seed=1)


@pytest.fixture(scope="module")
def exported(vectors):
    return vectors.to_arviz(log_likelihood=True)


def test_index_and_columns_are_dimensions_with_coordinates(exported):
    posterior = exported["posterior"]
    assert posterior["mu"].dims == ("chain", "draw", "component", "column")
    assert posterior["tau"].dims == ("chain", "draw", "component", "column", "column_bis")
    assert posterior["z"].dims == ("chain", "draw", "car")
    assert exported["observed_data"]["y"].dims == ("car", "column")
    assert exported["log_likelihood"]["y"].dims == ("chain", "draw", "car")
    for axis, labels in {"car": CARS, "column": ["speed", "mass"], "column_bis": ["speed", "mass"]}.items():
        assert list(posterior[axis].values) == labels
    assert list(posterior["y_missing"].values) == ["car 3, mass"]
    assert exported["observed_data"]["y"].sel(car="car 5", column="mass").item() == X[5, 1]


def test_labels_that_are_known_in_part_have_the_rows_of_their_data(frame):
    known = np.ma.masked_array(np.arange(40) >= 25, mask=np.arange(40) % 4 > 0).astype(int)
    z = mc.Categorical("z", [0.5, 0.5], value=known, observed=True)
    mu = mc.MvNormal("mu", np.zeros(2), np.eye(2) * 0.01, size=2)
    y = mc.Mixture("y", z, mc.MvNormal, mu, np.eye(2), value=frame, observed=True)
    m = mc.MCMC([y]).sample(60, 20, chains=1, seed=1)
    written = m.to_arviz()
    assert written["observed_data"]["z"].dims == ("car",)
    assert list(mc.classify(m).rows) == list(mc.classify(written).rows) == CARS


def test_tables_and_verdicts_have_these_names(vectors):
    table = vectors.summary()
    assert {"mu[0, speed]", "tau[1, mass, speed]", "y[car 3, mass]", "w[1]"} <= set(table.index)
    assert {"mu[0, speed]", "mu (sorted)[1, mass]"} <= set(vectors.diagnose().table.index)


def test_elements_are_found_by_name_and_by_number(vectors):
    from mcmix.report.elements import select

    for wanted in ("mu[1, mass]", "mu[1, 1]"):
        (found,) = select(vectors.draws(), [wanted])
        assert found.labels == ["mu[1, mass]"] and found.positions == [3]
    with pytest.raises(mc.ModelError, match=r"no element 'mu\[1, width\]': expected one from mu\[0, speed\] to"):
        select(vectors.draws(), ["mu[1, width]"])


def test_names_are_in_files_and_in_what_is_read_from_them(vectors, exported, tmp_path):
    path = arviz_bridge.to_netcdf(exported, tmp_path / "cars.nc")
    again = arviz_bridge.from_netcdf(path)
    assert again["posterior"]["mu"].dims == exported["posterior"]["mu"].dims
    assert list(again["posterior"]["car"].values) == CARS
    assert arviz_bridge.labels_in(again)["mu"][1].tolist() == ["speed", "mass"]
    relabelled = mc.relabel(path)
    assert relabelled["posterior"]["mu"].dims == exported["posterior"]["mu"].dims
    assert mc.classify(path).rows.tolist() == CARS == mc.classify(vectors).rows.tolist()


@pytest.mark.usefixtures("no_open_figures")
def test_figures_have_these_names(vectors, exported):
    for source in (vectors, exported):
        titles = {a.get_title() for a in plots.facets(source, "mu").axes} | {
            a.get_xlabel() for a in plots.facets(source, "mu").axes
        }
        assert any("mu[0, speed]" in t for t in titles)


def test_copies_keep_names(vectors):
    again = copy.deepcopy(vectors)
    assert list(again.summary("mu").index) == list(vectors.summary("mu").index)
    assert again.draws().labels.keys() == vectors.draws().labels.keys()


def test_columns_name_numbers_that_go_along_with_them(frame):
    """Parameters by column behind labels, operators and square roots; nothing else that has their number."""
    mu, sd = mc.Normal("mu", 0, 0.01, size=(2, 2)), mc.Uniform("sd", 0.1, 9, size=(2, 2))
    beta = mc.Normal("beta", 0, 1, size=2)
    z = mc.Categorical("z", [0.5, 0.5], size=40)
    shift = mc.Lambda("shift", lambda beta=beta: np.ones((40, 2)) @ beta)
    y = mc.Normal("y", mu[z], sigma=sd[z], value=frame.fillna(1.0), observed=True)
    other = mc.Normal("other", shift, 1.0, value=np.zeros(40), observed=True)
    posterior = mc.MCMC([y, other]).sample(20, 5, chains=2, seed=1).to_arviz()["posterior"]
    assert posterior["mu"].dims[2:] == posterior["sd"].dims[2:] == ("component", "column")
    assert posterior["beta"].dims[2:] == ("beta_dim_0",)


def test_data_of_other_lengths_or_columns_have_axes_of_their_own():
    few = pd.DataFrame(np.ones((3, 2)), columns=["speed", "width"], index=pd.Index(["x", "y", "z"], name="car"))
    many = pd.DataFrame(X, columns=["speed", "mass"], index=pd.Index(CARS, name="car"))
    mu = mc.Normal("mu", 0, 1)
    nodes = [mc.Normal(n, mu, 1.0, value=v, observed=True) for n, v in (("first", many), ("second", few))]
    data = mc.MCMC(nodes).sample(20, 5, chains=2, seed=1).to_arviz()["observed_data"]
    assert data["first"].dims == ("car", "column") and data["second"].dims == ("car_second", "column_second")
    assert list(data["column_second"].values) == ["speed", "width"]


def test_what_the_program_names_wins():
    groups = ["slow", "fast"]
    z = mc.Categorical("z", [0.5, 0.5], size=40)
    mu = mc.Normal("mu", [0.0, 8.0], 1.0, dims="group", coords={"group": groups})
    tau = mc.Gamma("tau", 2.0, 2.0, size=2)
    half = mc.Normal("half", 0.0, 1.0, size=3)
    y = mc.Normal("y", mu[z], tau[z], value=pd.Series(X[:, 0], index=CARS), observed=True)
    m = mc.MCMC([y, half], dims={"half": "part", "y": "vehicle"}, coords={"part": [10, 20, 30]}).sample(20, 5, seed=1)
    data = m.to_arviz()
    assert data["posterior"]["mu"].dims[2:] == data["posterior"]["tau"].dims[2:] == ("group",)
    assert data["posterior"]["z"].dims[2:] == data["observed_data"]["y"].dims == ("vehicle",)
    assert list(data["observed_data"]["vehicle"].values) == CARS
    assert data["posterior"]["half"].sel(part=20).shape == (4, 15)
    assert {"mu[slow]", "tau[fast]", "half[30]"} <= set(m.summary(relabel=False).index)


def test_a_name_of_the_programs_gets_the_labels_of_the_data(frame):
    mu = mc.Normal("mu", 0, 0.01, size=2, dims="column")
    m = mc.MCMC([mc.Normal("y", mu, 1.0, value=frame.fillna(1.0), observed=True)]).sample(20, 5, chains=2, seed=1)
    assert list(m.summary().index) == ["mu[speed]", "mu[mass]"]
    assert m.to_arviz()["observed_data"]["y"].dims == ("car", "column")


def test_names_that_are_given_by_default_give_way():
    """`component` and `observation` are names that a program may want for something else."""
    z = mc.Categorical("z", [0.5, 0.5], size=40)
    mu = mc.Normal("mu", [0.0, 8.0], 1.0)
    other = mc.Normal("other", 0.0, 1.0, size=(3, 5), dims=("component", "observation"))
    y = mc.Normal("y", mu[z], 1.0, value=X[:, 0], observed=True)
    posterior = mc.MCMC([y, other]).sample(20, 5, chains=2, seed=1).to_arviz()["posterior"]
    assert posterior["other"].dims[2:] == ("component", "observation") and posterior["other"].shape[2:] == (3, 5)
    assert posterior["mu"].dims[2:] == ("component_z",) and posterior["z"].dims[2:] == ("observation_y",)


def test_classes_of_new_rows_have_their_names(vectors, frame):
    xarray = pytest.importorskip("xarray")
    new = xarray.DataArray([[0.0, 0.0], [8.0, 5.0]], dims=["car", "what"], coords={"car": ["a", "b"]})
    assert mc.classify(vectors, new=new).rows.tolist() == ["a", "b"]
    assert mc.classify(vectors, new=frame.iloc[:2]).rows.tolist() == CARS[:2]


def test_covariates_are_constant_data():
    age = mc.Covariates("age", pd.Series([1.0, 2.0, 3.0], index=["x", "y", "z"], name="age"))
    mean = mc.Normal("b", 0, 1) * age
    y = mc.Normal("y", mean, 1.0, value=pd.Series([1.0, 2.0, 2.5], index=["x", "y", "z"]), observed=True)
    data = mc.MCMC([y]).sample(20, 5, chains=2, seed=1).to_arviz()
    assert data["constant_data"]["age"].dims == data["observed_data"]["y"].dims == ("observation",)
    np.testing.assert_array_equal(data["constant_data"]["age"].sel(observation="y"), 2.0)


# -------------------------------------------------------------------- tables of exchangeable components


def switching(label_budget=2**28, **options):
    rng = np.random.default_rng(1)
    x = rng.normal(5.0 * rng.integers(0, 3, 120), 1.0)
    w, mu = mc.Dirichlet("w", np.ones(3)), mc.Normal("mu", 5, sigma=20, size=3)
    z = mc.Categorical("z", w, size=120)
    gap = mc.Lambda("gap", lambda mu=mu: mu.max() - mu[0])
    y = mc.Normal("y", mu[z], 1.0, value=x, observed=True)
    return mc.MCMC([y, gap], marginal_moves=False, label_budget=label_budget, **options).sample(600, 100, seed=2)


@pytest.fixture(scope="module")
def switched():
    return switching()


def test_the_table_is_relabelled_and_says_so(switched, capsys):
    assert "label switching" in str(switched.diagnose())
    capsys.readouterr()
    table = switched.summary()
    said = capsys.readouterr().err
    assert "relabelled with the ECR algorithm" in said and "relabel=False shows the draws as sampled" in said
    assert table.attrs["relabelling"] in said
    assert table["r_hat"].max() < 1.05
    np.testing.assert_allclose(np.sort(table.loc[["mu[0]", "mu[1]", "mu[2]"], "mean"]), [0, 5, 10], atol=0.6)


def test_the_draws_as_sampled_can_be_seen(switched, capsys):
    capsys.readouterr()
    table = switched.summary(relabel=False)
    assert table.loc["mu[0]", "mean"] == pytest.approx(switched.trace("mu")[:][:, 0].mean())
    assert table["r_hat"].max() > 1.2 and not table.attrs and not capsys.readouterr().err
    with pytest.raises(mc.ModelError, match="relabel"):
        switched.summary(relabel="yes")


def test_functions_of_components_follow_them(switched):
    table = switched.summary()
    mu = table.loc[["mu[0]", "mu[1]", "mu[2]"], "mean"]
    assert table.loc["gap", "mean"] == pytest.approx(mu.max() - mu["mu[0]"], abs=1e-9)
    assert table.loc["gap", "sd"] < 1.0 < switched.summary("gap", relabel=False).loc["gap", "sd"]


def test_the_table_is_that_of_relabel(switched):
    found = mc.relabel(switched)["posterior"]["mu"].values
    np.testing.assert_allclose(switched.summary("mu")["mean"], found.mean((0, 1)))


def test_what_no_component_enters_needs_no_relabelling(capsys):
    mu = mc.Normal("mu", 0, 1)
    m = mc.MCMC([mc.Normal("y", mu, 1.0, value=[0.1, 0.2], observed=True)]).sample(200, 50, chains=2, seed=1)
    capsys.readouterr()
    assert not m.summary().attrs and not capsys.readouterr().err


def test_labels_that_were_not_kept_and_many_units_are_served_too(switched, monkeypatch):
    import mcmix.api.naming as naming

    expected = np.sort(switched.summary("mu")["mean"])
    without = switching(label_budget=0)
    np.testing.assert_allclose(np.sort(without.summary("mu")["mean"]), expected, atol=0.1)
    monkeypatch.setattr(naming, "MOST_WEIGHED", 1)
    monkeypatch.setattr(naming, "MOST_UNITS", 30)
    for m in (switched, without):
        m._renamed = None
        table = m.summary("mu")
        np.testing.assert_allclose(np.sort(table["mean"]), expected, atol=0.1)
        assert table["r_hat"].max() < 1.05
        m._renamed = None


def test_a_node_has_the_same_table(switched):
    node = switched.model.get_node("mu")
    pd.testing.assert_frame_equal(node.summary(), switched.summary("mu"))
