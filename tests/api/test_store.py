"""Runs whose draws go to a folder: the same draws, whatever cut them and wherever they are read."""

import json
import os
import pickle
import re
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import mcmix as mc
from mcmix.sampling import checkpoints
from mcmix.traces import disk

ROWS = np.random.default_rng(1).normal(3.0 * np.repeat([0, 1], 30), 1.0)
CALL = {"iter": 700, "burn": 200, "thin": 2, "chains": 3, "seed": 5, "progress_bar": False}


def build(data=ROWS, precision=0.1, **options):
    """Labels, conjugate draws, a slice, Metropolis that learns, draws by NumPy's sampler, a missing entry."""
    w = mc.Dirichlet("w", [1.0, 1.0])
    z = mc.Categorical("z", w, size=len(data))
    mu = mc.Normal("mu", [0.0, 3.0], precision, size=2)
    sd = mc.Uniform("sd", 0.5, 2.0, size=2)
    y = mc.Normal("y", mu[z], 1 / sd[z] ** 2, value=data, observed=True)
    seen = mc.Normal("seen", mu[0], 1.0, value=np.ma.masked_invalid([0.1, np.nan]), observed=True)
    return mc.MCMC([y, seen, mc.Poisson("new", np.exp(0.3 * mu))], **{"marginal_moves": False, **options})


def assert_same(one, other, n=None):
    for kind in ("variables", "statistics"):
        first, second = getattr(one, kind), getattr(other, kind)
        assert list(first) == list(second)
        for name in first:
            a, b = first[name], second[name][:, :n]
            np.testing.assert_array_equal(a, b, err_msg=name)
            assert a.dtype == b.dtype, name


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.zarr"


@pytest.fixture
def small(monkeypatch):
    """Chunks of few draws, so that a short run has many."""
    monkeypatch.setattr(disk, "CHUNK", 20_000)
    monkeypatch.setattr("mcmix.api.destinations.CHUNK", 20_000)


KINDS = pytest.mark.parametrize(
    "options", [{}, {"marginal_moves": None}, {"tempering": 2}], ids=["given labels", "as chosen", "tempered"]
)


@KINDS
def test_draws_are_those_of_memory(path, small, options):
    inside = build(**options).sample(**CALL)
    stored = build(**options).sample(**CALL, store=path, cores=1)
    assert_same(inside.draws(), stored.draws())
    assert stored.draws().n_draws == 250 and stored.draws().n_chains == 3
    assert stored.verdict == inside.verdict
    found = mc.load(path, build())
    assert_same(inside.draws(), found.draws())
    assert found.lengths == inside.lengths and found.seed_sequence.entropy == 5
    np.testing.assert_array_equal(found.deviance, inside.deviance)
    again = pickle.loads(pickle.dumps(stored))
    assert_same(inside.draws(), again.draws())


@KINDS
def test_a_longer_run_is_a_run_that_was_longer(path, small, options):
    first = build(**options).sample(**CALL, store=path)
    whole = first.draws()
    before = {n: x.copy() for n, x in whole.variables.items()}
    resumed = mc.resume(path, build(**options).model, more=400, cores=1, progress_bar=False)
    assert resumed.draws().n_draws == 450
    for name, values in before.items():
        np.testing.assert_array_equal(resumed.draws().variables[name][:, :250], values)
    if (
        "marginal_moves" not in options
    ):  # burn-in of moves with the labels summed out learns from how long a call is to be
        assert_same(build(**options).sample(**{**CALL, "iter": 1100}).draws(), resumed.draws())
    nothing_left = mc.resume(path, build(**options).model, progress_bar=False)
    assert_same(resumed.draws(), nothing_left.draws())


def test_without_the_model(path):
    m = build().sample(**CALL, store=path)
    found = mc.load(path)
    assert_same(m.draws(), found.draws())
    assert found.verdict == m.verdict
    assert found.summary(relabel=False).equals(m.summary(relabel=False))
    assert found.stats("mu")["mu"]["mean"] == pytest.approx(m.stats("mu")["mu"]["mean"])
    assert found.diagnose().ok == m.diagnose().ok
    np.testing.assert_array_equal(found.observed_data()["y"], ROWS)
    assert set(found.to_arviz()["posterior"].data_vars) == set(m.to_arviz()["posterior"].data_vars)
    assert "acceptance z" in found.to_arviz()["sample_stats"]
    assert repr(found).startswith("<Posterior in ")
    for ask in (lambda: found.deviance, lambda: found.model, lambda: found.to_arviz(log_likelihood=True)):
        with pytest.raises(mc.ModelError, match=r"needs the model of the draws: mc.load\("):
            ask()
    with pytest.raises(mc.ModelError, match="no variable named 'nu'"):
        found.trace("nu")


def exchangeable():
    w, mu = mc.Dirichlet("w", [1.0, 1.0]), mc.Normal("mu", 0.0, 0.05, size=2)
    z = mc.Categorical("z", w, size=len(ROWS))
    return mc.MCMC([mc.Normal("y", mu[z], 1.0, value=ROWS, observed=True)])


def test_components_have_one_name_without_the_model_too(path):
    m = exchangeable().sample(1200, 200, seed=3, progress_bar=False, store=path)
    found = mc.load(path)
    assert found.summary("mu")["mean"].values == pytest.approx(m.summary("mu")["mean"].values)
    assert mc.partition(path).n_clusters == mc.partition(m).n_clusters
    assert set(mc.relabel(path)["posterior"].data_vars) == {"mu", "w", "z"}


def regressions():
    t = np.linspace(0, 1, len(ROWS))
    w, a, b = mc.Dirichlet("w/a", [1.0, 1.0]), mc.Normal("a b", 0, 0.1, size=2), mc.Normal("b/", 0, 0.1, size=2)
    z = mc.Categorical("z/z", w, size=len(ROWS))
    return mc.MCMC([mc.Normal("y", a[z] + b[z] * t, 1.0, value=ROWS, observed=True)])


@pytest.mark.parametrize("labels", [True, 7])
def test_names_that_files_cannot_hold_and_tables_under_one_name(path, labels):
    m = regressions().sample(600, 100, chains=2, seed=2, progress_bar=False, store=mc.Store(path, labels=labels))
    means = regressions().sample(600, 100, chains=2, seed=2, progress_bar=False).summary()["mean"]
    for found in (m, mc.load(path, regressions()), mc.load(path)):
        if labels is True:
            assert found.summary()["mean"].values == pytest.approx(means.values)
        assert list(found.summary().index) == list(means.index)
    if labels == 7:
        assert len(mc.load(path, regressions(), labelled=True).summary()) == len(means)
        assert len(mc.load(path, labelled=True).summary()) == len(means)


def test_what_is_kept_of_labels(path, small):
    whole = build().sample(**CALL)
    drawn = whole.draws().variables["z"]
    labels = {False: build().sample(**CALL, store=mc.Store(path, labels=False))}
    assert "z" not in labels[False].draws().variables
    thinned = build().sample(**CALL, store=mc.Store(path, overwrite=True, labels=7))
    folder = disk.Folder.opened(path)
    np.testing.assert_array_equal(folder.read("labels", "z"), drawn[:, ::7])
    assert "z" not in thinned.draws().variables
    np.testing.assert_array_equal(thinned.trace("mu")[:], whole.trace("mu")[:])
    with pytest.raises(mc.ModelError, match="labels of 'z' were not kept"):
        thinned.trace("z")
    for found in (mc.load(path, build(), labelled=True), mc.load(path, labelled=True)):
        np.testing.assert_array_equal(found.draws().variables["z"], drawn[:, ::7])
        np.testing.assert_array_equal(found.trace("mu")[:], whole.draws().variables["mu"][:, ::7].reshape(-1, 2))
    assert mc.partition(mc.load(path, build(), labelled=True)).labels.shape == (60,)
    build().sample(**CALL, store=mc.Store(path, overwrite=True, labels="counts"))
    with pytest.raises(mc.ModelError, match="labelled expected labels of every so many-th draw"):
        mc.load(path, labelled=True)
    counts = disk.Folder.opened(path).group("label_counts")["z"]
    np.testing.assert_array_equal(counts, np.stack([(drawn == k).sum(1) for k in range(2)], axis=-1))


def test_labels_and_missing_entries_that_exceed_the_budget(path):
    m = build(label_budget=0).sample(**CALL, store=path)
    assert "z" not in m.draws().variables and m.draws().variables["seen"].shape == (3, 250, 1)
    m = build(label_budget=0).sample(**CALL, store=mc.Store(path, overwrite=True, labels=True))
    assert m.draws().variables["z"].shape == (3, 250, 60)


# -------------------------------------------------------------------- what cuts a run

SERVER = """
import os, signal, sys
sys.path.insert(0, {tests!r})
import mcmix as mc
import mcmix.api.destinations as destinations
from mcmix.traces import disk
from test_store import CALL, LONG, OPTIONS, build
disk.CHUNK = destinations.CHUNK = 20_000
for options in OPTIONS:  # what is compiled and loaded once serves all runs
    build(**options).sample(**{{**CALL, "iter": 300}})
print("ready", flush=True)
for line in sys.stdin:
    number, path = line.split(maxsplit=1)
    child = os.fork()
    if not child:
        build(**OPTIONS[int(number)]).sample(**{{**CALL, "iter": LONG}}, store=mc.Store(path.strip(), seconds=0.02))
        os._exit(0)
    print(child, flush=True)
    print(os.waitpid(child, 0)[1], flush=True)
"""


class Runs:
    """Runs in processes of their own, one after another, which begin at once."""

    def __init__(self):
        text = SERVER.format(tests=str(Path(__file__).parent))
        self.server = subprocess.Popen(
            [sys.executable, "-c", text], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.server.stdout.readline() == "ready\n"

    def start(self, path, number):
        print(number, path, file=self.server.stdin, flush=True)
        return int(self.server.stdout.readline())

    def ended(self):
        return int(self.server.stdout.readline())

    def close(self):
        self.server.stdin.close()
        self.server.stdout.close()
        self.server.wait()


@pytest.fixture(scope="module")
def runs():
    if not hasattr(os, "fork"):
        pytest.skip("processes that begin at once are forked")
    found = Runs()
    yield found
    found.close()


def when_it_draws(path, at_least):
    """Wait until a run has written so many draws."""
    while True:
        try:
            if disk.Folder.opened(path).n_draws >= at_least:
                return
        except mc.ModelError:
            continue


LONG = 4000
OPTIONS: tuple[dict[str, None], ...] = ({}, {"marginal_moves": None})


@pytest.fixture(scope="module")
def unbroken():
    return [build(**options).sample(**{**CALL, "iter": LONG}).draws() for options in OPTIONS]


@pytest.mark.parametrize("how", ["SIGKILL", "SIGTERM", "SIGINT"])
@pytest.mark.parametrize("number", [0, 1], ids=["given labels", "as chosen"])
def test_a_run_that_was_cut_goes_on_bit_for_bit(path, runs, unbroken, how, number):
    pid = runs.start(path, number)
    when_it_draws(path, 300)
    os.kill(pid, getattr(signal, how))
    runs.ended()
    before, whole = mc.load(path, build()).draws(), unbroken[number]
    assert_same_so_far(before, whole)
    if how != "SIGKILL":  # the chains' state was kept where they ended
        assert disk.Folder.opened(path).said["checkpoint"]["draws"] == before.n_draws
    resumed = mc.resume(path, build().model, progress_bar=False)
    assert_same(whole, resumed.draws())
    assert disk.Folder.opened(path).said["finished"]


def assert_same_so_far(before, whole):
    for name in whole.variables:
        n = before.n_draws
        np.testing.assert_array_equal(before.variables[name], whole.variables[name][:, :n], err_msg=name)


def killed(path, runs, number, seconds):
    """Draws of a run that was killed a while after its folder was there, and resumed."""
    pid = runs.start(path, number)
    when_it_draws(path, 0)
    threading.Timer(seconds, os.kill, (pid, signal.SIGKILL)).start()
    runs.ended()
    try:
        return mc.resume(path, build(**OPTIONS[number]).model, progress_bar=False).draws()
    except mc.ModelError as error:
        assert "cut before its chains had started" in str(error)
        return None


def many_kills(folder, runs, unbroken, numbers):
    """How many of some runs were killed at a random moment once they had begun; all resumed ones are whole."""
    begun = 0
    for i in numbers:
        seconds = float(np.random.default_rng(i).uniform(0.0, 0.4))
        found = killed(folder / f"{i}.zarr", runs, i % 2, seconds)
        if found is not None:
            begun += 1
            assert_same(unbroken[i % 2], found)
        shutil.rmtree(folder / f"{i}.zarr", ignore_errors=True)
    return begun


def test_ten_kills(tmp_path, runs, unbroken):
    assert many_kills(tmp_path, runs, unbroken, range(100, 110)) >= 8


@pytest.mark.slow
def test_a_hundred_kills(tmp_path, runs, unbroken):
    assert many_kills(tmp_path, runs, unbroken, range(100)) >= 80


def test_a_full_disk_ends_the_run_and_leaves_what_is_there(path, small, monkeypatch):
    whole = build().sample(**CALL)
    appended, calls = disk.Folder.append, []

    def full(folder, *given, **noted):
        calls.append(1)
        if len(calls) > 3:
            with disk.told("write", folder.path):
                raise OSError(28, "No space left on device")
        appended(folder, *given, **noted)

    with monkeypatch.context() as at:
        at.setattr(disk.Folder, "append", full)
        with pytest.raises(mc.ModelError, match=r"cannot write .*run.zarr: No space left on device") as told:
            build().sample(**CALL, store=path)
    assert any("draws of each chain are in" in note for note in told.value.__notes__)
    left = mc.load(path, build()).draws()
    assert 0 < left.n_draws < 250
    assert_same_so_far(left, whole.draws())
    assert_same(whole.draws(), mc.resume(path, build().model, progress_bar=False).draws())


QUOTA = """
import resource, signal, sys
sys.path.insert(0, {tests!r})
import mcmix as mc
from test_store import CALL, build
m = build()
m.sample(10, 0, seed=1, progress_bar=False)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
try:
    build().sample(**{{**CALL, "iter": 15_000}}, store={path!r})
except mc.ModelError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits of POSIX")
def test_a_real_limit_of_the_system(path):
    text = QUOTA.format(tests=str(Path(__file__).parent), path=str(path))
    said = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    assert "cannot write" in said.stdout and "File too large" in said.stdout
    mc.resume(path, build().model, progress_bar=False)


class Failing:
    """A function that raises in one chain once it has been called often enough."""

    def __init__(self, calls):
        self.calls, self.left = calls, calls

    def __call__(self, mu):
        self.left -= 1
        if not self.left:
            raise RuntimeError("a bad day")
        return float(sorted(mu)[0])


def test_what_a_function_raises_in_one_chain_leaves_the_draws_of_all(path, small):
    def model(calls):
        mu = mc.Normal("mu", 0.0, 1.0, size=2)
        f = mc.Deterministic(Failing(calls), "lowest", name="lowest", parents={"mu": mu})
        return mc.MCMC([mc.Normal("y", f, 1.0, value=0.3, observed=True), mu])

    with pytest.raises(RuntimeError, match="a bad day") as told:
        model(6_000).sample(4000, 100, chains=2, seed=2, store=mc.Store(path, seconds=0.01), progress_bar=False)
    said = "; ".join(told.value.__notes__)
    assert re.search(r"function of 'lowest'; chain [01], sweep \d+; \d+ draws of each chain are in", said), said
    left = mc.load(path).draws()
    assert left.n_chains == 2 and left.n_draws > 100


# -------------------------------------------------------------------- what is refused


def test_what_is_there_is_kept(path):
    build().sample(**CALL, store=path)
    with pytest.raises(mc.ModelError, match=r"exists: mc.resume\(.*overwrite=True begins anew"):
        build().sample(**CALL, store=path)
    build().sample(**CALL, store=path, overwrite=True)
    with pytest.raises(mc.ModelError, match="overwrite expected store="):
        build().sample(**CALL, overwrite=True)


@pytest.mark.parametrize(
    ("other", "what"),
    [
        (lambda: build(ROWS + 1e-9), "the data of 'y'"),
        (lambda: build(ROWS[:-1]), r"the data of 'y': shape \(60,\) there, shape \(59,\) here"),
        (
            lambda: build(precision=0.2),
            r"the distribution of 'mu': Normal\(.*precision=0.1\) there, Normal\(.*0.2\) here",
        ),
        (exchangeable, "the data of 'seen': none here"),
    ],
)
def test_another_model_is_refused(path, other, what):
    build().sample(**CALL, store=path)
    for ask in (lambda: mc.load(path, other()), lambda: mc.resume(path, other().model)):
        with pytest.raises(mc.ModelError, match=what):
            ask()


def test_a_function_that_was_changed_is_refused(path):
    def model(shift):
        mu = mc.Normal("mu", 0.0, 1.0, size=2)

        def f(mu):
            return float(sorted(mu)[0]) + shift

        node = mc.Deterministic(f, "lowest", name="lowest", parents={"mu": mu})
        return mc.MCMC([mc.Normal("y", node, 1.0, value=0.3, observed=True), mu])

    model(0.0).sample(200, 100, seed=1, store=path, progress_bar=False)
    mc.resume(path, model(0.0).model, more=10, progress_bar=False)
    with pytest.raises(mc.ModelError, match="the function of 'lowest': another one than there"):
        mc.resume(path, model(1.0).model)


def test_other_steps_are_refused(path):
    build(marginal_moves=False).sample(**CALL, store=path)
    other = build(marginal_moves=False)
    other.use_step_method(mc.Slicer, "mu")
    with pytest.raises(mc.ModelError, match="has other steps"):
        mc.resume(path, other)


def test_files_that_are_none(path, tmp_path):
    with pytest.raises(mc.ModelError, match="expected a folder of draws written by mcmix, got nothing"):
        mc.load(path)
    (tmp_path / "text").write_text("no draws")
    with pytest.raises(mc.ModelError, match="got a file at"):
        mc.resume(tmp_path / "text", build().model)
    with pytest.raises(mc.ModelError, match="cannot write"):
        build().sample(**CALL, store=tmp_path / "text" / "run.zarr")
    build().sample(**CALL, store=path)
    about = path / "zarr.json"
    said = json.loads(about.read_text())
    said["attributes"]["mcmix_format"] = 2
    about.write_text(json.dumps(said))
    with pytest.raises(mc.ModelError, match="format 2, written by mcmix"):
        mc.load(path)


def test_a_damaged_state_is_said_and_draws_are_readable(path):
    m = build().sample(**CALL, store=path)
    slot = json.loads((path / "zarr.json").read_text())["attributes"]["checkpoint"]["slot"]
    chunk = next(p for p in (path / "checkpoint" / f"state_{slot}" / "c").rglob("*") if p.is_file())
    held = bytearray(chunk.read_bytes())
    held[len(held) // 2] ^= 1
    chunk.write_bytes(held)
    with pytest.raises(mc.ModelError, match="what a run goes on from; the draws can be read"):
        mc.resume(path, build().model)
    assert_same(m.draws(), mc.load(path, build()).draws())


def test_a_store_in_burn_in_holds_no_draws(path, monkeypatch):
    def cut(self, left):
        raise mc.ModelError("cut here")

    monkeypatch.setattr(checkpoints.Keeper, "at", cut)
    with pytest.raises(mc.ModelError, match="cut here"):
        build().sample(**CALL, store=path)
    monkeypatch.undo()
    with pytest.raises(mc.ModelError, match="holds no draws yet"):
        mc.load(path)
    whole = build().sample(**CALL)
    assert_same(whole.draws(), mc.resume(path, build().model, progress_bar=False).draws())


def test_what_cannot_be_written_down_is_refused(path):
    class Own(mc.StepMethod):
        def step(self):
            pass

    m = build()
    m.use_step_method(Own, "mu")
    with pytest.raises(mc.ModelError, match="expected compiled steps, .* got steps in Python for mu"):
        m.sample(**CALL, store=path)
    for option in ("burn_till_tuned", "tune_throughout"):
        with pytest.raises(mc.ModelError, match="expected a burn-in of a known length"):
            build().sample(**CALL, store=path, **{option: True})
    assert not path.exists()
    for bad in ({"labels": "some"}, {"labels": 0}, {"seconds": 0}, {"seconds": True}, {"overwrite": 1}):
        with pytest.raises(mc.ModelError, match=next(iter(bad))):
            mc.Store(path, **bad)
    with pytest.raises(mc.ModelError, match="expected the path of a folder"):
        build().sample(**CALL, store=3)


def test_a_run_in_another_process_is_left_alone(path):
    build().sample(**CALL, store=path)
    held = disk.Folder.opened(path, to_append=True)
    with pytest.raises(mc.ModelError, match="written to by another run"):
        mc.resume(path, build().model)
    held.close()


def test_without_the_model_a_chain_that_goes_on_in_memory(path):
    """A second call of the same sampler may stay in memory; its first one stays on disk."""
    m = build().sample(**CALL, store=path)
    m.sample(100, progress_bar=False)
    assert m.draws("all").n_draws == 250 + 100
