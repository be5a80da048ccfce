"""Cross products by label as an accumulator: zero, plus, minus, merging in order, and a power on every row."""

import numpy as np
import pytest

import mcmix as mc
from mcmix.kernels import streams
from mcmix.steps.base import Chain
from mcmix.structure.evaluate import evaluate
from mcmix.structure.tempering import POWER_KEY
from tests import runs

N, K = 1000, 3
RNG = np.random.default_rng(4)
X, Y, LABELS = RNG.normal(size=(N, 2)), RNG.normal(size=N), RNG.integers(K, size=N)
UNIT = np.sort(RNG.integers(0, 300, N))


def made(rows=slice(None), units=None, labels=K, **options):
    """A regression in each component, its pass over a chain, and the step that reads the sums."""
    x, y = X[rows], Y[rows]
    z = mc.Categorical("z", np.full(labels, 1.0 / labels), size=len(y) if units is None else units.max() + 1)
    beta, tau = mc.Normal("beta", 0.0, 0.1, size=(labels, 2)), mc.Gamma("tau", 2.0, 1.0, size=labels)
    own = z if units is None else z[units]
    m = mc.MCMC([mc.Normal("y", (x * beta[own]).sum(-1), tau[own], value=y, observed=True)], **options)
    (compiled,) = m.assembled.label_passes
    chain = Chain(m.assembled.plan.layout, streams.nobody())
    chain.put(beta, RNG.normal(size=(labels, 2)))
    chain.put(tau, RNG.uniform(0.5, 2.0, labels))
    (products,) = runs.steps_of(m)["beta"].group.collected.values()
    return m, compiled, chain, z, products


def filled(chain, products):
    """The sums by label, and which of them are made."""
    p, q = len(products.left), len(products.right)
    sums = chain.view(products.key).reshape(-1, p, q)
    return np.where(np.tri(p, q, dtype=bool) | (np.arange(q) >= p), sums, 0.0)


def expected(shares):
    """Of rows with powers, shape (rows, K)."""
    sums = np.einsum("ik,ip,iq->kpq", shares, X, np.column_stack([X, Y]))
    return np.where(np.tri(2, 3, dtype=bool) | (np.arange(3) >= 2), sums, 0.0)


def test_it_adds_with_known_labels_and_with_drawn_ones():
    _, compiled, chain, z, products = made()
    chain.put(z, LABELS)
    one = compiled.bound(chain)
    assert one.collect() == 0
    np.testing.assert_allclose(filled(chain, products), expected(np.eye(K)[LABELS]), rtol=1e-11)
    assert one.draw() == 0
    np.testing.assert_allclose(filled(chain, products), expected(np.eye(K)[chain.get(z)]), rtol=1e-11)


@pytest.mark.parametrize("labels", [K, 20])
@pytest.mark.parametrize("several", [False, True])
def test_it_adds_with_responsibilities(several, labels):
    units = UNIT if several else None
    _, compiled, chain, _, products = made(units=units, labels=labels)
    shares = np.zeros((units.max() + 1 if several else N, labels))
    assert compiled.bound(chain).weigh(shares=shares, collect=True) == 0
    np.testing.assert_allclose(filled(chain, products), expected(shares[units] if several else shares), rtol=1e-10)


def test_its_sums_have_a_zero_a_plus_and_a_minus_and_merge_in_order():
    """Over parts of the rows, one after another, as over all of them."""
    _, compiled, chain, z, products = made()
    chain.put(z, LABELS)
    compiled.bound(chain).collect()
    whole, parts = filled(chain, products), []
    for rows in (slice(0, 300), slice(300, N)):
        _, own, other, its_labels, _ = made(rows)
        other.put(its_labels, LABELS[rows])
        own.bound(other).collect()
        parts.append(own.sums.of(other))
    compiled.sums.merge(chain, parts)
    np.testing.assert_allclose(filled(chain, products), whole, rtol=1e-11)
    compiled.sums.subtract(chain, parts[1])
    np.testing.assert_allclose(compiled.sums.of(chain), parts[0], rtol=1e-9, atol=1e-9)
    compiled.sums.zero(chain)
    assert not compiled.sums.of(chain).any()


def test_it_stands_in_the_one_stretch_of_its_label_vector():
    _, compiled, chain, z, products = made()
    at, size = chain.layout.places["accumulated", z]
    first, n = chain.layout.places[products.key]
    assert at <= first and first + n <= at + size and compiled.sums.of(chain).size == size


def test_columns_of_doubles_are_read_where_they_stand():
    m, _, _, _, products = made()
    assert all(a is b for a, b in zip(products.left, products.right[:2], strict=True))
    assert np.shares_memory(products.right[2], m.assembled.rows["y"].known)


def test_a_tempered_chain_counts_its_power():
    """The power stands before the sums, as before the rows' precision: the sums are those of all rows."""
    m, compiled, chain, z, products = made(tempering=[1.0, 0.5])
    chain.put(z, LABELS)
    compiled.bound(chain).collect()
    np.testing.assert_allclose(filled(chain, products), expected(np.eye(K)[LABELS]), rtol=1e-11)
    group = runs.steps_of(m)["beta"].group
    tau = next(n for n in m.model.stochastics if n.name == "tau")
    known = {tau: chain.get(tau), products.key: chain.view(products.key), POWER_KEY: np.array(0.5)}
    precision = evaluate(group.precision, known).reshape(K, 2, 2)
    power = 0.5 * chain.get(tau)[:, None, None] * filled(chain, products)[:, :, :2]
    np.testing.assert_allclose(precision, power + 0.1 * np.eye(2), rtol=1e-12)
