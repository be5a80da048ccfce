"""Hidden Markov labels: against sums over all sequences of states, by the joint test, and beside plain recursions."""

import itertools

import numpy as np
import pytest
from scipy import stats
from scipy.special import logsumexp

import mcmix as mc
import mcmix.testing
from mcmix.distributions.markov_chain import MARKOV_CHAIN, first_units, pairs

K = 3
INITIAL = np.array([0.5, 0.3, 0.2])
TRANSITIONS = np.array([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.25, 0.25, 0.5]])


def log_mass(z, initial, transitions, lengths):
    """The plain meaning: one state after another."""
    total, at = 0.0, 0
    for length in lengths:
        own = z[at : at + length]
        total += np.log(initial[own[0]]) + sum(np.log(transitions[a, b]) for a, b in itertools.pairwise(own))
        at += length
    return total


def sequences(n, k=K):
    return np.array(list(itertools.product(range(k), repeat=n)))


def model(lengths, x=None, k=K, unknown=True):
    n = sum(lengths)
    P = mc.Dirichlet("P", 1.0 + 2.0 * np.eye(k)) if unknown else TRANSITIONS
    initial = mc.Dirichlet("initial", np.ones(k)) if unknown else INITIAL
    z = mc.MarkovChain("z", initial, P, lengths=lengths)
    mu, tau = mc.Normal("mu", [-1.0, 1.0, 3.0][:k], 1.0, size=k), mc.Gamma("tau", 3, 2)
    x = np.random.default_rng(5).normal(size=n) if x is None else x
    return mc.Model([mc.Normal("y", mu[z], tau, value=x, observed=True), z])


# -------------------------------------------------------------------- the distribution


@pytest.mark.parametrize("lengths", [[5], [2, 3], [1, 1, 3]])
def test_the_mass_is_that_of_one_state_after_another(lengths):
    every = sequences(5)
    found = [float(MARKOV_CHAIN.logpdf(z.astype(float), INITIAL, TRANSITIONS, np.array(lengths, float))) for z in every]
    np.testing.assert_allclose(found, [log_mass(z, INITIAL, TRANSITIONS, lengths) for z in every], rtol=1e-12)
    assert logsumexp(found) == pytest.approx(0.0, abs=1e-12)


def test_what_cannot_be_has_no_mass():
    lengths = np.array([3.0])
    for z in ([0.0, 3.0, 1.0], [0.0, -1.0, 1.0], [0.5, 0.0, 1.0]):
        assert MARKOV_CHAIN.logpdf(np.array(z), INITIAL, TRANSITIONS, lengths) == -np.inf
    assert MARKOV_CHAIN.logpdf(np.zeros(3), INITIAL, TRANSITIONS + 0.1, lengths) == -np.inf


def test_draws_have_the_mass_of_pairs():
    rng, lengths = np.random.default_rng(1), np.array([4.0] * 20_000)
    z = MARKOV_CHAIN.draw(rng, None, INITIAL, TRANSITIONS, lengths)
    first = np.bincount(z[first_units(lengths)], minlength=K)
    assert stats.chisquare(first, INITIAL * first.sum()).pvalue > 1e-4
    before, after = pairs(lengths)
    for j in range(K):
        seen = np.bincount(z[after][z[before] == j], minlength=K)
        assert stats.chisquare(seen, TRANSITIONS[j] * seen.sum()).pvalue > 1e-4


# -------------------------------------------------------------------- against all sequences


@pytest.mark.parametrize("lengths", [[1], [2], [6], [2, 4], [3, 1, 2]])
@pytest.mark.parametrize("k", [2, 3])
def test_responsibilities_likelihood_and_counts_are_those_of_all_sequences(lengths, k):
    n = sum(lengths)
    x = np.random.default_rng(7).normal(1.0, 2.0, n)
    m = mc.MCMC(model(lengths, x, k)).sample(50, chains=1, seed=8, progress_bar=False)
    runner = m._runners[0]
    (compiled,) = m.assembled.label_passes
    logs, shares = np.zeros(n), np.zeros((n, k))
    assert compiled.bound(runner.chain).weigh(logs, shares, collect=True) == 0
    at = {node.name: runner.chain.get(node) for node in m.model.stochastics}
    every = sequences(n, k)
    density = mc.Normal.dist(0, 1).family.logpdf(x[:, None], at["mu"], at["tau"])
    weights = np.array([log_mass(s, at["initial"], at["P"], lengths) for s in every]) + density[
        np.arange(n), every
    ].sum(1)
    total = logsumexp(weights)
    p = np.exp(weights - total)
    exact = np.array([[p[every[:, t] == j].sum() for j in range(k)] for t in range(n)])
    assert logs.sum() == pytest.approx(total, rel=1e-11)
    np.testing.assert_allclose(shares, exact, atol=1e-11)
    before, after = pairs(lengths)
    counted = [[sum(p @ ((every[:, a] == i) & (every[:, b] == j)) for a, b in zip(before, after, strict=True))
                for j in range(k)] for i in range(k)]  # fmt: skip
    np.testing.assert_allclose(
        runner.chain.view(("pairs", compiled.label.node)).reshape(k, k), np.array(counted), atol=1e-10
    )
    firsts = exact[first_units(lengths)].sum(0)
    np.testing.assert_allclose(runner.chain.view(("firsts", compiled.label.node)), firsts, atol=1e-10)


def test_drawn_states_are_those_of_all_sequences():
    """Frequencies of whole sequences under known parameters, beside the exact posterior (chi-square)."""
    lengths, x = [3, 2], np.array([-1.0, 0.5, 2.0, 1.0, 3.0])
    z = mc.MarkovChain("z", INITIAL, TRANSITIONS, lengths=lengths)
    means = np.array([-1.0, 1.0, 3.0])
    m = mc.MCMC([mc.Normal("y", mc.Lambda("mean", lambda z=z: means[z]), 1.0, value=x, observed=True), z])
    m.sample(20_000, 10, chains=1, seed=3, progress_bar=False)
    assert [s.name for s in m.step_methods] == ["label update"]
    every = sequences(5)
    logs = np.array([log_mass(s, INITIAL, TRANSITIONS, lengths) for s in every])
    logs += stats.norm(means[every], 1.0).logpdf(x).sum(1)
    p = np.exp(logs - logsumexp(logs))
    seen = np.bincount(m.trace("z")[:] @ K ** np.arange(4, -1, -1), minlength=K**5)
    often = p * seen.sum() > 5.0
    observed = np.append(seen[often], seen[~often].sum())
    expected = np.append(p[often], p[~often].sum()) * seen.sum()
    assert stats.chisquare(observed, expected).pvalue > 1e-4


@pytest.mark.parametrize("lengths", [[7], [3, 1, 3]])
def test_the_joint_distribution_stays(lengths):
    result = mcmix.testing.joint_test(model(lengths), replications=60, false_alarm=1e-6, seed=6)
    assert result.passed, result


def by_hand(x, lengths, spread=None):
    """The same model written as a loop, one node for each unit."""
    P = mc.Dirichlet("P", 1.0 + 2.0 * np.eye(K))
    mu, tau = mc.Normal("mu", [-1.0, 1.0, 3.0], 1.0), mc.Gamma("tau", 3, 2)
    z, y = [], []
    for length in lengths:
        for t in range(length):
            p = INITIAL if t == 0 else P[z[-1]]
            z.append(mc.Categorical(f"z{len(z)}", p))
            y.append(mc.Normal(f"y{len(y)}", mu[z[-1]], tau, value=x[len(y)], observed=True))
    return [*y, *z]


def test_a_loop_is_the_same_chain():
    """Draw for draw: the same steps over the same vector."""
    lengths = [14, 10]
    x = np.random.default_rng(4).normal(1.0, 2.0, 24)
    z = mc.MarkovChain("z", INITIAL, mc.Dirichlet("P", 1.0 + 2.0 * np.eye(K)), lengths=lengths)
    mu, tau = mc.Normal("mu", [-1.0, 1.0, 3.0], 1.0), mc.Gamma("tau", 3, 2)
    vector = mc.MCMC([mc.Normal("y", mu[z], tau, value=x, observed=True), z])
    loop = mc.MCMC(by_hand(x, lengths))
    (block,) = loop.assembled.structure.blocks
    assert block.distribution.ahead is not None and block.label.n_units == 24
    for m in (vector, loop):
        m.sample(4000, 500, chains=2, seed=2, progress_bar=False)
    probabilities = np.array([[m.trace(f"z{i}")[:] == j for j in range(K)] for i in range(24) for m in [loop]])
    found, expected = probabilities.mean(-1), np.array([(vector.trace("z")[:] == j).mean(0) for j in range(K)]).T
    np.testing.assert_allclose(found, expected, atol=0.05)  # 4 errors of 7000 draws that forget each other in some ten
    np.testing.assert_allclose(loop.trace("P")[:].mean(0), vector.trace("P")[:].mean(0), atol=0.03)


def test_states_of_a_loop_that_are_alike_have_no_names():
    """No report can name them: chains draw the names too, and agree."""
    x = np.random.default_rng(1).normal(4.0 * np.repeat([0, 1, 0, 1], 20), 1.0)
    P, mu = mc.Dirichlet("P", np.ones((2, 2)) + 4.0 * np.eye(2)), mc.Normal("mu", 2.0, 0.1, size=2)
    z = [mc.Categorical("z0", [0.5, 0.5])]
    for t in range(1, 80):
        z.append(mc.Categorical(f"z{t}", P[z[-1]]))
    m = mc.MCMC([mc.Normal(f"y{t}", mu[z[t]], 1.0, value=x[t], observed=True) for t in range(80)])
    m.sample(1500, 500, seed=1, progress_bar=False)
    assert m.diagnose().ok
    np.testing.assert_allclose(m.trace("mu")[:].mean(0), 2.0, atol=0.3)  # each is either for half of the time


@pytest.mark.parametrize("what", ["another table", "two that follow one", "something sees two", "two ways to begin"])
def test_loops_that_are_no_chain_are_drawn_otherwise(what):
    P, other = mc.Dirichlet("P", np.ones((2, 2))), mc.Dirichlet("Q", np.ones((2, 2)))
    z = [mc.Categorical("z0", [0.5, 0.5])]
    for t in range(1, 30):
        before = z[3] if what == "two that follow one" and t == 20 else z[-1]
        table = other if what == "another table" and t == 15 else P
        p = [0.2, 0.8] if what == "two ways to begin" and t == 15 else table[before]
        z.append(mc.Categorical(f"z{t}", p))
    x = np.random.default_rng(4).normal(size=30)
    y = [mc.Normal(f"y{t}", 2.0 * z[t], 1.0, value=x[t], observed=True) for t in range(30)]
    if what == "something sees two":
        y.append(mc.Normal("pair", z[5] + z[9], 1.0, value=1.0, observed=True))
    m = mc.MCMC([*y, *z]).sample(60, 10, chains=1, seed=1, progress_bar=False)
    assert all(b.distribution.ahead is None for b in m.assembled.structure.blocks)


def test_known_states_pin_a_chain():
    """States of some units are data: beside sums over the sequences that agree with them."""
    lengths, x = [4, 2], np.array([-1.0, 0.5, 2.0, 1.0, 3.0, 0.0])
    seen = np.array([np.nan, 2.0, np.nan, np.nan, 0.0, np.nan])
    z = mc.MarkovChain("z", INITIAL, TRANSITIONS, lengths=lengths, value=seen, observed=True)
    means = np.array([-1.0, 1.0, 3.0])
    m = mc.MCMC([mc.Normal("y", mc.Lambda("mean", lambda z=z: means[z]), 1.0, value=x, observed=True)])
    m.sample(20_000, 10, chains=1, seed=3, progress_bar=False)
    assert [s.name for s in m.step_methods] == ["label update"]
    every = sequences(6)
    every = every[(every[:, 1] == 2) & (every[:, 4] == 0)]
    logs = np.array([log_mass(s, INITIAL, TRANSITIONS, lengths) for s in every])
    logs += stats.norm(means[every], 1.0).logpdf(x).sum(1)
    p = np.exp(logs - logsumexp(logs))
    unknown = np.flatnonzero(np.isnan(seen))
    drawn = m.trace("z")[:]
    for column, unit in enumerate(unknown):
        expected = np.array([p[every[:, unit] == j].sum() for j in range(K)])
        found = np.array([(drawn[:, column] == j).mean() for j in range(K)])
        np.testing.assert_allclose(found, expected, atol=5 * np.sqrt(0.25 / len(drawn)))


def test_states_that_are_alike_change_places_rows_and_columns_together():
    """Under one name each, transitions are those that made the data; as sampled, states have no names."""
    A = np.array([[0.9, 0.1, 0.0], [0.0, 0.8, 0.2], [0.3, 0.0, 0.7]]) + 1e-9
    A /= A.sum(1, keepdims=True)
    z = MARKOV_CHAIN.draw(np.random.default_rng(1), None, np.ones(3) / 3, A, np.array([900.0]))
    x = np.random.default_rng(2).normal(5.0 * z, 1.0)
    s = mc.MarkovChain("z", mc.Dirichlet("start", np.ones(3)), mc.Dirichlet("P", np.ones((3, 3)) + np.eye(3)), size=900)
    mu = mc.Normal("mu", 5.0, 0.01, size=3)
    m = mc.MCMC([mc.Normal("y", mu[s], 1.0, value=x, observed=True)])
    tables = m.assembled.component_tables["z"]
    assert tables.whole and [v.name for v in tables.squares] == ["P"]
    m.sample(1500, 300, seed=3, progress_bar=False)
    found = mc.relabel(m)["posterior"]
    order = np.argsort(found["mu"].mean(("chain", "draw")).values)
    P = found["P"].mean(("chain", "draw")).values[np.ix_(order, order)]
    np.testing.assert_allclose(P, A, atol=0.06)  # some 4 standard errors: a state begins some 100 moves
    np.testing.assert_allclose(found["P"].sum(found["P"].dims[-1]), 1.0, rtol=1e-9)


@pytest.mark.parametrize(
    ("concentration", "alike"),
    [(np.ones((3, 3)), True), (1 + 4 * np.eye(3), True), ([[1, 2, 1], [1, 1, 1], [1, 1, 1]], False)],
)
def test_which_priors_of_transitions_tell_states_apart(concentration, alike):
    s = mc.MarkovChain("z", np.ones(3) / 3, mc.Dirichlet("P", concentration), size=30)
    x = np.random.default_rng(2).normal(size=30)
    y = mc.Normal("y", mc.Normal("mu", 0.0, 1.0, size=3)[s], 1.0, value=x, observed=True)
    assert mc.MCMC([y]).assembled.component_tables["z"].whole is alike


@pytest.mark.parametrize(("transitions", "alike"), [(0.2 + 0.4 * np.eye(3), True), (TRANSITIONS, False)])
def test_which_known_transitions_tell_states_apart(transitions, alike):
    s = mc.MarkovChain("z", np.ones(3) / 3, transitions, size=30)
    x = np.random.default_rng(2).normal(size=30)
    y = mc.Normal("y", mc.Normal("mu", 0.0, 1.0, size=3)[s], 1.0, value=x, observed=True)
    assert mc.MCMC([y]).assembled.component_tables["z"].whole is alike


def test_counts_in_a_chain_are_no_bag_of_values():
    """States of counts are never drawn value by value, and no weighted rows stand for them."""
    x = np.random.default_rng(3).poisson(np.repeat([1.0, 6.0], 1000))
    P = mc.Dirichlet("P", [[8.0, 1.0], [1.0, 8.0]])
    z = mc.MarkovChain("z", [0.5, 0.5], P, size=2000, trace=False)
    m = mc.MCMC([mc.Poisson("y", mc.Gamma("mu", 1, 0.2, size=2)[z], value=x, observed=True)], marginal_moves=True)
    m.sample(300, 100, chains=1, seed=1, progress_bar=False)
    assert np.diagonal(m.trace("P")[:].mean(0)).min() > 0.95  # one change in 2000 units


@pytest.mark.parametrize("step", ["SplitMerge", "CollapsedLabels", "NonReversibleLabels"])
def test_steps_for_independent_labels_are_refused(step):
    m = mc.MCMC(model([30], k=2))
    with pytest.raises(mc.ModelError, match=f"{step} cannot serve 'z': z: .*units follow one another"):
        m.use_step_method(getattr(mc, step), "z")


def test_long_chains_are_found_again():
    """Over many tiles and two blocks; sums for states as they stand are those of the pass that drew them."""
    rng = np.random.default_rng(9)
    stay = np.array([[0.98, 0.02], [0.05, 0.95]])
    z = MARKOV_CHAIN.draw(rng, None, np.array([0.5, 0.5]), stay, np.array([12_000.0, 8000.0]))
    x = rng.normal(np.array([-1.0, 2.0])[z], 1.0)
    P = mc.Dirichlet("P", [[8.0, 1.0], [1.0, 8.0]])
    mu = mc.Normal("mu", [-1.0, 2.0], 25.0)
    labels = mc.MarkovChain("z", [0.5, 0.5], P, lengths=[12_000, 8000])
    m = mc.MCMC([mc.Normal("y", mu[labels], mc.Gamma("tau", 2, 2), value=x, observed=True), labels])
    m.sample(300, 100, chains=1, seed=10, progress_bar=False)
    chain, (compiled,) = m._runners[0].chain, m.assembled.label_passes
    drawn = compiled.sums.of(chain).copy()
    assert compiled.bound(chain).collect() == 0
    np.testing.assert_allclose(compiled.sums.of(chain), drawn, rtol=1e-12)
    np.testing.assert_allclose(m.trace("P")[:].mean(0), stay, atol=0.02)  # some 4 standard errors: counts of 300 moves
    assert np.mean(chain.view(compiled.label.node) == z) > 0.95


@pytest.mark.parametrize("k", [2, 3])
def test_what_is_impossible_stays_so(k):
    """A way through states that no data allow has no probability, however small: the soft pass says minus infinity."""
    p = np.r_[0.0, 1.0, np.ones(k - 2)]
    start, stay = np.eye(k)[0], np.eye(k)
    z = mc.MarkovChain("z", start, stay, size=4)
    m = mc.MCMC([mc.Bernoulli("y", mc.Lambda("p", lambda z=z: p[z]), value=[0, 0, 0, 0], observed=True), z])
    m.sample(5, chains=1, seed=1, progress_bar=False)
    (compiled,), chain = m.assembled.label_passes, m._runners[0].chain
    shares = np.zeros((4, k))
    assert compiled.bound(chain).weigh(np.zeros(4), shares, collect=True) == 0
    assert np.array_equal(shares, np.tile(start, (4, 1))) and (m.trace("z")[:] == 0).all()


def test_data_that_no_state_explains_are_told():
    z = mc.MarkovChain("z", [1.0, 0.0], [[1.0, 0.0], [0.0, 1.0]], size=3)
    y = mc.Bernoulli("y", mc.Lambda("p", lambda z=z: np.array([0.0, 1.0])[z]), value=[0, 1, 0], observed=True)
    with pytest.raises(mc.ZeroProbability):
        mc.MCMC([y, z]).sample(10, progress_bar=False)


# -------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"size": 10, "lengths": [4, 5]}, "z: lengths expected to add up to 10 units, got 9"),
        ({"lengths": [4, 0]}, "z: lengths expected whole numbers of at least 1"),
        ({"lengths": [4.5, 5]}, "z: lengths expected whole numbers of at least 1"),
        ({}, "z: expected size= .* or lengths="),
        ({"size": 0}, "z: size expected a whole number of at least 1, got 0"),
    ],
)
def test_lengths_that_do_not_fit(arguments, says):
    with pytest.raises(mc.ModelError, match=says):
        mc.MarkovChain("z", [0.5, 0.5], [[0.9, 0.1], [0.1, 0.9]], **arguments)


@pytest.mark.parametrize(
    ("initial", "transitions", "says"),
    [
        ([0.5, 0.5], [[0.9, 0.2], [0.1, 0.9]], "z: row 0 of transitions expected probabilities that sum to 1"),
        ([0.5, 0.6], [[0.9, 0.1], [0.1, 0.9]], "z: initial expected probabilities that sum to 1"),
        ([0.5, 0.5], [[1.1, -0.1], [0.1, 0.9]], "z: row 0 of transitions"),
        ([0.5, 0.5], [[0.9, 0.1]], r"z: transitions expected a square table, a row for each state, got shape \(1, 2\)"),
        ([0.3, 0.3, 0.4], [[0.9, 0.1], [0.1, 0.9]], "z: initial expected 2 probabilities, one for each state"),
    ],
)
def test_probabilities_that_do_not_fit(initial, transitions, says):
    with pytest.raises((mc.ModelError, mc.SupportError), match=says):
        mc.MarkovChain("z", initial, transitions, size=5)
