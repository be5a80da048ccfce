"""python -m mcmix warm: what models need is compiled before, in a cache that processes share, also at once."""

import os
import subprocess
import sys

import pytest

from mcmix.api.command import main
from mcmix.api.warm import KINDS, _all_kernels
from mcmix.distributions.table import FAMILIES
from mcmix.kernels import base
from mcmix.kernels.driver import DRIVER

compiled_only = pytest.mark.skipif(not base.COMPILED, reason="nothing is compiled")

TWO_COMPONENTS = """
import hashlib
import numpy as np
import mcmix as mc

def digest():
    p = mc.Uniform("p", 0, 1)
    z = mc.Categorical("z", [p, 1 - p], size=40)
    mu = mc.Normal("mu", 0, 0.01, size=2)
    y = mc.Normal("y", mu[z], 1.0, value=np.repeat([0.0, 7.0], 20), observed=True)
    m = mc.MCMC([p, z, mu, y]).sample(2000, 500, chains=2, seed=1)
    return hashlib.sha256(b"".join(m.draws().variables[n].tobytes() for n in ("p", "mu", "z"))).hexdigest()
"""


def process(code, folder):
    """Python with the kernels that this folder keeps; what it prints, once it is asked."""
    env = {**os.environ, "NUMBA_CACHE_DIR": str(folder), "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    return subprocess.Popen([sys.executable, *code], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@compiled_only
def test_a_kind_that_is_warm_compiles_nothing(capsys):
    assert main(["warm", "one-group"]) == 0
    capsys.readouterr()
    assert main(["warm", "one-group"]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("one-group: 0 kernels") and f"kept in {DRIVER.kept_in}" in said.out
    assert os.path.isdir(DRIVER.kept_in) and said.err == ""


def test_a_kind_that_is_none_is_answered_by_all(capsys):
    assert main(["warm", "mixture"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("mcmix warm: ") and "mixture" in said and all(kind in said for kind in KINDS)


def test_every_kernel_and_density_is_known():
    names = {f"{k.__name__} {k.variant}" for k in _all_kernels()}
    assert {"run_sweeps ", "hard_pass ", "propose_coefficients "} <= names
    for family in FAMILIES.values():
        shape = "add_events" if family.event is not None else "add_logpdf"
        one_of_others = family.event is None and family.scalar_logpdf is None
        assert one_of_others or f"{shape} {family.name}" in names


@pytest.mark.slow
def test_every_kind_runs(capsys):
    assert main(["warm"]) == 0
    assert [line.split(":")[0] for line in capsys.readouterr().out.splitlines()[:-1]] == list(KINDS)


@compiled_only
@pytest.mark.slow
def test_an_empty_cache_is_filled_for_the_next_process(tmp_path):
    command = ["-m", "mcmix", "warm", "one-group"]
    (first, err), (second, _) = (process(command, tmp_path).communicate() for _ in range(2))
    assert err == "" and not first.startswith("one-group: 0 kernels")
    assert second.startswith("one-group: 0 kernels") and str(tmp_path) in second


@compiled_only
@pytest.mark.slow
def test_two_processes_that_start_at_once_on_an_empty_cache_draw_the_same(tmp_path):
    both = [process(["-c", TWO_COMPONENTS + "print(digest())"], tmp_path) for _ in range(2)]
    said = [one.communicate() for one in both]
    here: dict = {}
    exec(TWO_COMPONENTS, here)  # noqa: S102
    assert [out.strip() for out, _ in said] == [here["digest"]()] * 2
    assert [err for _, err in said] == ["", ""]
    counts = "from mcmix.kernels.base import compiled_here; print(compiled_here.kernels)"
    out, err = process(["-c", TWO_COMPONENTS + "digest()\n" + counts], tmp_path).communicate()
    assert (out, err) == ("0\n", "")
