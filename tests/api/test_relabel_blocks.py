"""Components that only some others are alike to: which they are, and relabelling that stays among them."""

import numpy as np
import pytest

import mcmix as mc
from mcmix.errors import ModelError
from mcmix.report.labels.relabelled import exchanged, renamed_labels
from mcmix.report.labels.trading import trades
from mcmix.sampling.replay import Replay
from mcmix.structure.component_tables import component_tables
from mcmix.structure.evaluate import evaluate
from mcmix.traces.memory import Draws

X = np.concatenate([np.random.default_rng(i).normal(4.0 * i, 1.0, 8) for i in range(3)])
ROWS = np.column_stack([X, -X])
N = len(X)


def labels(k, weights=None, known=None):
    w = mc.Dirichlet("w", np.ones(k)) if weights is None else weights
    return mc.Categorical("z", w, size=N) if known is None else mc.Categorical("z", w, value=known, observed=True)


def plain_blocks():
    mu = mc.Normal("mu", [0.0, 0.0, 5.0, 5.0, 5.0], 0.1)
    return [mc.Mixture("y", labels(5), mc.Normal, mu, 1.0, value=X, observed=True), mu]


def known_labels():
    known = np.ma.masked_all(N, dtype=int)
    known[0], known[1] = 2, 2
    mu = mc.Normal("mu", 0, 0.1, size=4)
    return [mc.Mixture("y", labels(4, known=known), mc.Normal, mu, 1.0, value=X, observed=True), mu]


def weights_of_two_kinds():
    mu = mc.Normal("mu", 0, 0.1, size=4)
    w = mc.Dirichlet("w", [1.0, 3.0, 1.0, 3.0])
    return [mc.Mixture("y", labels(4, w), mc.Normal, mu, 1.0, value=X, observed=True), mu, w]


def known_weights_and_precisions():
    mu = mc.Normal("mu", 0, 0.1, size=4)
    z = labels(4, [0.2, 0.2, 0.3, 0.3])
    return [mc.Mixture("y", z, mc.Normal, mu, [1.0, 1.0, 2.0, 3.0], value=X, observed=True), mu]


def a_list_of_means():
    each = [mc.Normal(f"m{k}", 0.0 if k != 1 else 3.0, 0.1) for k in range(3)]
    z = labels(3)
    mean = mc.Lambda("mean", lambda z=z, each=each: np.array(each)[z])
    return [mc.Normal("y", mean, 1.0, value=X, observed=True), *each]


def means_of_two_groups():
    centre = mc.Normal("centre", 0, 1, size=2)
    mu = mc.Normal("mu", centre[[0, 0, 1, 1]], 0.3)
    return [mc.Mixture("y", labels(4), mc.Normal, mu, 1.0, value=X, observed=True), mu, centre]


def means_with_their_precisions():
    tau = mc.Gamma("tau", 2, 2, size=3)
    mu = mc.Normal("mu", 0, 0.1 * tau)
    return [mc.Mixture("y", labels(3), mc.Normal, mu, tau, value=X, observed=True), mu, tau]


def an_ordering_of_two():
    mu = mc.Normal("mu", 0, 0.1, size=3)

    @mc.potential
    def rising(mu=mu):
        return np.where(mu[0] < mu[2], 0.0, -5.0)

    return [mc.Mixture("y", labels(3), mc.Normal, mu, 1.0, value=X, observed=True), mu, rising]


def vectors():
    mu = mc.MvNormal("mu", np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 0.0]]), 0.1 * np.eye(2))
    tau = mc.Wishart("tau", 4, np.eye(2), size=3)
    return [mc.Mixture("y", labels(3), mc.MvNormal, mu, tau, value=ROWS, observed=True), mu, tau]


def means_as_one_vector():
    mu = mc.MvNormal("mu", [0.0, 5.0, 0.0], np.diag([0.1, 0.1, 0.1]))
    return [mc.Normal("y", mu[labels(3)], 1.0, value=X, observed=True), mu]


def two_label_vectors():
    mu = mc.Normal("mu", 0, 0.1, size=3)
    other = mc.Categorical("other", mc.Dirichlet("v", np.ones(3)), size=N)
    return [
        mc.Normal("y", mu[labels(3)], 1.0, value=X, observed=True),
        mc.Normal("y2", mu[other], 1.0, value=X[::-1], observed=True),
        mu,
    ]


def concentration_unknown():
    alpha, mu = mc.Gamma("alpha", 2, 2), mc.Normal("mu", 0, 0.1, size=3)
    z = labels(3, mc.Dirichlet("w", alpha * np.ones(3)))
    return [mc.Mixture("y", z, mc.Normal, mu, 1.0, value=X, observed=True), mu, alpha]


MODELS = {
    plain_blocks: [[0, 1], [2, 3, 4]],
    known_labels: [[0, 1, 3], [2]],
    weights_of_two_kinds: [[0, 2], [1, 3]],
    known_weights_and_precisions: [[0, 1], [2], [3]],
    a_list_of_means: [[0, 2], [1]],
    means_of_two_groups: [[0, 1], [2, 3]],
    means_with_their_precisions: [[0, 1, 2]],
    an_ordering_of_two: [[0], [1], [2]],
    vectors: [[0, 2], [1]],
    means_as_one_vector: [[0], [1], [2]],  # alike in truth: 0 and 2, but entries of one vector are not looked into
    two_label_vectors: [[0], [1], [2]],
    concentration_unknown: [[0, 1, 2]],
}


def found_in(m):
    structure = m.assembled.structure
    found = component_tables(structure.block_of(next(n for n in m.model.stochastics if n.name == "z")), structure)
    assert not found.unseen, found.unseen
    return found


@pytest.mark.parametrize("model", MODELS, ids=lambda f: f.__name__)
def test_classes(model):
    found = found_in(mc.MCMC(model()))
    assert found.classes == MODELS[model]
    assert bool(found.told_apart) == (len(MODELS[model]) > 1)


def density(m, draws):
    """The joint log density, factor by factor in plain NumPy."""
    replay = Replay(m.assembled, draws)
    every = replay.at(draws.thinned(draws.n_chains * draws.n_draws))
    return np.array([sum(float(evaluate(f.total, x)) for f in m.assembled.recording.factors) for x in every])


def prior_draws(m, n=12):
    """Draws of all unknowns from their distributions, as one chain."""
    names = [s.name for s in m.model.stochastics]
    found = m.model.prior_predictive(n, 3, names)
    masks = {s.name: s.mask for s in m.model.stochastics}
    return Draws({k: (x if masks[k] is None else x[:, masks[k]])[None] for k, x in found.items() if k in masks})


@pytest.mark.parametrize("model", MODELS, ids=lambda f: f.__name__)
def test_exchanges_within_a_class_and_no_others_leave_the_joint_density(model):
    m = mc.MCMC(model())
    found, draws = found_in(m), prior_draws(m)
    tables = [[(v.name, i) for v, i in table] for table in found.tables]
    before, k = density(m, draws), found.capacity
    number = {c: i for i, members in enumerate(found.classes) for c in members}
    for a in range(k):
        for b in range(a + 1, k):
            order = np.tile(np.arange(k), (1, draws.n_draws, 1))
            order[..., [a, b]] = [b, a]
            other = dict(draws.variables) | exchanged(draws.variables, tables, [], order)
            other["z"] = renamed_labels(draws.variables["z"], order, 0)
            alike = np.allclose(before, density(m, Draws(other)), rtol=1e-9)
            assert alike == (number[a] == number[b]) or model is means_as_one_vector, (a, b)


def test_a_probability_and_its_complement():
    for prior, expected in (((2, 2), [[0, 1]]), ((1, 2), [[0], [1]])):
        p, mu = mc.Beta("p", *prior), mc.Normal("mu", 0, 0.1, size=2)
        z = mc.Categorical("z", mc.Lambda("w", lambda p=p: np.array([p, 1 - p])), size=N)
        m = mc.MCMC([mc.Normal("y", mu[z], 1.0, value=X, observed=True), mu, p])
        assert found_in(m).classes == expected


# -------------------------------------------------------------------- relabelling


def planted(k=5, draws=400, shuffle=(), seed=2):
    """Draws of a sampler in which components of given sets were permuted at random; and their names before."""
    rng = np.random.default_rng(seed)
    x = np.concatenate([rng.normal(10.0 * j, 1.0, 15) for j in range(k)])
    mu = mc.Normal("mu", [20.0, 20.0, 30.0, 30.0, 30.0], 0.002)
    y = mc.Mixture("y", mc.Categorical("z", mc.Dirichlet("w", np.ones(k)), size=len(x)), mc.Normal, mu, 1.0, value=x,
                   observed=True)  # fmt: skip
    m = mc.MCMC([y, mu])
    order = np.tile(np.arange(k), (2, draws, 1))
    for members in shuffle:
        for chain in order:
            for row in chain:
                row[members] = rng.permutation(members)
    centres = np.take_along_axis(10.0 * np.arange(k) + rng.normal(0, 0.3, (2, draws, k)), order, axis=2)
    z = np.take_along_axis(np.argsort(order, axis=2), np.tile(np.repeat(np.arange(k), 15), (2, draws, 1)), axis=2)
    w = np.full((2, draws, k), 1 / k)
    return m.read({"mu": centres, "z": z.astype(np.uint8), "w": w}), centres


METHODS = ["ecr", "ecr-iterative-1", "ecr-iterative-2", "stephens", "pra", "data-based", "ordering", "point-process"]


@pytest.mark.parametrize("method", METHODS)
def test_every_method_stays_within_its_classes_and_undoes_what_was_done_there(method):
    m, _ = planted(shuffle=([0, 1], [2, 3, 4]))
    found = mc.relabel(m, method)
    order = found["sample_stats"]["permutation"].values
    assert (np.sort(order[..., :2], axis=2) == [0, 1]).all()
    assert (np.sort(order[..., 2:], axis=2) == [2, 3, 4]).all()
    mu = found["posterior"]["mu"].values
    assert (mu.std(axis=(0, 1)) < 0.4).all()  # their own spread is 0.3
    assert found.attrs["relabelling within"] == "{0, 1} and {2, 3, 4} (the priors differ: mu)"
    assert found.attrs["relabelling switching"] == "no components of different classes traded places"
    assert found["sample_stats"]["permutation"].dims == ("chain", "draw", "component")


def test_places_traded_between_classes_are_told_and_left_unless_asked():
    m, centres = planted(shuffle=([1, 2],))
    found = mc.relabel(m)
    share = (centres[..., 1] > 15).mean()
    assert f"components 1 and 2 traded places in {share:.0%} of draws" in found.attrs["relabelling switching"]
    assert found["posterior"]["mu"].values[..., 1].std() > 4
    every = mc.relabel(m, within="all")
    assert (every["posterior"]["mu"].values.std(axis=(0, 1)) < 0.4).all()
    assert every.attrs["relabelling within"] == "all components"
    assert mc.classify(m, within="all").misclassification < 1e-3
    with pytest.raises(ModelError, match="relabel: within= expected 'classes' or 'all', got 'some'"):
        mc.relabel(m, within="some")


def test_nothing_left_to_permute_says_why_and_where_names_traded_all_the_same():
    mu = mc.Normal("mu", [0.0, 10.0], 0.01)
    y = mc.Mixture("y", mc.Categorical("z", [0.5, 0.5], size=20), mc.Normal, mu, 1.0,
                   value=np.repeat([0.0, 10.0], 10), observed=True)  # fmt: skip
    z = np.tile(np.repeat([0, 1], 10), (2, 100, 1)).astype(np.uint8)
    centres = np.tile([0.0, 10.0], (2, 100, 1)) + np.random.default_rng(1).normal(0, 0.1, (2, 100, 2))
    still = {"mu": centres.copy(), "z": z.copy()}
    with pytest.raises(ModelError, match=r"every name has a meaning of its own \(z: the priors differ: mu\)$"):
        mc.relabel(mc.MCMC([y, mu]).read(still))
    centres[1], z[1] = centres[1][:, ::-1], 1 - z[1]
    with pytest.raises(ModelError, match="components 0 and 1 traded places in 50% of draws: within='all'"):
        mc.relabel(mc.MCMC([y, mu]).read({"mu": centres, "z": z}))
    assert (mc.relabel(mc.MCMC([y, mu]).read({"mu": centres, "z": z}), within="all")["posterior"]["mu"].values.std(
        axis=(0, 1)) < 0.2).all()  # fmt: skip


def test_empty_components_are_not_said_to_trade():
    m, _ = planted()
    draws = m.draws().variables
    z, mu = draws["z"].copy(), draws["mu"].copy()  # kept draws are read-only
    z[z >= 3] = 2  # nothing in 3 and 4
    mu[..., [1, 3, 4]] = np.random.default_rng(4).permuted(mu[..., [1, 3, 4]], axis=2)
    z[z == 1] = 0
    draws["z"], draws["mu"] = z, mu
    assert mc.relabel(m).attrs["relabelling switching"] == "no components of different classes traded places"


def test_label_vectors_on_the_same_components_say_so():
    m = mc.MCMC(two_label_vectors()).sample(60, 10, chains=1, seed=1, progress_bar=False)
    with pytest.raises(ModelError, match="other looks up the same components: only together could they be exchanged"):
        mc.relabel(m, label="z")
    with pytest.raises(ModelError, match="z looks up the same components"):
        mc.relabel(m, label="other", within="all")


def test_means_that_are_one_vector_are_not_taken_for_alike():
    mu = mc.MvNormal("mu", [0.0, 5.0], np.eye(2))
    m = mc.MCMC([mc.Normal("y", mu[mc.Categorical("z", [0.5, 0.5], size=N)], 1.0, value=X, observed=True), mu])
    assert not m.assembled.component_tables["z"].whole


def test_a_known_label_names_its_component_and_the_others_change_places():
    m = mc.MCMC(known_labels()).sample(1500, 500, seed=1, progress_bar=False)
    found = mc.relabel(m)
    assert (found["sample_stats"]["permutation"].values[..., 2] == 2).all()
    assert found.attrs["relabelling within"] == "{0, 1, 3} (labels of z are known for some units)"
    shares = mc.classify(m)
    assert shares.probabilities[:2, 2].tolist() == [1.0, 1.0]
    assert shares.method.startswith("ecr-iterative-1 within {0, 1, 3}")


def test_trades_of_draws_without_labels():
    m, _ = planted(shuffle=([0, 4],))
    from mcmix.api.symmetries import roles_of

    roles = roles_of(m)["z"]
    c = roles.components(Draws({"mu": m.draws().variables["mu"]}))
    (trade,) = trades(c, roles.classes)
    assert (trade.first, trade.second) == (0, 4)
    assert trade.share == pytest.approx((m.draws().variables["mu"][..., 0] > 20).mean(), abs=1e-12)
