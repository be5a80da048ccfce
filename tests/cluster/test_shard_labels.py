"""Labels, responsibilities and labels summed out, of rows in shards: those of the same rows in this process."""

import os
import signal

import numpy as np
import pytest
from scipy import stats

import mcmix as mc
from mcmix.cluster import shards
from mcmix.cluster.clients import Cluster
from mcmix.cluster.elsewhere import shard_here, shards_of
from mcmix.cluster.sharded_chain import ShardedChain
from mcmix.traces.disk import Folder
from tests.clusters import N, assert_same, looked_up, make_short, rows, saved, two_workers, vectors


@pytest.fixture(scope="module")
def client():
    with two_workers() as found:
        yield found


@pytest.fixture(autouse=True)
def short_parts(monkeypatch):
    make_short(monkeypatch)


KINDS = [True, 3, "counts"]


def stored(nodes, path, labels, client=None, **options):
    """A run that keeps labels, and what its folder has of them."""
    m = mc.MCMC(nodes, marginal_moves=False, label_budget=2**30)
    store = mc.Store(path, labels=labels)
    m.sample(16, 4, chains=2, seed=1, thin=2, progress_bar=False, client=client, store=store, **options)
    return m, kept(path, m.assembled.labels[0].name)


def kept(path, name):
    folder = Folder.opened(path)
    if folder.group("label_counts"):
        return folder.group("label_counts")[name]
    return folder.read("labels" if name in folder.names("labels") else "posterior", name)


@pytest.mark.parametrize("labels", KINDS)
def test_labels_do_not_depend_on_the_backend(client, tmp_path, labels):
    """In this process on one thread and two, on workers; of rows in memory, and in a file, which starts elsewhere."""
    x = rows(looked_up)
    file = saved(tmp_path, rows(vectors))
    given = [({"cores": 1}, None), ({"cores": 2}, None), ({}, client)]
    for number, nodes in enumerate((lambda: looked_up(x), lambda: vectors(mc.OnDisk(file)))):
        found = [stored(nodes(), tmp_path / f"{number}{i}", labels, c, **o) for i, (o, c) in enumerate(given)]
        (m, first), *others = found
        for other, own in others:
            assert_same(m, other)
            np.testing.assert_array_equal(own, first)
            np.testing.assert_array_equal(other.last_labels(chain=0), m.last_labels(chain=0))
        if labels is True:
            np.testing.assert_array_equal(first[:, -1], [m.last_labels(chain=i) for i in range(2)])
        if labels == "counts":
            assert (first.sum(axis=2) == 6).all()


def test_counts_survive_a_worker_that_is_killed(client, tmp_path, monkeypatch):
    """In the middle of a draw, and while counts are fetched: what was counted since is drawn and counted again."""
    x = rows(looked_up)
    m, expected = stored(looked_up(x), tmp_path / "here", "counts")
    asked, done = shards.Place.asked, []

    def asks(place, cluster, method, *given):
        sent = asked(place, cluster, method, *given)
        at_draw = method == "draw" and given[0].number == 11 and not done
        if at_draw or (method == "counts" and len(done) == 1):
            done.append(method)
            os.kill(client.run(os.getpid, workers=[place.worker])[place.worker], signal.SIGKILL)
        return sent

    monkeypatch.setattr(shards.Place, "asked", asks)
    other, found = stored(looked_up(x), tmp_path / "there", "counts", client)
    assert done == ["draw", "counts"]
    assert_same(m, other)
    np.testing.assert_array_equal(found, expected)


def label_update(m):
    """The label update, and what a chain's rows looked at last."""
    (step,) = [s for s in m.step_methods if s.label_pass is not None]
    return step, np.concatenate([m._runners[0].chain.view(key) for key in step.label_pass.told])


def test_labels_summed_out_by_shards_are_the_same_bits(client):
    m = mc.MCMC(vectors(rows(vectors)), marginal_moves=False, label_budget=0)
    m.sample(3, chains=1, seed=1, progress_bar=False)
    step, parameters = label_update(m)
    whole = shard_here(step, 1).weigh(parameters, 2)
    ((_, _, expected),) = whole.nodes
    chain = ShardedChain(shards_of(Cluster(client), m.assembled)[step], np.zeros((6, 4), np.uint64))
    status, total, logs = chain.weigh(parameters, 2)
    assert status == whole.status == 0
    np.testing.assert_array_equal(total, expected)
    np.testing.assert_array_equal(logs, whole.found)
    # beside SciPy's: each row a mixture of two normal distributions at these parameters
    log_weights, means, matrices = parameters[:2], parameters[2:8].reshape(2, 3), parameters[8:].reshape(2, 3, 3)
    each = [
        log_w + stats.multivariate_normal(mu, np.linalg.inv(tau)).logpdf(rows(vectors))
        for log_w, mu, tau in zip(log_weights, means, matrices, strict=True)
    ]
    assert logs.sum() == pytest.approx(np.logaddexp(*each).sum(), rel=1e-9)


@pytest.mark.slow
def test_moves_with_labels_summed_out_are_the_same(client, monkeypatch):
    asked, seen = shards.Place.asked, []

    def asks(place, cluster, method, *given):
        seen.append(method)
        return asked(place, cluster, method, *given)

    monkeypatch.setattr(shards.Place, "asked", asks)
    x = rows(vectors)
    samplers = [mc.MCMC(vectors(x), marginal_moves=True, label_budget=0) for _ in range(2)]
    for m, c in zip(samplers, (None, client), strict=True):
        m.sample(20, 8, chains=2, seed=1, progress_bar=False, client=c)
    assert_same(*samplers)
    assert seen.count("weigh") > 100
    np.testing.assert_array_equal(*[m.last_labels() for m in samplers])


@pytest.mark.parametrize("on_disk", [False, True])
def test_responsibilities_come_block_by_block(client, tmp_path, on_disk):
    x = rows(vectors)
    m = mc.MCMC(vectors(mc.OnDisk(saved(tmp_path, x)) if on_disk else x), marginal_moves=False, label_budget=0)
    m.sample(40, 20, chains=2, seed=1, progress_bar=False, client=client)
    expected = mc.classify(m, x if on_disk else None, draws=20)
    for c in (None, client):
        blocks = list(mc.classify_blocks(m, draws=20, rows=20_000, client=c))
        assert blocks[0][0].start == 0 and blocks[-1][0].stop == N
        assert all(a.stop == b.start for (a, _), (b, _) in zip(blocks, blocks[1:], strict=False))
        found = np.concatenate([b.probabilities for _, b in blocks])
        np.testing.assert_allclose(found, expected.probabilities, atol=1e-12)
        errors = np.concatenate([b.errors for _, b in blocks])
        np.testing.assert_allclose(errors, expected.errors, atol=1e-12)


def test_responsibilities_that_need_the_model_are_refused(client):
    x = rows(looked_up)[:500]
    m = mc.MCMC(looked_up(x)).sample(30, 10, chains=1, seed=1, progress_bar=False)
    with pytest.raises(mc.ModelError, match="client= expected a sampler whose rows go to workers in shards"):
        next(mc.classify_blocks(m, client=client))
    y = mc.Normal("y", mc.Normal("mu", 0.0, 1.0), 1.0, value=x, observed=True)
    alone = mc.MCMC([y]).sample(30, 10, chains=1, seed=1, progress_bar=False)
    with pytest.raises(mc.ModelError, match="expected labels"):
        mc.classify_blocks(alone)
