"""Loops over nodes mean what one vector node means: one structure, one posterior, names and traces as written."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from scipy import stats

import mcmix as mc
import mcmix.testing
from mcmix.distributions.table import FAMILIES
from mcmix.errors import ModelError
from mcmix.nodes.plate import Plate
from mcmix.report.arviz_bridge import to_netcdf
from mcmix.sampling.run import runner
from mcmix.structure.evaluate import evaluate
from mcmix.structure.expression import as_expression, concatenate, cumulative_sum, density, gather, leaf, reduce
from mcmix.structure.plates import FEWEST, gathered
from mcmix.structure.recording import Recording, is_log_kept, record
from mcmix.structure.stacked import NotAlike, Signatures, stacked
from tests.harness import grammar
from tests.harness.tempered import all_at

N = 40  # more than FEWEST
FALSE_ALARM = 1e-6


def steps_of(m: mc.MCMC, name: str) -> list[str]:
    return [s.name for s in m.step_method_dict[m.model.get_node(name)]]


def two_components(loop: bool, n: int = N) -> list:
    x = np.random.default_rng(1).normal(np.arange(n) % 2 * 4.0, 1.0)
    w = mc.Dirichlet("w", [1, 1])
    z = mc.Categorical("z", w, size=n)
    mu = mc.Normal("mu", [0, 3], sigma=5, size=2)
    if loop:
        return [*(mc.Normal(f"y{i}", mu[z[i]], 1.0, value=x[i], observed=True) for i in range(n)), w, z, mu]
    return [mc.Normal("y", mu[z], 1.0, value=x, observed=True), w, z, mu]


# -------------------------------------------------------------------- stacking expressions


LEAF = leaf("a", (6,))
WHOLE = leaf("n", (4,), "int")
VALUES = {"a": np.array([0.3, -1.0, 2.0, 0.5, 1.5, -0.7]), "n": np.array([2, 0, 1, 3])}


@pytest.mark.parametrize(
    "made",
    [
        lambda i: LEAF[i] * 2.0 + (i + 2.5),
        lambda i: np.exp(LEAF[i]) / (2.0 + i),
        lambda i: gather(LEAF, WHOLE[i]) - LEAF[0],
        lambda i: gather(LEAF[i : i + 2], WHOLE[0] // 3),
        lambda i: as_expression([LEAF[i], 1.0, LEAF[i + 1]]),
        lambda i: (LEAF[i : i + 3] * np.arange(3.0)).sum() + LEAF[0],
        lambda i: reduce("max", LEAF[2 * i : 2 * i + 2]),
        lambda i: cumulative_sum(LEAF[i : i + 3]),
        lambda i: density(mc.Normal.family, 0.1 * i, (LEAF[i], 2.0)),
        lambda i: density(mc.Normal.family, np.array([0.1 * i, 1.0]), (LEAF[i], np.array([1.0, 2.0 + i]))),
        lambda i: concatenate([LEAF[i : i + 2], LEAF[:2]]),
        lambda i: np.where(LEAF[i] > 0.0, LEAF[i], 1.5 + i),
    ],
)
def test_stacked_expressions_are_those_expressions_in_an_array(made):
    parts = [as_expression(made(i)) for i in range(3)]
    signatures = Signatures()
    assert len({signatures.of(p) for p in parts}) == 1
    expected = np.stack([evaluate(p, VALUES) for p in parts])
    assert np.array_equal(evaluate(stacked(parts), VALUES), expected)


def test_what_all_share_stays_as_it_is():
    assert stacked([LEAF, LEAF]) is LEAF


def test_different_operations_are_not_alike():
    one, other = LEAF[0] + 1.0, LEAF[0] * 2.0
    signatures = Signatures()
    assert signatures.of(one) != signatures.of(other)
    with pytest.raises(NotAlike):
        stacked([one, other])


# -------------------------------------------------------------------- the same as the vector form


def test_a_loop_over_rows_draws_what_one_node_for_all_rows_draws():
    loop, vector = (mc.MCMC(two_components(k)).sample(60, 10, seed=3, chains=2, progress_bar=False) for k in (1, 0))
    for name in ("mu", "w", "z"):
        assert np.array_equal(loop.trace(name)[:], vector.trace(name)[:]), name
    assert steps_of(loop, "z") == ["label update"]
    assert "Metropolis" not in str(loop.step_methods)


def test_a_loop_is_relabelled_as_one_node_is():
    loop = mc.MCMC(two_components(True)).sample(200, 100, seed=3, chains=2, progress_bar=False)
    means = mc.relabel(loop, within="all")["posterior"]["mu"].mean(("chain", "draw")).values
    assert np.abs(np.sort(means) - [0, 4]).max() < 0.8  # four times the posterior deviation, 1 / sqrt(20)


def test_a_list_of_effects_has_its_exact_posterior():
    """a ~ N(0, 1), y | a ~ N(a, 1) twice, at 1 and 2: a | y ~ N(1, 1/3)."""
    data = [mc.Normal(f"y{i}", mc.Normal(f"a{i}", 0, 1), 1, value=[1.0, 2.0], observed=True) for i in range(N)]
    m = mc.MCMC(data).sample(1100, 100, seed=1, chains=1, progress_bar=False)
    assert steps_of(m, "a7") == ["conjugate Gibbs"]
    draws = np.array([m.trace(f"a{i}")[:] for i in range(N)])  # independent draws
    assert abs(draws.mean() - 1.0) < 5 * np.sqrt(1 / 3 / draws.size)
    assert np.abs(draws.mean(1) - 1.0).max() < 5 * np.sqrt(1 / 3 / draws.shape[1])
    assert abs(draws.var() - 1 / 3) < 5 * np.sqrt(2 / draws.size) / 3
    correlations = np.corrcoef(draws)[np.triu_indices(N, 1)]
    assert np.abs(correlations).max() < 6 / np.sqrt(draws.shape[1])


def test_labels_that_are_single_nodes_have_their_exact_probabilities():
    x = np.random.default_rng(2).normal(np.arange(N) % 2 * 2.0, 1.0)
    z = [mc.Categorical(f"z{i}", [0.3, 0.7]) for i in range(N)]
    y = [mc.Normal(f"y{i}", 2.0 * z[i], 1.0, value=x[i], observed=True) for i in range(N)]
    m = mc.MCMC([*y, *z]).sample(2050, 50, seed=2, chains=1, progress_bar=False)
    assert steps_of(m, "z3") == ["label update"]
    odds = 0.7 / 0.3 * np.exp(2.0 * x - 2.0)
    share = odds / (1.0 + odds)
    found = np.array([m.trace(f"z{i}")[:].mean() for i in range(N)])
    assert np.abs((found - share) / np.sqrt(share * (1 - share) / 2000)).max() < 5
    assert m.trace("z3")[:].dtype.kind == "i"


def with_odd_nodes(kind: str) -> tuple[list, list]:
    """Data of one label each that are not all alike, and the same data as few nodes of rows."""
    n = 5 if kind == "few" else N
    x = np.random.default_rng(2).normal(np.arange(n) % 2 * 4.0, 1.0)
    odd = [] if kind == "few" else [7] if kind != "last" else [n - 1]
    like = [i for i in range(n) if i not in odd]
    made: list[list] = []
    for loop in (True, False):
        w = mc.Dirichlet("w", [1, 1])
        z, mu = mc.Categorical("z", w, size=n), mc.Normal("mu", [0, 3], sigma=5, size=2)
        y = [mc.Normal(f"y{i}", mu[z[i]], 1.0, value=x[i], observed=True) for i in like]
        if not loop:
            y = [mc.Normal("y", mu[z[np.array(like)]], 1.0, value=x[like], observed=True)]
        for i in odd:
            at = z[i] if loop else z[np.array([i])]
            value = x[i] if loop else x[[i]]
            if kind == "family":
                y.append(mc.Laplace("odd", mu[at], 1.0, value=value, observed=True))
            elif kind == "rows":
                several = np.array([x[i], x[i] + 1.0, x[i] - 0.5])
                y.append(mc.Normal("odd", mu[z[i] if loop else z[np.full(3, i)]], 1.0, value=several, observed=True))
            else:
                y.append(mc.Normal("odd", mu[at], 0.5, value=value, observed=True))
        made.append([*y, w, z, mu])
    return made[0], made[1]


@pytest.mark.parametrize("kind", ["few", "family", "rows", "last"])
def test_nodes_of_one_label_that_are_not_like_the_others_keep_the_label_pass(kind: str):
    """Their labels separate as those of rows do, and draw for draw alike."""
    loop, rows = (mc.MCMC(m) for m in with_odd_nodes(kind))
    assert steps_of(loop, "z") == steps_of(rows, "z") == ["label update"]
    loop, rows = (m.sample(60, 10, seed=3, chains=1, progress_bar=False) for m in (loop, rows))
    assert np.array_equal(loop.trace("z")[:], rows.trace("z")[:])
    assert np.allclose(loop.trace("mu")[:], rows.trace("mu")[:], rtol=1e-9)
    assert np.allclose(loop.deviance, rows.deviance, rtol=1e-9)


def test_a_missing_entry_in_a_loop_leaves_the_label_pass():
    """Labels and the entry against their probabilities."""
    x = np.random.default_rng(4).normal(1.0, 1.0, (24, 2))
    x[7, 1] = np.nan
    z = mc.Categorical("z", [0.7, 0.3], size=24)
    y = [mc.Normal(f"y{i}", 2.0 * z[i], 1.0, value=np.ma.masked_invalid(x[i]), observed=True) for i in range(24)]
    m = mc.MCMC([*y, z]).sample(4100, 100, seed=5, chains=1, progress_bar=False)
    assert steps_of(m, "z") == ["label update"]
    odds = 0.3 / 0.7 * np.exp(np.nansum(2.0 * x - 2.0, axis=1))
    share = odds / (1.0 + odds)
    assert np.abs((m.trace("z")[:].mean(0) - share) / np.sqrt(share * (1 - share) / 4000)).max() < 5
    entry = m.trace("y7")[:][:, 0]
    assert abs(entry.mean() - 2.0 * share[7]) < 5 * np.sqrt((1 + 4 * share[7] * (1 - share[7])) / 4000) * 2


def test_a_single_number_with_a_label_of_its_own_has_the_label_pass():
    """Its label's probability is known."""
    z = mc.Categorical("z", [0.7, 0.3], size=3)
    y = mc.Normal("y", 2.0 * z[1], 1.0, value=1.4, observed=True)
    m = mc.MCMC([y, z]).sample(4100, 100, seed=5, chains=1, progress_bar=False)
    assert steps_of(m, "z") == ["label update"]
    share = 1.0 / (1.0 + 0.7 / 0.3 * np.exp(2.0 - 2.0 * 1.4))
    draws = m.trace("z")[:]
    for column, expected in zip(draws.T, [0.3, share, 0.3], strict=True):
        assert abs(column.mean() - expected) < 5 * np.sqrt(expected * (1 - expected) / 4000)


# -------------------------------------------------------------------- hidden chains


def smoothed(emissions: np.ndarray, start: np.ndarray, moves: np.ndarray) -> tuple[np.ndarray, float]:
    """Marginal probabilities of the states given all data, and the log likelihood (forward-backward; Rabiner 1989)."""
    n, log_likelihood = len(emissions), 0.0
    forward, backward = np.zeros((n, 2)), np.ones((n, 2))
    here = start
    for t in range(n):
        joint = here * emissions[t]
        log_likelihood += np.log(joint.sum())
        forward[t] = joint / joint.sum()
        here = forward[t] @ moves
    for t in range(n - 2, -1, -1):
        backward[t] = moves @ (emissions[t + 1] * backward[t + 1])
        backward[t] /= backward[t].sum()
    both = forward * backward
    return both / both.sum(1, keepdims=True), log_likelihood


def hidden_chain(x: np.ndarray, means, moves, precisions=lambda z: 1.0, one_table=False) -> tuple[list, list]:
    """Data and states. With one table for all transitions these are a chain that is drawn at once, so that here there
    are two, equal but for rounding."""
    z = [mc.Categorical("z0", [0.5, 0.5])]
    for i in range(1, len(x)):
        table = np.array(moves) + (0.0 if one_table else 1e-14 * (i % 2))
        z.append(mc.Categorical(f"z{i}", mc.Lambda(f"p{i}", lambda z=z[-1], moves=table: np.array(moves)[z])))
    y = [mc.Normal(f"y{i}", means(z[i]), precisions(z[i]), value=x[i], observed=True) for i in range(len(x))]
    return y, z


MOVES = np.array([[0.8, 0.2], [0.3, 0.7]])


@pytest.mark.parametrize("one_table", [True, False])
def test_a_hidden_chain_of_single_nodes_against_forward_and_backward(one_table: bool):
    n = 50
    x = np.random.default_rng(3).normal(np.arange(n) // 25 * 2.0, 1.0)
    y, z = hidden_chain(x, lambda z: 2.0 * z, MOVES, one_table=one_table)
    m = mc.MCMC([*y, *z]).sample(6100, 100, seed=4, chains=2, progress_bar=False)
    names = {"label update"} if one_table else {"label update", "label permutation move"}
    assert {name for i in range(1, n) for name in steps_of(m, f"z{i}")} == names
    assert len(m.assembled.structure.blocks) == (1 if one_table else 2)
    emissions = np.exp(-0.5 * (x[:, None] - [0.0, 2.0]) ** 2)
    expected = smoothed(emissions, np.array([0.5, 0.5]), MOVES)[0][:, 1]
    draws = np.array([m.trace(f"z{i}")[:] for i in range(n)], dtype=float)
    batches = draws.reshape(n, 60, -1).mean(2)  # of 200 sweeps, which forget each other
    error = batches.std(1, ddof=1) / np.sqrt(60) + 1e-3
    assert np.abs((draws.mean(1) - expected) / error).max() < 5


def test_components_of_a_hidden_chain_change_names_as_often_as_their_priors_say():
    """Both modes of unknown means, against quadrature over them with the states summed out."""
    n = 44
    x = np.random.default_rng(5).normal(np.arange(n) // 22 * 3.0, 1.0)
    moves = np.array([[0.9, 0.1], [0.1, 0.9]])
    mu = mc.Normal("mu", [0, 1], sigma=2, size=2)
    y, z = hidden_chain(x, lambda z: mu[z], moves)
    m = mc.MCMC([*y, *z, mu]).sample(4100, 100, seed=6, chains=2, progress_bar=False)
    grid = np.linspace(-2, 5, 36)
    logs = np.array([
        [
            smoothed(np.exp(-0.5 * (x[:, None] - [a, b]) ** 2), np.array([0.5, 0.5]), moves)[1]
            - a**2 / 8
            - (b - 1) ** 2 / 8
            for b in grid
        ]
        for a in grid
    ])  # fmt: skip
    mass = np.exp(logs - logs.max())
    expected = (mass.sum(1) / mass.sum()) @ (grid > 1.5)
    swapped = m.trace("mu")[:][:, 0] > 1.5
    batches = swapped.reshape(40, -1).mean(1)
    assert 0.02 < expected < 0.98
    assert abs(swapped.mean() - expected) < 5 * batches.std(ddof=1) / np.sqrt(40)
    assert m.step_methods[0].name == "label permutation move"
    assert m.step_methods[0].ratio > 0.1


@pytest.mark.parametrize("sweeps", [4000, pytest.param(20_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("power", [0.25, pytest.param(2.0, marks=pytest.mark.slow)])
def test_names_of_a_hidden_chain_at_a_power(power: float, sweeps: int):
    """Components that known errors tell apart, so that the data's power counts in their exchange."""
    n = 44
    x = np.random.default_rng(5).normal(0.5, 1.0, n)
    moves, sd = np.array([[0.9, 0.1], [0.1, 0.9]]), np.array([1.0, 1.3])
    mu = mc.Normal("mu", [0, 1], sigma=1, size=2)
    y, z = hidden_chain(x, lambda z: mu[z], moves, lambda z: mc.Index(f"t_{z.__name__}", sd**-2.0, z))
    m = all_at(power, [*y, *z, mu], sweeps, seed=6)
    grid = np.linspace(-4, 5, 46)
    logs = np.array([
        [
            smoothed(stats.norm.pdf(x[:, None], [a, b], sd) ** power, np.array([0.5, 0.5]), moves)[1]
            - a**2 / 2
            - (b - 1) ** 2 / 2
            for b in grid
        ]
        for a in grid
    ])  # fmt: skip
    mass = np.exp(logs - logs.max())
    expected = (mass.sum(1) / mass.sum()) @ grid
    draws = m.trace("mu")[:][:, 0]
    batches = draws.reshape(40, -1).mean(1)
    assert "label permutation move" in steps_of(m, "z3")
    assert abs(draws.mean() - expected) < 5 * batches.std(ddof=1) / np.sqrt(40)


# -------------------------------------------------------------------- stationary distributions


def hierarchical() -> mc.Model:
    mean, precision = mc.Normal("m", 0, 1), mc.Gamma("tau", 3, 2)
    r = [mc.Normal(f"r{i}", mean, precision) for i in range(22)]
    return mc.Model([mc.Poisson(f"y{i}", np.exp(r[i]), value=1, observed=True) for i in range(22)] + r)


def listed_labels() -> mc.Model:
    w, mu = mc.Dirichlet("w", [2, 1]), mc.Normal("mu", [0, 2], 1, size=2)
    z = [mc.Categorical(f"z{i}", w) for i in range(22)]
    y = [mc.Normal(f"y{i}", mu[z[i]], 1.0, value=0.3, observed=True) for i in range(22)]
    return mc.Model([*y, *z, w, mu])


def hidden_states() -> mc.Model:
    moves, mu = mc.Dirichlet("T", [1, 2], size=2), mc.Normal("mu", [0, 2], 1, size=2)
    z = [mc.Categorical("z0", [0.4, 0.6])]
    for i in range(1, 44):
        z.append(mc.Categorical(f"z{i}", moves[z[-1]]))
    y = [mc.Normal(f"y{i}", mu[z[i]], 1.0, value=0.3, observed=True) for i in range(44)]
    return mc.Model([*y, *z, moves, mu])


def topics() -> mc.Model:
    theta = [mc.Dirichlet(f"theta{d}", [1, 2]) for d in range(20)]
    phi = [mc.Dirichlet(f"phi{k}", np.ones(3)) for k in range(2)]
    z = [mc.Categorical(f"z{d}", theta[d], size=2) for d in range(20)]
    word = [
        (d, i, mc.Lambda(f"p{d}_{i}", lambda z=z[d][i], phi=phi: np.array(phi)[z])) for d in range(20) for i in (0, 1)
    ]
    return mc.Model([*(mc.Categorical(f"w{d}_{i}", p, value=1, observed=True) for d, i, p in word), *theta, *phi, *z])


@pytest.mark.parametrize(
    "model",
    [hierarchical, listed_labels, *(pytest.param(m, marks=pytest.mark.slow) for m in (hidden_states, topics))],
)
def test_the_joint_distribution_is_left_as_it_is(model):
    result = mcmix.testing.joint_test(model(), replications=20, false_alarm=FALSE_ALARM, seed=7)
    assert result.passed, result


def test_topics_get_exact_steps():
    m = mc.MCMC(topics())
    assert {name for k in m.model.stochastics for name in steps_of(m, k.name)} == {"label update", "conjugate Gibbs"}


def test_a_random_walk_keeps_its_exact_steps():
    """Its states are alike, but no vector step serves them: they stay single nodes."""
    x = [mc.Normal("x0", 0, 1)]
    for i in range(1, N):
        x.append(mc.Normal(f"x{i}", x[-1], 1.0))
    m = mc.MCMC([mc.Normal(f"y{i}", x[i], 1.0, value=0.3, observed=True) for i in range(N)])
    assert {s.name for s in m.step_methods} == {"conjugate Gibbs"}
    assert not any(isinstance(v, Plate) for s in m.step_methods for v in s.variables)


# -------------------------------------------------------------------- what stays as it is written


def effects(odd: bool = False) -> list[mc.Normal]:
    made = [mc.Normal(f"a{i}", 0, 1 if i != 5 or not odd else 4.0) for i in range(N)]
    if odd:
        made[6] = mc.Laplace("a6", 0, 1)
    return [mc.Normal(f"y{i}", a, 1, value=1.0, observed=True) for i, a in enumerate(made)]


def test_the_odd_one_is_kept_apart_and_not_lost():
    m = mc.MCMC(effects(odd=True)).sample(3100, 100, seed=8, chains=1, progress_bar=False)
    assert steps_of(m, "a5") == steps_of(m, "a4") == ["conjugate Gibbs"]
    assert steps_of(m, "a6") != ["conjugate Gibbs"]
    assert abs(m.trace("a5")[:].mean() - 1 / 5) < 5 * np.sqrt(1 / 5 / 3000)  # its own constant is kept
    assert abs(m.trace("a4")[:].mean() - 1 / 2) < 5 * np.sqrt(1 / 2 / 3000)
    grid = np.linspace(-8, 8, 4001)
    mass = np.exp(-np.abs(grid) - 0.5 * (grid - 1) ** 2)
    assert abs(m.trace("a6")[:].mean() - (grid @ mass) / mass.sum()) < 0.1


def test_few_nodes_are_left_alone():
    m = mc.MCMC(effects()[: FEWEST - 1])
    assert not any(isinstance(v, Plate) for s in m.step_methods for v in s.variables)


def test_a_member_can_have_a_step_of_ones_own():
    m = mc.MCMC(effects())
    m.use_step_method(mc.Metropolis, m.model.get_node("a3"))
    assert steps_of(m, "a3") != ["conjugate Gibbs"]
    assert steps_of(m, "a4") == ["conjugate Gibbs"]
    m.sample(2000, 500, seed=1, chains=1, progress_bar=False)
    assert abs(m.trace("a3")[:].mean() - 0.5) < 0.15  # five errors at 500 effective draws


def test_start_values_of_members_are_taken():
    """One that was given is there when the others of its plate were seeded, labels too."""
    m = mc.MCMC(listed_labels())
    r = runner(
        m.assembled, 0, np.random.SeedSequence(1), {m.model.get_node("z3"): 1, m.model.get_node("mu"): [5.0, 5.0]}, {}
    )
    assert r.chain.get(m.model.get_node("z3")) == 1
    assert r.chain.get(m.model.get_node("mu")).tolist() == [5.0, 5.0]


def test_components_that_are_single_nodes_keep_their_names():
    """A list that labels look up is a table of components, which relabelling knows by the names of its nodes."""
    k = FEWEST + 2
    x = np.random.default_rng(9).normal(np.arange(200) % k * 10.0, 1.0)
    mu = [mc.Normal(f"mu{j}", 10.0 * j, sigma=3) for j in range(k)]
    z = mc.Categorical("z", np.full(k, 1 / k), size=200)
    y = mc.Normal("y", mc.Lambda("m", lambda mu=mu, z=z: np.array(mu)[z]), 1.0, value=x, observed=True)
    m = mc.MCMC([y, z, *mu]).sample(60, 30, seed=1, chains=2, progress_bar=False)
    assert [s.variables[0].name for s in m.step_methods[1:]] == [n.name for n in mu]


def test_many_mixtures_keep_their_own_labels():
    """Labels that separate as they are written are known by their names to every report."""
    x = np.random.default_rng(9).normal(np.arange(10) % 2 * 8.0, 1.0)
    nodes = []
    for g in range(FEWEST + 2):
        mu = mc.Normal(f"mu{g}", 4, sigma=10, size=2)
        z = mc.Categorical(f"z{g}", [0.5, 0.5], size=10)
        nodes += [mu, z, mc.Normal(f"y{g}", mu[z], 1.0, value=x, observed=True)]
    m = mc.MCMC(nodes).sample(100, 50, seed=1, chains=2, progress_bar=False)
    assert steps_of(m, "z3") == ["label update"]
    assert not any(isinstance(v, Plate) for s in m.step_methods for v in s.variables)
    means = mc.relabel(m, label="z3")["posterior"]["mu3"].mean(("chain", "draw")).values
    assert np.abs(np.sort(means) - [0, 8]).max() < 2.5  # five posterior deviations, 1 / sqrt(5)


def test_reports_after_a_loop():
    m = mc.MCMC(effects()).sample(100, 50, seed=1, chains=2, progress_bar=False)
    assert list(m.summary(["a3", "a17"]).index) == ["a3", "a17"]
    assert set(m.to_arviz()["posterior"].data_vars) == {f"a{i}" for i in range(N)}
    assert m.diagnose() is not None
    assert np.isfinite(m.draws().statistics["lp"]).all()
    total = sum(n.logp for n in [*m.model.stochastics, *m.model.observed_stochastics])
    assert np.isfinite(total)


def test_the_log_density_is_that_of_the_nodes():
    m = mc.MCMC(effects()).sample(20, 0, seed=1, chains=1, progress_bar=False)
    values = np.array([m.trace(f"a{i}")[-1] for i in range(N)])
    expected = (-0.5 * values**2 - 0.5 * (1.0 - values) ** 2 - np.log(2 * np.pi)).sum()
    assert np.isclose(m.draws().statistics["lp"][0, -1], expected, rtol=1e-12)


def test_copies_and_saved_states_go_on_alike(tmp_path):
    m = mc.MCMC(effects()).sample(20, 0, seed=1, chains=2, progress_bar=False)
    file = m.save_state(tmp_path / "state.npz")
    copy = pickle.loads(pickle.dumps(m))
    again = mc.MCMC(effects()).restore_state(file)
    drawn = [one.sample(20, progress_bar=False).trace("a3")[:] for one in (m, copy, again)]
    assert np.array_equal(drawn[0], drawn[1])
    assert np.array_equal(drawn[0], drawn[2])


def test_explain_names_the_first_and_the_last_and_how_many(capsys):
    print(mc.MCMC(effects()).explain())
    assert f"a0 ... a{N - 1} ({N} nodes): conjugate Gibbs" in capsys.readouterr().out


def test_draws_do_not_depend_on_cores():
    one, two = (
        mc.MCMC(two_components(True)).sample(30, 0, seed=3, chains=2, cores=c, progress_bar=False) for c in (1, 2)
    )
    assert np.array_equal(one.trace("mu")[:], two.trace("mu")[:])


def test_the_likelihood_of_a_loop_is_that_of_one_node_for_all_rows():
    """Labels summed out, and their probabilities."""
    loop, vector = (mc.MCMC(two_components(k)).sample(60, 10, seed=3, chains=2, progress_bar=False) for k in (1, 0))
    assert np.allclose(loop.deviance, vector.deviance, rtol=1e-12)
    assert np.allclose(loop.memberships(), vector.memberships(), atol=1e-12)
    found = loop.to_arviz(log_likelihood=True)["log_likelihood"]
    assert np.allclose(
        found[f"y0 ... y{N - 1} ({N} nodes)"], vector.to_arviz(log_likelihood=True)["log_likelihood"]["y"]
    )


def test_a_loop_reads_its_own_file(tmp_path):
    """Data that are single numbers come back from a file as one entry each."""
    model = two_components(True, 4)
    m = mc.MCMC(model).sample(30, 10, seed=3, chains=1, progress_bar=False)
    path = to_netcdf(m.to_arviz(), tmp_path / "draws.nc")
    again = mc.MCMC(two_components(True, 4)).read(path)
    assert np.array_equal(again.trace("mu")[:], m.trace("mu")[:])
    mu = mc.Normal("mu", [0, 3], sigma=5, size=2)
    others = [mc.Normal(f"y{i}", mu[0], 1.0, value=9.0, observed=True) for i in range(4)]
    with pytest.raises(ModelError, match="'y0' are others"):
        mc.MCMC(others).read(path)


def test_the_likelihood_of_nodes_without_labels_stays_theirs():
    m = mc.MCMC(effects()).sample(20, 0, seed=1, chains=1, progress_bar=False)
    found = m.to_arviz(log_likelihood=True)["log_likelihood"]
    assert set(found.data_vars) == {f"y{i}" for i in range(N)}
    expected = -0.5 * (1.0 - m.trace("a3")[:]) ** 2 - 0.5 * np.log(2 * np.pi)
    assert np.allclose(found["y3"].values[0], expected, rtol=1e-12)


# -------------------------------------------------------------------- every distribution


def total(recording: Recording, leaves) -> float:
    return sum(float(np.sum(evaluate(f.elements, leaves))) for f in recording.factors)


@pytest.mark.parametrize("family", FAMILIES)
def test_gathered_nodes_of_every_distribution_have_the_density_of_the_nodes(family: str):
    """Unknown and as data, with constants that differ, and with a parameter that is another like node."""
    kind = grammar.law(FAMILIES[family])
    parameters = grammar.numbers(grammar.example(FAMILIES[family], 0))
    unknown = [kind(f"u{i}", *parameters) for i in range(FEWEST)]
    below = [
        mc.Normal(f"b{i}", np.sum(u) * (1.5 + 0.5 * i), 2.0, value=0.1 * i, observed=True)
        for i, u in enumerate(unknown)
    ]
    data = [kind(f"d{i}", *parameters, value=u.value, observed=True) for i, u in enumerate(unknown)]
    plain = record(mc.Model([*unknown, *below, *data]))
    found = gathered(plain)
    assert len(found.leaves) == 1
    assert len(found.factors) == 3
    leaves = {n: n.state_of(np.log(n.value) if is_log_kept(n) else n.value) for n in unknown}
    with np.errstate(divide="ignore"):
        (plate,) = found.leaves
        whole = np.concatenate([np.reshape(v, (-1, *plate.event_shape)) for v in leaves.values()])
    assert np.isclose(total(plain, leaves), total(found, {plate: whole}), rtol=1e-12, equal_nan=True)
