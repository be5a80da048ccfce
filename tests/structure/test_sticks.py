"""Weights by products of probabilities: recognised however they are written, and drawn exactly."""

import numpy as np
import pytest
from scipy import stats

import mcmix as mc
from mcmix.testing import joint_test
from tests.harness import levels

K = 6
ROWS = np.random.default_rng(3).normal(np.repeat([-4.0, 0.0, 4.0], [5, 7, 4]), 1.0)


def of_vector(function):
    def sticks(alpha):
        v = mc.Beta("v", 1, alpha, size=K - 1)
        return mc.Deterministic(function, "weights", name="w", parents={"v": v}), [v]

    return sticks


def by_cumprod(v):
    return np.concatenate([v, [1.0]]) * np.concatenate([[1.0], np.cumprod(1 - v)])


def by_loop(v):
    p, left = np.zeros(K), 1.0
    for i in range(K - 1):
        p[i] = v[i] * left
        left = left * (1 - v[i])
    p[K - 1] = left
    return p


def called_as_written(v):
    return np.array([float(x) for x in by_loop(list(v))])


def by_logs(v):
    logs = np.concatenate([[0.0], np.cumsum(np.log1p(-v))])
    return np.exp(logs) * np.concatenate([v, [1.0]])


def by_list(alpha):
    v = [mc.Beta(f"v{i}", 1, alpha) for i in range(K - 1)]

    def weights(v):
        found, left = [], 1.0
        for share in v:
            found.append(share * left)
            left = left * (1 - share)
        return np.array([*found, left])

    return mc.Deterministic(weights, "weights", name="w", parents={"v": v}), v


def of_the_package(alpha):
    w = mc.StickBreaking("w", alpha, size=K)
    return w, [w.sticks]


WAYS = {
    "cumprod": of_vector(by_cumprod),
    "loop": of_vector(by_loop),
    "logs": of_vector(by_logs),
    "called as written": of_vector(called_as_written),
    "list": by_list,
    "StickBreaking": of_the_package,
}


def model(way, rows=ROWS):
    alpha = mc.Gamma("alpha", 2, 4)
    w, sticks = way(alpha)
    z, mu = mc.Categorical("z", w, size=len(rows)), mc.Normal("mu", 0, 0.05, size=K)
    return mc.MCMC([mc.Normal("y", mu[z], 1.0, value=rows, observed=True), alpha], marginal_moves=False), sticks


@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_write_them_gets_exact_draws(way):
    m, sticks = model(WAYS[way])
    for node in (*sticks, "alpha"):
        name = node if isinstance(node, str) else node.name
        (step,) = [s for s in m.step_methods if any(v.name == name for v in s.variables)]
        assert step.name == "conjugate Gibbs", (name, step)


def textbook(seed, sweeps, burn):
    """Ishwaran and James's blocked sampler, written from the paper; returns draws of the concentration."""
    rng, found = np.random.default_rng(seed), []
    alpha, mu, v = 0.5, rng.normal(0, 4, K), rng.beta(1, 1, K - 1)
    for sweep in range(sweeps):
        logs = np.log(by_cumprod(v) + 1e-300) - 0.5 * (ROWS[:, None] - mu) ** 2
        z = (logs + rng.gumbel(size=logs.shape)).argmax(1)
        n = np.bincount(z, minlength=K)
        mu = rng.normal(np.bincount(z, ROWS, K) / (0.05 + n), 1 / np.sqrt(0.05 + n))
        v = np.minimum(rng.beta(1 + n[:-1], alpha + n[::-1].cumsum()[::-1][1:]), 1 - 1e-15)
        alpha = rng.gamma(2 + K - 1, 1 / (4 - np.log1p(-v).sum()))
        found += [alpha] if sweep >= burn else []
    return np.array(found)


def test_the_concentration_is_that_of_a_textbook_sampler():
    """Both are compared by means of chains: 8 of each, whose spread is the Monte Carlo error."""
    reference = np.array([textbook(seed, 5000, 500).mean() for seed in range(8)])
    m, _ = model(WAYS["cumprod"])
    own = m.sample(6000, 1000, chains=8, seed=1).draws().variables["alpha"].mean(axis=1)
    error = np.hypot(reference.std(ddof=1), own.std(ddof=1)) / np.sqrt(8)
    assert abs(own.mean() - reference.mean()) < 4 * error
    assert 0.05 > error


@pytest.mark.parametrize("discount", [0.0, pytest.param(0.3, marks=pytest.mark.slow)])
def test_the_joint_distribution_stays(discount):
    alpha = mc.Gamma("alpha", 3, 2)
    w = mc.StickBreaking("w", alpha, discount, size=3)
    z, mu = mc.Categorical("z", w, size=6), mc.Normal("mu", 0, 0.5, size=3)
    y = mc.Normal("y", mu[z], 1.0, value=np.zeros(6), observed=True)
    result = joint_test(mc.Model([y]), false_alarm=levels.each("samplers", 100), seed=12)
    assert result.passed, result


def test_branches_of_a_tree_are_products_too():
    a, b = mc.Beta("a", 2, 3), mc.Beta("b", 1, 1, size=2)
    w = mc.Deterministic(
        lambda a, b: np.array([a * b[0], a * (1 - b[0]), (1 - a) * b[1], (1 - a) * (1 - b[1])]),
        "weights",
        name="w",
        parents={"a": a, "b": b},
    )
    counts = np.array([5, 2, 8, 3])
    z = mc.Categorical("z", w, value=np.repeat(np.arange(4), counts), observed=True)
    m = mc.MCMC([z, a, b]).sample(20_500, 500, chains=2, seed=1, progress_bar=False)
    exact = {"a": stats.beta(2 + 7, 3 + 11), "b": stats.beta([1 + 5, 1 + 8], [1 + 2, 1 + 3])}
    for name, own in exact.items():
        draws = m.trace(name)[:]  # independent draws: nothing else is unknown
        assert np.all(np.abs(draws.mean(0) - own.mean()) < 5 * own.std() / np.sqrt(len(draws)))
        assert np.all(np.abs(draws.std(0) / own.std() - 1) < 0.03)


@pytest.mark.parametrize(
    "weights",
    [
        lambda v: np.append(v, 1 - v.sum()),
        lambda v: np.append(v * np.append(1.0, 1 - v[:-1]), 0.1) / (v * np.append(1.0, 1 - v[:-1])).sum(),
        lambda v: np.exp(np.append(v, 0.0)) / np.exp(np.append(v, 0.0)).sum(),
        lambda v: np.append(v**1.5, 1 - (v**1.5).sum()),
    ],
    ids=["a simplex", "normalised", "softmax", "powers"],
)
def test_what_is_no_product_is_left_to_other_steps(weights):
    from mcmix.structure.expression import as_expression, leaf
    from mcmix.structure.sticks import sticks

    v = mc.Beta("v", 1, 1, size=2)
    own = leaf(v, (2,), "float")
    assert sticks(as_expression(weights(own)), own, own) is None


def test_messages_to_the_shapes_of_a_beta_distribution():
    """Data from Beta(1, b): the posterior of b under a gamma prior is a gamma distribution."""
    x = np.random.default_rng(2).beta(1.0, 3.0, 40)
    b = mc.Gamma("b", 2.0, 1.0)
    m = mc.MCMC([mc.Beta("y", 1, b, value=x, observed=True), b]).sample(10_200, 200, chains=2, seed=3)
    exact = stats.gamma(2.0 + 40, scale=1 / (1.0 - np.log1p(-x).sum()))
    draws = m.trace("b")[:]
    assert abs(draws.mean() - exact.mean()) < 5 * exact.std() / np.sqrt(len(draws))
    a = mc.Gamma("a", 2.0, 1.0)
    m = mc.MCMC([mc.Beta("y", a, 1, value=1 - x, observed=True), a])
    assert m.step_methods[0].name == "conjugate Gibbs"
    m = mc.MCMC([mc.Beta("y", 2, mc.Gamma("c", 2.0, 1.0), value=x, observed=True)])
    assert m.step_methods[0].name != "conjugate Gibbs"


@pytest.mark.parametrize("axis", [None, 0, 1])
def test_running_products_are_recorded(axis):
    x = mc.Normal("x", 0, 1, size=(2, 3))
    f = mc.Deterministic(lambda x: np.cumprod(x, axis), "running products", name="f", parents={"x": x})
    y = mc.Normal("y", f, 1, value=np.zeros(np.shape(f.value)), observed=True)
    assert not mc.MCMC([y, x]).assembled.recording.opaque


def test_the_rest_and_the_error_of_cutting():
    w = mc.StickBreaking("w", 1.0, size=5)
    assert w.expected_rest == pytest.approx(0.5**4)
    assert w.truncation_error(3) == pytest.approx(6 * 0.5**4) and w.truncation_error(1000) == 1.0
    drawn = stats.beta(0.7, 1.0 + 0.3 * np.arange(1, 5)).rvs((200_000, 4), random_state=1)
    rest = np.prod(1 - drawn, axis=1)
    own = mc.StickBreaking("u", 1.0, 0.3, size=5).expected_rest
    assert abs(rest.mean() - own) < 5 * rest.std() / np.sqrt(len(rest))
    assert np.sum(mc.StickBreaking("s", mc.Gamma("a", 2, 1), size=4).value) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ((-1.0,), "concentration expected a finite number above 0, got -1.0"),
        ((0.0,), "concentration expected"),
        ((np.inf,), "concentration expected"),
        ((1.0, 1.0), "discount expected from 0 to below 1, got 1.0"),
        ((1.0, -0.1), "discount expected"),
        ((-0.4, 0.3), "concentration expected a finite number above -0.3, got -0.4"),
        (([1.0, 2.0],), "concentration expected one number or node"),
    ],
)
def test_numbers_outside_their_range(arguments, what):
    with pytest.raises(mc.ModelError, match=f"w: {what}"):
        mc.StickBreaking("w", *arguments, size=4)


@pytest.mark.parametrize("size", [1, 2.5, True, "4"])
def test_sizes_that_are_none(size):
    with pytest.raises(mc.ModelError, match="w: size expected a whole number of at least 2"):
        mc.StickBreaking("w", 1.0, size=size)
