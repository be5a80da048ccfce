"""One model, every sampler of partitions that serves it, one answer: K, clusters, similarity, density."""

from itertools import combinations

import numpy as np
import pytest
from scipy import stats

import mcmix as mc
from tests import runs, ten_units
from tests.references import SIGMAS, chains_of, mean_and_error

ROWS = np.random.default_rng(41).normal(np.repeat([-2.5, 0.0, 2.5], [8, 6, 10]), 0.8)
POINTS = np.linspace(-4.0, 4.0, 7)
LEFT_OUT = {mc.SplitMerge: {"tries": 0}}
SAMPLERS = {
    "by default": {},
    "label updates alone": LEFT_OUT,
    "split and merge": {mc.SplitMerge: {"tries": 2}},
    "collapsed": {mc.CollapsedLabels: {}} | LEFT_OUT,
    "collapsed, parameters given": {mc.CollapsedLabels: {"given": True}} | LEFT_OUT,
    "one way": {mc.NonReversibleLabels: {"pairs": 1}} | LEFT_OUT,
}
WITHOUT_DIRICHLET = {name: steps for name, steps in SAMPLERS.items() if name != "one way"}
sampled = runs.sampler(iterations=21_000, burn=1000)


def mixture(weights, size):
    """Normal rows with parameters that can be integrated out."""
    z = mc.Categorical("z", weights, size=len(ROWS))
    tau = mc.Gamma("tau", 3.0, 2.0, size=size)
    mu = mc.Normal("mu", 0.0, 0.1 * tau, size=size)
    return [mc.Mixture("y", z, mc.Normal, mu, tau, value=ROWS, observed=True)]


def unknown():
    number = mc.NumberOfComponents("K", stats.randint(1, 9))
    return mixture(mc.Dirichlet("w", 0.7, size=number), number)


def process():
    return mixture(mc.StickBreaking("w", 0.8, size=25), 25)


def without_end():
    """The same process, whole: slices, and storage that grows."""
    w = mc.StickBreaking("w", 0.8, room=3)
    return mixture(w, w)


def known():
    return mixture(mc.Dirichlet("w", np.full(4, 0.7)), 4)


def answer(m):
    """What no numbering of components changes, a column each; shape (chains, draws, columns)."""
    labels = chains_of(m, "z")
    pairs = np.triu_indices(labels.shape[-1], 1)
    together = (labels[..., pairs[0]] == labels[..., pairs[1]])[..., ::12]
    clusters = ten_units.clusters(labels)[..., None] == np.arange(2, 6)
    w, mu, tau = (chains_of(m, name)[..., None] for name in ("w", "mu", "tau"))
    each = w * np.sqrt(tau / (2 * np.pi)) * np.exp(-0.5 * tau * (POINTS - mu) ** 2)
    density = np.where(w > 0.0, each, 0.0).sum(-2)  # a draw that had no room for a component has none of it
    number = [chains_of(m, "K")[..., None]] if any(n.name == "K" for n in m.model.stochastics) else []
    return np.concatenate([*number, clusters, together, density], axis=-1)


@pytest.mark.parametrize(
    ("model", "samplers"),
    [
        (unknown, SAMPLERS),
        pytest.param(process, WITHOUT_DIRICHLET, marks=pytest.mark.slow),
        pytest.param(known, SAMPLERS, marks=pytest.mark.slow),
    ],
)
def test_every_sampler_has_the_same_answer(model, samplers):
    found = {}
    whole = {"without end": {}, "without end, label updates alone": LEFT_OUT} if model is process else {}
    for i, (name, steps) in enumerate((samplers | whole).items()):
        m = mc.MCMC(without_end() if name in whole else model(), marginal_moves=False)
        for step, settings in steps.items():
            m.use_step_method(step, "z", **settings)
        found[name] = mean_and_error(answer(sampled(m, seed=42 + i, quiet=True, thin=4)))
    for one, other in combinations(found, 2):
        away = np.abs(found[one][0] - found[other][0])
        allowed = SIGMAS * np.hypot(found[one][1], found[other][1]) + 1e-3
        assert (away <= allowed).all(), f"{one} and {other} differ: {(away / allowed).round(2)}"


def test_chains_go_on_from_a_saved_state(tmp_path):
    """Directions of pairs are part of it; two samplers of one model have memory of the same layout."""
    steps = {mc.NonReversibleLabels: {"pairs": 2}, mc.CollapsedLabels: {}, mc.SplitMerge: {"tries": 2}}
    draws = []
    for again in (False, True):
        m = mc.MCMC(known(), marginal_moves=False)
        for step, settings in steps.items():
            m.use_step_method(step, "z", **settings)
        if again:
            m.restore_state(tmp_path / "state.npz")
        else:
            m.sample(30, chains=2, seed=43, progress_bar=False)
            m.save_state(tmp_path / "state.npz")
        m.sample(30, progress_bar=False)
        draws.append([chains_of(m, name, 2) for name in ("z", "mu", "w")])
    for one, other in zip(*draws, strict=True):
        np.testing.assert_array_equal(one, other)
