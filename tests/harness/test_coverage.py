"""Every step with every distribution and every class of prior, without anyone listing them.

The combinations are read off small models that are made from the list of families and the competence table
(`tests/harness/combinations.py`): a new family or step is in here the day it is added. The fast part tests few models
in which every pair of a step and a distribution below it, and of a step and a prior, occurs; the slow part has every
triple.

The whole of it, fast and slow, fails a sampler that is right with the probability that levels.py gives it at most.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mcmix.distributions.family import Parameter
from mcmix.distributions.table import FAMILIES
from mcmix.steps import density, methods, table, targets
from mcmix.steps.density import Slice
from tests import family_examples
from tests.harness import combinations, grammar, levels
from tests.harness.combinations import Found

FAST, SLOW = 20, 40  # replications of a first stage; doubt triples them, twice
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "combinations.md"
MARKERS = "<!-- combinations -->", "<!-- end of combinations -->"


def each_false_alarm() -> float:
    """No model is tested more than twice, once in each part."""
    return levels.each("coverage", 2 * len(combinations.everything()))


def failures(models: Iterable[Found], replications: int, seed: int) -> str:
    """What the test says of those that fail."""
    said = []
    for found in models:
        result = combinations.tested(found.small, replications, seed, each_false_alarm())
        if not result.passed:
            said.append(f"{found.small.name}:\n{result}")
    return "\n".join(said)


# -------------------------------------------------------------------- the draws are right


@pytest.mark.parametrize("family", FAMILIES)
def test_every_pair(family: str):
    assert not failures([f for f in combinations.few() if f.small.family == family], FAST, seed=61)


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_every_triple(family: str):
    assert not failures([f for f in combinations.many() if f.small.family == family], SLOW, seed=62)


# -------------------------------------------------------------------- nothing is left out


def test_every_step_of_the_table_is_assigned_in_some_model():
    assert combinations.never_assigned(combinations.everything()) == []


def test_every_family_is_the_law_of_data_and_of_an_unknown():
    assert combinations.never_met(combinations.everything()) == []


def test_the_fast_part_has_every_pair_and_the_slow_part_every_triple():
    everything = combinations.everything()
    assert combinations.uncovered(combinations.few(), everything) == set()
    triples = {c for f in everything for c in f.combinations}
    assert {c for f in combinations.many() for c in f.combinations} == triples


def test_every_model_belongs_to_a_family_that_is_run():
    assert {f.small.family for f in combinations.everything()} == set(FAMILIES)


def test_every_step_by_hand_serves_some_prior():
    served = {
        step.__name__
        for prior in FAMILIES.values()
        for constraint in (*grammar.RANGES, *grammar.EVENTS)
        for dimension in ({grammar.dimension_of(prior)} if constraint in grammar.EVENTS else {0})
        if (parameters := grammar.prior_parameters(prior, constraint, dimension)) is not None
        for step in grammar.servants(prior, parameters)
    }
    assert served == set(methods.__all__) - set(grammar.HELD)


# -------------------------------------------------------------------- what is new is seen


def planted_family(monkeypatch: pytest.MonkeyPatch, **changes: object) -> dict:
    """A family that nobody has listed anywhere but in the table of families."""
    new = replace(FAMILIES["Logistic"], name="Planted", **changes)
    monkeypatch.setitem(family_examples.EXAMPLES, "Planted", family_examples.EXAMPLES["Logistic"])
    return {"Normal": FAMILIES["Normal"], "Gamma": FAMILIES["Gamma"], "Planted": new}


def test_a_new_family_is_covered_the_day_it_is_added(monkeypatch: pytest.MonkeyPatch):
    families = planted_family(monkeypatch)
    found = [combinations.assigned(s) for s in grammar.mixtures(families)]
    missing = combinations.uncovered(combinations.everything(), found)
    assert {("law", "LabelGibbs", "Planted"), ("law", "Slice", "Planted"), ("prior", "Slice", "Planted")} <= missing
    assert combinations.uncovered(combinations.cover(found), found) == set()
    assert combinations.never_met(found, families) == []


def test_a_new_family_without_example_parameters_fails(monkeypatch: pytest.MonkeyPatch):
    families = planted_family(monkeypatch)
    monkeypatch.delitem(family_examples.EXAMPLES, "Planted")
    with pytest.raises(LookupError, match="'Planted' has no example parameters"):
        list(grammar.mixtures(families))


def test_a_new_kind_of_parameter_fails_until_it_has_a_row(monkeypatch: pytest.MonkeyPatch):
    changed = Parameter("location", "on the circle"), FAMILIES["Logistic"].parameters[1]
    with pytest.raises(LookupError, match="'on the circle' has no row"):
        list(grammar.mixtures(planted_family(monkeypatch, parameters=changed)))


class Planted(Slice):
    """A step that nobody has listed anywhere but in the table of competence."""


def test_a_new_step_is_covered_the_day_it_is_added(monkeypatch: pytest.MonkeyPatch):
    row = table.Row(Planted, table._slice, lambda n, s, why: Planted([n], s, why))
    everything, before = combinations.everything(), combinations.few()
    monkeypatch.setattr(table, "TABLE", [table.TABLE[0], row, *table.TABLE[1:]])
    assert combinations.never_assigned(everything) == ["Planted"]
    families = {name: FAMILIES[name] for name in ("Normal", "Weibull", "Gamma")}
    found = [combinations.assigned(s) for s in grammar.mixtures(families)]
    assert ("law", "Planted", "Weibull") in combinations.uncovered(before, found)
    assert ("prior", "Planted", "Gamma") in combinations.uncovered(before, found)


def test_a_step_that_draws_wrongly_fails(monkeypatch: pytest.MonkeyPatch):
    """Slices of the likelihood alone, as PyMC 2 took them."""
    whole = targets.target_of

    def without_prior(node, structure):
        about = structure.about
        with monkeypatch.context() as patched:
            patched.setattr(structure, "about", lambda n: [e for e in about(n) if e.factor.node is not n])
            return whole(node, structure)

    chosen = next(f for f in combinations.everything() if f.small.name == "mixture, Laplace mean ~ Normal")
    monkeypatch.setattr(density, "target_of", without_prior)
    assert failures([chosen], FAST, seed=63)


# -------------------------------------------------------------------- the table of the site


def test_the_site_has_the_table():
    start, end = (PAGE.read_text().index(m) for m in MARKERS)
    shown = PAGE.read_text()[start + len(MARKERS[0]) : end].strip()
    assert shown == combinations.markdown(combinations.everything()), "run python -m tests.harness.combinations"


def test_examples_are_moderate():
    """Direct draws of a prior stay where doubles and samplers are at home."""
    rng = np.random.default_rng(64)
    for family in FAMILIES.values():
        parameters = grammar.example(family, grammar.dimension_of(family))
        shape = (50, *(grammar.dimension_of(family),) * family.event_ndim)
        assert np.isfinite(family.draw(rng, shape, *grammar.numbers(parameters))).all(), family
