"""Which tests are plain: they draw little or nothing, and so run with numba's JIT disabled too. And BLAS kept small."""

import os

import pytest

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # matrices are small: threads would only fight over the cores

PLAIN = {
    "test_arviz_bridge", "test_cumulative", "test_distributions", "test_frames", "test_from_scipy",
    "test_label_kernels", "test_layers", "test_machine", "test_model", "test_nodes", "test_state", "test_statistics",
}  # fmt: skip


def pytest_collection_modifyitems(items):
    """Mark plain tests; without the JIT, leave the others out."""
    interpreted = os.environ.get("NUMBA_DISABLE_JIT") == "1"
    for item in items:
        if item.path.stem in PLAIN:
            item.add_marker(pytest.mark.plain)
        elif interpreted:
            item.add_marker(pytest.mark.skip(reason="statistical: takes hours without the JIT"))
