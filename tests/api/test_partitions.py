"""Partitions: losses, search and balls against brute force over all partitions of a few units."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mcmix as mc
from mcmix.errors import ModelError
from mcmix.report import arviz_bridge
from mcmix.report.partitions.losses import compact, distances


def partitions(n):
    """All partitions of n units, as labels in order of appearance."""
    found = [[0]]
    for _ in range(n - 1):
        found = [[*p, k] for p in found for k in range(max(p) + 2)]
    return np.array(found)


def plain_distance(a, b, loss):
    n = len(a)
    if loss == "binder":
        return np.mean([[(a[i] == a[j]) != (b[i] == b[j]) for i in range(n)] for j in range(n)])
    joint = np.array([[np.mean((a == x) & (b == y)) for y in np.unique(b)] for x in np.unique(a)])

    def entropy(p):
        return -sum(q * np.log(q) for q in np.ravel(p) if q > 0)

    return 2 * entropy(joint) - entropy(joint.sum(0)) - entropy(joint.sum(1))


def noisy(n, clusters, flips, draws, seed):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, clusters, n)
    rows = np.tile(truth, (draws, 1))
    moved = rng.random((draws, n)) < flips
    rows[moved] = rng.integers(0, clusters, moved.sum())
    return np.array([rng.permutation(clusters + 2)[row] for row in rows])  # names mean nothing


@settings(max_examples=40, derandomize=True, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 7), st.sampled_from(["vi", "binder"]))
def test_distances_by_their_definitions(seed, n, loss):
    rng = np.random.default_rng(seed)
    estimate, labels = rng.integers(0, 4, n), rng.integers(0, 4, (5, n))
    expected = [plain_distance(estimate, row, loss) for row in labels]
    assert np.allclose(distances(estimate, labels, loss), expected, atol=1e-12)


@pytest.mark.parametrize("loss", ["vi", "binder"])
@pytest.mark.parametrize("seed", range(8))
def test_the_search_finds_the_best_of_all_partitions(loss, seed):
    labels = noisy(8 if seed % 2 else 7, 3, 0.3, 60, seed)
    every = partitions(labels.shape[1])
    losses = [np.mean([plain_distance(p, row, loss) for row in labels[:1]]) for p in every[:1]]  # the twin, once
    best = min(distances(p, mc_labels(labels), loss).mean() for p in every)
    assert losses[0] == pytest.approx(distances(every[0], mc_labels(labels)[:1], loss)[0])
    found = mc.partition(labels, loss)
    assert found.expected == pytest.approx(best, abs=1e-12)
    assert found.expected == pytest.approx(distances(found.labels, mc_labels(labels), loss).mean())


def mc_labels(labels):
    return np.ascontiguousarray(labels).astype(np.uint8)


@pytest.mark.parametrize("loss", ["vi", "binder"])
def test_the_ball_by_its_definition(loss):
    labels = noisy(8, 3, 0.25, 200, 3)
    found = mc.partition(labels, loss, probability=0.9)
    away = np.array([plain_distance(found.labels, row, loss) for row in labels])
    radius = min(r for r in away if np.mean(away <= r + 1e-12) >= 0.9)
    assert found.ball.radius == pytest.approx(radius, abs=1e-12)
    assert found.ball.held == np.mean(away <= radius + 1e-12)
    inside = labels[away <= radius + 1e-12]
    numbers = np.array([len(np.unique(row)) for row in inside])
    for bound, among in (
        (found.ball.horizontal, inside),
        (found.ball.upper, inside[numbers == numbers.min()]),
        (found.ball.lower, inside[numbers == numbers.max()]),
    ):
        farthest = max(plain_distance(found.labels, row, loss) for row in among)
        assert all(plain_distance(found.labels, row, loss) == pytest.approx(farthest, abs=1e-12) for row in bound)
        assert {len(np.unique(row)) for row in bound} <= {len(np.unique(row)) for row in among}


def test_agreement_of_partitions():
    sklearn = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(4)
    for _ in range(20):
        a, b = rng.integers(0, 4, 30), rng.integers(0, 3, 30)
        assert mc.adjusted_rand(a, b) == pytest.approx(sklearn.adjusted_rand_score(a, b), abs=1e-12)
        mutual = sklearn.mutual_info_score(a, b)
        entropy = sum(sklearn.mutual_info_score(x, x) for x in (a, b))
        assert mc.variation_of_information(a, b) == pytest.approx(entropy - 2 * mutual, abs=1e-12)
    assert mc.adjusted_rand([0, 0, 0], [1, 1, 1]) == 1.0


def test_similarity_and_occupied_clusters():
    labels = noisy(30, 4, 0.2, 300, 5)
    expected = np.mean([row[:, None] == row for row in labels], axis=0)
    assert np.allclose(mc.similarity(labels), expected, atol=1e-6)
    assert np.allclose(mc.similarity(labels, rows=[3, 1, 20]), expected[np.ix_([3, 1, 20], [3, 1, 20])], atol=1e-6)
    numbers = [len(np.unique(row)) for row in labels]
    assert np.allclose(mc.occupied(labels), np.bincount(numbers) / len(numbers))


def sampler(known=False):
    x = np.concatenate([np.random.default_rng(i).normal(8.0 * i, 1.0, 15) for i in range(3)])
    mu = mc.Normal("mu", 0, 0.001, size=4)
    value = np.ma.masked_all(45, dtype=int)
    value[:3] = 0
    given = {"value": value, "observed": True} if known else {"size": 45}
    z = mc.Categorical("z", mc.Dirichlet("w", np.full(4, 0.5)), **given)
    return mc.MCMC([mc.Normal("y", mu[z], 1.0, value=x, observed=True), mu])


@pytest.mark.parametrize("known", [False, True])
def test_a_sampler_and_an_arviz_object(known):
    m = sampler(known).sample(600, 200, seed=1, progress_bar=False)
    found = mc.partition(m)
    truth = np.repeat([0, 1, 2], 15)
    assert mc.adjusted_rand(found.labels, truth) == 1.0
    assert found.n_clusters == 3
    assert found.sizes.tolist() == [15, 15, 15]
    assert "into 3 clusters of 15, 15, 15" in repr(found)
    assert "credible ball (variation of information <= " in repr(found.ball)
    if not known:
        from_file = mc.partition(m.to_arviz(), vars={"labels": "z"})
        assert (from_file.labels == found.labels).all()


def test_the_number_of_clusters_may_vary_between_draws():
    labels = [[0, 0, 1, 1, 2, 2], [0, 0, 0, 0, 1, 1], [5, 5, 9, 9, 7, 7]]
    found = mc.partition(labels)
    assert found.n_clusters == 3
    assert mc.occupied(labels).tolist() == [0.0, 0.0, 1 / 3, 2 / 3]


def test_bad_input():
    m = mc.MCMC([mc.Normal("mu", 0, 1), ]).sample(100, seed=1, progress_bar=False)  # fmt: skip
    with pytest.raises(ModelError, match="no labels to make a partition of"):
        mc.partition(m)
    mu = mc.Normal("mu", 0, 1, size=2, trace=False)
    gone = mc.MCMC([mc.Mixture("y", [0.5, 0.5], mc.Normal, mu, 1.0, value=[0.1, 3.0], observed=True)])
    gone.sample(100, seed=1, progress_bar=False)
    with pytest.raises(ModelError, match="partition: y label: draws of the labels were not kept, nor of all that they"):
        mc.partition(gone)
    with pytest.raises(ModelError, match="loss: expected one of"):
        mc.partition([[0, 1], [1, 0]], "rand")
    with pytest.raises(ModelError, match="expected whole numbers"):
        mc.partition([[0.5, 1.0]])
    with pytest.raises(ModelError, match="probability: expected"):
        mc.partition([[0, 1]], probability=1.5)
    with pytest.raises(ModelError, match="label= expected one of 'z', got 'q'"):
        mc.partition(sampler().sample(100, seed=1, progress_bar=False), label="q")
    data = arviz_bridge.to_inference_data({"posterior": {"c": np.zeros((1, 5, 3), int)}})
    with pytest.raises(ModelError, match="similarity: expected vars=.*'c'"):
        mc.similarity(data)
    with pytest.raises(ModelError, match="at most 20000 units, got 20001; pass rows="):
        mc.similarity(np.zeros((2, 20_001), dtype=int))
    with pytest.raises(ModelError, match="two partitions of the same units"):
        mc.adjusted_rand([0, 1], [0, 1, 2])


def test_one_unit_and_one_draw():
    assert mc.partition([[3]]).labels.tolist() == [0]
    assert mc.partition([[2, 2, 1]]).labels.tolist() == [0, 0, 1]


def test_more_clusters_than_two_bytes_count():
    labels = np.arange(70_000)[None]
    assert mc.similarity(labels, rows=[0, 65_536, 3]).tolist() == np.eye(3).tolist()
    assert mc.occupied(labels)[-1] == 1.0


def test_a_bound_on_clusters_does_not_depend_on_what_they_are_called():
    draws = np.array([[0, 0, 1, 1]] * 9 + [[7, 7, 9, 9], [7, 8, 9, 9]])
    assert mc.partition(draws, most_clusters=2, starts=1).labels.tolist() == [0, 0, 1, 1]
    assert mc.partition(draws, most_clusters=10**9).labels.tolist() == [0, 0, 1, 1]


def test_rows_may_be_a_mask():
    labels = [[0, 1, 0], [0, 1, 1]]
    assert mc.similarity(labels, rows=[True, False, True]).tolist() == mc.similarity(labels, rows=[0, 2]).tolist()


ELSEWHERE = arviz_bridge.to_inference_data({"posterior": {"z": np.zeros((1, 2, 3))}})


def test_messages_name_the_function_that_was_called():
    for call in (
        lambda: mc.partition([[0, 1]], starts=0),
        lambda: mc.partition([[0, 1]], most_clusters=0.5),
        lambda: mc.partition([[0, 1]], seed=-1),
        lambda: mc.partition([[0.5, 1]]),
    ):
        with pytest.raises(ModelError, match="^partition: "):
            call()


@pytest.mark.parametrize(
    "call",
    [
        lambda: mc.partition([["a", "b"], ["a", "a"]]),
        lambda: mc.partition([[0, 1], [0]]),
        lambda: mc.partition([[0, 1]], ["vi"]),
        lambda: mc.partition([[0, 1]], probability="all"),
        lambda: mc.similarity([[0, 1]], rows=[5]),
        lambda: mc.similarity([[0, 1]], rows=0),
        lambda: mc.similarity([[0, 1]], rows=[0.5]),
        lambda: mc.similarity([[0, 1]], rows=[[0], [0, 1]]),
        lambda: mc.similarity([[0, 1]], at_most=0),
        lambda: mc.partition(ELSEWHERE, vars="z"),
        lambda: mc.occupied(ELSEWHERE, vars={"labels": ["z"]}),
    ],
)
def test_mistakes_are_told_in_words(call):
    with pytest.raises(ModelError, match="expected"):
        call()


@pytest.mark.parametrize(
    "labels",
    [
        np.array([[0, 1, 1], [2, 0, 2]], dtype=np.uint8),
        np.array([[-3, 4, 4], [1, -3, 1]]),
        np.array([5, 2, 5]),
        np.array([[10**9, 7, 10**9]]),
        np.arange(1000).reshape(2, 500)[:, ::-1],
        np.array(["b", "a", "b"]),
    ],
    ids=["compact", "gaps", "one draw", "far apart", "many", "text"],
)
def test_labels_are_renumbered_in_their_order(labels):
    made = compact(labels)
    every = len(np.unique(labels)) <= 256
    expected = [np.unique(row, return_inverse=True)[1] for row in np.atleast_2d(labels)]
    if every:
        expected = np.unique(labels, return_inverse=True)[1].reshape(labels.shape)
    np.testing.assert_array_equal(made, expected)
    assert made.dtype.itemsize <= 2 and made.flags.c_contiguous
