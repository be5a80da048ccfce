"""What is said of a run whose number of components is unknown, what is refused, and where chains start."""

import numpy as np
import pytest
from scipy import stats

import mcmix as mc
from mcmix.api.with_clusters import with_clusters
from tests import runs

N = 45
X = np.random.default_rng(3).normal(np.repeat([-5.0, 0.0, 5.0], N // 3), 0.8)
sampled = runs.sampler(iterations=3000, burn=500, chains=2, seed=1, quiet=True)


UNIFORM = stats.randint(1, 13)


def nodes(prior=UNIFORM, concentration=1.0, rows=X, **options):
    number = mc.NumberOfComponents("K", prior, **options)
    z = mc.Categorical("z", mc.Dirichlet("w", concentration, size=number), size=len(rows))
    mu, spread = mc.Normal("mu", 0.0, sigma=50.0, size=number), mc.Gamma("spread", 10.0, 5.0)
    tau = mc.Gamma("tau", 4.0, spread, size=number)
    largest = mc.Lambda("largest", lambda m=mu: np.max(m))
    return [mc.Mixture("y", z, mc.Normal, mu, tau, value=rows, observed=True), largest]


@pytest.fixture(scope="module")
def m():
    return sampled(nodes())


# -------------------------------------------------------------------- draws


def test_the_first_components_are_in_use(m):
    number, weights, labels = m.trace("K")[:], m.trace("w")[:], m.trace("z")[:]
    assert number.dtype.kind == "i" and ((weights > 0).sum(1) == number).all()
    assert (weights[np.arange(len(number)), number - 1] > 0).all()
    assert (labels.max(1) < number).all()
    np.testing.assert_allclose(weights.sum(1), 1.0, rtol=1e-12)


def test_the_log_density_knows_no_names(m):
    """Weights and empty components are integrated out of it, as ARCHITECTURE.md says."""
    from scipy.special import gammaln

    draws = {name: m.trace(name, chain=0)[-1] for name in ("K", "z", "mu", "tau", "spread")}
    counts = np.bincount(draws["z"], minlength=12)
    inside = counts > 0
    k, n = draws["K"], len(X)
    expected = -np.log(12) + gammaln(k) - gammaln(n + k) + (gammaln(counts[inside] + 1)).sum()
    expected += stats.norm(0, 50).logpdf(draws["mu"][inside]).sum() + stats.gamma(10, scale=0.2).logpdf(draws["spread"])
    expected += stats.gamma(4, scale=1 / draws["spread"]).logpdf(draws["tau"][inside]).sum()
    own = draws["mu"][draws["z"]], 1 / np.sqrt(draws["tau"][draws["z"]])
    expected += stats.norm(*own).logpdf(X).sum()
    assert m.draws().statistics["lp"][0, -1] == pytest.approx(expected, abs=1e-8)


def test_same_seed_same_draws_however_the_run_is_cut():
    whole = sampled(nodes(), iterations=400, burn=0)
    parts = sampled(nodes(), iterations=250, burn=0)
    parts.sample(150, progress_bar=False)
    for name in ("K", "mu", "z", "w"):
        assert np.array_equal(whole.trace(name)[:], np.concatenate([
            parts.trace(name, chain=c, calls="all")[:] for c in range(2)
        ]))  # fmt: skip
    alone = sampled(nodes(), iterations=400, burn=0, chains=1)
    assert np.array_equal(alone.trace("K")[:], whole.trace("K", chain=0)[:])


def test_a_saved_state_goes_on_with_the_same_draws(tmp_path):
    whole, other = sampled(nodes(), iterations=300, burn=0), sampled(nodes(), iterations=200, burn=0)
    other.save_state(tmp_path / "state")
    again = mc.MCMC(nodes()).restore_state(tmp_path / "state")
    again.sample(100, progress_bar=False)
    assert np.array_equal(again.trace("z", chain=1)[:], whole.trace("z", chain=1)[200:])


# -------------------------------------------------------------------- starts


def first(start, seed=2, chains=2, **options):
    """The first sweep's end, of each chain."""
    found = mc.MCMC(nodes(**options))
    return found.sample(1, 0, chains=chains, seed=seed, start=start, progress_bar=False)


def test_starts_are_possible_whatever_is_given():
    labels = np.repeat([0, 1, 6], N // 3)
    weights = np.where(np.arange(12) < 7, 1 / 7, 0.0)
    for start in (None, {"K": 2}, {"z": labels}, {"w": weights}, {"z": labels, "K": 9}, {"K": 12, "mu": np.zeros(12)}):
        assert np.isfinite(first(start).draws().statistics["lp"]).all()
    assert np.isfinite(first(None, prior=[0, 0, 0, 0, 1.0]).draws().statistics["lp"]).all()
    assert np.isfinite(first(None, prior=[1.0]).draws().statistics["lp"]).all()


def test_starts_that_contradict_one_another_are_refused():
    with pytest.raises(mc.ModelError, match="start: K expected at least 7, .* of w and z speak of, got 3"):
        first({"K": 3, "z": np.repeat([0, 1, 6], N // 3)})
    with pytest.raises(mc.SupportError, match="K: expected a number of components with a prior probability"):
        first({"K": 40})


def test_many_rows_start_with_the_number_that_fits_them():
    """Labels that are drawn one by one would keep wrong components for long."""
    truth = np.random.default_rng(5).integers(0, 4, 6000)
    rows = np.random.default_rng(6).normal(8.0 * truth, 1.0)
    m = mc.MCMC(nodes(rows=rows)).sample(30, 0, chains=3, seed=7, progress_bar=False)
    assert (m.trace("K")[:] >= 4).all()
    for labels in m.draws().variables["z"][:, -1]:
        assert mc.adjusted_rand(labels, truth) > 0.99


# -------------------------------------------------------------------- what is said


def test_posteriors_beside_priors(m):
    found = mc.posterior_components(m)
    number, labels = m.trace("K")[:], m.trace("z")[:]
    clusters = np.array([len(set(row)) for row in labels])
    assert found.n == N and found.mode == 3 == found.most_clusters
    assert found.components.sum() == pytest.approx(1.0) == found.clusters.sum()
    shares = np.bincount(number, minlength=13)[1:] / len(number)
    assert (np.abs(found.components - shares) < 6 * found.errors + 0.02).all()
    np.testing.assert_allclose(found.clusters, np.bincount(clusters, minlength=13)[1:] / len(clusters), atol=1e-12)
    prior = mc.prior_components(N, components=stats.randint(1, 13), concentration=1.0)
    np.testing.assert_allclose(found.prior_clusters, prior.probabilities, rtol=1e-9)
    seen = np.isfinite(found.log_evidence)
    assert seen.tolist() == (found.components > 0).tolist()
    evidence = np.log(np.where(seen, found.components, 1.0) / found.prior_components)
    np.testing.assert_allclose(found.log_evidence[seen], (evidence - evidence[2])[seen], rtol=1e-9)
    assert found.log_evidence_errors[2] == 0.0 and list(found.to_frame()["number"]) == list(range(1, 13))
    assert "3 components with probability" in repr(found) and "K" in found._repr_html_()


def test_without_labels():
    """The number of clusters is recorded beside the draws, also where labels are not."""
    whole = sampled(nodes(), iterations=600, burn=100)
    without = mc.MCMC(nodes(), label_budget=0).sample(600, 100, chains=2, seed=1, progress_bar=False)
    assert "z" not in without.draws().variables
    for what in ("components", "clusters", "errors"):
        assert np.array_equal(
            getattr(mc.posterior_components(without), what), getattr(mc.posterior_components(whole), what)
        )
    assert "occupied components of z" in without.diagnose().table.index


def test_the_prior_of_clusters_under_an_unknown_concentration():
    alpha = mc.Gamma("alpha", 3.0, 3.0)
    number = mc.NumberOfComponents("K", stats.geom(0.3), most=15)
    z = mc.Categorical("z", mc.Dirichlet("w", alpha / number, size=number), size=20)
    mu = mc.Normal("mu", 0.0, sigma=50.0, size=number)
    found = mc.posterior_components(sampled([mc.Mixture("y", z, mc.Normal, mu, 1.0, value=X[:20], observed=True)]))
    prior = mc.prior_components(
        20, components=number.probabilities, concentration=stats.gamma(3, scale=1 / 3), dynamic=True
    )
    np.testing.assert_allclose(found.prior_clusters, prior.probabilities, atol=0.02)


def test_where_the_posterior_presses_on_a_cut_that_is_said():
    found = mc.posterior_components(sampled(nodes(stats.geom(0.05), most=4), iterations=1500))
    assert "4, where the prior was cut, has" in repr(found)


def test_evidence_agrees_with_runs_of_known_numbers(m):
    def known(k):
        z = mc.Categorical("z", mc.Dirichlet("w", np.ones(k)), size=N)
        mu, spread = mc.Normal("mu", 0.0, sigma=50.0, size=k), mc.Gamma("spread", 10.0, 5.0)
        tau = mc.Gamma("tau", 4.0, spread, size=k)
        return sampled([mc.Mixture("y", z, mc.Normal, mu, tau, value=X, observed=True)])

    found = mc.posterior_components(sampled(nodes(), iterations=12_000))
    three, four = (mc.evidence(known(k), seed=1) for k in (3, 4))
    difference = four.log - three.log
    error = np.hypot(np.hypot(three.error, four.error), found.log_evidence_errors[3])
    assert found.log_evidence[3] - found.log_evidence[2] == pytest.approx(difference, abs=5 * error + 0.05)


def test_partitions_density_and_predictions(m):
    found = mc.partition(m)
    assert mc.adjusted_rand(found.labels, np.repeat([0, 1, 2], N // 3)) > 0.9
    assert mc.occupied(m).argmax() == 3 and mc.similarity(m).shape == (N, N)
    grid = np.linspace(-300.0, 300.0, 20001)
    density = np.exp(m.predict_logpdf(grid))
    assert np.trapezoid(density, grid) == pytest.approx(1.0, abs=0.01)  # new components have their share in it
    assert m.posterior_predictive(50, seed=1)["y"].shape == (50, N)


def test_pictures(m, no_open_figures):
    figure = mc.plots.posterior_components(mc.posterior_components(m))
    clusters, components = figure.axes
    heights = [bar.get_height() for bar in components.patches]
    np.testing.assert_allclose(heights, mc.posterior_components(m).components[: len(heights)])
    assert clusters.get_xlabel() == "number of clusters (components with units)"
    with pytest.raises(mc.ModelError, match="expected a result of mc.posterior_components, got ndarray"):
        mc.plots.posterior_components(mc.occupied(m))
    with pytest.raises(mc.ModelError, match="ax expected two axes, got 1"):
        mc.plots.posterior_components(mc.posterior_components(m), ax=clusters)


def test_the_page(m, tmp_path):
    page = m.report(tmp_path).read_text()
    assert "Their number is an unknown of the model. Most often 3 of them hold rows" in page
    assert "mu[0]" not in page and "Groups are not told" not in page and "Left out" not in page


def test_the_verdict_looks_at_what_has_no_names(m):
    labels = m.diagnose().table.index
    assert {"log density", "K", "spread", "occupied components of z", "entropy of z"} <= set(labels)
    assert not [label for label in labels if label.startswith(("mu", "tau", "w", "largest["))]
    kinds = {f.kind for f in m.diagnose().findings}
    assert not kinds & {"label switching present", "empty components", "weights at the boundary"}


def test_explained(m):
    steps = {c.variables: c for c in reversed(m.explain().steps)}  # the label update is the first step of the labels
    assert "components that there are alone" in steps["z",].reason and "45 rows x K of 12 labels" in steps["z",].cost
    assert steps["K",].step == "telescoping" and "given how z parts the rows" in steps["K",].reason
    assert "prior randint" in steps["K",].reason
    assert steps["w",].reason == "conjugate: Dirichlet prior of K weights"
    told = str(mc.MCMC(nodes(stats.geom(0.1))).explain())
    assert "on 1 to 197, 9.7e-10 of it cut off; room for 16 components, more when a chain needs it" in told
    told = str(mc.MCMC(nodes(), marginal_moves=True).explain())
    assert "labels are not summed out where the number of components, K, is unknown" in told


# -------------------------------------------------------------------- names


def test_what_belongs_to_components_by_name_is_refused(m, capsys):
    for names in ("mu", ["K", "largest"]):
        with pytest.raises(mc.ModelError, match="summary: components of an unknown number have no names, and so") as no:
            m.summary(names)
        assert "mc.relabel(m, clusters=k)" in str(no.value)
    for ask in (
        lambda: mc.relabel(m),
        lambda: mc.classify(m),
        lambda: m.memberships(),
        lambda: m.memberships(X[:3]),
    ):
        with pytest.raises(mc.ModelError, match="the number K of those of z varies") as refused:
            ask()
        assert "mc.relabel(m, clusters=k)" in str(refused.value)
    assert set(m.summary().index) == {"K", "spread"}
    assert "summary: left out, since components of an unknown number have no names: mu" in capsys.readouterr().err
    assert "mu[3]" in m.summary("mu", relabel=False).index


def test_clusters_of_draws_with_so_many_of_them_have_names(m, capsys):
    found = mc.relabel(m, clusters=3)["posterior"]
    assert "% of the draws have 3 clusters" in capsys.readouterr().err
    assert dict(found["mu"].sizes)["component"] == 3
    means, spreads = found["mu"].values.mean((0, 1)), found["mu"].values.std((0, 1))
    assert sorted(means.round()) == [-5.0, 0.0, 5.0] and spreads.max() < 1.0
    own = np.array([np.take_along_axis(found["mu"].values[0], found["z"].values[0].astype(int), axis=1)])
    raw = m.trace("mu", chain=0)[:], m.trace("z", chain=0)[:]
    three = np.array([len(set(row)) == 3 for row in raw[1]])
    first = np.take_along_axis(raw[0], raw[1].astype(int), axis=1)[three][0]
    np.testing.assert_allclose(own[0, 0], first)  # every unit keeps the mean of its component
    with pytest.raises(mc.ModelError, match="clusters= expected a number that two draws have, got 12; there are 3"):
        mc.relabel(m, clusters=12)
    with pytest.raises(mc.ModelError, match="clusters expected a whole number of at least 1, got 0"):
        mc.relabel(m, clusters=0)


def test_numbers_of_units_are_recorded(m):
    sizes, labels = m.draws().statistics["units of z"], m.draws().variables["z"]
    counted = np.array([[np.bincount(row, minlength=12) for row in chain] for chain in labels])
    assert sizes.shape == (2, 2500, 12) and np.array_equal(sizes, counted)
    assert np.array_equal((sizes > 0).sum(-1), m.draws().statistics["clusters of z"])


def test_clusters_have_names_where_labels_were_not_kept(capsys):
    number = mc.NumberOfComponents("K", UNIFORM)
    z = mc.Categorical("z", mc.Dirichlet("w", 1.0, size=number), size=N, trace=False)
    mu = mc.Normal("mu", 0.0, sigma=50.0, size=number)
    run = sampled([mc.Mixture("y", z, mc.Normal, mu, 1.5, value=X, observed=True)])
    assert "z" not in run.draws().variables
    found = mc.relabel(run, clusters=3)["posterior"]
    np.testing.assert_allclose(np.sort(found["mu"].values.mean((0, 1))), [-5.0, 0.0, 5.0], atol=0.7)
    capsys.readouterr()


def known(k):
    z = mc.Categorical("z", mc.Dirichlet("w", 1.0, size=k), size=N)
    mu, spread = mc.Normal("mu", 0.0, sigma=50.0, size=k), mc.Gamma("spread", 10.0, 5.0)
    return [mc.Mixture("y", z, mc.Normal, mu, mc.Gamma("tau", 4.0, spread, size=k), value=X, observed=True)]


def test_draws_with_so_many_clusters_are_a_posterior(m):
    given = with_clusters(m, known(3), 3)
    draws = given.draws()
    assert set(draws.variables) == {"w", "z", "mu", "tau", "spread"}
    np.testing.assert_allclose(draws.variables["w"].sum(-1), 1.0, rtol=1e-12)
    classes = mc.classify(given)
    assert classes.probabilities.shape == (N, 3)
    assert mc.adjusted_rand(classes.classes, np.repeat([0, 1, 2], 15)) > 0.9
    # labels, weights and parameters belong together: a unit's share is the likelihood under its own component
    own = np.take_along_axis(draws.variables["mu"], draws.variables["z"].astype(int), axis=2)
    assert np.abs(own - X).mean() < 1.0
    with pytest.raises(mc.ModelError, match="expected a mixture with an unknown number of components"):
        with_clusters(given, known(3), 3)
    with pytest.raises(mc.ModelError, match="expected a number that two draws have, got 12"):
        with_clusters(m, known(12), 12)


def test_clusters_are_for_an_unknown_number():
    z = mc.Categorical("z", mc.Dirichlet("w", [1, 1]), size=N)
    y = mc.Mixture("y", z, mc.Normal, mc.Normal("mu", 0, 0.1, size=2), 1.0, value=X, observed=True)
    known = sampled([y], iterations=200, burn=50)
    with pytest.raises(mc.ModelError, match="clusters= is for an unknown number of components"):
        mc.relabel(known, clusters=2)
    with pytest.raises(mc.ModelError, match="expected a model with an unknown number of components"):
        mc.posterior_components(known)
    with pytest.raises(mc.ModelError, match="clusters= is for a sampler"):
        mc.relabel(known.to_arviz(), clusters=2)


def test_arviz_gets_what_has_a_meaning(m, tmp_path):
    data = m.to_arviz(log_likelihood=True, log_prior=True, prior=True, at_most=50)
    assert set(data["posterior"].data_vars) == {"K", "spread", "z"}
    assert set(data["log_prior"].data_vars) == {"K", "spread"}
    clusters = data["sample_stats"]["clusters of z"].values
    assert (clusters <= data["posterior"]["K"].values).all() and clusters.min() >= 1
    labels = m.draws().variables["z"]
    assert clusters[1].tolist() == [len(set(row)) for row in labels[1].tolist()]
    assert data["log_likelihood"]["y"].shape[-1] == N
    data.to_netcdf(tmp_path / "run.nc")
    assert mc.partition(tmp_path / "run.nc").labels.tolist() == mc.partition(m).labels.tolist()
    with pytest.raises(mc.ModelError, match="the number K of those of z varies"):
        mc.relabel(tmp_path / "run.nc")


def test_a_folder_of_draws(tmp_path):
    model = nodes()
    run = mc.MCMC(model).sample(400, 100, chains=2, seed=1, store=tmp_path / "draws", progress_bar=False)
    again = mc.load(tmp_path / "draws", model)
    assert np.array_equal(again.draws().statistics["clusters of z"], run.draws().statistics["clusters of z"])
    assert mc.posterior_components(again).components.tolist() == mc.posterior_components(run).components.tolist()
    alone = mc.load(tmp_path / "draws")
    assert set(alone.summary().index) == {"K", "spread"}
    with pytest.raises(mc.ModelError, match="components of an unknown number have no names, and so mu none"):
        alone.summary("mu")
    assert alone.verdict == again.verdict


# -------------------------------------------------------------------- models that are none


def refused(*model):
    with pytest.raises(mc.ModelError) as error:
        _ = mc.MCMC([n for part in model for n in (part if isinstance(part, list) else [part])]).assembled
    return str(error.value)


def parts():
    number = mc.NumberOfComponents("K", most=4)
    return number, mc.Categorical("z", mc.Dirichlet("w", 1.0, size=number), size=N)


def test_components_that_are_told_apart():
    number, z = parts()
    mu = mc.Normal("mu", [0.0, 1.0, 2.0, 3.0], 1.0)
    told = refused(mc.Normal("y", mu[z], 1.0, value=X, observed=True))
    assert told.startswith(
        "K: components of an unknown number must be alike before the data, but here: the priors differ: mu"
    )


def test_other_uses_of_the_number_and_the_weights():
    number, z = parts()
    mu = mc.Normal("mu", 0.0, 1.0, size=number)
    y = mc.Normal("y", mu[z], 1.0, value=X, observed=True)
    told = refused(y, mc.Normal("extra", number, 1.0, value=3.0, observed=True))
    assert "K: expected that only the weights w depend on it, but extra do" in told
    number = mc.NumberOfComponents("K", most=4)
    mu = mc.Normal("mu", 0.0, 1.0 / number)
    assert "K: expected one vector of weights of so many components" in refused(
        mc.Normal("y", mu, 1.0, value=X, observed=True)
    )
    number, z = parts()
    w = next(iter(z.parents.values()))
    other = mc.Categorical("other", w, size=N)
    mu = mc.Normal("mu", 0.0, 1.0, size=number)
    told = refused(mc.Normal("y", mu[z] + mu[other], 1.0, value=X, observed=True))
    assert told.startswith("w: with an unknown number of components expected one label vector") and "z, other" in told


def test_known_labels_and_functions_that_are_called():
    number = mc.NumberOfComponents("K", most=4)
    known = np.ma.masked_equal(np.where(np.arange(N) < 3, 1, -1), -1)
    z = mc.Categorical("z", mc.Dirichlet("w", 1.0, size=number), value=known, observed=True)
    mu = mc.Normal("mu", 0.0, 1.0, size=number)
    told = refused(mc.Normal("y", mu[z], 1.0, value=X, observed=True))
    assert "z: labels that are known name components" in told
    number = mc.NumberOfComponents("K", most=4)
    a = mc.Lambda("a", lambda k=number: float(str(int(k))))
    z = mc.Categorical("z", mc.Dirichlet("w", a, size=number), size=N)
    mu = mc.Normal("mu", 0.0, 1.0, size=number)
    told = refused(mc.Normal("y", mu[z], 1.0, value=X, observed=True))
    assert "K: the concentration of the weights expected to be made of it by operators" in told


def test_other_ways_than_sampling():
    model = nodes()
    with pytest.raises(mc.ModelError, match="evidence: expected a known number of components, got K"):
        mc.evidence(sampled(model, iterations=200, burn=50))
    with pytest.raises(mc.ModelError, match="MAP: expected a known number of components, got K"):
        mc.MAP(model).fit()
    with pytest.raises(mc.ModelError, match="VB: "):
        mc.VB(model)
