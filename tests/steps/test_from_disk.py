"""Labels of rows on disk: those that a pass over the same rows in memory draws, with the same sums."""

import numpy as np
import pytest

import mcmix as mc
from mcmix.kernels.labels import BLOCK
from mcmix.sampling.labels_by_block import LabelsByBlock
from mcmix.steps import parts
from mcmix.steps.from_disk import bound_to_disk, read_ahead
from mcmix.structure import on_disk, streamed
from mcmix.traces.disk import Folder

N = 5 * BLOCK + 300


@pytest.fixture(autouse=True)
def short_parts(monkeypatch):
    monkeypatch.setattr(parts, "PART", BLOCK)
    monkeypatch.setattr(parts, "UNDIVIDED", 2 * BLOCK)
    monkeypatch.setattr(streamed, "FEW", 1000)
    monkeypatch.setattr(on_disk, "STAND_INS", 4096)


def normal(value):
    mu, sd = mc.Normal("mu", [0.0, 4.0], 1.0, size=2), mc.Uniform("sd", 0.01, 10.0, size=2)
    w = mc.Dirichlet("w", [1.0, 1.0])
    return [mc.Mixture("y", w, mc.Normal, mu, 1 / sd**2, value=value, observed=True)]


def lognormal(value):
    """Whose statistic is another column than the numbers."""
    mu, w = mc.Normal("mu", [0.0, 2.0], 1.0, size=2), mc.Dirichlet("w", [1.0, 1.0])
    return [mc.Mixture("y", w, mc.Lognormal, mu, 4.0, value=value, observed=True)]


def counts(value):
    rate, w = mc.Gamma("rate", 2.0, 1.0, size=2), mc.Dirichlet("w", [1.0, 1.0])
    return [mc.Mixture("y", w, mc.Poisson, rate, value=value, observed=True)]


def vectors(value):
    mu, w = mc.Normal("mu", 0.0, 0.1, size=(2, 3)), mc.Dirichlet("w", [1.0, 1.0])
    tau = mc.Wishart("tau", 6, np.eye(3), size=2)
    return [mc.Mixture("y", w, mc.MvNormal, mu, tau, value=value, observed=True)]


def data(model, n=N):
    rng = np.random.default_rng(1)
    z = rng.integers(2, size=n)
    if model is vectors:
        return rng.normal(3.0 * z[:, None], 1.0, size=(n, 3)).astype(np.float32)
    if model is counts:
        return rng.poisson(1.0 + 4.0 * z).astype(np.int16)
    x = rng.normal(4.0 * z, 1.0)
    return np.exp(0.5 * x) if model is lognormal else x.astype(np.float32)


def saved(tmp_path, x):
    np.save(tmp_path / "rows.npy", x)
    return tmp_path / "rows.npy"


def on_file(tmp_path, model):
    weighted = None if model is vectors else False
    return model(mc.OnDisk(saved(tmp_path, data(model)), weighted=weighted))


MODELS = [normal, lognormal, counts, vectors]


def label_step(m):
    return next(s for s in m.step_methods if s.label_pass is not None)


@pytest.mark.parametrize("model", MODELS)
def test_labels_and_sums_are_those_of_rows_in_memory(tmp_path, model):
    """From the same parameters and streams: equal numbers of units, and sums that differ by rounding alone."""
    seen = []
    for nodes in (on_file(tmp_path, model), model(data(model))):
        m = mc.MCMC(nodes, label_budget=0, marginal_moves=False)
        m.sample(1, chains=1, seed=1, progress_bar=False)
        chain, step = m._runners[0].chain, label_step(m)
        for node in m.model.stochastics:  # as the first sampler has them
            if node.name != "y label" and seen:
                chain.view(node)[:] = seen[0][0][node.name]
        values = {n.name: chain.view(n).copy() for n in m.model.stochastics if n.name != "y label"}
        one = (
            step.label_pass.bound(chain)
            if step.on_disk is None
            else bound_to_disk(step.label_pass, chain, step.on_disk)
        )
        states = chain.row_states()[0]
        states[...] = np.arange(states.size, dtype=np.uint64).reshape(states.shape)
        assert one.draw() == 0
        (s,) = step.label_pass.block.factors
        n = chain.view(("count", s.factor)).copy()
        shift = step.label_pass.centred[s][1] if model is vectors else s.cells.sums.shifts[0].value
        total = chain.view(("sum", s.factor, 0)).reshape(len(n), -1) + n[:, None] * np.ravel(shift)
        seen.append((values, n, total, chain.view(("units", step.label_vector.node)).copy()))
    (_, n, total, units), (_, other_n, other_total, other_units) = seen
    assert n.sum() == N and np.array_equal(n, other_n) and np.array_equal(units, other_units)
    assert total == pytest.approx(other_total, rel=1e-9)


@pytest.mark.parametrize("model", MODELS)
def test_draws_do_not_depend_on_the_number_of_threads(tmp_path, model):
    found = []
    for cores in (1, 2, 3):
        m = mc.MCMC(on_file(tmp_path, model))
        m.sample(12, 4, chains=1, cores=cores, seed=1, progress_bar=False)
        found.append({**m.draws().variables, "lp": m.draws().statistics["lp"]})
    assert set(found[0]) > {"lp", "w"} and "y label" not in found[0]
    assert all(np.array_equal(found[0][n], other[n]) for other in found[1:] for n in found[0])


def test_a_chain_goes_on_as_if_it_had_not_been_cut(tmp_path):
    path = saved(tmp_path, data(normal))
    whole, cut = (mc.MCMC(normal(mc.OnDisk(path, weighted=False))) for _ in range(2))
    whole.sample(12, 4, chains=1, seed=1, progress_bar=False)
    cut.sample(7, 4, chains=1, seed=1, progress_bar=False)
    cut.save_state(tmp_path / "state")
    again = mc.MCMC(normal(mc.OnDisk(path, weighted=False)))
    again.restore_state(tmp_path / "state")
    again.sample(5, progress_bar=False)
    assert np.array_equal(whole.trace("mu")[3:], again.trace("mu")[:])


def test_a_stored_run_goes_on_bit_for_bit(tmp_path):
    """Resumed from its folder, where half of the iterations were done, by a model made anew."""
    path = saved(tmp_path, data(vectors))
    whole = mc.MCMC(vectors(mc.OnDisk(path))).sample(12, 4, chains=1, seed=1, progress_bar=False)
    cut, run = mc.MCMC(vectors(mc.OnDisk(path))), parts.InParts._all
    done = []

    def stops(own, kind):
        done.append(kind)
        if len(done) == 9:
            cut.halt()
        return run(own, kind)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(parts.InParts, "_all", stops)
        cut.sample(12, 4, chains=1, seed=1, store=tmp_path / "run.zarr", progress_bar=False)
    assert cut.interrupted and cut.draws().n_draws < 8
    again = mc.resume(tmp_path / "run.zarr", mc.MCMC(vectors(mc.OnDisk(path))), progress_bar=False)
    assert np.array_equal(whole.trace("mu")[:], again.trace("mu")[:])


def test_the_log_density_is_that_of_all_rows(tmp_path):
    """At kept draws: log p(parameters, labels, data) of a run differs from its in-memory one by labels alone."""
    m, other = mc.MCMC(on_file(tmp_path, counts)), mc.MCMC(counts(data(counts)), marginal_moves=False)
    for one in (m, other):
        one.sample(400, 200, chains=1, seed=1, progress_bar=False)
    lp, other_lp = (one.draws().statistics["lp"][0] for one in (m, other))
    # both are draws of one distribution; within five standard deviations of the mean of 200 correlated draws
    error = np.hypot(lp.std(), other_lp.std()) / np.sqrt(10)
    assert abs(lp.mean() - other_lp.mean()) < 5.0 * error


def test_the_posterior_is_that_of_rows_in_memory(tmp_path):
    found = [mc.MCMC(on_file(tmp_path, normal)), mc.MCMC(normal(data(normal)), label_budget=0, marginal_moves=False)]
    there, here = (m.sample(500, 100, chains=2, seed=1, progress_bar=False).summary(["mu", "sd"]) for m in found)
    error = np.hypot(there["mcse_mean"], here["mcse_mean"])
    assert (here["ess_bulk"] > 100).all() and (np.abs(there["mean"] - here["mean"]) < 5.0 * error).all()


# -------------------------------------------------------------------- labels, where somebody asks


def labels_in(path, name="y label"):
    folder = Folder.opened(path)
    return folder.group("label_counts")[name] if folder.group("label_counts") else folder.read("labels", name)


@pytest.mark.parametrize("model", [normal, vectors])
def test_labels_that_are_asked_for_are_those_that_were_drawn(tmp_path, model):
    """Traced, stored (all, some, counted), the last ones: all tell of the same draws, with the units of each label."""
    path, weighted = saved(tmp_path, data(model)), None if model is vectors else False
    nodes = model(mc.OnDisk(path, weighted=weighted))
    given = {"chains": 2, "seed": 1, "thin": 2, "progress_bar": False}
    plain = mc.MCMC(nodes).sample(20, 6, **given)
    traced = mc.MCMC(nodes, trace=["y label"], label_budget=2**22).sample(20, 6, **given)
    labels = traced.draws().variables["y label"]
    assert labels.shape == (2, 7, N) and labels.dtype == np.uint8
    for kept in (True, 3, "counts"):
        m = mc.MCMC(nodes).sample(20, 6, **given, store=mc.Store(tmp_path / f"{kept}.zarr", labels=kept, seconds=1e-6))
        assert not m._runners[0].kept[-1].labels  # no array of draws and rows
        assert np.array_equal(m.trace("mu")[:], plain.trace("mu")[:])
        found = labels_in(tmp_path / f"{kept}.zarr")
        if kept == "counts":
            assert np.array_equal(found, np.stack([(labels == k).sum(axis=1) for k in range(2)], axis=-1))
        else:
            assert np.array_equal(found, labels[:, ::3] if kept == 3 else labels)
    for i, r in enumerate(plain._runners):
        last = plain.last_labels(chain=i)
        assert isinstance(last, np.memmap) and np.array_equal(last, labels[i, -1])
        assert np.array_equal(np.bincount(last), r.chain.view(("units", r.compiled.labels[0])))
        assert r.chain.rows_apart[r.compiled.labels[0]].labels is None  # nothing is kept where nobody asks
    assert np.array_equal(traced.trace("mu")[:], plain.trace("mu")[:])


@pytest.mark.parametrize("kept", [3, "counts"])
def test_stored_labels_go_on_where_a_run_was_cut(tmp_path, kept):
    path = saved(tmp_path, data(vectors))
    given = {"chains": 2, "seed": 1, "progress_bar": False}
    mc.MCMC(vectors(mc.OnDisk(path))).sample(16, 3, **given, store=mc.Store(tmp_path / "whole.zarr", labels=kept))
    cut, take, done = mc.MCMC(vectors(mc.OnDisk(path))), LabelsByBlock.take, []

    def stops(own, draws):
        take(own, draws)
        done.append(draws)
        if len(done) == 7:
            cut.halt()

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(LabelsByBlock, "take", stops)
        cut.sample(16, 3, **given, store=mc.Store(tmp_path / "cut.zarr", labels=kept, seconds=1e-6))
    assert cut.interrupted and 0 < cut.draws().n_draws < 13
    again = mc.resume(tmp_path / "cut.zarr", vectors(mc.OnDisk(path)), progress_bar=False)
    assert again.draws().n_draws == 13
    assert np.array_equal(labels_in(tmp_path / "cut.zarr"), labels_in(tmp_path / "whole.zarr"))


def test_stored_labels_are_read_with_their_draws(tmp_path):
    nodes = on_file(tmp_path, vectors)
    m = mc.MCMC(nodes).sample(
        16, 4, chains=2, seed=1, progress_bar=False, store=mc.Store(tmp_path / "run.zarr", labels=4)
    )
    assert "y label" not in m.draws().variables
    found = mc.load(tmp_path / "run.zarr", nodes, labelled=True)
    assert found.trace("y label", chain=0)[:].shape == (3, N)
    assert np.array_equal(found.trace("mu", chain=0)[:], m.trace("mu", chain=0)[::4])
    tree = pytest.importorskip("xarray").open_datatree(tmp_path / "run.zarr", engine="zarr")
    assert tree["labels"]["y label"].shape == (2, 3, N)
    tree.close()


def test_labels_beyond_the_budget_are_refused_before_sampling(tmp_path):
    m = mc.MCMC(on_file(tmp_path, normal), trace=["y label"], label_budget=10 * N)
    with pytest.raises(mc.ModelError, match=r"labels of y label would take 1 MiB, label_budget= has 1; store="):
        m.sample(12, chains=1, seed=1, progress_bar=False)
    assert m.sample(10, chains=1, seed=1, progress_bar=False).trace("y label")[:].shape == (10, N)


def test_last_labels_say_where_there_are_none(tmp_path):
    m = mc.MCMC(on_file(tmp_path, normal))
    with pytest.raises(mc.ModelError, match="last_labels: the chains have not started"):
        m.last_labels()
    m.sample(4, chains=1, seed=1, progress_bar=False)
    with pytest.raises(mc.ModelError, match="expected the name of a label vector .y label., got 'z'"):
        m.last_labels("z")
    with pytest.raises(mc.ModelError, match="chain expected a whole number from 0 to 0, got 4"):
        m.last_labels(chain=4)
    with pytest.raises(mc.ModelError, match="cannot write a temporary file of 0.1 MiB to .*nowhere"):
        m.last_labels(folder=tmp_path / "nowhere")
    m.save_state(tmp_path / "state")
    again = mc.MCMC(m.model).restore_state(tmp_path / "state")
    with pytest.raises(mc.ModelError, match="y label: no iteration has been made here"):
        again.last_labels()


def test_last_labels_of_rows_in_memory_are_those_of_the_chain():
    m = mc.MCMC(normal(data(normal, 300)), marginal_moves=False, trace=["y label"])
    m.sample(6, chains=2, seed=1, progress_bar=False)
    assert np.array_equal(m.last_labels(), m.trace("y label", chain=1)[-1])
    assert m.last_labels().dtype == np.uint8


# -------------------------------------------------------------------- what is refused


def test_the_file_must_stay_as_it_is(tmp_path):
    m = mc.MCMC(on_file(tmp_path, normal))
    m.sample(5, chains=1, seed=1, progress_bar=False)
    saved(tmp_path, data(normal, N + 7))
    with pytest.raises(mc.ModelError, match="rows.npy: the file has changed since it was opened"):
        m.sample(5, progress_bar=False)


def test_vectors_with_a_number_that_is_none_are_refused(tmp_path):
    x = data(vectors)
    x[70_001, 2] = np.inf
    with pytest.raises(mc.ModelError, match="y: expected finite values, got inf in row 70001 of rows.npy"):
        vectors(mc.OnDisk(saved(tmp_path, x)))


@pytest.mark.parametrize("options", [{"marginal_moves": True}, {"tempering": 3}])
def test_samplers_that_go_over_the_rows_many_times_are_refused(tmp_path, options):
    with pytest.raises(mc.ModelError, match=r"y: .*counts and sums by label alone.*\.read\(\)"):
        mc.MCMC(on_file(tmp_path, normal), **options)


def test_functions_that_look_at_labels_are_refused(tmp_path):
    (y,) = on_file(tmp_path, normal)
    (label,) = [n for n in mc.Model([y]).stochastics if n.name == "y label"]
    with pytest.raises(mc.ModelError, match=r"y: .*counts and sums by label alone; .* looks at labels"):
        mc.MCMC([y, mc.Lambda("first", lambda z=label: z[0])]).sample(5, progress_bar=False)


def test_families_without_sums_are_read_into_memory(tmp_path):
    mu = mc.Normal("mu", 0.0, 1.0, size=2)
    value = mc.OnDisk(saved(tmp_path, data(normal)), weighted=False)
    y = mc.Mixture("y", [0.5, 0.5], mc.Laplace, mu, 1.0, value=value, observed=True)
    assert y.on_disk is None and y.row_weights is None and len(y.value) == N


@pytest.mark.parametrize("asked", [lambda m: m.memberships(), lambda m: mc.evidence(m), lambda m: m.deviance])
def test_what_needs_the_rows_afterwards_is_refused(tmp_path, asked):
    m = mc.MCMC(on_file(tmp_path, normal)).sample(30, 10, chains=1, seed=1, progress_bar=False)
    with pytest.raises(mc.ModelError, match="on disk"):
        asked(m)


# -------------------------------------------------------------------- reading ahead


def test_the_next_block_is_read_meanwhile():
    begun = []

    def blocks():
        for i in range(4):
            begun.append(i)
            yield np.array([i])

    ahead = read_ahead(blocks())
    assert [int(b[0]) for b in ahead] == [0, 1, 2, 3] and begun == [0, 1, 2, 3]


def test_what_reading_raises_comes_at_its_block():
    def blocks():
        yield np.zeros(1)
        raise OSError("planted")

    ahead = read_ahead(blocks())
    next(ahead)
    with pytest.raises(OSError, match="planted"):
        next(ahead)
