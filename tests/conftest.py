"""Which tests are plain, which are numeric; and BLAS kept small.

Plain ones draw little or nothing, and so run with numba's JIT disabled too. Numeric ones hold compiled numbers to exact
ones: they know nothing of Python's version or ArviZ's, and CI runs them on one Python.
"""

import os

import pytest

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # matrices are small: threads would only fight over the cores

PLAIN = {
    "test_arviz_bridge", "test_cumulative", "test_distributions", "test_frames", "test_from_scipy",
    "test_label_kernels", "test_layers", "test_machine", "test_model", "test_nodes", "test_state", "test_statistics",
}  # fmt: skip

NUMERIC = {
    "test_borders", "test_censored", "test_classic_models", "test_conjugate_steps", "test_correlations",
    "test_covariances", "test_cumulative", "test_distributions", "test_enumeration", "test_evidence",
    "test_exchangeability", "test_extremes", "test_gaps", "test_gaps_after", "test_hard_mixtures",
    "test_joint_priors", "test_known_labels", "test_known_labels_and_gaps", "test_label_kernels", "test_machine",
    "test_missing", "test_mode", "test_more_families", "test_nested_mixtures", "test_numerics", "test_odd_models",
    "test_pointwise", "test_proposed_labels", "test_starts", "test_step_methods", "test_structures",
    "test_tempering", "test_totals", "test_true_words", "test_vb", "test_vb_long", "test_vector_laws",
    "test_vector_mixtures",
}  # fmt: skip


def pytest_collection_modifyitems(items):
    """Mark plain and numeric tests; without the JIT, leave all but the plain ones out."""
    interpreted = os.environ.get("NUMBA_DISABLE_JIT") == "1"
    for item in items:
        if item.path.stem in NUMERIC or item.path.parent.name == "harness":
            item.add_marker(pytest.mark.numeric)
        if item.path.stem in PLAIN:
            item.add_marker(pytest.mark.plain)
        elif interpreted:
            item.add_marker(pytest.mark.skip(reason="statistical: takes hours without the JIT"))
