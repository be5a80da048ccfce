"""Data on disk: few weighted rows from one pass, the same whatever the file and the threads, and what is refused."""

import pickle
import threading
import time

import numpy as np
import pytest

import mcmix as mc
from mcmix.kernels.bins import MOMENTS, STEPS, add_to_bins
from mcmix.kernels.crew import CREW
from mcmix.nodes.numbers import is_mapped
from mcmix.sampling.marginal import Marginal
from mcmix.structure import streamed
from mcmix.structure.recording import record
from mcmix.structure.weighted_rows import distinct, from_moments, quadrature

pa = pytest.importorskip("pyarrow")
N = 40_000


@pytest.fixture(autouse=True)
def short_blocks(monkeypatch):
    monkeypatch.setattr(streamed, "FEW", 1000)
    monkeypatch.setattr(streamed, "BLOCK", 7000)


def reals(seed=1, n=N):
    rng = np.random.default_rng(seed)
    z = rng.integers(2, size=n)
    return rng.normal(4.0 * z, 1.0 + z).astype(np.float32)


def saved(tmp_path, x, name="rows.npy"):
    np.save(tmp_path / name, x)
    return tmp_path / name


def normals(value, **options):
    w, mu = mc.Dirichlet("w", [1.0, 1.0]), mc.Normal("mu", 0.0, sigma=10.0, size=2)
    sd = mc.Uniform("sd", 0.01, 10.0, size=2)
    return [mc.Mixture("y", w, mc.Normal, mu, 1 / sd**2, value=value, observed=True, **options), mu, sd, w]


def log_likelihood(nodes, **at):
    model = mc.Model(nodes)
    marginal = Marginal(record(model), model)
    marginal.put({n: at[n.name] for n in model.stochastics if n.name in at})
    return marginal.log_likelihood()


# -------------------------------------------------------------------- moments of bins


def smooth(x):
    return np.logaddexp(-0.5 * x**2, -1.0 - 0.5 * ((x - 1.0) / 0.3) ** 2)


@pytest.mark.parametrize(("n", "bins"), [(50_000, 40), (50_000, 4000), (200, 40), (30, 40)])
def test_nodes_of_moments_keep_sums_of_smooth_functions(n, bins):
    """Few points in a bin, as many as there are nodes, and many: what is lost is rounding of n additions."""
    x = np.random.default_rng(2).normal(size=n)
    x = x[np.abs(x) < 4.0]
    table, missed = np.zeros((bins, MOMENTS)), np.empty(n, np.int64)
    assert add_to_bins(x, -4.0, 8.0 / bins, STEPS, table, missed) == 0
    rows = from_moments(table, -4.0, 8.0 / bins)
    assert rows.weights.sum() == pytest.approx(len(x), rel=1e-12)
    assert (rows.weights * smooth(rows.values)).sum() == pytest.approx(smooth(x).sum(), rel=1e-11)
    assert rows.n_rows <= min(6 * bins, len(x))


def test_numbers_outside_the_bins_are_told():
    table, missed = np.zeros((4, MOMENTS)), np.empty(5, np.int64)
    assert add_to_bins(np.array([-0.1, 0.0, 0.5, 0.999, 1.0]), 0.0, 0.25, STEPS, table, missed) == 2
    assert missed[:2].tolist() == [0, 4] and table[:, 0].tolist() == [1.0, 0.0, 1.0, 1.0]


def test_quadratures_of_weighted_rows_are_those_of_the_rows_that_they_stand_for():
    x = np.random.default_rng(3).normal(size=20_000)
    fine = quadrature(x, 0.01)
    coarse = quadrature(fine.values, 0.3, weights=fine.weights)
    assert coarse.n_rows < 200
    assert (coarse.weights * smooth(coarse.values)).sum() == pytest.approx(smooth(x).sum(), rel=1e-9)
    assert distinct(np.array([2.0, 1.0, 2.0]), np.array([3.0, 1.0, 4.0])).weights.tolist() == [1.0, 7.0]


# -------------------------------------------------------------------- the same rows


def sources(tmp_path, x):
    from pyarrow import dataset, feather, parquet

    table = pa.table({"x": x, "name": [str(i % 7) for i in range(len(x))]})
    parquet.write_table(table, tmp_path / "one.parquet", row_group_size=3001)
    feather.write_feather(table, str(tmp_path / "one.arrow"), compression="uncompressed")
    folder = tmp_path / "many"
    folder.mkdir()
    for i, start in enumerate(range(0, len(x), 11_000)):
        parquet.write_table(table.slice(start, 11_000), folder / f"{i}.parquet")
    h5py, zarr = pytest.importorskip("h5py"), pytest.importorskip("zarr")
    held = h5py.File(tmp_path / "one.h5", "w").create_dataset("x", data=x, chunks=(4096,))
    stored = zarr.create_array(str(tmp_path / "one.zarr"), data=x, chunks=(4096,))
    npy = saved(tmp_path, x)
    return {
        "npy": mc.OnDisk(npy), "memory map": mc.OnDisk(np.load(npy, mmap_mode="r")), "HDF5": mc.OnDisk(held),
        "Zarr": mc.OnDisk(stored), "Parquet": mc.OnDisk(tmp_path / "one.parquet", "x"),
        "Arrow": mc.OnDisk(tmp_path / "one.arrow", "x"), "folder": mc.OnDisk(folder, "x"),
        "dataset": mc.OnDisk(dataset.dataset(str(folder)), "x"),
    }  # fmt: skip


def test_all_kinds_of_files_say_the_same(tmp_path):
    """Which rows are looked at first differs, and so may bins: each stands for all rows to rounding."""
    x = reals()
    exact = log_likelihood(normals(x), mu=[0.1, 3.9], sd=[1.1, 1.9], w=[0.4, 0.6])
    for kind, rows in sources(tmp_path, x).items():
        assert rows.shape == (N,) and rows.dtype == np.float32, kind
        assert np.array_equal(np.concatenate(list(rows.blocks(999))), x), kind
        assert {len(b) for b in list(rows.blocks(999))[:-1]} == {999}, kind
        nodes = normals(rows)
        assert nodes[0].row_weights.sum() == pytest.approx(N, rel=1e-12), kind
        assert log_likelihood(nodes, mu=[0.1, 3.9], sd=[1.1, 1.9], w=[0.4, 0.6]) == pytest.approx(exact, abs=1e-6), kind


def test_weighted_rows_do_not_depend_on_the_number_of_threads(tmp_path):
    path, found = saved(tmp_path, reals()), []
    for cores in (1, 2, 3):
        with CREW.at_most(cores):
            y = normals(mc.OnDisk(path))[0]
        found.append((y.value, y.row_weights))
    assert all(np.array_equal(a, b) for other in found[1:] for a, b in zip(found[0], other, strict=True))


def test_a_slow_thread_holds_the_others_up_before_memory_is_full(tmp_path, monkeypatch):
    """No more blocks are in memory than are let in, whatever the threads do."""
    monkeypatch.setattr(streamed, "BLOCK", 500)
    of, lock, held = streamed._Bins.of, threading.Lock(), [0, 0]

    def slow(sums, first, x):
        with lock:
            held[0] += 1
            held[1] = max(held)
        if first == 0:
            time.sleep(0.3)
        return of(sums, first, x)

    def added(sums, found):
        with lock:
            held[0] -= 1
        return add(sums, found)

    add = streamed._Bins.add
    monkeypatch.setattr(streamed._Bins, "of", slow)
    monkeypatch.setattr(streamed._Bins, "add", added)
    with CREW.at_most(3):
        y = normals(mc.OnDisk(saved(tmp_path, reals())))[0]
    assert held[0] == 0 and 1 < held[1] <= streamed.HELD
    assert y.row_weights.sum() == pytest.approx(N, rel=1e-12)


@pytest.mark.parametrize("order", ["sorted", "far out"])
def test_no_order_of_the_rows_and_no_far_rows_mislead(tmp_path, order):
    x = np.sort(reals())
    if order == "far out":
        x[::4000] = 1e4 + np.arange(10, dtype=np.float32)
    rows = normals(mc.OnDisk(saved(tmp_path, x)))
    at = {"mu": [0.1, 3.9], "sd": [3.1, 5.9], "w": [0.4, 0.6]}
    assert log_likelihood(rows, **at) == pytest.approx(log_likelihood(normals(x), **at), rel=1e-12)


def test_counts_are_counted(tmp_path):
    x = np.random.default_rng(4).poisson(3.0, size=N).astype(np.int16)

    def model(value):
        return [mc.Mixture("y", [0.3, 0.7], mc.Poisson, mc.Gamma("rate", 2.0, 1.0, size=2), value=value, observed=True)]

    nodes = model(mc.OnDisk(saved(tmp_path, x)))
    values, counts = np.unique(x, return_counts=True)
    assert np.array_equal(nodes[0].value, values) and np.array_equal(nodes[0].row_weights, counts)
    assert nodes[0].rows_counted
    there, here = log_likelihood(model(x), rate=[2.0, 4.0]), log_likelihood(nodes, rate=[2.0, 4.0])
    assert here == pytest.approx(there, rel=1e-13)


def test_positive_rows_are_binned_by_their_logarithms(tmp_path):
    x = np.random.default_rng(5).gamma(2.0, 3.0, size=N)

    def model(value):
        rate = mc.Gamma("rate", 2.0, 1.0, size=2)
        return [mc.Mixture("y", [0.3, 0.7], mc.Gamma, 2.0, rate, value=value, observed=True)]

    nodes = model(mc.OnDisk(saved(tmp_path, x)))
    assert nodes[0].value.size < N
    there, here = log_likelihood(model(x), rate=[0.2, 0.5]), log_likelihood(nodes, rate=[0.2, 0.5])
    assert here == pytest.approx(there, abs=1e-6)


# -------------------------------------------------------------------- the run


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The same data on disk and in memory."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(streamed, "FEW", 1000)
        path = saved(tmp_path_factory.mktemp("rows"), reals())
        found = [mc.MCMC(normals(v)[:1], label_budget=0) for v in (mc.OnDisk(path), reals())]
    return [m.sample(1500, 500, chains=2, seed=1, progress_bar=False) for m in found]


def test_the_posterior_is_that_of_all_rows(runs):
    """Means within 5 Monte Carlo errors of one another, with 400 effective draws or more on either side."""
    there, here = (m.summary(["mu", "sd"]) for m in runs)
    assert (here["ess_bulk"] > 400).all()
    error = np.hypot(there["mcse_mean"], here["mcse_mean"])
    assert (np.abs(there["mean"] - here["mean"]) < 5.0 * error).all()
    assert there["sd"].to_numpy() == pytest.approx(here["sd"].to_numpy(), rel=0.25)


def test_what_is_told_of_totals_is_that_of_all_rows(runs):
    on_disk, whole = (mc.evidence(m, seed=1) for m in runs)
    assert on_disk.log == pytest.approx(whole.log, abs=5.0 * np.hypot(on_disk.error, whole.error))


def test_labels_are_summed_out_and_the_file_is_not_read(runs):
    m = runs[0]
    assert "weighted rows in the place of 40000" in str(m.explain()) and "labels are summed out" in str(m.explain())
    assert [s.name for s in m.step_methods][0] == "labels summed out"
    assert "y label" not in m.draws().variables and not m.observed_data()


def test_labels_come_block_by_block_when_they_are_asked_for(runs):
    x = reals()[:3000]
    found = np.concatenate([mc.classify(runs[0], x[i : i + 1000]).probabilities for i in (0, 1000, 2000)])
    there = mc.classify(runs[1], x).probabilities
    order = np.argsort(there.sum(0)), np.argsort(found.sum(0))
    # two runs of 2000 draws each: a probability differs by what the parameters' posterior leaves open
    assert found[:, order[1]] == pytest.approx(there[:, order[0]], abs=0.02)


def test_copies_take_their_weights_along(runs):
    copy = pickle.loads(pickle.dumps(runs[0]))
    (y,) = copy.model.data_nodes
    assert np.array_equal(y.row_weights, runs[0].model.data_nodes[0].row_weights)
    assert copy.sample(5, progress_bar=False).draws().n_draws == 5


def test_a_stored_run_knows_its_weights(tmp_path):
    """Counts of the same values, each as often or not: other data."""
    x = np.random.default_rng(6).poisson(3.0, size=N)

    def model(value):
        rate = mc.Gamma("rate", 2.0, 1.0, size=2)
        return mc.MCMC([mc.Mixture("y", [0.3, 0.7], mc.Poisson, rate, value=mc.OnDisk(value), observed=True)])

    path = saved(tmp_path, x)
    model(path).sample(40, 20, chains=1, seed=1, store=tmp_path / "run.zarr", progress_bar=False)
    other = saved(tmp_path, np.concatenate([x, x]), "other.npy")
    with pytest.raises(mc.ModelError, match="the data of 'y'"):
        mc.resume(tmp_path / "run.zarr", model(other))


@pytest.mark.parametrize(
    "asked",
    [lambda m: m.memberships(), lambda m: m.posterior_predictive(2), lambda m: mc.partition(m),
     lambda m: mc.VB(m.model), lambda m: mc.plots.density(m), lambda m: mc.compare({"a": m})],
)  # fmt: skip
def test_what_needs_rows_one_by_one_is_refused(runs, asked):
    with pytest.raises(mc.ModelError, match="row by row.*rows that stand for those on disk"):
        asked(runs[0])


@pytest.mark.parametrize("labels", [True, 5, "counts"])
def test_labels_cannot_be_kept(tmp_path, labels):
    m = mc.MCMC(normals(mc.OnDisk(saved(tmp_path, reals())))[:1])
    with pytest.raises(mc.ModelError, match=f"store: labels={labels!r}: expected data row by row"):
        m.sample(20, 10, chains=1, seed=1, store=mc.Store(tmp_path / "run.zarr", labels=labels), progress_bar=False)


@pytest.mark.parametrize("options", [{"marginal_moves": False}, {"tempering": 3}])
def test_samplers_that_draw_labels_are_refused(tmp_path, options):
    with pytest.raises(mc.ModelError, match=r"y: .*labels are summed out.*weighted=False"):
        mc.MCMC(normals(mc.OnDisk(saved(tmp_path, reals())))[:1], **options)


def test_models_whose_labels_cannot_be_summed_out_are_refused(tmp_path):
    y = normals(mc.OnDisk(saved(tmp_path, reals())))[0]
    (label,) = [n for n in mc.Model([y]).stochastics if n.name == "y label"]

    @mc.deterministic
    def first(z=label):
        return z[0]

    with pytest.raises(mc.ModelError, match=r"y: .*labels are summed out.*weighted=False"):
        mc.MCMC([y, first]).sample(10, progress_bar=False)


def test_components_that_are_too_narrow_are_refused(tmp_path):
    """Half of the rows within a ten thousandth of the others' width."""
    x = np.random.default_rng(7).normal(size=N) * np.where(np.arange(N) % 2, 1.0, 1e-4)
    w, mu = mc.Dirichlet("w", [1.0, 1.0]), mc.Normal("mu", 0.0, sigma=1.0, size=2)
    y = mc.Mixture("y", w, mc.Normal, mu, np.array([1.0, 1e8]), value=mc.OnDisk(saved(tmp_path, x)), observed=True)
    with pytest.raises(mc.ModelError, match="y: expected components of some width"):
        mc.MCMC([y]).sample(200, 100, chains=1, seed=1, progress_bar=False)


# -------------------------------------------------------------------- whole rows


def test_few_rows_are_read_as_they_are(tmp_path, monkeypatch):
    monkeypatch.setattr(streamed, "FEW", N)
    y = normals(mc.OnDisk(saved(tmp_path, reals())))[0]
    assert y.row_weights is None and y.held.dtype == np.float32 and is_mapped(y.held)
    assert not y.data_names.columns  # a file's name is none of a column's


def test_vectors_are_read_from_their_columns(tmp_path):
    from pyarrow import parquet

    x = np.random.default_rng(8).normal(size=(900, 2)).astype(np.float32)
    parquet.write_table(pa.table({"a": x[:, 0], "b": x[:, 1]}), tmp_path / "two.parquet")
    mu = mc.Normal("mu", 0.0, 1.0, size=(2, 2))
    value = mc.OnDisk(tmp_path / "two.parquet", ["a", "b"])
    y = mc.Mixture("y", [0.5, 0.5], mc.MvNormal, mu, np.eye(2), value=value, observed=True)
    assert np.array_equal(y.value, x) and y.held.dtype == np.float32 and y.row_weights is None


@pytest.mark.parametrize(("family", "why"), [(mc.Laplace, "kinks"), (mc.MvNormal, "vectors")])
def test_weighted_rows_that_were_asked_for_and_cannot_be_are_refused(tmp_path, family, why):
    x = reals() if family is mc.Laplace else np.ones((N, 2))
    mu = mc.Normal("mu", 0.0, 1.0, size=2 if family is mc.Laplace else (2, 2))
    spread = 1.0 if family is mc.Laplace else np.eye(2)
    with pytest.raises(mc.ModelError, match=f"y: weighted rows cannot stand for those of rows.npy: .*{why}"):
        value = mc.OnDisk(saved(tmp_path, x), weighted=True)
        mc.Mixture("y", [0.5, 0.5], family, mu, spread, value=value, observed=True)


# -------------------------------------------------------------------- bad input


def test_a_number_that_is_none_is_named_by_its_row_in_the_file(tmp_path):
    x = reals()
    x[33_333] = np.nan
    with pytest.raises(mc.ModelError, match="y: expected finite values, got nan in row 33333 of rows.npy"):
        normals(mc.OnDisk(saved(tmp_path, x)))


@pytest.mark.parametrize("cores", [1, 3])
def test_a_file_that_fails_ends_all_threads(tmp_path, cores):
    """Many blocks behind the wrong one: nobody waits for room that is never made."""
    x = reals()
    x[8000] = np.inf
    with CREW.at_most(cores), pytest.raises(mc.ModelError, match="got inf in row 8000"):
        normals(mc.OnDisk(saved(tmp_path, x)))


def test_so_is_one_outside_the_support(tmp_path):
    x = np.random.default_rng(9).poisson(3.0, size=N)
    x[30_001] = -2
    rate = mc.Gamma("rate", 2.0, 1.0, size=2)
    with pytest.raises(mc.SupportError, match="y: expected values of at least 0, got -2 in row 30001 of rows.npy"):
        mc.Mixture("y", [0.5, 0.5], mc.Poisson, rate, value=mc.OnDisk(saved(tmp_path, x)), observed=True)
    x = x.astype(float)
    x[30_001] = 1.5
    with pytest.raises(mc.SupportError, match="y: expected whole numbers, got 1.5 in row 30001"):
        mc.Mixture("y", [0.5, 0.5], mc.Poisson, rate, value=mc.OnDisk(saved(tmp_path, x)), observed=True)


def test_text_and_nulls_are_refused(tmp_path):
    from pyarrow import parquet

    sources_of = pa.table({"text": ["a"] * 5000, "gaps": [None if i in (4001, 4444) else 1.0 * i for i in range(5000)]})
    parquet.write_table(sources_of, tmp_path / "bad.parquet", row_group_size=1000)
    with pytest.raises(mc.ModelError, match=r"bad.parquet, column text: expected numbers in column 'text', got string"):
        mc.OnDisk(tmp_path / "bad.parquet", "text")
    with pytest.raises(mc.ModelError, match=r"a null in column 'gaps' in row 4001, 4444"):
        normals(mc.OnDisk(tmp_path / "bad.parquet", "gaps"))


def test_a_file_that_has_changed_is_refused(tmp_path):
    rows = mc.OnDisk(saved(tmp_path, reals()))
    saved(tmp_path, reals(2, N + 1))
    for asked in (rows.blocks, rows.read, lambda: normals(rows)):
        with pytest.raises(mc.ModelError, match="rows.npy: the file has changed since it was opened"):
            asked()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda p: mc.OnDisk(p / "none.npy"), "'none.npy', which does not exist"),
        (lambda p: mc.OnDisk(p / "text.csv"), "got 'text.csv'; hand in the array that you have opened"),
        (lambda p: mc.OnDisk(p / "no.npy"), "no.npy: expected an .npy file of numbers"),
        (lambda p: mc.OnDisk(p / "no.parquet"), "no.parquet: expected a table"),
        (lambda p: mc.OnDisk(p / "two.parquet"), "has columns a, b; say which with column="),
        (lambda p: mc.OnDisk(p / "two.parquet", "c"), r"expected a column among a, b, got \['c'\]"),
        (lambda p: mc.OnDisk(saved(p, np.ones(3)), "a"), "rows.npy has no columns by name, got column='a'"),
        (lambda p: mc.OnDisk(saved(p, np.array(["a"]))), "rows.npy: expected numbers of up to 64 bits, got <U1"),
        (lambda p: mc.OnDisk([1.0, 2.0]), "got list"),
        (lambda p: list(mc.OnDisk(saved(p, np.ones(3))).blocks(0)), "whole number of rows of at least 1, got 0"),
    ],
)
def test_what_are_no_rows_is_refused(tmp_path, make, said):
    from pyarrow import parquet

    for name in ("text.csv", "no.npy", "no.parquet"):
        (tmp_path / name).write_text("a,b\n1,2\n")
    parquet.write_table(pa.table({"a": [1.0], "b": [2.0]}), tmp_path / "two.parquet")
    with pytest.raises(mc.ModelError, match=said):
        make(tmp_path)


def test_a_size_that_is_not_that_of_the_file_is_refused(tmp_path):
    with pytest.raises(mc.ModelError, match=rf"y: expected a value of shape \(7,\), got shape \({N},\)"):
        normals(mc.OnDisk(saved(tmp_path, reals())), size=7)


def test_ties_on_disk_are_warned_of(tmp_path):
    """Values that stand for many equal rows: a component may shrink onto them."""
    y = normals(mc.OnDisk(saved(tmp_path, np.round(reals(), 1))))[0]
    assert y.rows_counted
    sd = mc.Uniform("s", 0.0, 10.0, size=2)
    y = mc.Mixture("y", [0.5, 0.5], mc.Normal, mc.Normal("m", 0.0, 1.0, size=2), 1 / sd**2, observed=True,
                   value=mc.OnDisk(tmp_path / "rows.npy"))  # fmt: skip
    with pytest.warns(mc.ImproperPosteriorWarning, match="y: the value .* occurs"):
        mc.MCMC([y]).sample(200, 100, chains=1, seed=1, progress_bar=False)
