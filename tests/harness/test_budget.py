"""False alarms of the whole suite: what every part may spend, and that no part spends more."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from mcmix.testing import enumeration_test, joint_test, rank_calibration
from tests.harness import (
    levels,
    test_enumerated,
    test_harness,
    test_improper,
    test_planted,
    test_samplers,
)

FOLDER = Path(__file__).parent
STATISTICAL = {f.__name__ for f in (joint_test, rank_calibration, enumeration_test)}
OF_FAULTS = {"test_planted.py"}  # what is right there is counted by itself


def test_the_whole_suite_hardly_ever_fails_a_right_sampler():
    assert sum(levels.SHARES.values()) < levels.WHOLE


def test_no_part_has_more_tests_than_its_share_was_split_between():
    assert test_harness.TESTS >= 3 * len(test_harness.RIGHT) + 5  # each thrice, and those with a seed of their own
    assert test_samplers.TESTS >= 2 * len(test_samplers.MODELS)
    assert test_enumerated.TESTS >= 2 * len(test_enumerated.MODELS)
    parts = {
        "harness": test_harness,
        "samplers": test_samplers,
        "enumeration": test_enumerated,
        "planted": test_planted,
    }
    for part, module in parts.items():
        assert module.TESTS * module.FALSE_ALARM <= levels.SHARES[part] * (1 + 1e-9)


def test_improper_priors_make_no_more_comparisons_than_they_share():
    laws = [len(each) for case in test_improper.CASES.values() for each in case()[1].values()]
    alone = 2 + 6  # whole numbers by two steps, and six labels
    assert len(test_improper.STEPS) * sum(laws) + alone <= test_improper.COMPARISONS


def test_examples_that_pass_spend_what_they_may():
    """Each docstring has one sampler that is right, at the level that its function has by default."""
    examples = [f.__doc__.count(".passed\n    True") for f in (joint_test, rank_calibration, enumeration_test)]
    assert sum(examples) * levels.BY_DEFAULT <= levels.SHARES["docstrings"] * (1 + 1e-9)


def calls_without_level(path: Path) -> list[str]:
    """Statistical tests whose outcome is asserted to be right, at a level that no table knows."""
    found = []
    for function in ast.walk(ast.parse(path.read_text())):
        if not isinstance(function, ast.FunctionDef) or not function.name.startswith("test_"):
            continue
        if not any(word in function.name for word in ("right", "leave", "long", "calibrated", "passes")):
            continue
        for call in ast.walk(function):
            if isinstance(call, ast.Call) and ast.unparse(call.func).rpartition(".")[2] in STATISTICAL:
                if not any(k.arg == "false_alarm" for k in call.keywords):
                    found.append(f"{function.name}, line {call.lineno}")
    return found


@pytest.mark.parametrize(
    "path", sorted(p for p in FOLDER.glob("test_*.py") if p.name not in OF_FAULTS), ids=lambda p: p.name
)
def test_right_samplers_are_tested_at_a_level_of_the_table(path: Path):
    assert calls_without_level(path) == []
