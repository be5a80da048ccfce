"""Shards of rows on the workers of a cluster: the draws of the same rows in this process, bit for bit."""

import numpy as np
import pytest

import mcmix as mc
from mcmix.cluster import sharded_chain
from mcmix.cluster.elsewhere import why_whole
from mcmix.kernels.labels import BLOCK
from mcmix.steps.parts import merged
from tests.clusters import (
    N,
    assert_same,
    logarithms,
    looked_up,
    make_short,
    numbers,
    on_file,
    rows,
    two_workers,
    vectors,
)


@pytest.fixture(scope="module")
def client():
    with two_workers() as found:
        yield found


@pytest.fixture(autouse=True)
def short_parts(monkeypatch):
    make_short(monkeypatch)


def sampled(nodes, client=None, **options):
    m = mc.MCMC(nodes, label_budget=0, marginal_moves=False)
    given = {"iter": 12, "burn": 4, "chains": 2, "seed": 1} | options
    return m.sample(given.pop("iter"), given.pop("burn"), progress_bar=False, client=client, **given)


@pytest.mark.parametrize("model", [numbers, logarithms, vectors, looked_up])
def test_rows_in_memory(client, model):
    x = rows(model)
    m = sampled(model(x), client)
    assert not why_whole(m.assembled, False)
    assert_same(sampled(model(x)), m)


@pytest.mark.parametrize("model", [numbers, logarithms, vectors])
def test_rows_on_disk(client, model, tmp_path):
    assert_same(sampled(on_file(tmp_path, model)), sampled(on_file(tmp_path, model), client))


@pytest.mark.slow
def test_any_number_of_workers_draws_the_same(client, tmp_path):
    """Of three processes with one, two and three parts; and once the words of streams were noted on the way."""
    with two_workers(3) as three, pytest.MonkeyPatch.context() as patched:
        patched.setattr(sharded_chain, "NOTED", 3)
        found = [sampled(vectors(rows(vectors)), c) for c in (None, client, three)]
    for other in found[1:]:
        assert_same(found[0], other)


def test_tables_and_arrays_that_workers_open(client, tmp_path):
    pa, zarr = pytest.importorskip("pyarrow"), pytest.importorskip("zarr")
    from pyarrow import parquet

    x = rows(numbers)
    parquet.write_table(pa.table({"x": x, "other": x}), tmp_path / "rows.parquet", row_group_size=BLOCK // 3)
    held = zarr.create_array(tmp_path / "rows.zarr", data=x, chunks=(5000,))
    np.save(tmp_path / "long.npy", np.r_[np.zeros(7), x])
    mapped = np.load(tmp_path / "long.npy", mmap_mode="r")[7:]
    given = [(tmp_path / "rows.parquet", "x"), (held, None), (mapped, None)]
    here = sampled(on_file(tmp_path, numbers, x))
    for source, column in given:
        # stand-ins for starts are taken elsewhere in tables: the start is that of the table in this process
        nodes = [numbers(mc.OnDisk(source, column, weighted=False)) for _ in range(2)]
        one, other = sampled(nodes[0]), sampled(nodes[1], client)
        assert_same(one, other)
        assert column is not None or np.array_equal(one.trace("mu")[:], here.trace("mu")[:])


def test_calls_with_and_without_a_cluster_go_on_from_one_another(client):
    x = rows(vectors)
    one, other = sampled(vectors(x)), sampled(vectors(x), client)
    for m, second in ((one, None), (other, client)):
        m.sample(7, progress_bar=False)
        m.sample(5, progress_bar=False, client=second)
    assert_same(one, other)


def test_a_stored_run_is_resumed_without_the_cluster(client, tmp_path):
    whole = sampled(on_file(tmp_path, vectors), iter=30)
    cut = mc.MCMC(on_file(tmp_path, vectors))

    class Stops(sharded_chain.ShardedChain):
        def draw(self, parameters, labels):
            if self._draws == 14:
                cut.halt()
            return super().draw(parameters, labels)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("mcmix.cluster.elsewhere.ShardedChain", Stops)
        cut.sample(30, 4, chains=2, seed=1, store=tmp_path / "run.zarr", progress_bar=False, client=client)
    assert cut.interrupted and 0 < cut.draws().n_draws < 26
    again = mc.resume(tmp_path / "run.zarr", mc.MCMC(on_file(tmp_path, vectors)), progress_bar=False)
    assert np.array_equal(again.trace("mu")[:], whole.trace("mu")[:])


def test_labels_stay_with_the_workers(client):
    m = mc.MCMC(looked_up(rows(looked_up)), marginal_moves=False)
    m.sample(3, chains=1, seed=1, progress_bar=False, client=client)
    assert "z" not in m.draws().variables


def test_steps_that_move_labels_keep_rows_in_one_piece(client):
    """Splits and merges look at labels, which shards would keep from them."""
    m = mc.MCMC(looked_up(rows(looked_up)), marginal_moves=False, label_budget=0)
    assert not why_whole(m.assembled, False)
    m.use_step_method(mc.SplitMerge, "z")
    assert "looks at the labels of single rows" in why_whole(m.assembled, False)
    m.sample(3, chains=1, seed=1, progress_bar=False, client=client)
    assert m._runners[0].sweeps == 3


def test_an_impossible_row_in_the_last_shard_ends_the_run(client, tmp_path):
    """One that no start looks at, so far out that no component reaches it."""
    x = rows(vectors).astype(float)
    x[N - 700] = 1e200
    said = []
    for here in (None, client):
        m = mc.MCMC(on_file(tmp_path, vectors, x))
        with pytest.raises(mc.ZeroProbability, match="probability zero under every component") as raised:
            m.sample(5, chains=1, seed=1, progress_bar=False, client=here)
        said.append(str(raised.value))
    assert said[0] == said[1]


# -------------------------------------------------------------------- the tree of sums


@pytest.mark.parametrize("n", [1, 2, 3, 5, 6, 7, 8, 13])
def test_sums_do_not_depend_on_who_has_which_parts(n):
    """Numbers whose sum depends on the order of additions."""
    numbers = np.exp(np.random.default_rng(n).normal(0.0, 20.0, (n, 4)))
    leaves = [(0, i, x) for i, x in enumerate(numbers)]
    ((_, _, whole),) = merged(leaves, n)
    for cut in range(n + 1):
        runs = [merged(leaves[:cut], n), merged(leaves[cut:], n)]
        assert max(map(len, runs)) <= 2 * np.ceil(np.log2(n + 1))
        ((_, _, total),) = merged(reversed([node for run in runs for node in run]), n)
        assert np.array_equal(total, whole)
    assert whole == pytest.approx(numbers.sum(0), rel=1e-12)
