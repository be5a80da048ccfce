"""What a sampler tells a diagnosis of its model, and the quantities that need the model to be computed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mcmix.api.posterior_draws import PosteriorDraws
from mcmix.api.symmetries import roles_of
from mcmix.errors import ModelError
from mcmix.nodes.node import Node
from mcmix.nodes.stochastic import Stochastic
from mcmix.report.diagnosis.facts import Facts, LabelFacts
from mcmix.report.diagnosis.quantities import Group, other_quantities
from mcmix.report.diagnosis.result import Diagnosis, diagnosed
from mcmix.report.labels.roles import LabelRoles
from mcmix.sampling import pointwise, predictive_density
from mcmix.steps.methods import NoStepper
from mcmix.steps.plan import CompiledModel
from mcmix.steps.targets import is_discrete
from mcmix.structure.label_vectors import LabelVector
from mcmix.structure.recording import is_log_kept
from mcmix.traces.memory import Draws

GLIMPSE = 2**23  # bytes of draws on disk that the word after a run is about
SECOND_LOOKS = 400  # draws of all chains at which likelihood and predictive density are computed
POINTS = 5  # rows of data at which the predictive density is


def at_a_glance(m: PosteriorDraws, draws: Draws) -> Diagnosis:
    """The word after a run: what the kept draws say by themselves, in milliseconds."""
    return diagnosed(draws.glimpse(GLIMPSE), facts_of(m))


def in_full(m: PosteriorDraws, draws: Draws) -> Diagnosis:
    """All of it; see :meth:`MCMC.diagnose`."""
    return diagnosed(draws, facts_of(m), list(_second_looks(m.assembled, draws)), in_full=True)


# -------------------------------------------------------------------- facts


def facts_of(m: PosteriorDraws, proposed: bool = True) -> Facts:
    """What is known of the model beside its draws; of steps, those that have proposed something, or all."""
    compiled = m.assembled
    roles = roles_of(m)
    labels = {v.node.name: _label_facts(v, roles[v.node.name]) for v in _label_vectors(compiled)}
    gone = of_no_fixed_number(m)
    held = {v for s in compiled.steps if isinstance(s, NoStepper) for v in s.nodes}
    return Facts(
        labels=labels,
        nameless=frozenset(_nameless(compiled, labels)),
        suspects=frozenset(_suspects(compiled, labels)),
        discrete=frozenset(n.name for n in compiled.model.stochastics if is_discrete(n)),
        continuous=frozenset(n.name for n in compiled.model.stochastics if _never_repeats(n)) - gone,
        held=frozenset(n.name for n in held),
        simplexes=frozenset(n.name for n in compiled.model.stochastics if is_log_kept(n)),
        acceptance=_acceptance(compiled, proposed),
        thin=m.lengths[2],
        come_and_go=gone,
    )


def _label_vectors(compiled: CompiledModel) -> list[LabelVector]:
    return [t.label for t in compiled.component_tables.values()]


def _label_facts(label: LabelVector, roles: LabelRoles) -> LabelFacts:
    if not roles.permutable:
        return LabelFacts(label.lowest, label.known_counts, number=roles.number)
    return LabelFacts(label.lowest, label.known_counts, roles.tables, roles.complements, roles.classes, roles.number)


def of_no_fixed_number(m: PosteriorDraws) -> frozenset[str]:
    """Variables by component of which there is no fixed number, and functions of these: no entry keeps a meaning."""
    roles = roles_of(m)
    vectors = [v for v in _label_vectors(m.assembled) if roles[v.node.name].number]
    labels = {v.node.name: _label_facts(v, roles[v.node.name]) for v in vectors}
    return frozenset(_nameless(m.assembled, labels) - set(labels))


def _nameless(compiled: CompiledModel, labels: dict[str, LabelFacts]) -> set[str]:
    """Exchangeable variables, and the functions that see them or their labels."""
    free = {name for name, label in labels.items() if label.exchangeable}
    free |= {s.sticks.name for s in compiled.structure.open_sticks if s.block.label.node.name in labels}
    for label in labels.values():
        free |= {name for table in label.tables for name, _ in table} | set(label.complements)
    seeing: set[Node] = set()
    for node in compiled.model.deterministics:  # parents first
        if any(p.name in free if p.is_random else p in seeing for p in node.parent_nodes):
            seeing.add(node)
    return free | {f.name for f in seeing}


def _suspects(compiled: CompiledModel, labels: dict[str, LabelFacts]) -> set[str]:
    """Unknowns by component of label vectors whose components nothing proves alike: tables, or of their length."""
    found = set[str]()
    vectors = [v for v in _label_vectors(compiled) if not labels[v.node.name].exchangeable and v.n_labels > 1]
    parents = [f.extended_parents for f in compiled.model.data_nodes] if vectors else []
    for vector in vectors:
        met = {p for own in parents if vector.node in own for p in own}
        found |= {n.name for n in compiled.model.stochastics if n in met and _by_component(n, vector)}
    return found


def _by_component(node: Stochastic, vector: LabelVector) -> bool:
    """Whether an unknown has an entry for each component, none of which is known."""
    vector_like = not is_discrete(node) and not is_log_kept(node) and node.mask is None
    return vector_like and node.shape[:1] == (vector.n_labels,)


def _never_repeats(node: Stochastic) -> bool:
    """Whether the same value twice means that it stood still: weights round to 0, correlation matrices have a 1."""
    support = None if node.family is None else node.family.support
    exact = support is not None and (support.discrete or support.simplex or support.correlation)
    return np.dtype(node.dtype).kind == "f" and not exact


def _acceptance(compiled: CompiledModel, proposed: bool) -> dict[str, str]:
    """Steps that have proposed something (or all), but for those that may be refused for ever with nothing wrong."""
    found = {}
    for step in compiled.steps:
        tried = any(chain.view(key)[0] > 0 for chain in step.chains for key in step.counters())
        if step.counters() and (tried or not proposed) and not step.may_refuse_for_ever:
            found[f"acceptance {step.variables[0].name}"] = ", ".join(v.name for v in step.variables)
    return found


# -------------------------------------------------------------------- quantities that need the model


def _second_looks(compiled: CompiledModel, draws: Draws) -> Iterator[Group]:
    """Log likelihood and predictive density where the model has them, at thinned draws."""
    kept = draws.thinned(SECOND_LOOKS)
    kept = kept[kept[:, 0] == 0, 1]
    labels = {n.name for n in compiled.labels}
    some = {n: v[:, kept] for n, v in draws.variables.items() if n not in labels} or dict(draws.variables)
    thinned = Draws(some, angles=draws.angles, labels=draws.labels)
    in_part = len(kept) < draws.n_draws
    try:
        likelihood = -0.5 * pointwise.deviance(compiled, thinned)
        yield other_quantities(["log likelihood (labels summed out)"], likelihood[..., None], in_part)
        for names, logs in predictive_density.at_rows_of_data(compiled, thinned, POINTS):
            yield other_quantities(names, logs, in_part)
    except ModelError:  # draws that were not kept, rows that cannot be written for others: the rest must do
        return
