"""An unknown number of components: whose it is, and what factors say of others while weights are summed out.

A mixture of finite mixtures has K components with a prior on K, weights that are Dirichlet given K, labels given the
weights, and parameters that are independent given their hyperparameters. Tables have more entries than that: those
beyond K belong to nobody, and stand at draws from their prior. Two things are integrated out of what factors say:

- weights: weights and labels are the Dirichlet-multinomial mass of the numbers of units by label;
- parameters of components without units, as hyperparameters see them, where these parameters are then drawn exactly
  from their prior: their density integrates to one.

Both are drawn again before anything looks at them (van Dyk and Park 2008, "Partially collapsed Gibbs samplers", JASA
103). Fruehwirth-Schnatter, Malsiner-Walli and Gruen (2021), "Generalized mixtures of finite mixtures and telescoping
sampling", Bayesian Analysis 16, algorithm 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import gammaln

from mcmix.distributions.family import Sums
from mcmix.errors import ModelError
from mcmix.nodes.number_of_components import ComponentWeights, NumberOfComponents
from mcmix.nodes.stochastic import Stochastic
from mcmix.structure import expression as ex
from mcmix.structure.component_tables import ComponentTables, component_tables
from mcmix.structure.conjugacy import Conjugate, conjugate
from mcmix.structure.contributions import Contribution, LabelBlock, Structure
from mcmix.structure.expression import Expression, as_expression, constant, elementwise, reduce
from mcmix.structure.joint_priors import joint_of
from mcmix.structure.recording import Factor
from mcmix.structure.rewrite import NotSeparable, substitute
from mcmix.structure.vector_conjugacy import VectorConjugate, vector_conjugate

FEW_UNITS = 2000  # up to which chains find their number by themselves wherever they start
SEEDS_OF_FEW, SEEDS_OF_MANY = 10, 64  # components, at most, that a start gives rows to


@dataclass(frozen=True, eq=False)
class UnknownNumber:
    """An unknown number of components, with its weights, and the labels that name the components.

    Attributes
    ----------
    node : NumberOfComponents
    weights : ComponentWeights
    block : LabelBlock
    concentration : Expression, shape ()
        Of each weight, at the present number.
    concentrations, log_masses : Expression, shape (most,)
        Of each weight under K = 1 .. most; and log p(K) Gamma(K a) / Gamma(n + K a), for n units and concentration
        a: what the posterior of K given the labels depends on beside the numbers of units by label.
    """

    node: NumberOfComponents
    weights: ComponentWeights
    block: LabelBlock
    concentration: Expression
    concentrations: Expression
    log_masses: Expression

    @property
    def capacity(self) -> int:
        """Components that tables have room for."""
        return self.node.capacity

    @property
    def most(self) -> int:
        """The largest number of components, for which tables may yet have to be given room."""
        return self.node.most

    @property
    def has_few_units(self) -> bool:
        """Whether units are so few that labels drawn one by one soon change the number."""
        return bool(self.block.label.n_units <= FEW_UNITS)

    @property
    def is_dynamic(self) -> bool:
        """Whether a component's concentration depends on the number of components."""
        return self.concentrations.size > 1

    def tables(self, structure: Structure) -> ComponentTables:
        """What belongs to each component."""
        return component_tables(self.block, structure)


def with_unknown_numbers(structure: Structure) -> Structure:
    """The structure with its unknown numbers of components found, and what its factors then say.

    Raises
    ------
    ModelError
        If an unknown number, its weights or its labels have another part in the model than these have in a mixture of
        exchangeable components; the node is named.
    """
    resting = {e.factor.node for e in structure.forward_sampled}
    nodes = [n for n in structure.recording.leaves if isinstance(n, NumberOfComponents) and n not in resting]
    structure.numbers = [_found(node, structure) for node in nodes]
    for number in structure.numbers:
        _refuse_own_steps(number, structure)
        most = SEEDS_OF_FEW if number.has_few_units else SEEDS_OF_MANY
        number.block.number, number.block.n_seeds = number.node, min(number.capacity, most)
        _sum_out(number, structure)
    structure.conjugates.clear()  # messages were those of all components
    return structure


def _refuse_own_steps(number: UnknownNumber, structure: Structure) -> None:
    """Refuse steps that a user asked for where number, weights and labels are drawn by steps that know of one another.

    A number that is held where it is stays one of components that are known to be so many.
    """
    nodes = {number.node, number.weights, number.block.label.node} & structure.apart
    nodes -= {number.node} & structure.held
    if nodes:
        names = ", ".join(sorted(n.name for n in nodes))
        raise ModelError(
            f"use_step_method: expected no step of yours for {names}: with an unknown number of components, number, "
            "weights and labels are drawn by steps that belong together"
        )


def clusters_of(label: str) -> str:
    """What the number of clusters of a label vector is called among statistics of draws."""
    return f"clusters of {label}"


def units_of(label: str) -> str:
    """What the numbers of units by component of a label vector are called among statistics of draws."""
    return f"units of {label}"


def number_of(block: LabelBlock, structure: Structure) -> UnknownNumber | None:
    """The unknown number of components that a label vector names, if it is one."""
    found: UnknownNumber | None = next((n for n in structure.numbers if n.block is block), None)
    return found


# -------------------------------------------------------------------- whose it is


def _found(node: NumberOfComponents, structure: Structure) -> UnknownNumber:
    weights = _weights_of(node, structure)
    block = _labels_of(node, weights, structure)
    _refuse_differences(node, block, structure)
    concentration = structure.recording.own_factor(weights).parameters["concentration"]
    by_number = _by_number(concentration, node, structure)
    numbers = constant(np.arange(1.0, node.most + 1.0))
    total = by_number * numbers
    masses = constant(_logs(node.probabilities)) + gammaln(total) - gammaln(total + float(block.label.n_units))
    return UnknownNumber(node, weights, block, concentration, by_number, masses)


def _logs(probabilities: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(probabilities))


def _weights_of(node: NumberOfComponents, structure: Structure) -> ComponentWeights:
    """The weights of so many components; nothing else may depend on the number."""
    below = [e.factor.node for e in structure.about(node) if e.factor.node is not node]
    weights = [n for n in below if isinstance(n, ComponentWeights)]
    if len(weights) != 1:
        raise ModelError(
            f"{node.name}: expected one vector of weights of so many components, mc.Dirichlet('w', 1.0, "
            f"size={node.name}), got {', '.join(n.name for n in weights) or 'none'}"
        )
    others = [n.name for n in below if n is not weights[0]]
    if others:
        raise ModelError(
            f"{node.name}: expected that only the weights {weights[0].name} depend on it, but {', '.join(others)} do"
        )
    return weights[0]


def _labels_of(node: NumberOfComponents, weights: ComponentWeights, structure: Structure) -> LabelBlock:
    """The label vector that is drawn with the weights; nothing else may depend on these."""
    below = [e.factor for e in structure.about(weights) if e.factor.node is not weights]
    _refuse_known(weights, below)
    blocks = [b for b in structure.blocks if any(f.node is b.label.node for f in below)]
    variable = structure.recording.leaves[weights]
    if len(below) != 1 or len(blocks) != 1 or blocks[0].log_weights is not variable:
        told = ", ".join(f.node.name for f in below) or "nothing"
        raise ModelError(
            f"{weights.name}: with an unknown number of components expected one label vector, mc.Categorical('z', "
            f"{weights.name}, size=n), each of whose rows depends on its own label, and nothing else below it; got "
            f"{told}{_why_not(below, structure)}"
        )
    return blocks[0]


def _refuse_known(weights: ComponentWeights, below: list[Factor]) -> None:
    """Refuse labels that are data, if only in part; where they exceed the number, that is said too."""
    found = next((f for f in below if f.column is not None), None)
    if found is None or found.column is None:
        return
    capacity, known = weights.number.capacity, found.column.seen
    more = known[known >= capacity]
    beyond = f", and {int(more[0])} is none of 0 to {capacity - 1}" if more.size else ""
    raise ModelError(
        f"{found.node.name}: labels that are known name components, and those of an unknown number have no names"
        f"{beyond}; leave the labels unknown, or give {weights.name} a known size"
    )


def _why_not(below: list[Factor], structure: Structure) -> str:
    """Why labels are no block, where they are not."""
    why = [w for c, w in structure.non_factorising.items() if any(f.node is c.node for f in below)]
    return f" ({why[0]})" if why else ""


def _refuse_differences(node: NumberOfComponents, block: LabelBlock, structure: Structure) -> None:
    tables = component_tables(block, structure)
    why = tables.told_apart or ", ".join(f"{n} looks up the same components" for n in tables.shared_with)
    if why and node.most > 1:
        raise ModelError(
            f"{node.name}: components of an unknown number must be alike before the data, but here: {why}; give each "
            f"variable that components have one prior for all (size={node.name}), or use a known number of components"
        )


def _by_number(concentration: Expression, node: NumberOfComponents, structure: Structure) -> Expression:
    """The concentration of each weight under K = 1 .. most: one number where it does not depend on K."""
    leaf = structure.recording.leaves[node]
    if leaf not in concentration.leaves:
        return concentration
    try:
        found = substitute(concentration, {leaf: constant(np.arange(1, node.most + 1))})
    except NotSeparable:
        found = concentration
    if found.shape != (node.most,):
        raise ModelError(
            f"{node.name}: the concentration of the weights expected to be made of it by operators and NumPy's "
            f"functions, such as alpha / {node.name}"
        )
    return found


# -------------------------------------------------------------------- what factors say


def _sum_out(number: UnknownNumber, structure: Structure) -> None:
    """Let labels and weights, and priors of components, say what they do with the rest integrated out."""
    own = {structure.recording.own_factor(n) for n in (number.weights, number.block.label.node)}
    of_components = [v for v in number.tables(structure).variables if v is not number.weights]
    priors = {structure.recording.own_factor(n) for n in drawn_exactly(of_components, structure)}
    occupied = elementwise("greater", number.block.counts, 0)
    rest = [e for e in structure.contributions if e.factor not in own]
    rest = [of_seen(e, occupied) if e.factor in priors else e for e in rest]
    structure.contributions = [*rest, *_dirichlet_multinomial(number, structure)]


def drawn_exactly(variables: Sequence[Stochastic], structure: Structure) -> list[Stochastic]:
    """Those variables of components that are drawn from their conditional: without units, from their prior."""
    return [
        v
        for v in variables
        if v not in structure.apart
        and (
            isinstance(conjugate(v, structure), Conjugate)
            or isinstance(vector_conjugate(v, structure), VectorConjugate)
            or joint_of(v, structure) is not None
        )
    ]


def of_seen(e: Contribution, which: Expression) -> Contribution:
    """A prior of components, as all but their own variable see it: that of some of them."""
    seen = ex.reshape(which, (which.size, *[1] * (e.elements.ndim - 1)))
    elements = elementwise("where", seen, e.elements, 0.0)
    return replace(e, elements=elements, sums=_counting(e.sums, seen, e.elements.shape), whole=e)


def _counting(sums: Sums | None, seen: Expression, shape: tuple[int, ...]) -> Sums | None:
    """Statistics of rows of which each counts as one sample, or as none."""
    if sums is None:
        return None
    times = ex.broadcast_to(elementwise("where", seen, 1.0, 0.0), shape)
    return replace(sums, n=as_expression(sums.n) * times)


def _dirichlet_multinomial(number: UnknownNumber, structure: Structure) -> list[Contribution]:
    """Log mass of the labels with the weights summed out: what labels say, and what concerns all of them at once."""
    counts, a = number.block.counts, number.concentration
    leaf = structure.recording.leaves[number.node]
    each = elementwise("where", elementwise("greater", counts, 0), gammaln(counts + a) - gammaln(a), 0.0)
    total = a * leaf
    together = reduce("sum", gammaln(total) - gammaln(total + float(number.block.label.n_units)))
    labels, weights = (structure.recording.own_factor(n) for n in (number.block.label.node, number.weights))
    return [
        Contribution(labels, as_expression(each), None, labels.parameters, "labels"),
        Contribution(weights, together, None, weights.parameters, "whole"),
    ]


__all__ = [
    "UnknownNumber",
    "clusters_of",
    "drawn_exactly",
    "number_of",
    "of_seen",
    "units_of",
    "with_unknown_numbers",
]
