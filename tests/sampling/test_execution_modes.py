"""The same kernels three ways: compiled, compiled with every index checked, and as the plain Python that they are."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

# Models that between them run every kind of kernel, as text: another process builds them again.
MODELS = {
    "normal mixture": """
        w, tau = mc.Dirichlet("w", [1, 2]), mc.Gamma("tau", 2, 1, size=2)
        z, mu = mc.Categorical("z", w, size=20), mc.Normal("mu", 0, 0.01, size=2)
        nodes = [mc.Normal("y", mu[z], tau[z], value=numbers, observed=True)]
    """,
    "three components, priors that differ": """
        w, mu = mc.Dirichlet("w", [1, 2, 3]), mc.Normal("mu", [0, 3, 6], 0.1)
        z = mc.Categorical("z", w, size=20)
        nodes = [mc.Normal("y", mu[z], 1.0, value=numbers, observed=True)]
    """,
    "heavy tails, row by row": """
        z, mu = mc.Categorical("z", [0.3, 0.7], size=20), mc.Normal("mu", 0, 0.01, size=2)
        nodes = [mc.StudentT("y", 4, mu[z], 1 / np.linspace(0.5, 2, 20) ** 2, value=numbers, observed=True)]
    """,
    "counts": """
        z, rate = mc.Categorical("z", mc.Dirichlet("w", [1, 1]), size=20), mc.Lognormal("rate", 0, 1, size=2)
        nodes = [mc.Poisson("y", rate[z], value=counts, observed=True)]
    """,
    "vectors": """
        mu, tau = mc.MvNormal("mu", np.zeros(2), 0.1 * np.eye(2), size=2), mc.Wishart("tau", 4, np.eye(2), size=2)
        w = mc.Dirichlet("w", [1, 1])
        nodes = [mc.Mixture("y", w, mc.MvNormal, mu, tau, value=rows, observed=True)]
    """,
    "vectors with gaps": """
        mu = mc.MvNormal("mu", np.zeros(2), 0.1 * np.eye(2), size=2)
        gaps = np.ma.masked_invalid(np.where(np.arange(20).reshape(10, 2) % 7 == 3, np.nan, rows))
        nodes = [mc.Mixture("y", mc.Dirichlet("w", [1, 1]), mc.MvNormal, mu, np.eye(2), value=gaps, observed=True)]
    """,
    "scales and correlations": """
        R, sd = mc.LKJ("R", 2, 2), mc.HalfStudentT("sd", 5, 1, size=2)
        cover = mc.Lambda("cover", lambda R=R, s=sd: s[:, None] * R * s)
        nodes = [mc.MvNormalCov("y", np.zeros(2), cover, value=rows, observed=True)]
    """,
    "no labels": """
        early, late, change = mc.Exponential("early", 1), mc.Gamma("late", 2, 1), mc.DiscreteUniform("change", 0, 20)
        rate = mc.Lambda("rate", lambda s=change, a=early, b=late: np.where(np.arange(20) < s, a, b))
        nodes = [mc.Poisson("y", rate, value=counts, observed=True)]
    """,
    "tempered": """
        z, mu = mc.Categorical("z", [0.5, 0.5], size=20), mc.Normal("mu", 0, 0.01, size=2)
        nodes, options = [mc.Normal("y", mu[z], 1.0, value=numbers, observed=True)], {"tempering": 3}
    """,
}

SCRIPT = """
import json, sys, textwrap
import numpy as np
import mcmix as mc

rng = np.random.default_rng(7)
numbers = np.concatenate([rng.normal(0, 1, 10), rng.normal(5, 1, 10)])
counts, rows = rng.poisson(3, 20), rng.normal(size=(10, 2)) + np.repeat([[0], [4]], 5, axis=0)

def drawn(text):
    place = dict(mc=mc, np=np, numbers=numbers, counts=counts, rows=rows, options={})
    exec(textwrap.dedent(text), place)
    m = mc.MCMC(place["nodes"], **place["options"]).sample(12, 4, chains=2, seed=3, progress_bar=False)
    return {name: np.asarray(values).tolist() for name, values in m.draws().variables.items()}
"""


def in_another_process(text, tmp_path, **environment):
    """Draws of all models from a process of its own, its kernels not from this one's cache."""
    program = SCRIPT + "print(json.dumps({k: drawn(v) for k, v in json.loads(sys.stdin.read()).items()}))"
    run = subprocess.run(
        [sys.executable, "-c", program],
        input=json.dumps(text),
        env={**os.environ, **environment, "NUMBA_CACHE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout), run.stderr


@pytest.fixture(scope="module")
def compiled():
    """Draws of this process."""
    place = {}
    exec(SCRIPT, place)
    return {name: place["drawn"](text) for name, text in MODELS.items()}


@pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="nothing is compiled")
def test_kernels_and_their_python_draw_the_same(compiled, tmp_path):
    """Labels and other whole numbers bit for bit; numbers but for the last digits, since sums may be regrouped."""
    plain, _ = in_another_process(MODELS, tmp_path, NUMBA_DISABLE_JIT="1")
    for model, variables in compiled.items():
        for name, values in variables.items():
            if name in ("z", "change"):
                assert plain[model][name] == values, (model, name)
            else:
                assert np.allclose(plain[model][name], values, rtol=1e-8, atol=0.0), (model, name)


OVERRUN = """
import numpy as np
from mcmix.kernels.base import address_of, floats, inline, run, step_kernel

@inline
def read(x, n):
    return x[n]

def planted(words, reals, stream):
    return 1 if read(floats(reals, 3), 3) > 0.0 else 0
"""


@pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="nothing is compiled")
@pytest.mark.parametrize("checked", [True, False])
def test_a_planted_overrun_is_seen_where_indices_are_checked(checked, tmp_path):
    (tmp_path / "planted.py").write_text(OVERRUN)
    program = (
        "import numpy as np, planted as p; "
        "print(p.run(p.step_kernel(p.planted).address, 0, p.address_of(np.ones(4)), 0))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program],
        env={
            **os.environ,
            "NUMBA_BOUNDSCHECK": str(int(checked)),
            "NUMBA_CACHE_DIR": str(tmp_path / "cache"),
            "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path]),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert ("IndexError: index is out of bounds" in run.stderr) == checked, run.stderr
