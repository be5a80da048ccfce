"""What cannot be sampled on a cluster is refused before anything is sampled."""

import threading

import numpy as np
import pytest
from dask import array
from distributed import Client

import mcmix as mc
from tests.clusters import looked_up, make_short, numbers, on_file, rows, saved, two_workers, vectors


@pytest.fixture(scope="module")
def client():
    with two_workers() as found:
        yield found


@pytest.fixture(autouse=True)
def short_parts(monkeypatch):
    make_short(monkeypatch)


def sampled(client, nodes=None):
    m = mc.MCMC(numbers(rows(numbers, 100)) if nodes is None else nodes)
    return m.sample(5, chains=1, seed=1, progress_bar=False, client=client)


def test_what_is_no_client():
    with pytest.raises(mc.ModelError, match=r"client= expected a dask.distributed.Client, got str"):
        sampled("tcp://127.0.0.1:8786")


def test_a_client_that_is_closed(client):
    other = Client(client.scheduler.address, set_as_default=False)
    other.close()
    with pytest.raises(mc.ModelError, match="expected a client that is open, got one that is closed"):
        sampled(other)


def test_workers_of_another_version(client):
    worker = next(iter(client.nthreads()))
    own = client.run(other_version, "0.0.1", workers=[worker])[worker]
    try:
        with pytest.raises(
            mc.ModelError, match=rf"workers that run mcmix .*, got one at {worker} that has mcmix 0.0.1"
        ):
            sampled(client)
    finally:
        client.run(other_version, own, workers=[worker])


def other_version(said):
    from mcmix import _version

    before, _version.__version__ = _version.__version__, said
    return before


def test_a_cluster_without_workers():
    with two_workers(0) as empty, pytest.raises(mc.ModelError, match="a cluster with workers, got one that has none"):
        sampled(empty)


def test_steps_in_python(client):
    class Own(mc.StepMethod):
        def step(self):
            self.stochastic.value = 0.0

    m = mc.MCMC([mc.Normal("y", mc.Normal("mu", 0, 1), 1.0, value=[1.0], observed=True)])
    m.use_step_method(Own, "mu")
    with pytest.raises(mc.ModelError, match=r"client= expected compiled steps, .* got steps in Python for mu"):
        m.sample(5, chains=1, seed=1, progress_bar=False, client=client)


def test_a_model_that_cannot_be_sent(client):
    lock = threading.Lock()  # no process can have another's
    mu = mc.Normal("mu", 0.0, 1.0)
    held = mc.Lambda("held", lambda mu=mu: mu if lock else 0.0)
    with pytest.raises(mc.ModelError, match="client= expected a model that can be sent to workers"):
        sampled(client, [mc.Normal("y", held, 1.0, value=[1.0], observed=True)])


def test_rows_that_workers_cannot_open(client, tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "rows.h5", "w") as file:
        held = file.create_dataset("rows", data=rows(vectors))
        with pytest.raises(mc.ModelError, match="client= expected rows that workers can open themselves"):
            sampled(client, vectors(mc.OnDisk(held)))


def test_a_file_that_changes_under_the_workers(client, tmp_path):
    m = mc.MCMC(on_file(tmp_path, vectors))
    m.sample(3, chains=1, seed=1, progress_bar=False, client=client)
    saved(tmp_path, rows(vectors, 70_000))
    with pytest.raises(mc.ModelError, match="rows.npy: the file has changed since it was opened"):
        m.sample(3, progress_bar=False, client=client)


def test_a_dask_array_that_cannot_be_computed_is_given_up(client, monkeypatch):
    monkeypatch.setattr("mcmix.cluster.clients.MOST_TIMES", 2)
    lazy = array.from_array(rows(vectors), chunks=(20_000, 3))
    m = mc.MCMC(vectors(lazy)).sample(2, chains=1, seed=1, progress_bar=False)
    m.assembled  # noqa: B018  recorded on some of the rows, while they could be computed
    (step,) = [s for s in m.step_methods if s.label_pass is not None]
    step.on_disk._source.lazy = lazy.map_blocks(planted, dtype=float)
    with pytest.raises(mc.ClusterError, match="lost the same work 2 times; the last time: .*planted"):
        m.sample(2, progress_bar=False, client=client)


def planted(block):
    raise ValueError("planted")


def test_a_run_that_keeps_labels_is_not_resumed_in_shards(client, tmp_path):
    nodes = [looked_up(rows(looked_up)) for _ in range(2)]
    mc.MCMC(nodes[0], marginal_moves=False).sample(
        5, chains=1, seed=1, store=mc.Store(tmp_path / "run.zarr", labels=True), progress_bar=False
    )
    with pytest.raises(mc.ModelError, match="resume: .*keeps labels.*without client="):
        mc.resume(tmp_path / "run.zarr", mc.MCMC(nodes[1], marginal_moves=False), more=5, client=client)


def test_nor_one_that_kept_those_of_shards_without_them(client, tmp_path):
    nodes = [looked_up(rows(looked_up)) for _ in range(2)]
    mc.MCMC(nodes[0], marginal_moves=False).sample(
        3, chains=1, seed=1, store=mc.Store(tmp_path / "run.zarr", labels=2), progress_bar=False, client=client
    )
    with pytest.raises(mc.ModelError, match="resume: .*keeps labels.*with the client= of a cluster"):
        mc.resume(tmp_path / "run.zarr", mc.MCMC(nodes[1], marginal_moves=False), more=5)


def test_a_trace_of_labels_in_shards_says_what_keeps_them(client):
    m = mc.MCMC(looked_up(rows(looked_up)), marginal_moves=False, trace=["z"])
    with pytest.raises(mc.ModelError, match="trace= of labels expected rows in this process.*mc.Store"):
        m.sample(3, chains=1, seed=1, progress_bar=False, client=client)


def test_a_number_that_is_none_in_a_far_shard_is_named_by_its_row(tmp_path):
    x = rows(vectors)
    x[-3, 0] = np.nan
    with pytest.raises(mc.ModelError, match=f"got nan in row {len(x) - 3} of rows.npy"):
        on_file(tmp_path, vectors, x)
