"""Slices with unknown ends and masks by label inside a likelihood: recorded, and equal to what NumPy does."""

import numpy as np
import pytest

import mcmix as mc
import mcmix.pymc2 as pymc
from mcmix.structure.contributions import structure_of
from mcmix.structure.evaluate import evaluate
from mcmix.structure.recording import record

RNG = np.random.default_rng(5)
Y = RNG.poisson(3.0, 12)
X = RNG.normal(size=(12, 2))
OTHER = RNG.normal(size=12)
QUIET = {"progress_bar": False}


def recorded(function, **unknowns):
    """The recorded log density of a potential, with its unknowns."""
    node = mc.Potential(logp=function, doc="", name="f", parents=unknowns)
    recording = record(mc.Model([node, *unknowns.values()]))
    return recording, next(f for f in recording.factors if f.node is node).elements, node


def cut(name="s", low=-15, high=15, value=4):
    return mc.DiscreteUniform(name, low, high, value=value)


SLICES = {
    "up to": lambda s, m: np.sum(-0.5 * (Y[:s] - m) ** 2),
    "from": lambda s, m: np.sum(-0.5 * (Y[s:] - m) ** 2),
    "both sides": lambda s, m: pymc.poisson_like(Y[:s], np.exp(m)) + pymc.poisson_like(Y[s:], np.exp(-m)),
    "between": lambda s, m: pymc.normal_like(OTHER[s : s + 3], m, 2.0),
    "crossed": lambda s, m: (OTHER[s : s - 2] * m).sum(),
    "known begin": lambda s, m: (OTHER[2:s] + m).sum(),
    "known end": lambda s, m: np.sum(np.exp(m - OTHER[s:-2])),
    "rows of vectors": lambda s, m: pymc.mv_normal_like(X[:s], np.array([0.0, 1.0]) + m, np.eye(2)),
    "columns": lambda s, m: np.sum(X[:s, 1] - m) + (X[s:, 0] * m).sum(),
    "table": lambda s, m: np.sum(X[:s] - m) + np.sum(X[:s] * m, axis=0)[1] + np.sum(X[s:].sum(axis=1) ** 2),
    "size": lambda s, m: OTHER[:s].size * m + np.size(X[s:]),
    "bounded": lambda s, m: pymc.uniform_like(OTHER[:s], -5.0, 5.0) + pymc.exponential_like(np.abs(OTHER[s:]), 2.0),
    "two of one": lambda s, m: np.sum(OTHER[:s] * Y[:s] - m * np.log(1.5 + OTHER[:s] ** 2)),
}


@pytest.mark.parametrize("name", SLICES)
def test_a_slice_with_an_unknown_end_is_recorded_as_numpy_takes_it(name):
    s, m = cut(), mc.Normal("m", 0, 1, value=0.3)
    recording, x, _ = recorded(SLICES[name], s=s, m=m)
    assert not recording.opaque
    for end in range(-15, 16):  # beyond the array on either side, and counted from the back
        for mean in (-0.7, 0.3):
            expected = float(SLICES[name](end, mean))
            assert float(evaluate(x, {s: end, m: mean})) == pytest.approx(expected, rel=1e-12, abs=1e-12)


def test_a_mean_over_an_unknown_slice_is_that_of_numpy():
    def f(s, m):
        return np.mean(OTHER[:s]) * m + OTHER[s:].mean() + np.sum(X[:s].mean(axis=0)) + np.sum(X[s:].mean(axis=1))

    s, m = cut(low=1, high=11), mc.Normal("m", 0, 1, value=0.3)
    recording, x, _ = recorded(f, s=s, m=m)
    assert not recording.opaque
    for end in range(1, 12):
        assert float(evaluate(x, {s: end, m: 0.2})) == pytest.approx(float(f(end, 0.2)), rel=1e-12)


def test_impossible_rows_outside_a_slice_do_not_count():
    """Minus infinity and NaN of rows outside stay outside; of rows inside they decide."""
    s = cut(low=0, high=12)
    recording, x, _ = recorded(lambda s: pymc.poisson_like(Y[:s], 1.0) + np.sum(np.log(Y[s:] - 2.0)), s=s)
    with np.errstate(all="ignore"):
        found = [float(evaluate(x, {s: end})) for end in range(13)]
        wanted = [pymc.poisson_like(Y[:e], 1.0) + np.sum(np.log(Y[e:] - 2.0)) for e in range(13)]
    np.testing.assert_allclose(found, wanted, rtol=1e-12)
    assert np.isfinite(found[-1]) and not np.isfinite(found[0])


NOT_RECORDED = {
    "length": lambda s, m: m * len(OTHER[:s]),
    "maximum": lambda s, m: m * max(OTHER[: abs(s) + 1]),
    "steps": lambda s, m: np.sum(OTHER[:s:2]) * m,
    "two slices together": lambda s, m: np.sum(OTHER[:s] * OTHER[-s:]) * m if s > 0 else m,
    "loop": lambda s, m: sum(v * m for v in OTHER[:s]),
    "sorted": lambda s, m: np.sum(np.sort(OTHER[:s]) * m),
    "an array beside it": lambda s, m: np.sum(OTHER[: s % 13] * np.ones(s % 13)) * m,
}


@pytest.mark.parametrize("name", NOT_RECORDED)
def test_what_needs_the_number_of_rows_is_called_as_written(name):
    s, m = cut(low=1, high=11), mc.Normal("m", 0, 1, value=0.3)
    recording, x, node = recorded(NOT_RECORDED[name], s=s, m=m)
    assert node in recording.opaque
    for end in (1, 5, 11):
        assert float(evaluate(x, {s: end, m: 0.2})) == pytest.approx(float(NOT_RECORDED[name](end, 0.2)))


LISTS = {
    "a list": lambda z, m: m[z] * 2.0,
    "its length and slices": lambda z, m: len(m[:2]) * m[z] + sum(m[1:]) + m[-1],
    "vectors": lambda z, m: np.sum([m[0] * np.ones(2), m[1] + np.arange(2)][1] * m[z]),
    "two in turn": lambda z, m: m[z] + m[1 - z] * m[0],
}


@pytest.mark.parametrize("kind", [list, tuple])
@pytest.mark.parametrize("name", LISTS)
def test_a_list_of_nodes_is_looked_up_at_an_unknown_place(name, kind):
    z, m = mc.Categorical("z", [0.5, 0.5]), kind([mc.Normal(f"m{i}", 0, 1, value=0.5 + i) for i in range(3)])
    node = mc.Potential(logp=LISTS[name], doc="", name="f", parents={"z": z, "m": m})
    recording = record(mc.Model([node, z]))
    x = next(f for f in recording.factors if f.node is node).elements
    assert not recording.opaque
    for label in (0, 1):
        values = {n: 0.3 - i for i, n in enumerate(m)}
        found = float(evaluate(x, {z: label, **values}))
        assert found == pytest.approx(float(LISTS[name](label, kind(values.values()))), rel=1e-12)


def test_a_list_of_different_shapes_is_called_as_written():
    z, a, b = mc.Categorical("z", [0.5, 0.5]), mc.Normal("a", 0, 1), mc.Normal("b", 0, 1, size=2)
    node = mc.Potential(logp=lambda z, m: np.sum(m[z]), doc="", name="f", parents={"z": z, "m": [a, b]})
    assert node in record(mc.Model([node])).opaque


MASKS = {
    "one by one": lambda z, m: pymc.normal_like(OTHER[z == 0], m, 1.0) + pymc.normal_like(OTHER[z == 1], -m, 2.0),
    "not equal": lambda z, m: np.sum(OTHER[z != 1] * m),
    "both": lambda z, m: np.sum((OTHER[(z == 0) | (z == 2)] - m) ** 2),
    "vectors": lambda z, m: pymc.mv_normal_like(X[z == 1], np.array([1.0, 0.0]) * m, np.eye(2)),
    "table": lambda z, m: np.sum((X[z == 2] - m) ** 2),
    "column": lambda z, m: np.sum(X[z == 2, 1] - m),
    "greater": lambda z, m: pymc.poisson_like(Y[z >= 1], np.exp(m)),
    "a share": lambda z, m: OTHER[z == 1].size * np.log(0.3) * m,
}


@pytest.mark.parametrize("name", MASKS)
def test_a_mask_by_label_is_recorded_as_numpy_takes_it(name):
    z, m = mc.Categorical("z", [0.3, 0.3, 0.4], size=12), mc.Normal("m", 0, 1, value=0.3)
    recording, x, _ = recorded(MASKS[name], z=z, m=m)
    assert not recording.opaque
    for labels in (*RNG.integers(3, size=(5, 12)), np.zeros(12, int), np.full(12, 2)):
        expected = float(MASKS[name](labels, 0.4))
        assert float(evaluate(x, {z: labels, m: 0.4})) == pytest.approx(expected, rel=1e-12, abs=1e-12)


def switch_point(data):
    s, e, late = mc.DiscreteUniform("s", 0, len(data)), mc.Exponential("e", 1.0), mc.Exponential("l", 1.0)

    @mc.stochastic(observed=True, dtype=int)
    def d(value=data, s=s, e=e, late=late):
        return pymc.poisson_like(value[:s], e) + pymc.poisson_like(value[s:], late)

    return s, [s, e, late, d]


def test_a_switch_point_has_the_posterior_that_enumeration_gives():
    """Rates integrate out: with an exponential prior, p(y | rate) p(rate) is a gamma integral on either side."""
    from scipy.special import gammaln

    data = np.array([4, 3, 5, 2, 4, 1, 0, 2, 1, 1])
    s, nodes = switch_point(data)

    def side(y):
        return gammaln(y.sum() + 1) - (y.sum() + 1) * np.log(len(y) + 1.0)

    logs = np.array([side(data[:k]) + side(data[k:]) for k in range(11)])
    exact = np.exp(logs - logs.max()) / np.exp(logs - logs.max()).sum()
    sampler = mc.MCMC(nodes)
    sampler.sample(6000, 500, seed=1, chains=2, **QUIET)
    found = np.bincount(sampler.trace("s")[:], minlength=11) / 11000
    # about one draw in ten is independent: five standard errors of a share of 1100
    assert np.abs(found - exact).max() < 5 * np.sqrt(0.25 / 1100)


def two_groups(masked):
    """The same mixture, written by masks and by a look-up."""
    rng = np.random.default_rng(5)
    data = np.r_[rng.normal(0, 1, 30), rng.normal(5, 1, 30)]
    p, a, b = mc.Uniform("p", 0, 1), mc.Normal("a", 0, 0.1), mc.Normal("b", 4, 0.1)
    z = mc.Categorical("z", [p, 1 - p], size=60)

    @mc.stochastic(observed=True)
    def rows(value=data, a=a, b=b, z=z):
        return pymc.normal_like(value[z == 0], a, 1.0) + pymc.normal_like(value[z == 1], b, 1.0)

    mean = mc.Lambda("mean", lambda a=a, b=b, z=z: np.array([a, b])[z])
    return [p, a, b, z, rows if masked else mc.Normal("y", mean, 1.0, value=data, observed=True)]


def test_masks_for_all_labels_are_a_mixture():
    """Written by masks or by a look-up it is one factor, drawn by the same steps."""
    model = mc.Model(two_groups(True))
    structure = structure_of(record(model))
    (block,) = structure.blocks
    factor = next(f for f in structure.recording.factors if f.node.name == "rows")
    assert factor.family.name == "Normal" and not structure.non_factorising
    assert [s.cells is not None for s in block.factors] == [True]


def test_the_same_draws_as_written_by_a_look_up():
    draws, new, shares = [], [], []
    for masked in (True, False):
        sampler = mc.MCMC(two_groups(masked))
        sampler.sample(300, 50, seed=3, **QUIET)
        draws.append([sampler.trace(n)[:] for n in ("p", "a", "b")])
        new.append(sampler.predict_logpdf(np.array([0.0, 2.5, 5.0])))
        shares.append(sampler.memberships())
    for one, other in (draws, new, shares):
        np.testing.assert_allclose(one, other, rtol=1e-9)


def test_masks_of_different_laws_are_rows_with_labels():
    """Normal rows and outliers: no mixture of one family, and still a label update."""
    data = np.r_[RNG.normal(0, 1, 40), [8.0, -9.0]]
    z, m = mc.Bernoulli("z", 0.1, size=42), mc.Normal("m", 0, 0.1)

    @mc.stochastic(observed=True)
    def rows(value=data, m=m, z=z):
        return pymc.normal_like(value[z == 0], m, 1.0) + pymc.uniform_like(value[z == 1], -20.0, 20.0) - m**4

    structure = structure_of(record(mc.Model([z, m, rows])))
    assert not structure.non_factorising and len(structure.blocks) == 1
    sampler = mc.MCMC([z, m, rows])
    sampler.sample(400, 100, seed=2, **QUIET)
    share = sampler.trace("z")[:].mean(0)
    assert share[-2:].min() > 0.95 and share[:-2].mean() < 0.2
