"""Ctrl-C at every line of a call: what is left is all of it or nothing, no thread runs on, and the next call works."""

import signal
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import mcmix as mc
from mcmix.api.alone import _CLAIMS
from mcmix.sampling.interrupts import HeldBack
from mcmix.sampling.team import _RUNNING, Team

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")

PACKAGE = Path(mc.__file__).parent
OURS = ["sampling/run.py", "sampling/team.py", "sampling/interrupts.py", "api/mcmc.py", "api/alone.py"]
TIGHT = ["sampling/team.py", "sampling/interrupts.py", "api/alone.py"]  # seen instruction by instruction
CALL = {"iter": 90, "burn": 10, "chains": 2, "seed": 3, "progress_bar": False}
ROWS = np.random.default_rng(5).normal(np.repeat([0.0, 9.0], 20), 1.0)


def sampler(rows=ROWS):
    w, mu = mc.Dirichlet("w", [1, 1]), mc.Normal("mu", 0, 0.01, size=2)
    return mc.MCMC([mc.Mixture("y", w, mc.Normal, mu, 1.0, value=rows, observed=True)])


@pytest.fixture(scope="module")
def whole():
    """The draws of the call that nobody interrupts."""
    return sampler().sample(**CALL).trace("mu", chain=None)._draws


@pytest.fixture(autouse=True)
def usual_handlers():
    """A job in the background has Ctrl-C ignored; whatever happens here, the handlers after it are those before."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    yield
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    for number, handler in before.items():
        signal.signal(number, handler)


class At:
    """Sends a signal when the main thread comes to a place in the package for the n-th time."""

    def __init__(self, place=None, times=1, number=signal.SIGINT, files=OURS, instructions=False):
        self.files = {str(PACKAGE / name): name for name in files}
        self.place, self.times, self.number, self.instructions = place, times, number, instructions
        self.seen, self.sent = {}, False

    def __enter__(self):
        self.before = sys.gettrace()
        sys.settrace(self.entered)
        return self

    def __exit__(self, *_):
        sys.settrace(self.before)

    def entered(self, frame, event, argument):
        if frame.f_code.co_filename not in self.files:
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = self.instructions, not self.instructions
        return self.there

    def there(self, frame, event, argument):
        if event in ("line", "opcode"):
            at = frame.f_lasti if self.instructions else frame.f_lineno
            place = self.files[frame.f_code.co_filename], frame.f_code.co_firstlineno, at
            self.seen[place] = self.seen.get(place, 0) + 1
            if not self.sent and place == self.place and self.seen[place] == self.times:
                self.sent = True
                signal.raise_signal(self.number)
        return self.there


def places(make, files=OURS, instructions=False):
    """Where the main thread comes by in a call, each place once."""
    with At(files=files, instructions=instructions) as seen:
        make()
    return list(seen.seen)


def of_chains():
    """Threads that run chains; those that help with many rows stay for the next pass."""
    names = [t.name for t in threading.enumerate() if t.name.startswith("mcmix")]
    return [name for name in names if "helper" not in name]


def nothing_runs_on():
    assert not of_chains()
    assert not _RUNNING
    assert not _CLAIMS


def some(found, n):
    """So many of them, spread evenly and always the same."""
    return [found[i] for i in np.linspace(0, len(found) - 1, min(n, len(found))).round().astype(int)]


def interrupted_at(place, whole, **how):
    """Interrupt a first call at a place; what is left is the beginning of the whole, or nothing, and works."""
    m, raised = sampler(), False
    with At(place, **how) as at:
        try:
            m.sample(**CALL)
        except KeyboardInterrupt:
            raised = True
    nothing_runs_on()
    if not at.sent:  # some places are passed only where a wait comes out so
        return None
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler, place
    rows = m.draws().n_draws if m._calls else 0
    if rows:
        assert np.array_equal(m.trace("mu")._draws, whole[:, :rows]), place
    if not m._runners:
        assert raised, place
        assert np.array_equal(m.sample(**CALL).trace("mu")._draws, whole), place
    m.sample(5, progress_bar=False)
    assert (m.trace("mu")[:] != 0).all(), place
    nothing_runs_on()
    return raised, rows


# -------------------------------------------------------------------- every place


def test_a_first_call_is_interrupted_at_lines_spread_over_all_of_it(whole):
    found = some(places(partial(sampler().sample, **CALL)), 24)
    ends = [end for place in found if (end := interrupted_at(place, whole)) is not None]
    assert len(ends) > 18
    assert {raised for raised, _ in ends} == {True, False}  # before the first sweep, and after it


@pytest.mark.slow
@pytest.mark.parametrize("instructions", [False, True], ids=["lines", "instructions"])
def test_a_first_call_is_interrupted_everywhere(whole, instructions):
    how = {"files": TIGHT if instructions else OURS, "instructions": instructions}
    found = places(partial(sampler().sample, **CALL), **how)
    assert sum(interrupted_at(place, whole, **how) is not None for place in found) > 0.9 * len(found)


def test_a_later_call_is_interrupted_at_lines_spread_over_all_of_it():
    first, sent = sampler().sample(**CALL), []
    for place in some(places(lambda: first.sample(50, progress_bar=False)), 24):
        calls, sweeps = len(first._calls), first._runners[0].sweeps
        with At(place) as at:
            try:
                first.sample(50, progress_bar=False)
            except KeyboardInterrupt:
                assert len(first._calls) in (calls, calls + 1)
        sent.append(at.sent)
        nothing_runs_on()
        for draws in first._calls[calls:]:
            assert (draws.variables["mu"] != 0).all()
            assert draws.n_draws <= first._runners[0].sweeps - sweeps
        first._calls[calls:] = []
    assert sum(sent) > 18  # of 24: some places are passed only where a wait comes out so


def test_restoring_is_whole_or_nothing(tmp_path):
    file = sampler().sample(**CALL).save_state(tmp_path / "run.npz")
    wanted = sampler().restore_state(file).sample(20, progress_bar=False).trace("mu")[:]
    files = [*OURS, "sampling/state.py"]
    sent = []
    for place in some(places(partial(sampler().restore_state, file), files), 16):
        m = sampler()
        with At(place, files=files) as at:
            try:
                m.restore_state(file)
            except KeyboardInterrupt:
                pass
        sent.append(at.sent)
        if not m._runners:
            m.restore_state(file)
        assert np.array_equal(m.sample(20, progress_bar=False).trace("mu")[:], wanted)
    assert sum(sent) > 12  # of 16


def test_steps_of_the_users_serve_the_first_chain_after_an_interrupt():
    class Walk(mc.StepMethod):
        def step(self):
            self.stochastic.value = self.stochastic.value + self.rng.normal()

    def made():
        m = mc.MCMC([mc.Normal("x", 0, 1)])
        m.use_step_method(Walk, "x")
        return m

    call = {"iter": 20, "chains": 2, "seed": 1, "progress_bar": False}
    wanted = made().sample(**call).trace("x")[:]
    m = made()
    step = m.step_method_dict[m.model.stochastics[0]][0]
    last = [p for p in places(partial(made().sample, **call), ["sampling/run.py"])][12]
    with At(last, files=["sampling/run.py"]), pytest.raises(KeyboardInterrupt):
        m.sample(**call)
    assert np.array_equal(m.sample(**call).trace("x")[:], wanted)
    assert len(step.chains) == 2


# -------------------------------------------------------------------- which signal, whose handler


def line_of(text, name="sampling/team.py"):
    """The place of a line in a file, as it is seen in a call."""
    number = 1 + (PACKAGE / name).read_text().splitlines().index(text)
    return next(p for p in places(partial(sampler().sample, **CALL), [name]) if p[2] == number)


STARTING = "            self._threads.append(thread)"


def long_call(m, number, times=1, **options):
    """A call without an end, but for the signal that comes while its threads start."""
    with At(line_of(STARTING), times, number):
        return m.sample(10**9, thin=10**6, chains=2, seed=3, progress_bar=False, **options)


def test_ctrl_c_returns_and_says_so(capsys):
    m = sampler()
    assert long_call(m, signal.SIGINT, cores=2) is m
    assert m.interrupted
    assert "interrupted: kept 0 draws of each of 2 chains" in capsys.readouterr().err
    assert not m.sample(5, progress_bar=False).interrupted


def test_a_loop_of_calls_can_end_at_ctrl_c():
    m = sampler()
    with pytest.raises(KeyboardInterrupt, match="ended early"):
        long_call(m, signal.SIGINT).or_interrupted()


def test_sigterm_ends_the_chains_and_then_the_process(capsys):
    m = sampler()
    with pytest.raises(SystemExit) as ended:
        long_call(m, signal.SIGTERM)
    assert ended.value.code == 143
    assert "interrupted" in capsys.readouterr().err
    nothing_runs_on()
    m.sample(5, progress_bar=False)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_handler_of_the_users_is_called_once_the_draws_are_kept(number):
    heard, m = [], sampler()

    def own(which, frame):
        heard.append((which, of_chains(), len(_CLAIMS)))

    before = signal.signal(number, own)
    try:
        long_call(m, number)
        assert heard == [(number, [], 0)]
        assert m.interrupted
        assert signal.getsignal(number) is own
    finally:
        signal.signal(number, before)


def test_an_ignored_ctrl_c_stays_ignored(whole):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with At(line_of(STARTING)) as at:
            m = sampler().sample(**CALL)
        assert at.sent
        assert not m.interrupted
        assert np.array_equal(m.trace("mu")._draws, whole)
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def test_blocks_nest_and_the_outer_one_acts():
    done = []
    with pytest.raises(KeyboardInterrupt), HeldBack() as outer:
        signal.raise_signal(signal.SIGINT)
        with HeldBack() as inner:
            inner.tell(lambda: done.append("told"))
            assert inner.noted == [signal.SIGINT]
        done.append("inner")
        assert set(outer.noted) == {signal.SIGINT}
    assert done == ["told", "inner"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_ctrl_c_in_a_finaliser_is_not_lost(whole, monkeypatch):
    """Python drops what is raised there; the call must not go on as if nothing had come."""

    class Finalised:
        def __del__(self):
            signal.raise_signal(signal.SIGINT)

    def with_rubbish(*arguments):
        Finalised()
        return seeds_of(*arguments)

    seeds_of, m = mc.api.started.seeds_of, sampler()
    with monkeypatch.context() as patched:
        patched.setattr("mcmix.api.started.seeds_of", with_rubbish)
        with pytest.raises(KeyboardInterrupt):
            m.sample(**CALL)
    assert not m._runners
    assert np.array_equal(m.sample(**CALL).trace("mu")._draws, whole)


def test_ctrl_c_ends_short_runs_inside_other_work():
    """MAP starts chains of its own and must not take their end for an answer."""
    m = mc.MAP(sampler().model)
    m.fit(seed=1)
    again = mc.MAP(sampler().model)
    with At(line_of(STARTING)) as at, pytest.raises(KeyboardInterrupt):
        again.fit(seed=1)
    assert at.sent
    nothing_runs_on()
    assert again.fit(seed=1).logp_at_max == m.logp_at_max


# -------------------------------------------------------------------- other threads, other faults


def test_a_second_call_from_another_thread_is_refused(tmp_path):
    m, there = sampler().sample(**CALL), threading.Event()
    fresh = sampler()

    def long(one):
        one.sample(10**9, thin=10**6, progress_bar=False)

    def started(one, thread):
        while one not in [c._sampler for c in _CLAIMS.values()] and thread.is_alive():
            there.wait(0.001)

    others = [
        lambda: m.sample(5),
        lambda: m.save_state(tmp_path / "state.npz"),
        lambda: m.restore_state(tmp_path / "state.npz"),
        lambda: m.temper(3),
        lambda: m.use_step_method(mc.Slicer, "mu"),
        lambda: m.remove_step_method([]),
        lambda: m.assign_step_methods(),
        lambda: m.read({"mu": np.zeros((2, 5))}),
        lambda: m.remember(),
    ]
    thread = threading.Thread(target=long, args=(m,))
    thread.start()
    started(m, thread)
    try:
        for other in others:
            with pytest.raises(mc.ModelError, match=r"busy with sample\(\)"):
                other()
        assert (m.trace("mu")[:] != 0).all()  # the draws of the call before are there to be read
        fresh.sample(5, progress_bar=False)  # another sampler is not concerned
    finally:
        while thread.is_alive():
            m.halt()  # the first may come before the chains begin
            thread.join(0.01)
    nothing_runs_on()
    m.sample(5, progress_bar=False)


def test_draws_in_another_thread_are_the_same(whole):
    m = sampler()
    thread = threading.Thread(target=lambda: m.sample(**CALL))
    thread.start()
    thread.join()
    assert np.array_equal(m.trace("mu")._draws, whole)


def test_a_step_cannot_sample_its_own_sampler():
    x = mc.Normal("x", 0, 1)

    def calls_itself(x=x):
        if running:
            m.sample(5)
        return -0.5 * float(x) ** 2

    running = False
    m = mc.MCMC([mc.potential(calls_itself)])
    m.sample(5, chains=1, seed=1)
    running = True
    with pytest.raises(mc.ModelError, match="busy with sample"):
        m.sample(5)
    nothing_runs_on()


class Timeout(Exception):
    pass


def test_a_handler_that_raises_leaves_no_thread(whole):
    """What a signal of other kinds raises (a timeout's alarm) is not held back: nothing of the call is kept."""

    def out_of_time(*_):
        raise Timeout

    before = signal.signal(signal.SIGUSR1, out_of_time)
    try:
        for place in some(places(partial(sampler().sample, **CALL), ["sampling/team.py"]), 12):
            m = sampler()
            with At(place, 1, signal.SIGUSR1, ["sampling/team.py"]) as at:
                try:
                    m.sample(**CALL)
                    ended = False
                except Timeout:
                    ended = True
            assert ended == at.sent
            assert not _CLAIMS
            m.sample(5, progress_bar=False)
            nothing_runs_on()
            assert (m.trace("mu")[:] != 0).all()
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_fewer_threads_than_asked_for_do_the_same(whole, monkeypatch):
    start, left = threading.Thread.start, [1]

    def scarce(self):
        if self.name.startswith("mcmix"):
            left[0] -= 1
            if left[0] < 0:
                raise RuntimeError("can't start new thread")
        start(self)

    monkeypatch.setattr(threading.Thread, "start", scarce)
    for n in (1, 0):
        left[0] = n
        assert np.array_equal(sampler().sample(**CALL, cores=2).trace("mu")._draws, whole)


def test_what_work_raises_is_raised_and_ends_the_others():
    stop = threading.Event()

    def work():
        if threading.current_thread().name.endswith("0"):
            raise ValueError("in a thread")
        stop.wait()

    team = Team(work, stop.set)
    team.start(3)
    while team.busy:
        team.wait(1.0)
    team.end()
    assert [str(error) for error in team.failed] == ["in a thread"]
    nothing_runs_on()


def test_a_bar_that_cannot_be_written_does_not_end_the_run(whole, monkeypatch):
    class Gone:
        n = 0

        def update(self, n):
            raise BrokenPipeError

        close = update

    monkeypatch.setattr("mcmix.sampling.progress.Progress._bar", lambda *_: Gone())
    monkeypatch.setattr("mcmix.sampling.progress.is_watched", lambda: True)
    monkeypatch.setattr("mcmix.sampling.run.POLL", 0.0)
    m = sampler().sample(**CALL | {"progress_bar": True})
    assert np.array_equal(m.trace("mu")._draws, whole)


def test_a_process_that_ends_waits_for_its_chains():
    """A daemon thread samples; the interpreter goes; nothing writes to memory that has gone."""
    code = """
import threading, mcmix as mc
from mcmix.sampling.team import _RUNNING
m = mc.MCMC([mc.Normal("x", 0, 1, size=1000)])
threading.Thread(target=lambda: m.sample(10**9, thin=10**6, progress_bar=False), daemon=True).start()
while not _RUNNING:
    threading.Event().wait(0.001)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=PACKAGE.parent, capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"the model has no data: these are draws from the prior\n")


# -------------------------------------------------------------------- other long work


def test_vb_keeps_whole_iterations():
    def made():
        rows = np.random.default_rng(2).normal(np.repeat([0.0, 2.0], 60), 1.0)
        return mc.VB(sampler(rows).model)

    files, q = ["variational/engine.py", "api/vb.py"], made()
    wanted = q.update(restarts=1, seed=1, verbose=0).bound
    found = places(partial(made().update, restarts=1, seed=1, verbose=0), files)
    for place in some(found, 16):
        again = made()
        with At(place, files=files), pytest.raises(KeyboardInterrupt):
            again.update(restarts=1, seed=1, verbose=0)
        kept = again.iterations
        assert np.array_equal(again.bound, wanted[:kept])
        again.update(**({} if again._ready else {"restarts": 1, "seed": 1}), verbose=0)
        assert np.array_equal(again.bound[: len(wanted)], wanted)  # one more where it had converged already


def test_a_mode_is_kept_whole():
    files = ["api/mode.py", "sampling/unconstrained.py"]
    near, far = sampler(), sampler(ROWS + 50.0)
    for place in some(places(partial(mc.NormApprox(near.model).fit, starts=1, seed=1), files), 12):
        n = mc.NormApprox(far.model).fit(starts=1, seed=1)
        before = n.logp_at_max, n.lnL
        values = {node.name: np.array(node.value) for node in far.model.stochastics}
        with At(place, files=files), pytest.raises(KeyboardInterrupt):
            n.fit(starts=1, seed=1)
        assert (n.logp_at_max, n.lnL) == before
        assert all(np.array_equal(node.value, values[node.name]) for node in far.model.stochastics)


def test_looking_at_draws_leaves_them_usable():
    """After-draw functions read; interrupted, they answer the same as ever when asked again."""
    m = sampler().sample(400, 100, chains=2, seed=3, progress_bar=False)
    files = [str(p.relative_to(PACKAGE)) for p in sorted(PACKAGE.glob("api/*.py"))]
    for ask in (
        lambda: m.deviance.sum(),
        lambda: m.memberships()[0, 0],
        lambda: mc.partition(m).labels.sum(),
        lambda: m.diagnose().table.to_numpy()[:, -1].astype(float).sum(),
    ):
        wanted, kept = ask(), m.trace("mu")[:].copy()
        m._deviances.clear()
        found = places(ask, files)
        m._deviances.clear()
        with At(found[len(found) // 2], files=files), pytest.raises(KeyboardInterrupt):
            ask()
        assert np.array_equal(ask(), wanted, equal_nan=True)
        assert np.array_equal(m.trace("mu")[:], kept)


# -------------------------------------------------------------------- moments of a clock


CLOCK = r"""
import os, signal, sys, threading
import numpy as np, mcmix as mc
from tests.sampling.test_interrupt_anywhere import sampler, nothing_runs_on
signal.signal(signal.SIGINT, signal.default_int_handler)
moments = np.random.default_rng(int(sys.argv[1])).uniform(0.0, 0.006, int(sys.argv[2]))
m = sampler().sample(20, chains=4)
for i, moment in enumerate(moments):
    one = sampler() if i % 2 else m
    alarm = threading.Timer(moment, os.kill, (os.getpid(), signal.SIGINT))
    try:
        alarm.start()
        one.sample(10**9, thin=50 * 10**3, chains=4, progress_bar=False)
    except KeyboardInterrupt:
        pass
    alarm.join()
    nothing_runs_on()
    one.sample(50, progress_bar=False)
    assert (one.trace("mu")[:] != 0).all() and (one.trace("mu", calls="all")[:] != 0).all()
print("whole")
"""


@pytest.mark.parametrize(("seed", "n"), [(1, 10), pytest.param(2, 100, marks=pytest.mark.slow)])
def test_ctrl_c_at_random_moments_from_the_start_of_threads_on(seed, n):
    command = [sys.executable, "-c", CLOCK, str(seed), str(n)]
    done = subprocess.run(command, cwd=PACKAGE.parent, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (0, "whole\n"), done.stderr[-2000:]
