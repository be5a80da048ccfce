"""A cluster of two processes on this machine, and models with rows for it."""

from contextlib import contextmanager

import numpy as np
from distributed import Client, LocalCluster

import mcmix as mc
from mcmix.kernels.labels import BLOCK
from mcmix.steps import parts
from mcmix.structure import on_disk, streamed

N = 5 * BLOCK + 300  # six short parts, the last one shorter


@contextmanager
def two_workers(n=2):
    """A client of so many worker processes, whose scheduler is in this one."""
    given = {"n_workers": n, "threads_per_worker": 1, "dashboard_address": ":0"}  # any port: tests run side by side
    with LocalCluster(**given) as cluster, Client(cluster) as client:
        yield client


def make_short(monkeypatch):
    """Parts of a block, and rows on disk from a thousand on."""
    monkeypatch.setattr(parts, "PART", BLOCK)
    monkeypatch.setattr(parts, "UNDIVIDED", 2 * BLOCK)
    monkeypatch.setattr(streamed, "FEW", 1000)
    monkeypatch.setattr(on_disk, "STAND_INS", 4096)


def labels_of(n, k=2, seed=1):
    return np.random.default_rng(seed).integers(k, size=n)


def numbers(value):
    mu, sd = mc.Normal("mu", [0.0, 4.0], 1.0, size=2), mc.Uniform("sd", 0.01, 10.0, size=2)
    return [mc.Mixture("y", mc.Dirichlet("w", [1.0, 1.0]), mc.Normal, mu, 1 / sd**2, value=value, observed=True)]


def logarithms(value):
    """Whose statistic is another column than the numbers."""
    mu = mc.Normal("mu", [0.0, 2.0], 1.0, size=2)
    return [mc.Mixture("y", mc.Dirichlet("w", [1.0, 1.0]), mc.Lognormal, mu, 4.0, value=value, observed=True)]


def vectors(value):
    mu, tau = mc.Normal("mu", 0.0, 0.1, size=(2, 3)), mc.Wishart("tau", 6, np.eye(3), size=2)
    return [mc.Mixture("y", mc.Dirichlet("w", [1.0, 1.0]), mc.MvNormal, mu, tau, value=value, observed=True)]


def looked_up(value):
    """Written without a mixture node."""
    mu, w = mc.Normal("mu", [0.0, 4.0], 1.0, size=2), mc.Dirichlet("w", [1.0, 1.0])
    z = mc.Categorical("z", w, size=len(value))
    return [mc.Normal("y", mu[z], 1.0, value=value, observed=True)]


def rows(model, n=N):
    """Rows of a model, two components of them."""
    rng, z = np.random.default_rng(1), labels_of(n)
    if model is vectors:
        return rng.normal(3.0 * z[:, None], 1.0, size=(n, 3)).astype(np.float32)
    x = rng.normal(4.0 * z, 1.0)
    return np.exp(0.5 * x) if model is logarithms else x


def saved(folder, x):
    np.save(folder / "rows.npy", x)
    return folder / "rows.npy"


def on_file(folder, model, x=None):
    """The same rows in a file, whose labels are drawn from there."""
    return model(mc.OnDisk(saved(folder, rows(model) if x is None else x), weighted=False))


def assert_same(one, other):
    """Two samplers have drawn the same, bit for bit, but for labels, which shards do not keep."""
    first, second = one.draws(), other.draws()
    labels = {n.name for n in one.assembled.labels}
    for name in {*first.variables, *second.variables} - labels:
        np.testing.assert_array_equal(second.variables[name], first.variables[name], err_msg=name)
    np.testing.assert_array_equal(second.statistics["lp"], first.statistics["lp"])
    for a, b in zip(one._runners, other._runners, strict=True):
        for mine, theirs in zip(a.chain.row_states(), b.chain.row_states(), strict=True):
            np.testing.assert_array_equal(theirs, mine)
