"""Caches that are cut, full or nowhere, two processes at once, and terminals that know few letters."""

import importlib.util
import io
import os
import subprocess
import sys

import numpy as np
import pytest

import mcmix as mc
from mcmix import screen
from mcmix.kernels import base
from mcmix.screen import say

compiled_only = pytest.mark.skipif(not base.COMPILED, reason="nothing is compiled")

SMALL = """
def added(a, b):
    return a + b
"""


def kernel_in(folder):
    """A kernel whose compiled code is kept beside its source, in this folder."""
    source = folder / "small.py"
    if not source.exists():
        source.write_text(SMALL)
    spec = importlib.util.spec_from_file_location("small", source)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return base.AddressedKernel(module.added, 2)


@pytest.fixture
def told(monkeypatch, capsys):
    """What was said on the error stream, with a fresh memory of what has been said."""
    base._say_once.cache_clear()
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    yield lambda: capsys.readouterr().err
    base._say_once.cache_clear()


@compiled_only
@pytest.mark.parametrize("damage", ["cut", "empty", "text"])
@pytest.mark.parametrize("ending", ["nbi", "nbc"])
def test_a_damaged_cache_is_compiled_anew_and_said_once(tmp_path, told, damage, ending):
    assert base.run(kernel_in(tmp_path).address, 2, 3) == 5
    [file] = tmp_path.rglob(f"*.{ending}")
    whole = file.read_bytes()
    file.write_bytes({"cut": whole[: len(whole) // 2], "empty": b"", "text": b"hello"}[damage])
    for _ in range(2):
        assert base.run(kernel_in(tmp_path).address, 2, 3) == 5
    assert told().count("is damaged, and is compiled anew") == 1
    assert base.run(kernel_in(tmp_path).address, 2, 3) == 5
    assert told() == ""


@compiled_only
def test_who_watches_is_told_once_that_kernels_are_compiled(tmp_path, told, monkeypatch):
    """On a terminal or in a notebook, and only while the cache does not have them; a script hears nothing."""
    (tmp_path / "watched").mkdir()
    assert base.run(kernel_in(tmp_path).address, 2, 3) == 5
    assert told() == ""
    monkeypatch.setattr(base, "is_watched", lambda: True)
    assert base.run(kernel_in(tmp_path).address, 2, 3) == 5
    assert told() == ""
    monkeypatch.setattr(base, "compiled_here", base._Compiled())
    for _ in range(2):
        assert base.run(kernel_in(tmp_path / "watched").address, 2, 3) == 5
    screen.say("next", error=True)
    shown, after = told().split("\n")[:2]
    first, last = shown.split("\r")[1:]
    assert first == "mcmix: compiling kernels, once on this machine: usual models take 10 to 20 s"
    assert last.rstrip() == "mcmix: compiling kernels, once on this machine: 1 in 0 s" and after == "next"
    assert len(last) >= len(first)


@compiled_only
def test_a_full_cache_and_none_at_all(tmp_path, told, monkeypatch):
    from numba.core import caching
    from numba.core.ccallback import CFunc

    def full(*unused):
        raise OSError(28, "No space left on device")

    def nowhere(*unused):
        raise RuntimeError("no locator available")

    with monkeypatch.context() as patch:
        patch.setattr(caching.IndexDataCacheFile, "save", full)
        assert base.run(kernel_in(tmp_path).address, 2, 3) == 5
    with monkeypatch.context() as patch:
        patch.setattr(CFunc, "enable_caching", nowhere)
        assert base.run(kernel_in(tmp_path).address, 2, 3) == 5
    said = told()
    assert "No space left" in said
    assert "no folder can be written to" in said
    assert said.count("NUMBA_CACHE_DIR") == 2
    monkeypatch.setattr(base, "njit", lambda **options: nowhere if options.get("cache") else lambda function: function)
    assert base.kernel(len) is len


@compiled_only
def test_two_processes_on_an_empty_cache(tmp_path):
    (tmp_path / "small.py").write_text(SMALL)
    child = """if True:
        from mcmix.kernels import base
        import small
        print(base.run(base.AddressedKernel(small.added, 2).address, 2, 3))
    """
    path = os.pathsep.join([str(tmp_path), *[p for p in sys.path if p]])
    command, env = [sys.executable, "-c", child], {**os.environ, "PYTHONPATH": path}
    both = [subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]
    for process in both:
        out, err = process.communicate()
        assert (out.split(), err) == ([b"5"], b"")


class Terminal(io.TextIOWrapper):
    """One that knows ASCII alone."""

    def __init__(self):
        super().__init__(io.BytesIO(), encoding="ascii", errors="strict")

    def said(self):
        self.flush()
        return self.buffer.getvalue().decode("ascii")


def test_terminals_that_know_few_letters(monkeypatch):
    mu = mc.Normal("µ", 0, 1)
    m = mc.MCMC([mu, mc.Normal("größe", mu, 1, value=[0.5, 1.5], observed=True)])
    m.sample(60, 20, chains=2, seed=1, progress_bar=False)
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setattr(sys, "stderr", terminal)
    say(m.explain())
    say("größe", error=True)
    mc.VB(m.model).update(2)
    fresh = mc.MCMC(m.model)
    fresh.sample(60, 20, chains=1, seed=1)
    mc.MCMC([mc.Normal("ø", 0, 1)]).sample(20, 5, chains=1, seed=1)
    assert "\\xb5" in terminal.said()
    assert np.isfinite(fresh.trace("µ")[:]).all()
