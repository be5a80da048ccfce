"""Components without end: sticks drawn by slices and numbers without a maximum, with storage that grows."""

import json
import pickle
from functools import partial

import numpy as np
import pytest
from scipy import stats
from scipy.special import logsumexp

import mcmix as mc
from mcmix.testing import enumerated_partitions, joint_test
from tests import runs, ten_units
from tests.harness import levels
from tests.references import assert_masses, assert_mean, chains_of

sampled = runs.sampler(iterations=11_000, burn=1000, quiet=True)
short = runs.sampler(iterations=300, burn=50, chains=3, seed=5, quiet=True)
ROOM = 2  # so little that each chain has to get more


def process(concentration=0.7, discount=0.0, room=ROOM):
    """Ten rows of a Dirichlet or Pitman-Yor process."""
    w = mc.StickBreaking("w", concentration, discount, room=room)
    return ten_units.mixture(w, w)


def number(prior=None, dynamic=False, room=ROOM):
    """Ten rows of a mixture with any number of components."""
    k = mc.NumberOfComponents("K", stats.geom(0.3) if prior is None else prior, room=room)
    return ten_units.mixture(mc.Dirichlet("w", 2.0 / k if dynamic else 1.0, size=k), k)


def rooms(m):
    """How many components each chain has room for."""
    return [next(iter(r.compiled.rooms.values())) for r in m._runners]


# -------------------------------------------------------------------- exact

GEOMETRIC = {"components": stats.geom(0.3)}
EXACT = {
    "Dirichlet process": (process, {"components": None, "concentration": 0.7}),
    "Pitman-Yor process": (
        partial(process, 0.4, 0.2),
        {"components": None, "concentration": 0.4, "discount": 0.2},
    ),
    "any number": (number, {**GEOMETRIC, "concentration": 1.0}),
    "any number, dynamic": (partial(number, dynamic=True), {**GEOMETRIC, "concentration": 2.0, "dynamic": True}),
}
WITHOUT_SPLITS = {mc.SplitMerge: {"tries": 0}}


@pytest.mark.parametrize(
    ("name", "steps"),
    [
        ("Dirichlet process", {}),
        pytest.param("any number", {}, marks=pytest.mark.slow),
        pytest.param("Dirichlet process", WITHOUT_SPLITS, marks=pytest.mark.slow),
        pytest.param("Dirichlet process", {mc.SplitMerge: {"tries": 2}}, marks=pytest.mark.slow),
        pytest.param("Pitman-Yor process", {}, marks=pytest.mark.slow),
        pytest.param("any number, dynamic", {}, marks=pytest.mark.slow),
    ],
)
def test_all_partitions_of_ten_units(name, steps):
    build, prior = EXACT[name]
    m = mc.MCMC(build(), marginal_moves=False)
    for step, settings in steps.items():
        m.use_step_method(step, "z", **settings)
    exact = enumerated_partitions(10, ten_units.log_marginal, **prior)
    sampled(m, seed=21)
    assert min(rooms(m)) > ROOM
    ten_units.assert_partitions(m, exact)
    if "components" in prior and prior["components"] is not None:
        seen = exact.numbers <= 12
        expected = dict(zip(exact.numbers[seen].tolist(), exact.components[seen], strict=True))
        assert_masses(chains_of(m, "K"), expected, "K")


@pytest.mark.slow
def test_a_concentration_without_end():
    """Given how units are parted; sticks behind the last cluster are not asked."""
    some = np.array([0, 1, 4, 5, 6, 8, 9])
    points, weights = np.polynomial.laguerre.laggauss(30)
    nodes = points / 2.0  # of the prior Gamma(2, 2), whose density is 4 a exp(-2 a)

    def log_marginal(units):
        return ten_units.log_marginal(some[units])

    each = [enumerated_partitions(len(some), log_marginal, components=None, concentration=a) for a in nodes]
    logs = np.array([e.log_evidence for e in each]) + np.log(weights) + np.log(points)
    share = np.exp(logs - logsumexp(logs))
    w = mc.StickBreaking("w", mc.Gamma("alpha", 2.0, 2.0), room=ROOM)
    z, mean = mc.Categorical("z", w, size=len(some)), mc.Normal("mean", 0.0, sigma=ten_units.SPREAD, size=w)
    rows = ten_units.ROWS[some]
    y = mc.Mixture("y", z, mc.Normal, mean, ten_units.PRECISION, value=rows, observed=True)
    m = sampled(y, seed=22, iterations=21_000)
    assert_mean(chains_of(m, "alpha"), share @ nodes, "alpha")
    assert_mean(chains_of(m, "alpha") ** 2, share @ nodes**2, "alpha squared")
    occupied = np.tensordot(share, [e.occupied for e in each], 1)
    assert_masses(ten_units.clusters(chains_of(m, "z")), dict(enumerate(occupied, 1)), "clusters")


@pytest.mark.slow
@pytest.mark.parametrize("discount", [0.0, 0.3, "unknown"])
def test_sweeps_leave_the_joint_distribution_as_it_is(discount):
    """With so much room that a draw of the prior has all of it; what is beyond is one component's there."""
    d = mc.Beta("d", 2.0, 20.0) if discount == "unknown" else discount
    w = mc.StickBreaking("w", mc.Gamma("alpha", 3.0, 6.0), d, room=300)
    z = mc.Categorical("z", w, size=8)
    centre, scale = mc.Normal("centre", 0.0, 1.0), mc.Gamma("scale", 2.0, 2.0)
    mu, s2 = mc.Normal("mu", centre, 0.5, size=w), mc.InverseGamma("s2", 3.0, scale, size=w)
    model = mc.Mixture("y", z, mc.Normal, mu, 1.0 / s2, value=np.zeros(8), observed=True)
    first = ("alpha", "d", "centre", "scale") if discount == "unknown" else ("alpha", "centre", "scale")
    measured = {n: partial(_one, name=n) for n in first}
    measured |= {"clusters": _clusters, "mean of y": lambda v: float(np.mean(v["y"])), "first": _first}
    alarm = levels.each("without end", 3)
    found = joint_test(model, quantities=measured, sweeps=10, replications=60, false_alarm=alarm, seed=23)
    assert found.passed


def _one(values, name):
    return float(values[name])


def _clusters(values):
    return float(len(np.unique(values["z"])))


def _first(values):
    return float(values["mu"][int(values["z"][0])])


# -------------------------------------------------------------------- storage

MODELS = pytest.mark.parametrize("build", [process, number], ids=["process", "number"])


def drawn(m, name="z", **options):
    return np.stack([m.trace(name, chain=c, **options)[:] for c in range(m.draws().n_chains)])


@pytest.fixture(scope="module")
def alone():
    """A run of each model on one core."""
    return {build: short(build(), cores=1) for build in (process, number)}


@MODELS
def test_draws_depend_on_nothing_but_the_seed(build, alone):
    first = alone[build]
    assert min(rooms(first)) > ROOM
    nodes = build()
    for again in (short(build(), cores=2), short(nodes), short(nodes)):
        for name in ("z", "mean", "w"):
            np.testing.assert_array_equal(drawn(again, name), drawn(first, name))
    np.testing.assert_array_equal(drawn(short(nodes, chains=1)), drawn(first)[:1])


@MODELS
def test_draws_are_the_same_in_two_calls_and_from_a_state(build, alone, tmp_path):
    whole = alone[build]
    parts = short(build(), iterations=150)
    parts.save_state(tmp_path / "state.npz")
    copy = pickle.loads(pickle.dumps(parts))
    restored = mc.MCMC(build(), marginal_moves=False).restore_state(tmp_path / "state.npz")
    for m in (parts, copy, restored):
        m.sample(150, progress_bar=False)
        np.testing.assert_array_equal(drawn(m), drawn(whole)[:, 100:])
    joined = drawn(parts, "mean", calls="all")
    width = joined.shape[-1]
    np.testing.assert_array_equal(joined, drawn(whole, "mean")[..., :width])


@MODELS
def test_what_a_draw_had_no_room_for(build, alone):
    m = short(build(), seed=6, iterations=2000, burn=0)
    width = max(rooms(m))
    mean, w = drawn(m, "mean"), drawn(m, "w")
    assert mean.shape[-1] == w.shape[-1] == width
    assert np.isnan(mean[:, 0, -1]).all() and not np.isnan(mean[:, -1, :ROOM]).any()
    np.testing.assert_allclose(w.sum(-1), 1.0, rtol=1e-12)
    labels = drawn(m)
    own = np.take_along_axis(mean, labels, axis=-1)
    assert not np.isnan(own).any()
    assert np.isfinite(m.predict_logpdf(np.array([0.0, 3.0]))).all()
    assert np.isfinite(m.deviance).all()
    assert m.posterior_predictive(20, seed=1)["y"].shape[1:] == (10,)


@MODELS
def test_what_has_names_is_left_out_of_files(build, alone, capsys):
    m = alone[build]
    posterior = m.to_arviz()["posterior"]
    assert "mean" not in posterior and "w" not in posterior and "z" in posterior
    assert "left out, since components of an unknown number have no names: mean, w" in capsys.readouterr().err
    common = 1 + int(mc.occupied(m)[1:].argmax())
    named = mc.relabel(m, clusters=common)["posterior"]["mean"]
    assert named.shape[-1] == common and not np.isnan(named.values).any()
    with pytest.raises(mc.ModelError, match="have no names, and so mean none"):
        m.summary(["mean"])
    if build is process:  # a known concentration: nothing else is left
        with pytest.raises(mc.ModelError, match="summary: expected some variable beside mean, w_sticks, w"):
            m.summary()
    assert m.model.prior_predictive(5, 1)["z"].shape == (5, 10)
    assert m.diagnose().verdict


def test_many_units_begin_with_more_room():
    k = mc.NumberOfComponents("K", stats.geom(0.1))
    z = mc.Categorical("z", mc.Dirichlet("w", 1.0, size=k), size=2500)
    x = np.random.default_rng(7).normal(np.repeat(np.arange(20.0) * 20.0, 125), 1.0)
    m = mc.MCMC([mc.Normal("y", mc.Normal("mu", 200, 1e-4, size=k)[z], 1.0, value=x, observed=True)])
    short(m, iterations=30, burn=20, chains=1)
    assert rooms(m) == [65] and 20 <= mc.occupied(m).argmax() <= 25


def test_explained():
    told = str(mc.MCMC(process(room=None)).explain())
    assert "among the components of w, which have no end, that slices reach" in told
    assert "room for 16 components, more when a chain needs it" in told
    assert "as many as slices reach labels" in told


# -------------------------------------------------------------------- what cannot be


def test_a_folder_has_room_for_all_or_refuses(tmp_path):
    pytest.importorskip("zarr")
    m = short(number(), store=tmp_path / "run.zarr", iterations=20, burn=0)
    assert rooms(m) == [59] * 3
    read = mc.load(tmp_path / "run.zarr", number()).draws().variables["mean"]
    np.testing.assert_array_equal(read, m.draws().variables["mean"])
    more = mc.resume(tmp_path / "run.zarr", number(), more=5, progress_bar=False)
    assert more.draws().variables["mean"].shape == (3, 25, 59)
    with pytest.raises(mc.ModelError, match="store= expected a largest number of components, got none for w; give w"):
        short(process(), store=tmp_path / "other.zarr")


def test_refusals():
    with pytest.raises(mc.ModelError, match="w: room expected a whole number of at least 2, got 1"):
        process(room=1)
    with pytest.raises(mc.ModelError, match="w: expected a size, or room to begin with, got both"):
        mc.StickBreaking("w", 1.0, size=5, room=5)
    with pytest.raises(mc.ModelError, match="mu: expected no value=, since the number of components of w has no end"):
        mc.Normal("mu", 0, 1, size=mc.StickBreaking("w", 1.0), value=np.zeros(16))
    with pytest.raises(mc.ModelError, match=r"mu: size expected w first, as in size=\(w, 3\)"):
        mc.Normal("mu", 0, 1, size=(3, mc.StickBreaking("w", 1.0)))
    with pytest.raises(mc.ModelError, match="tempering=: expected a largest number of components, got none for w"):
        short(process(), tempering=3)
    with pytest.raises(mc.ModelError, match="start: K expected at most 2, for which there is room at first, got 9"):
        short(number(), start={"K": 9})
    with pytest.raises(mc.ModelError, match="VB: expected a largest number of components, got none for w"):
        mc.VB(process())
    with pytest.raises(mc.ModelError, match="components have no end"):
        mc.MCMC(process()).use_step_method(mc.CollapsedLabels, "z")


def test_models_that_cannot_grow():
    w = mc.StickBreaking("w", 1.0)
    z, mu = mc.Categorical("z", w, size=4), mc.Normal("mu", np.zeros(16), 1.0)
    with pytest.raises(mc.ModelError, match="w: a model whose number of components has no end expected to fit any"):
        mc.MCMC([mc.Normal("y", mu[z], 1.0, value=np.zeros(4), observed=True)]).explain()
    v = mc.StickBreaking("v", 1.0)
    known = mc.Categorical("k", v, value=[0, 0, 1], observed=True)
    with pytest.raises(mc.ModelError, match="v: weights of components without end expected one label vector"):
        mc.MCMC([known, mc.Normal("m", 0, 1, size=v)]).explain()


def test_a_chain_that_goes_astray_ends(monkeypatch):
    monkeypatch.setattr("mcmix.nodes.room.MOST_ROOM", 8)
    with pytest.raises(mc.ModelError, match="got a chain that looks at more than 8: a concentration or discount"):
        short(process(concentration=50.0))


def test_a_run_is_watched_while_it_grows(tmp_path):
    """What is said of a run reads the draws of chains that have places of their own, too."""
    m = short(process(), iterations=1000, progress_file=tmp_path / "lines.json")
    last = json.loads((tmp_path / "lines.json").read_text().splitlines()[-1])
    assert last["draws"] == 950 and last["fewest"]["effective"] > 5.0
    assert min(rooms(m)) > ROOM
