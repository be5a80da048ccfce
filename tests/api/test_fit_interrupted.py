"""Commands as processes of their own: a real Ctrl-C while chains are drawn, and what is said at first."""

import os
import signal
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from mcmix.api.fit.job import STOPPED

# Under a test runner in the background SIGINT may be ignored, which children inherit: a shell's Ctrl-C is not.
COMMAND = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from mcmix.api.command import main; raise SystemExit(main(sys.argv[1:]))"
)


def begun(*words, **environment):
    return subprocess.Popen(
        [sys.executable, "-u", "-c", COMMAND, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env={**os.environ, **environment},
    )  # fmt: skip


@pytest.mark.slow
def test_ctrl_c_while_drawing_leaves_a_page_and_rows(tmp_path):
    x = np.random.default_rng(1).normal([[0.0], [9.0]], 1.0, (2, 30)).ravel()
    pd.DataFrame({"x": x}).to_csv(tmp_path / "d.csv", index=False)
    words = ["--chains", "2", "--draws", "5000", "--burn", "100", "--thin", "1", "--distribution", "normal"]
    said = []
    options = ["--components", "2,3", "--folder", str(tmp_path / "out"), *words]
    with begun("fit", str(tmp_path / "d.csv"), *options) as process:
        for line in process.stdout:
            said.append(line)
            if "3 components: 2 chains" in line:
                process.send_signal(signal.SIGINT)
    assert process.returncode == STOPPED, "".join(said)
    assert {"report.html", "rows.csv", "draws.nc"} <= {f.name for f in (tmp_path / "out").iterdir()}
    assert any("stopped: reporting what there is of 2 components" in line for line in said)
    assert "The run was stopped before its end." in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert set(pd.read_csv(tmp_path / "out" / "rows.csv")["group"]) == {"A", "B"}


def test_the_demo_says_what_it_does_before_anything_is_compiled(tmp_path):
    cache = tmp_path / "cache"
    with begun("demo", "--folder", str(tmp_path / "demo"), NUMBA_CACHE_DIR=str(cache)) as process:
        first = process.stdout.readline()
        compiled = list(cache.rglob("*.nbc"))
        process.kill()
    assert first.startswith("mcmix demo: two groups of simulated data") and not compiled
