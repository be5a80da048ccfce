"""Draws from files, from either ArviZ, as plain arrays, and put back into a sampler: the same answers everywhere."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

import mcmix as mc
from mcmix.errors import ModelError
from mcmix.report import arviz_bridge
from mcmix.report.labels.roles import LabelRoles, from_text, to_text

K = 3
X = np.concatenate([np.random.default_rng(i).normal(5.0 * i, 1.0, 15 + 5 * i) for i in range(K)])


def build(data=X, prior=0.01):
    mu, w = mc.Normal("mu", 5, prior, size=K), mc.Dirichlet("w", np.ones(K))
    tau, z = mc.Gamma("tau", 2, 2, size=K), mc.Categorical("z", w, size=len(data))
    total = mc.Lambda("total", lambda mu=mu: mu.sum())
    return mc.MCMC([mc.Normal("y", mu[z], tau[z], value=data, observed=True), w, mu, tau, total])


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A sampler, and the file of its draws."""
    m = build().sample(700, 300, chains=2, seed=1, progress_bar=False)
    draws, rng = m.draws().variables, np.random.default_rng(5)
    order = np.array([[rng.permutation(K) for _ in range(400)] for _ in range(2)])  # names that change all the time
    for name in ("mu", "tau", "w"):
        draws[name] = np.take_along_axis(draws[name], order, axis=2)
    z = draws["z"]
    draws["z"] = np.take_along_axis(np.argsort(order, axis=2), z.astype(np.intp), axis=2).astype(z.dtype)
    return m, arviz_bridge.to_netcdf(m.to_arviz(), tmp_path_factory.mktemp("runs") / "run.nc")


def same_groups(one, other):
    for name in ("mu", "tau", "w", "z"):
        assert np.array_equal(one["posterior"][name].values, other["posterior"][name].values)
    mine, theirs = (d["sample_stats"]["permutation"] for d in (one, other))
    assert mine.dims == theirs.dims == ("chain", "draw", "component")
    assert np.array_equal(mine.values, theirs.values)


# -------------------------------------------------------------------- without a model


METHODS = ["auto", "ecr", "ecr-iterative-1", "pra", "ordering", "point-process", "data-based"]


@pytest.mark.parametrize("method", METHODS)
def test_a_file_is_relabelled_as_its_sampler(run, method):
    m, path = run
    one, other = mc.relabel(m, method), mc.relabel(path, method)
    same_groups(one, other)
    told = [{k: v for k, v in d.attrs.items() if k.startswith(("relabel", "non-perm"))} for d in (one, other)]
    assert told[0] == told[1]
    for name in one["constant_data"].data_vars:
        pair = one["constant_data"][name], other["constant_data"][name]
        assert pair[0].dims == pair[1].dims
        assert np.array_equal(pair[0].values, pair[1].values, equal_nan=True)


def test_partitions_and_classes_from_a_file(run):
    m, path = run
    one, other = mc.partition(m), mc.partition(str(path))
    assert np.array_equal(one.labels, other.labels) and one.expected == other.expected
    assert np.array_equal(mc.similarity(m), mc.similarity(path))
    assert np.array_equal(mc.occupied(m), mc.occupied(path))
    shares = mc.classify(path)
    z = mc.relabel(m)["posterior"]["z"].values
    counted = np.stack([(z == k).mean(axis=(0, 1)) for k in range(K)], axis=1)
    assert np.allclose(shares.probabilities, counted, atol=1e-12)
    assert shares.method == "ecr-iterative-1; label frequencies"
    assert np.abs(shares.probabilities - mc.classify(m).probabilities).max() < 0.15


def test_errors_of_label_frequencies_are_of_the_right_size():
    rng = np.random.default_rng(7)
    z = (rng.random((200, 1, 500, 3)) < [0.5, 0.2, 0.0]).astype(int)  # draws apart: the error is binomial
    z = np.concatenate([z, np.ones((200, 1, 500, 5), int), np.zeros((200, 1, 500, 5), int)], axis=3)
    found = [mc.classify({"z": one}, vars={"labels": "z"}) for one in z]
    errors = np.array([f.errors[:3, 1] for f in found]).mean(axis=0)
    assert errors == pytest.approx(np.sqrt([0.25, 0.16, 0.0]) / np.sqrt(500), rel=0.1)


def test_labels_that_are_known_for_some_rows(tmp_path):
    known = np.ma.masked_all(len(X), dtype=int)
    known[0], known[-1] = 1, 0
    mu = mc.Normal("mu", 5, 0.01, size=K)
    z = mc.Categorical("z", mc.Dirichlet("w", np.ones(K)), value=known, observed=True)
    m = mc.MCMC([mc.Normal("y", mu[z], 1.0, value=X, observed=True), mu]).sample(
        300, 100, seed=2, chains=2, progress_bar=False
    )
    path = arviz_bridge.to_netcdf(m.to_arviz(), tmp_path / "known.nc")
    assert np.array_equal(mc.partition(m).labels, mc.partition(path).labels)
    assert mc.partition(path).labels.size == len(X)
    shares = mc.classify(path)
    assert shares.probabilities[0].tolist() == [0.0, 1.0, 0.0]
    assert shares.probabilities[-1].tolist() == [1.0, 0.0, 0.0]
    assert shares.errors[0].tolist() == [0.0, 0.0, 0.0]
    again = mc.MCMC(m.model).read(path)
    assert np.array_equal(mc.classify(m).probabilities, mc.classify(again).probabilities)


def forms(path):
    """The same draws in every form in which they may come."""
    whole = arviz_bridge.from_netcdf(path)
    posterior = whole["posterior"]
    plain = posterior if hasattr(posterior, "merge") else posterior.to_dataset()
    arrays = {n: plain[n].values for n in plain.data_vars}
    return {"container": whole, "posterior": posterior, "dataset": plain, "arrays": arrays}


@pytest.mark.parametrize("form", ["container", "posterior", "dataset", "arrays"])
def test_the_posterior_in_every_form(run, form):
    m, path = run
    given = forms(path)[form]
    roles = {"labels": "z", "components": ["mu", "tau"], "weights": "w"}
    found = mc.relabel(given, "pra", vars=roles)["posterior"]
    # "posterior" alone has no log density: another draw is the pivot, and names differ by one permutation
    mine = mc.relabel(m, "pra")["posterior"]
    order = np.argsort(found["mu"].values[0, 0])[np.argsort(np.argsort(mine["mu"].values[0, 0]))]
    assert np.array_equal(found["mu"].values[..., order], mine["mu"].values)
    assert np.array_equal(mc.partition(given, vars={"labels": "z"}).labels, mc.partition(m).labels)
    again = build().read(given)
    assert np.array_equal(again.trace("mu")[:], m.trace("mu")[:])


@pytest.mark.parametrize("as_tree", [False, True])
def test_files_of_either_generation(run, as_tree, tmp_path):
    """Groups written one by one, as ArviZ 0.x does, and as a tree, as 1.x does."""
    xarray = pytest.importorskip("xarray")
    m, path = run
    groups = {name.strip("/"): d.load() for name, d in xarray.open_groups(path).items()}
    target = tmp_path / "other.nc"
    if as_tree:
        xarray.DataTree.from_dict(groups).to_netcdf(target)
    else:
        for i, (name, group) in enumerate(groups.items()):
            group.to_netcdf(target, mode="a" if i else "w", group=name or None)
    same_groups(mc.relabel(m), mc.relabel(target))
    assert np.array_equal(build().read(target).trace("tau")[:], m.trace("tau")[:])


def test_relabelled_draws_and_results_survive_a_file(run, tmp_path):
    m, _ = run
    path = arviz_bridge.to_netcdf(mc.relabel(m), tmp_path / "relabelled.nc")
    back = arviz_bridge.from_netcdf(path)
    same_groups(mc.relabel(m), back)
    assert back["constant_data"]["mu_rhat_after"].dims == ("component",)
    assert back.attrs["relabelling within"] == "all components"
    once_more = mc.relabel(path)
    assert np.array_equal(once_more["posterior"]["mu"].values, back["posterior"]["mu"].values)
    assert once_more.attrs["relabelling changed"] == 0.0
    assert build().read(path).draws().n_draws == 400
    open_ = pytest.importorskip("xarray").open_dataset
    shares, found = mc.classify(m), mc.partition(m)
    for thing, file in ((shares, "shares.nc"), (found, "partition.nc")):
        thing.to_dataset().to_netcdf(tmp_path / file)
    with open_(tmp_path / "shares.nc") as data:
        assert data["probability"].dims == ("observation", "component")
        assert np.array_equal(data["probability"].values, shares.probabilities)
        assert np.array_equal(data["class"].values, shares.classes)
        assert data.attrs["naming"] == "ecr-iterative-1"
    with open_(tmp_path / "partition.nc") as data:
        assert np.array_equal(data["cluster"].values, found.labels)
        assert data["upper_bound"].dims == ("upper_partition", "observation")
        assert data.attrs["ball_radius"] == found.ball.radius


def test_names_that_a_file_cannot_hold(tmp_path):
    def model():
        mu, w = mc.Normal("mu/kPa", 5, 0.01, size=2), mc.Dirichlet("component", [1.0, 1.0])
        z = mc.Categorical("z", w, size=len(X))
        return mc.MCMC([mc.Normal("y", mu[z], 0.1, value=X, observed=True), mu, w])

    m = model().sample(200, 100, chains=2, seed=3, progress_bar=False)
    path = arviz_bridge.to_netcdf(m.to_arviz(), tmp_path / "run.nc")
    assert np.array_equal(model().read(path).trace("mu/kPa")[:], m.trace("mu/kPa")[:])
    found = mc.relabel(path, "ordering")["posterior"]
    assert (np.diff(found["mu per kPa"].values, axis=2) >= 0).all() or (
        np.diff(found["component_variable"].values, axis=2) >= 0
    ).all()


def test_roles_as_text():
    slots = [[("a", 0), ("b", 0), ("c", 0)], [("v", 0), ("v", 4), ("v", 8)], [("v", 1), ("v", 5), ("v", 9)]]
    odd = [[("u", 0), ("u", 2), ("u", 1)]]
    given = LabelRoles("z", -1, 3, slots + odd, ["p"], [[0, 2], [1]], "priors", ["q"], ["y"], squares=["v"])
    (found,) = from_text(to_text([given], {"v": "v_variable"})).values()
    renamed = [[("v_variable" if n == "v" else n, e) for n, e in t] for t in given.tables]
    assert found == LabelRoles(
        "z", -1, 3, renamed, ["p"], [[0, 2], [1]], "priors", ["q"], ["y"], squares=["v_variable"]
    )
    assert len(json.loads(to_text([given], {}))[0]["tables"]) == 3  # runs of even steps are one entry


# -------------------------------------------------------------------- back into a sampler


def test_everything_works_on_draws_that_were_read(run):
    m, path = run
    again = build().read(path)
    assert list(again.draws().variables) == list(m.draws().variables)
    for name, values in m.draws().variables.items():
        assert np.array_equal(values, again.draws().variables[name])
        assert values.dtype == again.draws().variables[name].dtype
    assert np.array_equal(again.draws().statistics["lp"], m.draws().statistics["lp"])
    new = [0.0, 2.6, 11.0]
    for a, b in ((mc.classify(m), mc.classify(again)), (mc.classify(m, new), mc.classify(again, new))):
        assert np.array_equal(a.probabilities, b.probabilities) and np.array_equal(a.errors, b.errors)
    same_groups(mc.relabel(m, "stephens"), mc.relabel(again, "stephens"))
    assert np.array_equal(m.predict_logpdf(new), again.predict_logpdf(new))
    assert mc.evidence(m).log == mc.evidence(again).log
    pair = [mc.compare({"a": sampler}).table.to_numpy(dtype=float) for sampler in (m, again)]
    assert np.array_equal(*pair, equal_nan=True)
    assert again.diagnose().verdict == m.diagnose().verdict
    assert "(2 chains x 400 draws)" in again.verdict
    assert np.array_equal(again.to_arviz(log_likelihood=True)["log_likelihood"]["y"].values,
                          m.to_arviz(log_likelihood=True)["log_likelihood"]["y"].values)  # fmt: skip
    assert again.posterior_predictive(5, seed=1)["y"].shape == (5 - 5 % 2, len(X))
    assert "2 chains x 400 draws" in repr(again)
    with pytest.raises(ModelError, match="holds draws that were read; make a new MCMC object"):
        again.sample(10, progress_bar=False)


def plain_log_joint(draws, chain, draw):
    """By SciPy, from the model as written."""
    mu, tau, w = (draws[n][chain, draw] for n in ("mu", "tau", "w"))
    z = draws["z"][chain, draw].astype(int)
    total = stats.norm.logpdf(mu, 5, 10).sum() + stats.gamma.logpdf(tau, 2, scale=0.5).sum()
    total += stats.dirichlet.logpdf(w / w.sum(), np.ones(K)) + np.log(w[z]).sum()
    return total + stats.norm.logpdf(X, mu[z], tau[z] ** -0.5).sum()


def test_the_log_density_and_functions_of_draws_from_elsewhere(run):
    m, _ = run
    draws = {n: x for n, x in m.draws().variables.items() if n != "total"}
    again = build().read(draws)
    lp = again.draws().statistics["lp"]
    for chain, draw in ((0, 0), (1, 399), (0, 17)):
        assert lp[chain, draw] == pytest.approx(plain_log_joint(draws, chain, draw), abs=1e-8)
    assert np.allclose(again.trace("total")[:], m.trace("total")[:], rtol=1e-12)
    unlabelled = build().read({n: draws[n] for n in ("mu", "tau", "w")})
    mu, tau, w = (draws[n][1, 7] for n in ("mu", "tau", "w"))
    summed = np.log(w * stats.norm.pdf(X[:, None], mu, tau**-0.5)).max() * 0
    summed += np.log((w * stats.norm.pdf(X[:, None], mu, tau**-0.5)).sum(axis=1)).sum()
    summed += stats.norm.logpdf(mu, 5, 10).sum() + stats.gamma.logpdf(tau, 2, scale=0.5).sum() + np.log(2.0)
    assert unlabelled.draws().statistics["lp"][1, 7] == pytest.approx(summed, abs=1e-8)
    assert mc.relabel(unlabelled).attrs["relabelling"] == "stephens"


def test_names_are_mapped_and_types_fitted(run):
    m, _ = run
    draws = m.draws().variables
    theirs = {
        "center": draws["mu"].astype(np.float32),
        "precision": draws["tau"],
        "share": draws["w"],
        "assignment": draws["z"].astype(float),
        "tau": draws["w"],  # a name of ours for something else
    }
    ours = {"center": "mu", "precision": "tau", "share": "w", "assignment": "z"}
    again = build().read(theirs, names=ours)
    assert np.array_equal(again.trace("tau")[:], m.trace("tau")[:])
    assert again.trace("mu")[:].dtype == float and again.trace("z")[:].dtype == np.uint8
    assert np.array_equal(mc.partition(again).labels, mc.partition(m).labels)


def test_files_read_one_after_another_are_joined(run):
    m, path = run
    again = build().read(path).read(path)
    assert again.draws("all").n_draws == 800
    with pytest.raises(ModelError, match="expected as many chains as in what was read before, got 2 and 1"):
        again.read({n: x[:1] for n, x in m.draws().variables.items()})


def changed(run, **replaced):
    draws = {n: x for n, x in run[0].draws().variables.items() if n != "total"}
    return {n: x for n, x in {**draws, **replaced}.items() if x is not None}


@pytest.mark.parametrize(
    ("replaced", "says"),
    [
        ({"mu": None}, "read: no draws of mu; there are"),
        ({"mu": np.zeros((2, 400, 4))}, r"mu expected shape \(3,\) in each draw, got \(4,\)"),
        ({"tau": np.full((2, 400, 3), -1.0)}, "read: tau: expected values in"),
        ({"w": np.full((2, 400, 3), 0.5)}, "read: w: expected weights with sum 1"),
        ({"mu": np.full((2, 400, 3), np.nan)}, "mu expected finite draws"),
        ({"z": np.full((2, 400, len(X)), 3)}, r"z: expected whole numbers in \[0.0, 2\]"),
        ({"z": 1 + np.zeros((2, 400, len(X)), int) + (np.arange(len(X)) % 3)}, "labels begin with 0 here"),
        ({"mu": np.zeros(5)}, r"mu: expected numbers of shape \(chains, draws"),
        ({"mu": "text"}, "mu: expected an array of numbers, got 'text'"),
    ],
)
def test_draws_that_do_not_fit(run, replaced, says):
    with pytest.raises(ModelError, match=says):
        build().read(changed(run, **replaced))


def test_draws_that_the_model_cannot_produce():
    top = mc.Uniform("top", 1, 10)
    mu = mc.Uniform("mu", 0, top)
    m = mc.MCMC([mu, top, mc.Normal("y", mu, 1.0, value=[0.5], observed=True)])
    theirs = {
        "top": np.full(
            (
                1,
                5,
            ),
            2.0,
        ),
        "mu": np.array([[1.0, 1.0, 3.0, 1.0, 4.0]]),
    }
    says = r"read: draw 2 of chain 0 is impossible under the model \(mu is not finite\), and 1 more of 5"
    with pytest.raises(ModelError, match=says):
        m.read(theirs)


def test_weights_that_were_rounded_to_zero(run):
    w = np.tile([1.0, 0.0, 0.0], (2, 400, 1))
    again = build().read(changed(run, w=w, z=np.zeros((2, 400, len(X)), int)))
    assert np.isfinite(again.draws().statistics["lp"]).all()


def test_other_data_and_other_priors(run):
    _, path = run
    with pytest.raises(ModelError, match="the observed 'y' are others"):
        build(X + 0.1).read(path)
    with pytest.raises(ModelError, match=r"the observed 'y' are shape \(60,\) instead of \(59,\)"):
        build(X[1:]).read(path)
    with pytest.raises(ModelError, match="the draws are of another model"):
        build(prior=0.02).read(path)
    with pytest.raises(ModelError, match="names= expected names of the model"):
        build().read(path, names={"mu": "nu"})
    with pytest.raises(ModelError, match="no variable 'nu'; there are"):
        build().read(path, names={"nu": "mu"})
    with pytest.raises(ModelError, match="read: the chains have started"):
        build().sample(20, chains=1, progress_bar=False).read(path)


# -------------------------------------------------------------------- what is no draws


CALLS = {
    "relabel": mc.relabel,
    "partition": mc.partition,
    "similarity": mc.similarity,
    "occupied": mc.occupied,
    "classify": mc.classify,
    "read": lambda given: build().read(given),
}


@pytest.mark.parametrize("what", CALLS)
def test_files_that_are_none(what, tmp_path):
    text, empty = tmp_path / "notes.nc", tmp_path / "empty.nc"
    text.write_text("no netCDF here")
    pytest.importorskip("xarray").Dataset({"a": ("x", [1.0])}).to_netcdf(empty)
    with pytest.raises(ModelError, match=f"{what}: expected a netCDF file with draws, got none at"):
        CALLS[what](tmp_path / "absent.nc")
    with pytest.raises(ModelError, match=f"{what}: expected a netCDF file with draws, got 'notes.nc'"):
        CALLS[what](str(text))
    with pytest.raises(ModelError, match=f"{what}: expected a file with a group 'posterior', got 'empty.nc'"):
        CALLS[what](empty)
    with pytest.raises(ModelError, match="got none at|cannot be read"):
        CALLS[what](Path(tmp_path))


@pytest.mark.parametrize("what", [name for name in CALLS if name not in ("partition", "similarity", "occupied")])
def test_things_that_are_no_draws(what):
    for thing in (5, None, [1, 2], {}):
        with pytest.raises(ModelError, match=f"{what}: expected an MCMC object, a netCDF file"):
            CALLS[what](thing)


def test_unknown_keys_of_vars_are_refused_with_the_list(run):
    for call in (mc.relabel, mc.partition, mc.classify, mc.similarity, mc.occupied, mc.from_draws):
        with pytest.raises(ModelError, match=r"vars= expected keys among those below, got \['label'\]. 'labels': name"):
            call({"z": run[0].draws().variables["z"]}, vars={"label": "z"})


VARYING = np.array([[[0, 0, 1, 1], [0, 1, 2, 2], [0, 0, 0, 0], [0, 1, 1, 1]]])


def test_a_number_of_clusters_that_varies_between_draws():
    for call in (mc.relabel, mc.classify):
        with pytest.raises(ModelError, match="1 to 3 clusters, varying between draws.*use mc.partition, mc.similarity"):
            call({"z": VARYING}, vars={"labels": "z"})
    assert mc.partition({"z": VARYING}, vars={"labels": "z"}).labels.size == 4
    assert mc.occupied({"z": VARYING}, label="z").tolist() == [0.0, 0.25, 0.5, 0.25]
    assert mc.similarity({"z": VARYING}, vars={"labels": "z"})[2, 3] == 1.0
    found = mc.relabel({"z": VARYING}, vars={"labels": "z", "n_components": 3})
    assert found["sample_stats"]["permutation"].shape == (1, 4, 3)
    padded = np.where(np.arange(3) < [[[2], [3], [1], [2]]], 1.0, np.nan)
    with pytest.raises(ModelError, match="where the number of components varies between draws"):
        mc.relabel({"mu": padded}, "pra", vars={"components": "mu"})


def test_one_chain_says_what_it_cannot_see(run):
    m, _ = run
    one = {n: x[:1] for n, x in m.draws().variables.items()}
    found = mc.relabel(one, vars={"labels": "z", "components": ["mu", "tau", "w"]})
    assert found.attrs["relabelling chains"].startswith("one chain: R-hat compares its halves")
    assert found["posterior"]["mu"].shape == (1, 400, K)
    assert (found["constant_data"]["mu_ess_bulk_after"].values > 20).all()


def test_methods_and_rows_that_need_a_model(run):
    _, path = run
    with pytest.raises(ModelError, match=r"'stephens' computes label probabilities from the model.*MCMC\(model\).read"):
        mc.relabel(path, "stephens")
    with pytest.raises(ModelError, match=r"for new rows.*'distribution'.*mc.MCMC\(model\).read\(draws\)"):
        mc.classify(path, [0.0])
    no_labels = forms(path)["arrays"]
    with pytest.raises(ModelError, match="expected draws of labels"):
        mc.classify(no_labels, vars={"components": ["mu"]})
    with pytest.raises(ModelError, match="'ecr' needs the draws of the labels"):
        mc.relabel(no_labels, "ecr", vars={"components": ["mu"]})


def test_masked_and_empty():
    labels = np.ma.masked_equal([[0, 1, 9], [1, 1, 9]], 9)
    with pytest.raises(ModelError, match="partition: expected a label for each unit in each draw, got 2 masked"):
        mc.partition(labels)
    assert mc.partition(np.ma.array([[0, 1, 1]])).n_clusters == 2


def test_arrays_that_do_not_go_together():
    uneven = {"z": np.zeros((2, 5, 3), int), "mu": np.zeros((2, 4, 2))}
    with pytest.raises(ModelError, match=r"as many chains and draws of every variable, got z \(2, 5\), mu \(2, 4\)"):
        mc.relabel(uneven, vars={"labels": "z"})
    with pytest.raises(ModelError, match="relabel: expected variables of numbers with the axes chain and draw, got no"):
        mc.relabel({"z": np.zeros((2, 0, 3), int)}, vars={"labels": "z"})


def test_an_axis_called_component_may_be_something_else():
    rng = np.random.default_rng(2)
    groups = {
        "posterior": {"mu": rng.normal([0.0, 5.0], 0.1, (2, 9, 2))},
        "sample_stats": {"energy": np.zeros((2, 9, 4))},
    }
    data = arviz_bridge.to_inference_data(groups, dims={"energy": ["component"]})
    found = mc.relabel(data, vars={"components": "mu"})
    assert found["sample_stats"]["permutation"].dims == ("chain", "draw", "permutation_dim_0")


# -------------------------------------------------------------------- a model made for the draws


def parts(run, **more):
    draws = run[0].draws().variables
    theirs = {"center": draws["mu"], "sd": draws["tau"] ** -0.5, "share": draws["w"], "label": draws["z"] + 1}
    roles = {"law": mc.Normal, "components": {"mu": "center", "sigma": "sd"}, "weights": "share", "data": X}
    return theirs, {**roles, **more}


def test_a_model_made_for_draws_says_of_rows_what_the_true_one_says(run):
    m, _ = run
    theirs, roles = parts(run)
    made = mc.from_draws(theirs, vars=roles)
    new = [0.0, 2.6, 11.0]
    assert np.allclose(made.predict_logpdf(new), m.predict_logpdf(new), atol=1e-10)
    one, other = mc.classify(m, new), mc.classify(theirs, new, vars=roles)
    right, left = (np.argsort(mc.classify(s, [0.0, 5.0, 10.0]).classes) for s in (m, made))
    assert np.allclose(one.probabilities[:, np.argsort(right)], other.probabilities[:, np.argsort(left)], atol=1e-9)
    labelled = mc.from_draws(theirs, vars={**roles, "labels": "label"})
    assert np.array_equal(labelled.trace("label")[:], m.trace("z")[:])
    assert np.array_equal(mc.partition(labelled).labels, mc.partition(m).labels)
    assert np.isfinite(made.draws().statistics["lp"]).all()


def test_laws_numbers_vectors_and_counts():
    rng = np.random.default_rng(4)
    rate = rng.gamma(50, [[[0.1, 1.0]]], (2, 100, 2))
    counts = mc.from_draws({"rate": rate}, vars={"law": "Poisson", "components": ["rate"], "weights": [0.5, 0.5],
                                                 "data": [4, 5, 60]})  # fmt: skip
    assert mc.classify(counts).classes.tolist() in ([0, 0, 1], [1, 1, 0])
    centre = rng.normal([[0.0, 0.0], [6.0, 6.0]], 0.1, (2, 100, 2, 2))
    matrix = np.tile(np.eye(2), (2, 100, 2, 1, 1)) * rng.gamma(50, 0.02, (2, 100, 2, 1, 1))
    theirs = {"centre": centre, "precision": matrix, "w": np.full((2, 100, 2), 0.5)}
    roles = {"law": mc.MvNormal, "components": ["centre", "precision"], "weights": "w",
             "data": [[0.1, 0.0], [6.0, 5.8]]}  # fmt: skip
    vectors = mc.from_draws(theirs, vars=roles)
    expected = 0.5 * np.mean(
        [stats.multivariate_normal.pdf([0.0, 1.0], c, np.linalg.inv(p)) for c, p in
         zip(centre.reshape(-1, 2), matrix.reshape(-1, 2, 2), strict=True)]
    ) * 2  # fmt: skip
    assert vectors.predict_logpdf([[0.0, 1.0]])[0] == pytest.approx(np.log(expected), abs=1e-9)
    with pytest.raises(ModelError, match="expected 2 columns, got shape"):
        mc.classify(theirs, [[0.0, 1.0, 2.0]], vars=roles)
    shared = {"law": mc.Normal, "components": {"mean": "centre", "sigma": "sd"}, "weights": [0.3, 0.7]}
    tied = mc.from_draws({"centre": centre[..., 0], "sd": np.ones((2, 100))}, vars={**shared, "data": [0.0, 6.0]})
    assert tied.predict_logpdf([0.0])[0] == pytest.approx(
        np.log(np.mean(np.array([0.3, 0.7]) * 2 * stats.norm.pdf(0.0, centre[..., 0], 1.0))), abs=1e-9
    )


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"law": None}, "expected 'distribution' too"),
        ({"weights": None}, "expected 'weights' too"),
        ({"law": "Norml"}, "'distribution' expected a distribution such as mc.Normal"),
        ({"components": {"mu": "centre"}}, "no variable 'centre'"),
        ({"components": {"mu": "center"}}, "needs precision"),
        ({"components": {"mu": "center", "width": "sd"}}, "Normal has no parameter 'width'; accepted: mean, precision"),
        ({"components": ["center", "sd", "sd"]}, "expected the parameters of Normal"),
        ({"components": {"mu": "center", "sigma": -1.0}}, "expected a positive number"),
        ({"components": {"mu": "center", "sigma": "center"}}, "'center' as 'sigma'"),
        ({"weights": [0.5, 0.6, 0.1]}, "'weights' expected a name or numbers with sum 1"),
        ({"weights": "label"}, "sum|one weight for each component|expected"),
        ({"data": "x"}, "'data' expected rows of finite numbers, got 'x'"),
        ({"data": None}, "expected 'data': the rows"),
        ({"labels": "center"}, "expected 60 labels in each draw"),
        ({"labels": "label", "first_label": 5}, "'first_label' expected 0 or 1, got 5"),
    ],
)
def test_roles_that_do_not_fit(run, more, says):
    theirs, roles = parts(run, **more)
    with pytest.raises(ModelError, match=says):
        mc.from_draws(theirs, vars=roles)


def test_values_and_labels_from_elsewhere_that_do_not_fit():
    rng = np.random.default_rng(4)
    theirs = {"mu": rng.normal([0.0, 5.0, 9.0], 0.1, (2, 50, 3)), "sd": rng.normal(0.0, 1.0, (2, 50, 3))}
    roles = {"law": mc.Normal, "components": {"mu": "mu", "sigma": "sd"}, "weights": [0.4, 0.3, 0.3], "data": [0.0, 5]}
    with pytest.raises(ModelError, match="'sd' as 'sigma' expected positive values, got some down to -"):
        mc.from_draws(theirs, vars=roles)
    labelled = {"mu": theirs["mu"], "z": np.tile([1, 2], (2, 50, 1))}
    roles = {**roles, "components": {"mu": "mu", "sigma": 1.0}, "labels": "z"}
    with pytest.raises(ModelError, match="from_draws: 'z' has labels from 1 to 2 for 3 components"):
        mc.from_draws(labelled, vars=roles)
    for first in (0, 1):
        made = mc.from_draws(labelled, vars={**roles, "first_label": first})
        assert np.unique(made.trace("z")[:]).tolist() == [1 - first, 2 - first]


def test_labels_that_were_summed_out_say_how_to_get_them(tmp_path):
    mu = mc.Normal("mu", 5, 0.01, size=2)
    model = [mc.Mixture("y", mc.Dirichlet("w", [1, 1]), mc.Normal, mu, 1.0, value=X, observed=True), mu]
    m = mc.MCMC(model).sample(60, 20, seed=1, progress_bar=False)
    path = arviz_bridge.to_netcdf(m.to_arviz(), tmp_path / "weights.nc")
    for call in (mc.partition, mc.occupied, mc.similarity, mc.classify):
        with pytest.raises(ModelError, match=r"summed out or not kept; mc.MCMC\(model\).read\(path\) puts"):
            call(path)
    assert mc.partition(mc.MCMC(model).read(path)).labels.size == len(X)


def test_draws_without_a_model_where_one_is_needed_say_how_to_get_it(run):
    _, path = run
    for call in (mc.predictive, mc.evidence, mc.compare, lambda d: mc.compare({"a": d})):
        for given in (path, str(path), arviz_bridge.from_netcdf(path)):
            with pytest.raises(
                ModelError, match=r"expected an MCMC object, got .*mc.MCMC\(model\).read.*mc.from_draws"
            ):
                call(given)
