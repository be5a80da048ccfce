"""Draws of short runs are those that are kept in golden.json (see golden.py)."""

import json

import pytest

from tests import golden


def test_draws_are_as_they_were():
    kept = json.loads(golden.KEPT.read_text())
    if kept["machine"] != golden.machine():
        pytest.skip("bits were kept on another processor, or with other versions")
    assert golden.differences(kept["runs"]) == []


def test_enough_runs_are_kept():
    kept = json.loads(golden.KEPT.read_text())["runs"]
    assert len(kept) >= 60
    assert list(kept) == [name for name, _ in golden.models()]
    assert set(golden.CHANGED) <= set(kept)
