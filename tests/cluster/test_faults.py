"""Workers and schedulers that are lost in the middle of a run on a cluster, and slow ones."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from distributed import Client

import mcmix as mc
from mcmix.cluster import clients, sharded_chain, shards
from mcmix.kernels.labels import BLOCK, go_on
from mcmix.kernels.random import seeded_streams
from tests.clusters import assert_same, make_short, rows, saved, two_workers, vectors


@pytest.fixture(autouse=True)
def short_parts(monkeypatch):
    make_short(monkeypatch)


@pytest.fixture(scope="module")
def client():
    with two_workers() as found:
        yield found


X = rows(vectors)


def sampled(client=None, nodes=None, m=None, **options):
    m = m or mc.MCMC(vectors(X) if nodes is None else nodes, label_budget=0, marginal_moves=False)
    return m.sample(20, 4, chains=2, seed=1, progress_bar=False, client=client, **options)


def at_draw(monkeypatch, number, what):
    """Do something once, when the first shard was sent the message of a draw, and while it works at it."""
    asked, done = shards.Place.asked, []

    def asks(place, cluster, method, *given):
        sent = asked(place, cluster, method, *given)
        if method == "draw" and given[0].number == number and not done:
            done.append(number)
            what(place)
        return sent

    monkeypatch.setattr(shards.Place, "asked", asks)
    return done


def kill(client):
    """What kills the worker that a shard is on."""

    def killed(place):
        os.kill(client.run(os.getpid, workers=[place.worker])[place.worker], signal.SIGKILL)

    return killed


@pytest.fixture(scope="module")
def whole():
    with pytest.MonkeyPatch.context() as patched:
        make_short(patched)
        return sampled()


@pytest.mark.parametrize("noted", [64, 3], ids=["counted from the start", "counted from what was noted"])
def test_a_worker_killed_in_mid_sweep_changes_no_draw(client, monkeypatch, whole, noted):
    monkeypatch.setattr(sharded_chain, "NOTED", noted)
    done = at_draw(monkeypatch, 10, kill(client))
    assert_same(whole, sampled(client))
    assert done


@pytest.mark.slow
@pytest.mark.parametrize("number", range(20))
def test_nor_does_one_killed_at_any_draw(number, tmp_path):
    """Of rows in memory and on disk by turns; sometimes when the streams have just been noted."""
    with pytest.MonkeyPatch.context() as patched, two_workers() as client:
        make_short(patched)
        patched.setattr(sharded_chain, "NOTED", 4)
        path = saved(tmp_path, X)
        nodes = [vectors(mc.OnDisk(path) if number % 2 else X) for _ in range(2)]
        expected = sampled(nodes=nodes[0])
        done = at_draw(patched, number, kill(client))
        assert_same(expected, sampled(client, nodes[1]))
        assert done


@pytest.mark.slow
def test_all_workers_at_once(monkeypatch, whole):
    """New ones come up in their places."""
    with two_workers() as client:

        def killed(place):
            for pid in client.run(os.getpid).values():
                os.kill(pid, signal.SIGKILL)

        done = at_draw(monkeypatch, 7, killed)
        assert_same(whole, sampled(client))
        assert done


def test_a_slow_worker_changes_no_draw(client, monkeypatch, whole):
    """One that takes longer than what passes between two looks."""
    monkeypatch.setattr(clients, "POLL", 0.05)
    worker = next(iter(client.nthreads()))
    client.run(slow, workers=[worker])
    try:
        assert_same(whole, sampled(client))
    finally:
        client.run(as_before, workers=[worker])


def slow():
    from mcmix.cluster.shard import Shard

    Shard.as_it_was = Shard._draw

    def late(self, asked):
        found = Shard.as_it_was(self, asked)
        if asked.number in (3, 9):
            time.sleep(0.2)
        return found

    Shard._draw = late


def as_before():
    from mcmix.cluster.shard import Shard

    Shard._draw = Shard.as_it_was


def test_an_answer_that_was_lost_on_its_way_is_given_again(client, monkeypatch, whole):
    """The shard has made the draw, and is asked for it once more."""
    told, answers, lost = shards.Shards._told, [], []

    def loses(own, sent):
        found = told(own, sent)
        answers.append(found)
        if len(answers) >= 33 and not lost:
            lost.append(found)
            raise clients.WorkerLost("planted")
        return found

    monkeypatch.setattr(shards.Shards, "_told", loses)
    monkeypatch.setattr(shards.Shards, "again", lambda *given: None)
    assert_same(whole, sampled(client))
    assert lost


@pytest.mark.slow
def test_no_worker_left_ends_the_run_and_keeps_draws(monkeypatch, whole):
    monkeypatch.setattr(clients, "PATIENCE", 1.0)
    with two_workers() as client:
        done = at_draw(monkeypatch, 9, lambda place: client.cluster.scale(0))
        m = mc.MCMC(vectors(X), label_budget=0, marginal_moves=False)
        with pytest.raises(mc.ClusterError, match="all workers of the cluster were lost") as raised:
            sampled(client, m=m)
    assert done and "kept" in " ".join(raised.value.__notes__)
    n = m.draws().n_draws
    assert 0 < n < 16
    assert np.array_equal(m.draws().variables["mu"], whole.draws().variables["mu"][:, :n])


def test_a_client_closed_in_mid_run_ends_it_and_keeps_draws(client, monkeypatch, whole):
    other = Client(client.scheduler.address, set_as_default=False)
    done = at_draw(monkeypatch, 12, lambda place: other.close())
    m = mc.MCMC(vectors(X), label_budget=0, marginal_moves=False)
    with pytest.raises(mc.ClusterError, match="the scheduler of the cluster was lost") as raised:
        sampled(other, m=m)
    assert done and "sample() resumes from here" in " ".join(raised.value.__notes__)
    n = m.draws().n_draws
    assert 0 < n < 16
    assert np.array_equal(m.draws().variables["mu"], whole.draws().variables["mu"][:, :n])


OF_ITS_OWN = """
from distributed import LocalCluster
if __name__ == "__main__":
    cluster = LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0")
    print(cluster.scheduler_address, flush=True)
    input()
"""


@pytest.mark.slow
def test_a_lost_scheduler_leaves_a_run_that_can_be_resumed(monkeypatch, tmp_path):
    script = tmp_path / "cluster.py"
    script.write_text(OF_ITS_OWN)
    path = saved(tmp_path, X)
    nodes = [vectors(mc.OnDisk(path)) for _ in range(3)]
    expected = sampled(nodes=nodes[0])
    with subprocess.Popen([sys.executable, script], stdin=-1, stdout=-1, text=True) as process:
        assert process.stdout is not None
        with Client(process.stdout.readline().strip(), timeout=2) as client:
            done = at_draw(monkeypatch, 11, lambda place: process.kill())
            with pytest.raises(mc.ClusterError, match="the scheduler of the cluster was lost") as raised:
                sampled(client, nodes[1], store=tmp_path / "run.zarr")
        assert done and "mc.resume" in " ".join(raised.value.__notes__)
    kept = mc.load(tmp_path / "run.zarr").trace("mu", chain=0)[:]
    assert np.array_equal(kept, expected.trace("mu", chain=0)[: len(kept)]) and len(kept) > 0
    again = mc.resume(tmp_path / "run.zarr", mc.MCMC(nodes[2]), progress_bar=False)
    assert np.array_equal(again.trace("mu")[:], expected.trace("mu")[:])


# -------------------------------------------------------------------- streams


@pytest.mark.parametrize("n", [1, 255, 2 * BLOCK, 2 * BLOCK + 1001])
def test_counting_draws_leaves_streams_where_drawing_does(n):
    """As many uniforms as a pass fills in: of each tile, rounded up to whole lanes."""
    from mcmix.kernels.labels import n_blocks
    from mcmix.kernels.machine import TILE
    from mcmix.kernels.random import fill_uniforms

    streams = seeded_streams(np.random.SeedSequence(3), n_blocks(n))
    other, space = streams.copy(), np.zeros(TILE)
    for _ in range(3):
        for first in range(0, n, TILE):
            fill_uniforms(other[first // BLOCK], space, min(TILE, n - first))
    go_on(streams, n, 3)
    assert np.array_equal(streams, other)
