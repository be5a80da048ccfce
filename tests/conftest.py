"""Which tests are plain, which are portable; BLAS kept small, and figures that nobody sees.

Plain ones draw little or nothing, and so run with numba's JIT disabled too. Portable ones may depend on Python's
version, or on ArviZ's, pandas' or Matplotlib's: CI runs them on the newest Python too. All others hold compiled numbers
to exact ones.
"""

import gc
import os
import signal

import pytest

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as shells start what runs in the background
    signal.signal(signal.SIGINT, signal.default_int_handler)
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # matrices are small: threads would only fight over the cores
os.environ["MPLBACKEND"] = "Agg"  # figures are drawn, and shown to nobody

PLAIN = {
    "test_arviz_bridge", "test_cross_products", "test_cumulative", "test_distributions", "test_frames",
    "test_from_scipy", "test_gradients", "test_label_kernels", "test_layers", "test_machine", "test_model",
    "test_nodes", "test_state", "test_statistics", "test_weighted_rows",
}  # fmt: skip

PORTABLE = {
    "test_arviz_bridge", "test_arviz_plots", "test_caches_and_terminals", "test_copies", "test_disk", "test_docstrings",
    "test_execution_modes", "test_first_steps", "test_frames", "test_from_scipy", "test_interrupt", "test_layers",
    "test_nodes", "test_page", "test_plots", "test_posterior", "test_project", "test_pymc2", "test_pymc2_surface",
    "test_mixture_model", "test_names", "test_names_travel", "test_sources", "test_watch",
}  # fmt: skip


@pytest.fixture
def no_open_figures():
    """Figures that a test leaves open are closed after it."""
    yield
    from matplotlib import pyplot  # only here: tests that draw nothing do without

    pyplot.close("all")


def pytest_collection_finish():
    """What was loaded lives as long as the tests do: the garbage collector need not walk it again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)


def pytest_collection_modifyitems(items):
    """Mark plain and portable tests; without the JIT, leave all but the plain ones out."""
    interpreted = os.environ.get("NUMBA_DISABLE_JIT") == "1"
    for item in items:
        if item.path.stem in PORTABLE:
            item.add_marker(pytest.mark.portable)
        if item.path.stem in PLAIN:
            item.add_marker(pytest.mark.plain)
        elif interpreted:
            item.add_marker(pytest.mark.skip(reason="statistical: takes hours without the JIT"))
