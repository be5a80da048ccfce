"""The passes over the data against a plain twin: the same uniforms, the same labels, the same sums."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from scipy import stats
from scipy.special import logsumexp

import mcmix as mc
from mcmix.kernels import independent_labels
from mcmix.kernels import labels as kernels
from mcmix.kernels.base import address_of, kernel, run
from mcmix.kernels.driver import run_step
from mcmix.kernels.machine import TILE
from mcmix.kernels.random import LANES, STREAM_WORDS, fill_uniforms, seeded_streams, truncated_standard_normal
from mcmix.kernels.records import partly, seen
from mcmix.kernels.soft import soft_pass
from mcmix.kernels.tiles import PASS, UNIFORMS, exp_of_nonpositive, workspace_size
from mcmix.steps.base import Chain

BLOCK = 16384

# -------------------------------------------------------------------- uniforms


def generator(state):
    """NumPy's SFC64 from its four words."""
    made = np.random.SFC64()
    made.state = {"bit_generator": "SFC64", "state": {"state": state.copy()}, "has_uint32": 0, "uinteger": 0}
    return made


def words_of(states, n):
    """The first n words of a block's eight lanes, interleaved."""
    lanes = [generator(states[lane::LANES]) for lane in range(LANES)]
    raw = np.stack([lane.random_raw(-(-n // LANES)) for lane in lanes], 1)
    return raw.ravel()[:n]


def as_uniforms(raw):
    """The upper 52 bits as a number in (0, 1]."""
    return 1.0 - (raw >> np.uint64(12)).astype(float) * 2.0**-52


@pytest.mark.parametrize("n", [8, 256, 1000])
def test_uniforms_are_those_of_numpys_generator(n):
    sequence = np.random.SeedSequence(5, spawn_key=(1, 2))
    states = seeded_streams(sequence, 3)
    for block in range(3):
        lanes = np.random.SeedSequence(5, spawn_key=(1, 2, 1, block)).spawn(LANES)
        raw = np.stack([np.random.SFC64(lane).random_raw(n // LANES) for lane in lanes], 1).ravel()
        out = np.zeros(n)
        fill_uniforms(states[block], out, n)
        assert np.array_equal(out, as_uniforms(raw))


def test_uniforms_go_on_where_they_stopped():
    states = seeded_streams(np.random.SeedSequence(6), 1)[0]
    whole, parts = np.zeros(64), np.zeros(64)
    fill_uniforms(states.copy(), whole, 64)
    for start in range(0, 64, 16):
        fill_uniforms(states, parts[start:], 16)
    assert np.array_equal(whole, parts)


def test_a_block_has_its_own_stream_however_many_there_are():
    few, many = seeded_streams(np.random.SeedSequence(7), 2), seeded_streams(np.random.SeedSequence(7), 5)
    assert np.array_equal(few, many[:2])
    assert len({tuple(row) for row in many}) == 5
    assert many.shape == (5, STREAM_WORDS)


def test_uniforms_never_are_zero_and_may_be_one():
    """The two ends of the range: words of zeros and of ones."""
    for word, expected in ((0, 1.0), (2**64 - 1, 2.0**-52)):
        state = np.zeros(STREAM_WORDS, np.uint64)
        state[:LANES] = np.uint64(word)  # a + b + counter is the first word
        out = np.zeros(LANES)
        fill_uniforms(state, out, LANES)
        assert np.all(out == expected)


# -------------------------------------------------------------------- the exponential


def test_exponential_of_nonpositive_numbers():
    x = -np.concatenate([np.linspace(0, 707.9, 20001), np.logspace(-18, 2.8, 2001)])
    found = np.array([exp_of_nonpositive(v) for v in x])
    exact = np.array([math.exp(v) for v in x])
    assert np.all(np.abs(found - exact) <= 2e-14 * exact)
    assert exp_of_nonpositive(0.0) == 1.0


@pytest.mark.parametrize("x", [-708.0, -800.0, -1e6, -1e300, -np.inf])
def test_exponential_of_very_small_numbers(x):
    assert 0.0 <= exp_of_nonpositive(x) < 1e-307


# -------------------------------------------------------------------- passes


@dataclass
class Bound:
    """A model's label update, bound to one chain's memory."""

    chain: Chain
    step: Any
    call: Any
    states: np.ndarray  # a copy: the streams before the first pass

    def run(self, kernel):
        return run_step(kernel, self.call.words, self.call.reals, self.chain.stream)

    @property
    def labels(self):
        return self.chain.view(self.step.variables[0]).copy()

    def factor(self, node):
        """A data node's distribution."""
        return next(s.factor for s in self.step.block.factors if s.factor.node is node)

    def sums(self, node, j=0):
        """(counts, sums, sums of squares) of a data node's cells."""
        factor = self.factor(node)
        keys = [("count", factor), ("sum", factor, j), ("square", factor, j)]
        return [self.chain.view(k).copy() for k in keys if k in self.chain.layout.places]

    def shift(self, node):
        """The number about which a data node's sums are taken."""
        return self.chain.view(("shifts", self.factor(node)))[0]

    @property
    def units(self):
        return self.chain.view(("units", self.step.variables[0])).copy()


def bound(nodes, values, seed=11):
    """Bind a model's label update, with the unknowns at given values."""
    made = mc.MCMC(nodes).assembled
    step = next(s for s in made.steps if s.name == "label update")
    chain = Chain(made.plan.layout, np.random.SeedSequence(seed))
    call = step.bind(chain)[-1]
    for node in made.model.stochastics:
        chain.put(node, values[node.name] if node.name in values else np.zeros(node.shape))
    n = step.block.label.n_units
    return Bound(chain, step, call, chain.row_streams(step.variables[0], step.label_pass.number, n).copy())


def uniforms_of(states, n):
    """One uniform per unit: block by block, the eight lanes of each interleaved."""
    parts = [as_uniforms(words_of(states[b], min(BLOCK, n - b * BLOCK))) for b in range(len(states))]
    return np.concatenate(parts)


def drawn(logs, uniforms):
    """Labels by naive loops: the first whose running sum reaches the uniform's share of the total."""
    labels = np.zeros(len(logs))
    for i, (row, u) in enumerate(zip(logs, uniforms, strict=True)):
        weights = [math.exp(v - max(row)) for v in row]
        level, reached = u * sum(weights), 0.0
        for k, weight in enumerate(weights):
            reached += weight
            labels[i] = k
            if reached >= level:
                break
    return labels


def sums_by_label(labels, x, k, shift):
    about = x - shift
    return [np.array([f(about[labels == j]) for j in range(k)]) for f in (len, np.sum, lambda v: np.sum(v**2))]


def normal_mixture(n, k, seed=3):
    rng = np.random.default_rng(seed)
    x = rng.normal(rng.normal(0, 3, n), 1.0)
    z = mc.Categorical("z", mc.Dirichlet("w", np.ones(k)), size=n)
    mu, tau = mc.Normal("mu", 0.0, 0.1, size=k), mc.Gamma("tau", 2.0, 1.0, size=k)
    y = mc.Normal("y", mu[z], tau[z], value=x, observed=True)
    values = {"w": rng.dirichlet(np.ones(k)), "mu": rng.normal(0, 3, k), "tau": rng.gamma(2.0, 1.0, k)}
    logs = np.log(values["w"]) + stats.norm.logpdf(x[:, None], values["mu"], values["tau"] ** -0.5)
    return y, x, values, logs


SIZES = [
    (1, 2),
    (7, 3),
    (255, 2),
    (256, 10),
    (257, 1),
    (1000, 3),
    (BLOCK, 2),
    (BLOCK + 1, 3),
    (2 * BLOCK + 777, 2),
    (700, 300),
]


@pytest.mark.parametrize(("n", "k"), SIZES)
def test_hard_pass(n, k):
    y, x, values, logs = normal_mixture(n, k)
    b = bound([y], values)
    assert b.run(kernels.hard_pass) == 0
    labels = drawn(logs, uniforms_of(b.states, n))
    assert np.array_equal(b.labels, labels)
    shift = b.shift(y)
    for found, exact in zip(b.sums(y), sums_by_label(labels, x, k, shift), strict=True):
        np.testing.assert_allclose(found, exact, rtol=1e-11, atol=1e-9)
    assert np.array_equal(b.units, np.bincount(labels.astype(int), minlength=k))


def test_the_second_pass_takes_the_next_uniforms():
    """256 rows a tile; the tile's last lanes are used up even where rows are missing."""
    n, k = 300, 3
    y, _, values, logs = normal_mixture(n, k)
    b = bound([y], values)
    for _ in range(2):
        assert b.run(kernels.hard_pass) == 0
    used = 256 + 48  # 300 rows are one tile and 44 rows, rounded up to whole lanes
    words = words_of(b.states[0], 2 * used)
    assert np.array_equal(b.labels, drawn(logs, as_uniforms(words[used : used + n])))


@pytest.mark.parametrize(("n", "k"), [(1, 2), (257, 1), (1000, 3), (BLOCK + 1, 2), (700, 300)])
def test_counting_labels_as_they_stand(n, k):
    y, x, values, _ = normal_mixture(n, k)
    labels = np.random.default_rng(4).integers(0, k, n)
    b = bound([y], {**values, "z": labels})
    assert b.run(kernels.count_labels) == 0
    assert np.array_equal(b.labels, labels)
    shift = b.shift(y)
    for found, exact in zip(b.sums(y), sums_by_label(labels, x, k, shift), strict=True):
        np.testing.assert_allclose(found, exact, rtol=1e-11, atol=1e-9)
    assert np.array_equal(b.units, np.bincount(labels, minlength=k))


@pytest.mark.parametrize(("n", "k"), [(1, 2), (257, 1), (1000, 3), (BLOCK + 1, 2), (700, 300)])
def test_soft_pass(n, k):
    y, x, values, logs = normal_mixture(n, k)
    b = bound([y], values)
    unit_log, memberships = np.zeros(n), np.zeros((n, k))
    told = seen(PASS, b.call.words)
    told.unit_logs, told.memberships = address_of(unit_log), address_of(memberships)
    assert b.run(soft_pass) == 0
    total = logsumexp(logs, axis=1)
    weights = np.exp(logs - total[:, None])
    about = x - b.shift(y)
    np.testing.assert_allclose(unit_log, total, rtol=1e-12)
    np.testing.assert_allclose(memberships, weights, rtol=1e-10, atol=1e-15)
    for found, exact in zip(b.sums(y), (weights.sum(0), weights.T @ about, weights.T @ about**2), strict=True):
        np.testing.assert_allclose(found, exact, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(b.units, weights.sum(0), rtol=1e-10)


def test_sums_keep_a_small_variance_far_from_zero():
    """A variance of 1e-2 at an offset of 1e8 survives, because sums are taken about a shift."""
    rng = np.random.default_rng(5)
    x = 1e8 + rng.normal(0, 0.1, 1000)
    z = mc.Categorical("z", mc.Dirichlet("w", np.ones(2)), size=1000)
    mu = mc.Normal("mu", 1e8, 1e-4, size=2)
    y = mc.Normal("y", mu[z], 100.0, value=x, observed=True)
    b = bound([y], {"w": [0.5, 0.5], "mu": [1e8, 1e8 + 0.05]})
    assert b.run(kernels.hard_pass) == 0
    count, total, squares = b.sums(y)
    for j in range(2):
        mine = x[b.labels == j]
        variance = squares[j] / count[j] - (total[j] / count[j]) ** 2
        assert variance == pytest.approx(np.var(mine - 1e8), rel=1e-6)


# -------------------------------------------------------------------- other shapes of a pass


@pytest.mark.parametrize(
    "group_of",
    [lambda n: np.repeat(np.arange(n), 3)[: 2 * n], lambda n: np.random.default_rng(8).integers(0, n, 2 * n)],
    ids=["sorted", "scattered"],
)
@pytest.mark.parametrize("n", [5, 400, 1000])
def test_several_rows_per_unit(group_of, n):
    rng, k = np.random.default_rng(6), 3
    group = group_of(n)
    x = rng.normal(0, 2, len(group))
    z = mc.Categorical("z", mc.Dirichlet("w", np.ones(k)), size=n)
    mu = mc.Normal("mu", 0.0, 0.1, size=k)
    y = mc.Normal("y", mu[z[group]], 0.7, value=x, observed=True)
    values = {"w": rng.dirichlet(np.ones(k)), "mu": rng.normal(0, 1, k)}
    b = bound([y], values)
    assert b.run(kernels.hard_pass) == 0
    rows = stats.norm.logpdf(x[:, None], values["mu"], 0.7**-0.5)
    logs = np.log(values["w"]) + np.stack([np.bincount(group, rows[:, j], n) for j in range(k)], 1)
    labels = drawn(logs, uniforms_of(b.states, n))
    assert np.array_equal(b.labels, labels)
    shift = b.shift(y)
    for found, exact in zip(b.sums(y), sums_by_label(labels[group], x, k, shift), strict=True):
        np.testing.assert_allclose(found, exact, rtol=1e-11, atol=1e-9)
    assert np.array_equal(b.units, np.bincount(labels.astype(int), minlength=k))


@pytest.mark.parametrize("n", [9, 600])
def test_parameters_that_vary_by_row(n):
    rng, k = np.random.default_rng(7), 3
    x, errors = rng.normal(0, 2, n), rng.gamma(2.0, 0.3, n)
    z = mc.Categorical("z", mc.Dirichlet("w", np.ones(k)), size=n)
    mu, sd = mc.Normal("mu", 0.0, 0.1, size=k), mc.Uniform("sd", 0, 5, size=k)
    y = mc.Normal("y", mu[z], 1 / (sd[z] ** 2 + errors**2), value=x, observed=True)
    values = {"w": rng.dirichlet(np.ones(k)), "mu": rng.normal(0, 1, k), "sd": rng.gamma(2.0, 0.5, k)}
    b = bound([y], values)
    assert b.run(kernels.hard_pass) == 0
    scale = np.sqrt(values["sd"] ** 2 + errors[:, None] ** 2)
    logs = np.log(values["w"]) + stats.norm.logpdf(x[:, None], values["mu"], scale)
    assert np.array_equal(b.labels, drawn(logs, uniforms_of(b.states, n)))


@pytest.mark.parametrize("n", [9, 600])
def test_two_data_nodes_and_known_groups(n):
    """A count column, and a normal one whose mean is shifted by a known group: six cells, then more than eight."""
    for n_groups in (2, 5):
        rng, k = np.random.default_rng(8), 3
        x, counts, group = rng.normal(0, 2, n), rng.poisson(3.0, n), rng.integers(0, n_groups, n)
        group[:n_groups] = np.arange(n_groups)
        z = mc.Categorical("z", mc.Dirichlet("w", np.ones(k)), size=n)
        mu, shift = mc.Normal("mu", 0.0, 0.1, size=k), mc.Normal("shift", 0.0, 1.0, size=n_groups)
        rate = mc.Gamma("rate", 2.0, 1.0, size=k)
        y = mc.Normal("y", mu[z] + shift[group], 0.7, value=x, observed=True)
        c = mc.Poisson("c", rate[z], value=counts, observed=True)
        values = {
            "w": rng.dirichlet(np.ones(k)),
            "mu": rng.normal(0, 1, k),
            "shift": rng.normal(0, 1, n_groups),
            "rate": rng.gamma(3.0, 1.0, k),
        }
        b = bound([y, c], values)
        assert b.run(kernels.hard_pass) == 0
        rows = stats.norm.logpdf(x[:, None], values["mu"] + values["shift"][group][:, None], 0.7**-0.5)
        logs = np.log(values["w"]) + rows + stats.poisson.logpmf(counts[:, None], values["rate"])
        labels = drawn(logs, uniforms_of(b.states, n))
        assert np.array_equal(b.labels, labels)
        assert np.array_equal(b.sums(c)[0], np.bincount(labels.astype(int), minlength=k))
        assert np.array_equal(b.sums(c)[1], np.bincount(labels.astype(int), counts, k))
        cell = labels.astype(int) * n_groups + group
        about = x - b.shift(y)
        np.testing.assert_allclose(b.sums(y)[0], np.bincount(cell, minlength=k * n_groups))
        np.testing.assert_allclose(b.sums(y)[1], np.bincount(cell, about, k * n_groups), rtol=1e-11, atol=1e-9)
        np.testing.assert_allclose(b.sums(y)[2], np.bincount(cell, about**2, k * n_groups), rtol=1e-11, atol=1e-9)


def test_labels_with_a_lowest_value_of_their_own():
    x = np.random.default_rng(9).normal(4, 1.5, 500)
    z = mc.DiscreteUniform("z", 3, 5, size=500)
    slope = mc.Normal("slope", 1.0, 1.0)
    y = mc.Normal("y", slope * z, 1.0, value=x, observed=True)
    b = bound([y], {"slope": 1.1, "z": np.full(500, 3)})
    assert b.run(kernels.hard_pass) == 0
    logs = stats.norm.logpdf(x[:, None], 1.1 * np.arange(3, 6), 1.0)
    assert np.array_equal(b.labels, 3 + drawn(logs, uniforms_of(b.states, 500)))


# -------------------------------------------------------------------- extreme weights


@pytest.mark.parametrize("k", [2, 3, 10])
@pytest.mark.parametrize("ends", [0.0, 1.0, None], ids=["lowest uniform", "highest uniform", "random uniforms"])
def test_a_component_without_weight_is_never_drawn(k, ends):
    y, _, values, _ = normal_mixture(1000, k)
    for absent in range(k):
        b = bound([y], values)
        with np.errstate(divide="ignore"):
            weights = np.where(np.arange(k) == absent, -np.inf, -np.log(k - 1))
        b.chain.view(b.step.variables[0].parents["probabilities"])[:] = weights
        for state in range(STREAM_WORDS if ends is not None else 0):
            b.chain.row_streams(b.step.variables[0], b.step.label_pass.number, 1000)[0, state] = 0
        if ends == 0.0:
            b.chain.row_streams(b.step.variables[0], b.step.label_pass.number, 1000)[0, :LANES] = np.uint64(2**64 - 1)
        assert b.run(kernels.hard_pass) == 0
        assert not np.any(b.labels == absent)


@pytest.mark.parametrize("k", [2, 3, 10])
def test_a_component_that_cannot_make_a_row_is_never_drawn(k):
    """Uniform components whose ranges do not overlap: labels are certain."""
    rng = np.random.default_rng(10)
    truth = rng.integers(0, k, 1000)
    x = truth + rng.random(1000)
    z = mc.Categorical("z", mc.Dirichlet("w", np.ones(k)), size=1000)
    low = mc.Normal("low", 0.0, 1.0, size=k)
    y = mc.Uniform("y", low[z], low[z] + 1.0, value=x, observed=True)
    b = bound([y], {"w": rng.dirichlet(np.ones(k)), "low": np.arange(k)})
    assert b.run(kernels.hard_pass) == 0
    assert np.array_equal(b.labels, truth)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_a_row_that_no_component_can_make_is_reported(k):
    x = np.linspace(0.1, 0.9, 50)
    x[37] = 5.0
    z = mc.Categorical("z", mc.Dirichlet("w", np.ones(k)), size=50)
    low = mc.Normal("low", 0.0, 1.0, size=k)
    y = mc.Uniform("y", low[z], low[z] + 1.0, value=x, observed=True)
    b = bound([y], {"w": np.full(k, 1 / k), "low": np.zeros(k)})
    assert b.run(kernels.hard_pass) == kernels.IMPOSSIBLE_ROW


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("component", [0, 1])
def test_a_density_that_is_not_a_number_is_reported(k, component):
    """A mean that is not a number, in one component."""
    y, _, values, _ = normal_mixture(300, k)
    b = bound([y], {**values, "mu": np.where(np.arange(k) == component, np.nan, values["mu"])})
    assert b.run(kernels.hard_pass) == kernels.NOT_A_NUMBER_ROW


# -------------------------------------------------------------------- densities without bound


def of_a_tile(kernel, logs, uniforms):
    """What a kernel of independent labels answers for one tile, and the tile's workspace."""
    m, k = logs.shape
    workspace = np.zeros(workspace_size(k))
    lanes = workspace.reshape(-1, TILE)
    lanes[:k, :m], lanes[k + UNIFORMS, :m] = logs.T, uniforms
    told = partly(PASS, labels=k, workspace=address_of(workspace))
    return run(kernel.address, 0, address_of(told), 0, m), lanes


@pytest.mark.parametrize("k", [2, 3, 5])
@pytest.mark.parametrize("component", [0, 1])
def test_a_density_without_bound_is_reported_however_many_components_there_are(k, component):
    logs = np.random.default_rng(1).normal(size=(100, k))
    logs[17, component] = np.inf
    assert of_a_tile(independent_labels.draw, logs, np.full(100, 0.5))[0] == 1
    logs[17, component] = -np.inf
    assert of_a_tile(independent_labels.draw, logs, np.full(100, 0.5))[0] == 0


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("infinite", [np.inf, -np.inf])
def test_what_has_no_total_enters_no_sum(k, infinite):
    """Responsibilities of a unit that nothing, or something without bound, explains are equal, never not a number."""
    logs = np.random.default_rng(2).normal(size=(50, k))
    logs[9] = -np.inf
    logs[9, 0] = infinite
    _, lanes = of_a_tile(independent_labels.expect, logs, np.full(50, 0.5))
    assert lanes[:k, 9] == pytest.approx(np.full(k, 1.0 / k))
    others = np.arange(50) != 9
    expected = np.exp(logs[others] - logsumexp(logs[others], axis=1, keepdims=True))
    assert lanes[:k, :50].T[others] == pytest.approx(expected, rel=1e-12)


def test_a_refused_label_permutation_leaves_a_tiny_probability_as_it_was():
    """1 - (1 - p) would be zero."""
    p = mc.Beta("p", 0.5, 5.0)
    z = mc.Categorical("z", mc.Lambda("w", lambda p=p: np.array([p, 1.0 - p])), size=20)
    mu = mc.Normal("mu", [0.0, 5.0], 1.0, size=2)
    m = mc.MCMC([mc.Normal("y", mu[z], 1.0, value=np.linspace(0.0, 5.0, 20), observed=True)])
    m.sample(2, chains=1, seed=1, progress_bar=False)
    chain = m._runners[0].chain
    (step,) = [s for s in m.step_methods if s.variables[0] is z]
    move = step.bind(chain)[0]
    chain.put(p, 1e-20)
    chain.put(mu, [0.0, 5.0])
    for _ in range(20):
        assert run_step(move.kernel, move.words, move.reals, chain.stream) == 0
        assert chain.get(p) == 1e-20


@kernel
def _truncated(stream, low, high, out):
    for i in range(out.size):
        out[i] = truncated_standard_normal(stream, low, high)


@pytest.mark.parametrize(("low", "high"), [(0.01, 90.0), (1e-12, 1e10), (0.3, 1.9), (0.5, 0.9), (2.0, 2.3), (3.0, 1e9)])
def test_truncated_normals_above_zero_however_wide(low, high):
    generator = np.random.SFC64(5)
    found = np.zeros(4000)
    _truncated(int(generator.ctypes.bit_generator.value), low, high, found)
    assert stats.kstest(found, stats.truncnorm(low, high).cdf).pvalue > 1e-6
