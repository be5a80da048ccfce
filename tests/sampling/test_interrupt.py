"""Ctrl-C: a real process is interrupted at random moments, keeps what it drew, says so and goes on."""

import json
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import mcmix as mc

FOREVER = {"iter": 10**8, "thin": 20}
LONG = {"iter": 10**6}  # sweeps that take milliseconds each
ALONE = {"iter": 10**6, "cores": 1}  # every chain waits for the one before it
# Seconds of processor time after which every chain has a sweep behind it. Chains take turns of 50 ms: where sweeps take
# milliseconds and other work leaves one core, the fourth chain has its first after three turns of the others.
BUSY = {"long sweeps": 0.25, "user's Python": 0.25}
SOON = 0.03
MORE = 30  # sweeps after each interrupt

# -------------------------------------------------------------------- the process that is interrupted


def mixture(n_rows, n_labels, untraceable=False):
    rows = np.random.default_rng(5).normal(np.arange(n_rows) % n_labels * 20.0, 3.0)
    z = mc.Categorical("z", mc.Dirichlet("w", np.ones(n_labels)), size=n_rows)
    mu = mc.Normal("mu", 0, 0.001, size=n_labels)

    @mc.deterministic
    def mu_i(z=z, mu=mu):
        if untraceable and z[0] > n_labels:
            return 0.0 * z
        return mu[z]

    tau = mc.Gamma("tau", 2, 2, size=n_labels)
    y = mc.Normal("y", mu_i, tau[z], value=rows, observed=True)
    return mc.MCMC([y], label_budget=0)


MODELS = {
    "short sweeps": lambda: mixture(60, 2),
    "long sweeps": lambda: mixture(200_000, 3),
    "user's Python": lambda: mixture(8, 2, untraceable=True),
}


def say(**words):
    print(json.dumps(words), flush=True)


def say_when_busy(seconds):
    """Tell the parent once the process has computed for a while, which waiting does not do."""
    begun, still = time.process_time(), threading.Event()
    while time.process_time() - begun < seconds:
        still.wait(0.002)
    say(at="sampling")


def child(kind):
    """Sample without end, again and again, with the keywords that come line by line."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background inherits it ignored
    m = MODELS[kind]()
    m.sample(10, seed=1)
    say(at="ready")
    for line in sys.stdin:
        before = m.draws(calls="all").n_draws
        threading.Thread(target=say_when_busy, args=(BUSY.get(kind, SOON),)).start()
        ended = "returned"
        try:
            m.sample(**json.loads(line))
        except BaseException as error:  # whatever comes out is what the test is about
            ended = repr(error)
        say(at="back", ended=ended)
        m.sample(MORE)  # at once, while anything that might still be running still runs
        draws = m.draws(calls="all")
        finite = all(bool(np.isfinite(values).all()) for values in draws.variables.values())
        kept = draws.n_draws - before - MORE
        say(at="gone on", kept=kept, last=m.draws().n_draws, chains=draws.n_chains, finite=finite)


# -------------------------------------------------------------------- the one who interrupts


class Interrupted:
    """A child process and the lines it says."""

    def __init__(self, kind):
        code = f"from tests.sampling.test_interrupt import child; child({kind!r})"
        self.process = subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(json.loads(line))
        self.lines.put({"at": "the end"})

    def hear(self, at, seconds):
        said = self.lines.get(timeout=seconds)
        if said["at"] == "the end":
            raise AssertionError(f"waited for {at!r}, the process ended: {self.process.stderr.read()[-2000:]}")
        assert said["at"] == at, said
        return said

    def silent_for(self, seconds):
        try:
            said = self.lines.get(timeout=seconds)
        except queue.Empty:
            return
        raise AssertionError(f"the run ended by itself: {said}")

    def interrupt(self, delay, **keywords):
        """Send SIGINT so many seconds after sampling has begun; what came back, and how soon."""
        self.process.stdin.write(json.dumps(keywords) + "\n")
        self.process.stdin.flush()
        self.hear("sampling", 20)
        self.silent_for(delay)
        sent = time.monotonic()
        self.process.send_signal(signal.SIGINT)
        back = self.hear("back", 20)
        return back, time.monotonic() - sent

    def finish(self):
        _, complaints = self.process.communicate(timeout=20)
        return complaints


@pytest.fixture
def interrupted(request):
    one = Interrupted(request.param)
    yield one
    one.process.kill()
    one.process.wait()
    for stream in (one.process.stdin, one.process.stdout, one.process.stderr):
        stream.close()


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
@pytest.mark.parametrize(
    ("interrupted", "calls"),
    [
        pytest.param("short sweeps", [FOREVER] * 2, id="short sweeps"),
        pytest.param("long sweeps", [LONG, ALONE], id="long sweeps"),
        pytest.param("user's Python", [FOREVER] * 2, id="user's Python"),
        pytest.param("short sweeps", [FOREVER] * 8, id="short sweeps, often", marks=pytest.mark.slow),
        pytest.param("long sweeps", [LONG, ALONE] * 3, id="long sweeps, often", marks=pytest.mark.slow),
        pytest.param("user's Python", [FOREVER] * 6, id="user's Python, often", marks=pytest.mark.slow),
    ],
    indirect=["interrupted"],
)
def test_an_interrupt_keeps_the_draws_and_the_chains(interrupted, calls):
    interrupted.hear("ready", 60)
    kept = []
    # at least so long that every chain comes to a draw that is kept; then anywhere in a quarter of a second
    moments = 0.15 + np.random.default_rng(2024).uniform(0, 0.25, len(calls))
    for keywords, delay in zip(calls, moments, strict=True):
        back, seconds = interrupted.interrupt(float(delay), **keywords)
        assert back["ended"] == "returned"
        assert seconds < 5.0  # a stretch lasts 0.05 s; the rest is for other work on the machine
        gone_on = interrupted.hear("gone on", 10)
        assert gone_on["chains"] == 4
        assert gone_on["kept"] > 0
        assert gone_on["last"] == MORE
        assert gone_on["finite"]
        kept.append(gone_on["kept"])
    said = [int(number) for number in re.findall(r"kept (\d+) draws", interrupted.finish())]
    assert said == kept


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
@pytest.mark.parametrize("interrupted", ["short sweeps"], indirect=True)
def test_an_interrupt_during_burn_in_loses_nothing(interrupted):
    interrupted.hear("ready", 60)
    back, seconds = interrupted.interrupt(0.05, **FOREVER, burn=10**7)
    assert back["ended"] == "returned"
    assert seconds < 5.0  # a stretch lasts 0.05 s; the rest is for other work on the machine
    gone_on = interrupted.hear("gone on", 10)
    assert gone_on["kept"] == 0
    assert gone_on["last"] == MORE
    assert "kept 0 draws" in interrupted.finish()
