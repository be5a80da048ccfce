"""Component tables: what belongs to each component, which permutations change nothing, and that all ask them alone."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

import mcmix as mc
from mcmix.api.diagnosis import facts_of
from mcmix.api.evidence import Integrand
from mcmix.api.relabel import chosen_roles, wished
from mcmix.api.symmetries import roles_of
from mcmix.distributions.table import FAMILIES
from mcmix.steps.base import Chain
from mcmix.steps.explain import explanation
from mcmix.structure.component_tables import ComponentTables, component_tables
from mcmix.structure.evaluate import evaluate
from tests.harness import features, grammar
from tests.structure.test_exchangeability import (
    ALIKE,
    APART,
    EYE,
    ROWS,
    X,
    classes_with,
    complement,
    labels,
    sampled,
    scalars_with,
    some_known,
    vectors_with,
)
from tests.structure.test_plates import hidden_chain

PLACES = np.linspace(0.0, 1.0, ROWS)


def tables_in(model, **options) -> ComponentTables:
    return mc.MCMC(model, **options).assembled.component_tables["z"]


def entries(tables: ComponentTables, k: int) -> list[tuple[str, int]]:
    return [(v.name, element) for v, element in tables.entries(k)]


def shapes(tables: ComponentTables) -> dict[str, tuple[int, ...]]:
    return {v.name: tables.shape_of(v) for v in tables.variables if v not in tables.complements}


def scalars(mean=lambda z, mu: mu[z], weights=None, prior=0.0):
    z = mc.Categorical("z", mc.Dirichlet("w", [5, 5]) if weights is None else weights, size=ROWS)
    mu = mc.Normal("mu", prior, 0.01, size=2)
    centre = mc.Lambda("centre", lambda z=z, mu=mu: mean(z, mu))
    return [mc.Normal("y", centre, 1.0, value=X, observed=True), z, mu]


def with_order():
    model = scalars()
    mu = model[-1]
    return [*model, mc.Potential(lambda mu: 0.0 if mu[0] < mu[1] else -np.inf, "", "order", {"mu": mu})]


def weights_by_row():
    weights = np.tile([0.5, 0.5], (ROWS, 1))
    weights[0] = [0.4, 0.6]
    z, mu = mc.Categorical("z", weights), mc.Normal("mu", 0, 0.01, size=2)
    return [mc.Normal("y", mu[z], 1.0, value=X, observed=True), z, mu]


def three(prior):
    return scalars_with(lambda: mc.Normal("mu", prior, 0.01, size=3), k=3)


# -------------------------------------------------------------------- what belongs to whom


BELONGING = {  # component 1's numbers, and what each variable holds for a component
    "vector": (lambda: scalars(), [("w", 1), ("mu", 1)], {"w": (), "mu": ()}),
    "list of scalars": (
        lambda: scalars_with(lambda: [mc.Normal(f"mu{k}", 3, 0.01) for k in range(2)]),
        [("w", 1), ("mu1", 0)],
        {"w": (), "mu0": (), "mu1": ()},
    ),
    "vectors and matrices": (
        lambda: vectors_with(
            lambda: mc.MvNormal("mu", [0, 0], 0.01 * EYE, size=2), lambda: mc.Wishart("P", 4, EYE, size=2)
        ),
        [("w", 1), *[("mu", i) for i in (2, 3)], *[("P", i) for i in range(4, 8)]],
        {"w": (), "mu": (2,), "P": (2, 2)},
    ),
    "list of vectors": (
        lambda: vectors_with(lambda: [mc.MvNormal(f"mu{k}", [1, 2], 0.01 * EYE) for k in range(2)]),
        [("w", 1), ("mu1", 0), ("mu1", 1)],
        {"w": (), "mu0": (2,), "mu1": (2,)},
    ),
    "rows of simplexes": (
        lambda: classes_with(lambda: mc.Dirichlet("q", [1, 1, 1], size=2)),
        [("w", 1), ("mu", 1), *[("q", i) for i in (3, 4, 5)]],
        {"w": (), "mu": (), "q": (3,)},
    ),
    "one probability": (lambda: complement(lambda: mc.Beta("p", 2, 2)), [("mu", 1)], {"mu": ()}),
    "known weights": (lambda: scalars(weights=[0.3, 0.7]), [("mu", 1)], {"mu": ()}),
    "known errors": (
        lambda: scalars_with(lambda: mc.Normal("mu", 0, 0.01, size=2), lambda: np.array([1.0, 2.0])),
        [("w", 1), ("mu", 1)],
        {"w": (), "mu": ()},
    ),
    "numeric use of labels": (lambda: scalars(lambda z, mu: mu[z] + PLACES * z), [("w", 1), ("mu", 1)], None),
    "weights by row": (weights_by_row, [("mu", 1)], {"mu": ()}),
}


@pytest.mark.parametrize("name", BELONGING)
def test_what_belongs_to_a_component(name):
    model, expected, held = BELONGING[name]
    tables = tables_in(model())
    assert sorted(entries(tables, 1)) == sorted(expected)
    assert (tables.capacity, tables.in_use) == (2, 2)
    assert held is None or shapes(tables) == held


def test_one_probability_is_a_complement():
    tables = tables_in(complement(lambda: mc.Beta("p", 2, 2)))
    assert [v.name for v in tables.complements] == ["p"]
    assert "p" in [v.name for v in tables.variables]


def test_columns_are_single_numbers():
    w, z = labels()
    table = mc.Normal("table", 0, 0.01, size=(2, 2))
    mean = mc.Lambda("mean", lambda table=table, z=z: table[:, 1][z])
    tables = tables_in([mc.Normal("y", mean, 1.0, value=X, observed=True), w, z, table])
    assert entries(tables, 1) == [("w", 1), ("table", 3)] and shapes(tables)["table"] == ()


def test_components_of_a_hidden_chain_are_read_off_shapes():
    mu = mc.Normal("mu", [0, 1], sigma=2, size=2)
    y, z = hidden_chain(np.concatenate([X, X]), lambda z: mu[z], np.array([[0.9, 0.1], [0.1, 0.9]]))
    made = mc.MCMC([*y, *z, mu]).assembled
    for block in made.structure.blocks:
        tables = component_tables(block, made.structure)
        assert not tables.permutable and tables.reason == "labels depend on one another"
        assert ("mu", 1) in entries(tables, 1) and tables.shape_of(mu) == ()
        assert tables.together is not None and len(tables.shared_with) == len(tables.together.vectors) - 1
        assert tables.allows([0, 1]) and not tables.allows([1, 0])
    move = next(s for s in made.steps if s.name == "label permutation move")
    assert move.labels[: len(made.label_passes)] == [p.label.node for p in made.label_passes]
    assert "components are swapped in all label vectors that share them at once" in str(explanation(made))


# -------------------------------------------------------------------- why


REASONS = {
    "alike": (lambda: scalars(), [[0, 1]], "label switching expected"),
    "equal known weights": (lambda: scalars(weights=[0.5, 0.5]), [[0, 1]], "label switching expected"),
    "unequal known weights": (lambda: scalars(weights=[0.3, 0.7]), [[0], [1]], "known weights differ"),
    "priors that differ": (lambda: scalars(prior=[0.0, 6.0]), [[0], [1]], "the priors differ: mu"),
    "two alike": (lambda: three([0.0, 0.0, 30.0]), [[0, 1], [2]], "the priors differ: mu; alike are {0, 1}"),
    "two and two alike": (
        lambda: scalars_with(lambda: mc.Normal("mu", [0, 9, 0, 9], 0.01), k=4),
        [[0, 2], [1, 3]],
        "the priors differ: mu; alike are {0, 2} and {1, 3}",
    ),
    "uneven share": (lambda: complement(lambda: mc.Beta("p", 1, 2)), [[0], [1]], "the priors differ: p"),
    "ordering": (with_order, [[0], [1]], "order tells them apart"),
    "known errors": (
        lambda: scalars_with(lambda: mc.Normal("mu", 0, 0.01, size=2), lambda: np.array([1.0, 2.0])),
        [[0], [1]],
        "a known table differs between components",
    ),
    "known labels": (
        lambda: scalars_with(lambda: mc.Normal("mu", 0, 0.01, size=2), known=some_known([0, 1])),
        [[0], [1]],
        "labels of z are known for some units",
    ),
    "shared": (
        APART["shared by two label vectors"],
        [[0], [1]],
        "v looks up the same components: only together could they be exchanged",
    ),
    "numeric use of labels": (lambda: scalars(lambda z, mu: mu[z] + PLACES * z), [], "y uses the label as a number"),
    "weights by row": (weights_by_row, [], "weights vary by row"),
    "as a whole": (
        lambda: scalars(lambda z, mu: mu[z] + mu[0]),
        [],
        "a variable enters both by label and as a whole",
    ),
    "one component": (
        lambda: scalars_with(lambda: mc.Normal("mu", 0, 0.01, size=1), k=1),
        [],
        "there is one component",
    ),
}


@pytest.mark.parametrize("name", REASONS)
def test_why_components_are_alike_or_not(name):
    model, classes, reason = REASONS[name]
    tables = tables_in(model())
    assert tables.classes == classes and tables.reason == reason
    assert tables.whole == (len(classes) == 1) and tables.permutable == any(len(c) > 1 for c in classes)
    assert reason in str(explanation(mc.MCMC(model()).assembled))


def test_labels_without_a_pass_have_tables_of_which_nothing_is_seen():
    z = mc.Categorical("z", [0.5, 0.5], size=4)
    mu = mc.Normal("mu", 0, 1, size=2)
    mean = mc.Lambda("mean", lambda z=z, mu=mu: mu[z] + np.cumsum(z) / 9)
    tables = tables_in([mc.Normal("y", mean, 1.0, value=np.arange(4.0), observed=True), z, mu])
    assert tables.reason.startswith("its rows do not separate: y") and tables.classes == [] and tables.names_may_stick
    assert tables.capacity == 2 and not tables.swaps and not tables.allows([1, 0])


def test_a_variable_that_is_held_lets_nothing_change_places():
    m = mc.MCMC(scalars())
    m.use_step_method(mc.NoStepper, m.model.get_node("mu"))
    assert m.assembled.component_tables["z"].reason == "a variable is held where it is"


def test_what_is_no_permutation_is_refused():
    tables = tables_in(three(0.0))
    for wrong in ([0, 1], [0, 0, 1], [1, 2, 3]):
        with pytest.raises(mc.ModelError, match="permutation of the components 0 to 2"):
            tables.allows(wrong)


# -------------------------------------------------------------------- permutations, against the joint density


MORE = {name: model for name, (model, *_) in REASONS.items() if name not in ("one component", "as a whole")}


@pytest.mark.parametrize("name", [*ALIKE, *APART, *MORE])
def test_exactly_the_allowed_permutations_leave_the_joint_density(name):
    model = {**ALIKE, **APART, **MORE}[name]
    made = mc.MCMC(model()).assembled
    tables = made.component_tables["z"]
    chain, rng = Chain(made.plan.layout, np.random.SeedSequence(1)), np.random.default_rng(2)
    for node, value in made.model.draw_with(rng).items():
        chain.put(node, value)
    leaves = {node: chain.view(node).reshape(leaf.shape).copy() for node, leaf in made.recording.leaves.items()}
    if "order" in leaves or name == "ordering":
        leaves[made.model.get_node("mu")].sort()
    before = log_density(made, leaves)
    assert np.isfinite(before)
    for order in permutations(range(tables.capacity)):
        same = bool(abs(log_density(made, permuted(tables, leaves, order)) - before) < 1e-8)
        assert tables.allows(order) == same, order


def log_density(made, leaves) -> float:
    return float(sum(np.sum(evaluate(f.elements, leaves)) for f in made.recording.factors))


def permuted(tables: ComponentTables, leaves, order):
    """Component k at the place of component order[k], labels along."""
    found = {node: value.copy() for node, value in leaves.items()}
    z = tables.label.node
    found[z] = np.asarray(order, dtype=float)[leaves[z].astype(int)]
    for k, j in enumerate(order):
        for (node, here), (other, there) in zip(tables.entries(k), tables.entries(j), strict=True):
            found[other].flat[there] = leaves[node].flat[here]
    for p in tables.complements:
        found[p] = leaves[p] if order[0] == 0 else 1.0 - leaves[p]
    return found


# -------------------------------------------------------------------- one answer for everybody


def small_models():
    for name, (model, *_) in REASONS.items():
        yield name, mc.MCMC(model())
    for small in grammar.mixtures(FAMILIES):
        yield small.name, mc.MCMC(small.make()[0])
    for pair in features.pairs():
        for alike in (False, True):
            b = features.built(pair, alike=alike)
            yield features.title(pair), mc.MCMC(b.nodes, **b.options)


@pytest.mark.slow
def test_everybody_states_the_same_verdict_for_every_small_model():
    verdicts = set()
    for name, m in small_models():
        for label, tables in m.assembled.component_tables.items():
            verdicts.add(verdict(m, label, tables, name))
    assert verdicts == {"alike", "in part", "apart"}


@pytest.mark.parametrize("name", [*ALIKE, *APART])
def test_everybody_states_the_same_verdict_after_a_run(name):
    m = sampled({**ALIKE, **APART}[name]())
    tables = m.assembled.component_tables["z"]
    said = verdict(m, "z", tables, name)
    assert said == ("alike" if name in ALIKE else "apart")
    assert ("label switching" in " ".join(f.kind for f in m.diagnose().findings)) == (said == "alike")
    if name != "shared by two label vectors":
        assert Integrand(m, m.draws()).log_parts == (pytest.approx(np.log(2)) if said == "alike" else 0.0)


def verdict(m: mc.MCMC, label: str, tables: ComponentTables, name: str) -> str:
    """What the tables say, after everybody else was asked whether it says the same."""
    said = next(line for line in str(explanation(m.assembled)).split("\n") if line.startswith(f"{label}: "))
    passes = [s for s in m.assembled.steps if s.label_pass is not None and s.label_vector is tables.label]
    roles, facts = roles_of(m)[label], facts_of(m).labels[label]
    assert ("components are exchangeable" in said) == tables.whole == roles.whole, name
    assert ("component-swap (Metropolis) move" in said) == tables.swaps == any(s.counters() for s in passes), name
    assert not passes or tables.reason in said, name
    assert [list(c) for c in roles.classes] == tables.classes and roles.why == tables.told_apart, name
    assert wished(roles, False) == roles  # what classify names components by
    assert facts.exchangeable == tables.permutable and (not facts.exchangeable or facts.alike == tables.classes), name
    if not tables.permutable:
        with pytest.raises(mc.ModelError, match="no components are exchangeable"):
            chosen_roles({label: roles}, None, False, "relabel")
    return "alike" if tables.whole else "in part" if tables.permutable else "apart"
