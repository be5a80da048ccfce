"""A model as expressions: every node recorded, or known to be opaque and why."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np

from mcmix.distributions.family import Family
from mcmix.errors import ModelError, SupportError, TraceError, YesOrNoIndex
from mcmix.nodes.constraints import as_array
from mcmix.nodes.containers import ListContainer
from mcmix.nodes.covariates import Covariates
from mcmix.nodes.deterministic import YES_OR_NO_POTENTIAL, Deterministic, Potential
from mcmix.nodes.distribution import Distribution
from mcmix.nodes.model import Model
from mcmix.nodes.node import Node, holds_nodes, mapped
from mcmix.nodes.numbers import as_numbers
from mcmix.nodes.operators import Index
from mcmix.nodes.stochastic import Stochastic
from mcmix.structure.canvas import revealed
from mcmix.structure.columns import Column
from mcmix.structure.expression import (
    Expression,
    as_expression,
    concatenate,
    constant,
    density,
    elementwise,
    event_density,
    gather,
    leaf,
    python,
    reduce,
    reshape,
)
from mcmix.structure.lists import looked_up
from mcmix.structure.points import SHIFTS, Point, is_log_kept
from mcmix.structure.reads import reads_noted
from mcmix.structure.recorded import Factor, Recording
from mcmix.structure.rows import Rows
from mcmix.structure.sources import column_leaf, decided_by, decided_by_all
from mcmix.structure.stand_in import called, recordable


def full_value(column: Column, entries: Expression) -> Expression:
    """Known and missing entries together, in the node's shape."""
    mask = np.asarray(column.missing).ravel()
    n_known = int((~mask).sum())
    positions = np.empty(mask.size, dtype=np.int64)
    positions[~mask] = np.arange(n_known)
    positions[mask] = n_known + np.arange(mask.size - n_known)
    known = gather(column_leaf(column), np.flatnonzero(~mask))
    return reshape(gather(concatenate([known, entries]), positions), column.shape)


def record(model: Model, whole: Collection[Node] = (), rows: Rows | None = None) -> Recording:
    """Record every node of a model.

    Parameters
    ----------
    model : Model
    whole : collection of Node
        Labels of which some are known that are recorded as if none were, with one more factor that allows no others
        than the known ones: so every unit is one, in the order of the units.
    rows : Rows, optional
        The observed data, by default those that the nodes hold themselves.

    Raises
    ------
    ModelError
        If rows are not, node by node and in shape, those of the model.
    """
    recording = Recording(rows=Rows.of(model) if rows is None else rows)
    if rows is not None:
        rows.refuse_other_shapes(model)
    recording.points = [Point(recording.leaves, shift, recording.rows) for shift in SHIFTS]
    with reads_noted() as recording.decided_by:
        _record_nodes(model, whole, recording)
    recording.points = []  # their values are no longer asked for
    return recording


def _record_nodes(model: Model, whole: Collection[Node], recording: Recording) -> None:
    for node in model.ordered():
        if isinstance(node, Stochastic):
            if not node.holds_object:  # which only functions see, as it is
                recording.values[node] = _variable(node, recording, node in whole)
            recording.factors.append(
                _distribution_factor(node, recording)
                if isinstance(node, Distribution)
                else _own_factor(node, recording)
            )
            if node in whole:
                recording.factors.append(_known_entries(node, recording))
        elif isinstance(node, Covariates):
            recording.values[node] = column_leaf(recording.rows[node])
        elif isinstance(node, Deterministic):
            found = _looked_up(node, recording)
            if found is None:
                found = _called(node, node.function, node.parents, recording, node.shape)
            recording.values[node] = found
        elif isinstance(node, Potential):
            total = _called(node, _own_potential(node), node.parents, recording, ())
            if total.kind == "bool":
                raise ModelError(f"{node.name}: {YES_OR_NO_POTENTIAL}")
            recording.factors.append(Factor(node, reduce("sum", total)))


def _variable(node: Stochastic, recording: Recording, whole: bool = False) -> Expression:
    if node.observed:
        return column_leaf(recording.rows[node])
    kind = {"i": "int", "u": "int", "b": "bool"}.get(np.dtype(node.dtype).kind, "float")
    if whole:
        recording.leaves[node] = leaf(node, node.shape, kind)
        return recording.leaves[node]
    recording.leaves[node] = leaf(node, node.state_shape, kind)
    if node.mask is not None:
        return full_value(recording.rows[node], recording.leaves[node])
    return elementwise("exp", recording.leaves[node]) if is_log_kept(node) else recording.leaves[node]


def _known_entries(node: Stochastic, recording: Recording) -> Factor:
    """Nought where an entry has its known value or is unknown, minus infinity elsewhere."""
    column, mask = recording.rows[node], np.asarray(node.mask)
    known = elementwise("where", mask, 0, column_leaf(column))
    agrees = elementwise("where", elementwise("equal", recording.leaves[node], known), 0.0, -np.inf)
    return Factor(node, elementwise("where", mask, 0.0, agrees), column=column)


def _distribution_factor(node: Distribution, recording: Recording) -> Factor:
    given = node.canonical_parents
    values = [_parameter(p, recording) for p in given.values()]
    x = recording.values[node]
    for name, parameter in zip(given, values, strict=True):
        if _constraint(node, name) == "simplex" and not parameter.is_constant:
            _check_weights(node, parameter, recording)
    elements = distribution_elements(node.family, x, values, node.shape[: len(node.shape) - node.family.event_ndim])
    column = recording.rows.column_of(node)
    if node.powers is not None:  # a power of a density is in no family: nothing is read off its parameters
        return Factor(node, elementwise("multiply", elements, node.powers), x=x, column=column)
    return Factor(node, elements, node.family, x, dict(zip(given, values, strict=True)), column=column)


def distribution_elements(
    family: Family, x: Expression, values: list[Expression], shape: tuple[int, ...]
) -> Expression:
    """Log density of each element of x, in the given shape."""
    if family.expression is not None:
        known = x.is_constant and all(v.is_constant for v in values)
        parameters = [v.value for v in values] if known else values
        return _repeated(as_expression(family.expression(x.value if x.is_constant else x, *parameters)), shape)
    return event_density(family, x, values) if family.event is not None else density(family, x, values)


def _constraint(node: Distribution, name: str) -> str:
    return next(p.constraint for p in node.family.parameters if p.name == name)


def _check_weights(node: Distribution, weights: Expression, recording: Recording) -> None:
    """Weights that are functions of unknowns must sum to one wherever these are, not at their present values alone."""
    decided_by_all(weights)
    for point in recording.points:
        totals = point.recorded(reduce("sum", weights, -1))
        if (np.abs(totals - 1.0) > 1e-6).any():
            raise SupportError(
                f"{node.name}: its weights expected to sum to 1 whatever the unknowns are, got "
                f"{np.ravel(totals)[0]:.6g} near their present values; write the last as 1 minus the others"
            )


def _repeated(elements: Expression, shape: tuple[int, ...]) -> Expression:
    from mcmix.structure.expression import broadcast_to

    return elements if elements.shape == shape else broadcast_to(elements, shape)


def _parameter(parent: Any, recording: Recording) -> Expression:
    resolved = mapped(parent, lambda node: recording.values[node], as_expression)
    return as_expression(resolved if holds_nodes(parent) else as_array(parent))


def _looked_up(node: Deterministic, recording: Recording) -> Expression | None:
    """Rows of a table picked by labels: known to be recorded right, so that no row is looked up to check it."""
    if not isinstance(node, Index) or not node.takes_rows:
        return None
    table = mapped(node.parents["x"], lambda n: recording.values[n], as_expression)
    index = recording.values[node.parents["index"]]
    known = index.value
    if known is not None and not 0 <= int(known.min()) <= int(known.max()) < len(table):
        decided_by(index)
        return None
    return as_expression(as_expression(table)[index])


def _own_factor(node: Stochastic, recording: Recording) -> Factor:
    """A user's own distribution: ``logp(value, **parents)``."""
    parents: dict[str, Any] = {"value": node, **node.parents}
    logp = _own_logp(node)
    total = _called(node, logp, parents, recording, ())
    x = None if node.holds_object else recording.values[node]
    return Factor(node, reduce("sum", total), x=x, column=recording.rows.column_of(node))


def _own_potential(node: Potential) -> Callable[..., Any]:
    """The potential's function; an impossible value is minus infinity also where the function raises it."""

    def logp(**parents: Any) -> Any:
        if any(_symbolic(p) for p in parents.values()):
            return called(node.function, **parents)
        return node.log_density(parents)

    return _OwnDensity(logp, lambda **parents: node.log_density(parents))


def _own_logp(node: Stochastic) -> Callable[..., Any]:
    def logp(value: Any, **parents: Any) -> Any:
        if isinstance(value, Expression) or any(_symbolic(p) for p in parents.values()):
            return called(node.logp_function, value, **parents)
        return node.log_density(value, parents)

    return _OwnDensity(logp, lambda value, **parents: node.log_density(value, parents))


class _OwnDensity:
    """A user's log density: of symbols or numbers, or of numbers alone, without asking every time which they are."""

    def __init__(self, function: Callable[..., Any], of_numbers: Callable[..., Any]):
        self.function, self.of_numbers = function, of_numbers

    def __call__(self, *values: Any, **arguments: Any) -> Any:
        return self.function(*values, **arguments)


def _symbolic(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(_symbolic(v) for v in value.values())
    return any(_symbolic(v) for v in value) if isinstance(value, (list, tuple)) else isinstance(value, Expression)


def _called(
    node: Node, function: Callable[..., Any], parents: Mapping[str, Any], recording: Recording, shape: tuple[int, ...]
) -> Expression:
    """A function of the parents: recorded where that works and agrees with the function itself, else opaque."""
    reason = "answers differently for symbolic values"
    for wrap_constants in (False, True):
        try:
            answer = as_expression(
                revealed(recordable(function, wrap_constants)(**_arguments(parents, recording, wrap_constants)))
            )
            if answer.shape != shape:
                reason = f"answers with shape {answer.shape} for symbolic values, {shape} for numbers"
            elif _agrees(answer, function, parents, recording):
                return answer
        except YesOrNoIndex as error:
            raise YesOrNoIndex(node.name) from error
        except TraceError as error:
            reason = str(error)
        except Exception as error:  # noqa: BLE001  anything may go wrong in a user's function fed with symbols
            first_line = (str(error).splitlines() or [""])[0]
            reason = f"cannot take symbolic values ({type(error).__name__}: {first_line})"
    _refuse_impure(node, function, parents, recording)
    recording.opaque[node] = reason
    return _as_written(node, function, parents, recording, shape)


def _arguments(parents: Mapping[str, Any], recording: Recording, wrap_constants: bool) -> dict[str, Any]:
    def plain(value: Any) -> Any:
        return (
            constant(value)
            if wrap_constants and isinstance(value, np.ndarray) and value.dtype != object and value.ndim
            else value
        )

    return {
        k: looked_up(mapped(p, lambda n: _presented(n, recording), as_expression)) if holds_nodes(p) else plain(p)
        for k, p in parents.items()
    }


def _presented(node: Node, recording: Recording) -> Any:
    """Data as plain arrays or the objects that they are, unknowns as symbols."""
    if isinstance(node, Stochastic) and node.holds_object:
        return recording.object_of(node)
    x = recording.values[node]
    return x.known[()] if x.is_constant and x.ndim == 0 else x


def _agrees(answer: Expression, function: Callable[..., Any], parents: Mapping[str, Any], recording: Recording) -> bool:
    """Compare the recording with the function at two points: hidden state and wrong dtypes show here."""
    for point in recording.points:
        expected, found = point.answer(function, parents), point.recorded(answer)
        if not np.allclose(expected, found, rtol=1e-9, atol=1e-12, equal_nan=True):
            return False
    return True


def recorded_again(node: Deterministic, recording: Recording) -> Expression:
    """A function that was recorded once, at other values of what it depends on: other shapes, not compared with it."""
    found = _looked_up(node, recording)
    if found is not None:
        return found
    try:
        arguments = _arguments(node.parents, recording, False)
        return as_expression(revealed(recordable(node.function, False)(**arguments)))
    except TraceError:
        arguments = _arguments(node.parents, recording, True)
        return as_expression(revealed(recordable(node.function, True)(**arguments)))


def _refuse_impure(node: Node, function: Callable[..., Any], parents: Mapping[str, Any], recording: Recording) -> None:
    """A function that is called as it is written must answer the same at the same values, and leave these alone.

    One that was recorded needs no such look: its recording, which cannot change, was compared with it at two points.
    What varies only elsewhere than at the present values is not seen, nor is a clock below the 13th digit.
    """
    try:
        first, second = (recording.points[0].answer(function, parents, read_only=True) for _ in range(2))
    except Exception as error:  # noqa: BLE001  it may fail here and not where the chains are: they say so if it does
        if "read-only" in str(error):
            raise ModelError(
                f"{node.name}: its function changes an argument in place; values belong to the chains, so let it work "
                "on a copy (x = x.copy())"
            ) from error
        return
    if first.shape != second.shape or not np.allclose(first, second, rtol=1e-13, atol=0.0, equal_nan=True):
        raise ModelError(
            f"{node.name}: its function answered {_shown(first)} and then {_shown(second)} at the same values of its "
            "parents; it must depend on these alone. Make what is random a node (mc.Normal(...) for noise), and what "
            "is counted or read from a clock an argument with a fixed value"
        )


def _shown(answer: np.ndarray) -> str:
    return f"{float(answer):.12g}" if answer.ndim == 0 else f"[{float(answer.ravel()[0]):.12g}, ...]"


def _as_written(
    node: Node, function: Callable[..., Any], parents: Mapping[str, Any], recording: Recording, shape: tuple[int, ...]
) -> Expression:
    """An opaque function of the nodes among its parents."""
    function = function.of_numbers if isinstance(function, _OwnDensity) else function
    found = dict.fromkeys(_all_nodes(parents))
    held = [n for n in found if isinstance(n, Stochastic) and n.holds_object]
    objects: dict[Node, Any] = {n: recording.object_of(n) for n in held}
    nodes: list[Node] = [n for n in found if n not in objects]

    places = {n: i for i, n in enumerate(nodes)}
    alone = [(k, places[p]) for k, p in parents.items() if isinstance(p, Node) and p in places]
    containers = {k: p for k, p in parents.items() if not isinstance(p, Node) and holds_nodes(p)}
    inside = [(k, _filled(p, places, objects)) for k, p in containers.items()]
    usual = {k: objects.get(p, p) if isinstance(p, Node) else p for k, p in parents.items()}

    def run(*values: Any) -> Any:
        arguments = dict(usual)
        for k, place in alone:
            arguments[k] = values[place]
        for k, fill in inside:
            arguments[k] = fill(values)
        return _checked_answer(node.name, function(**arguments), shape)

    answer = np.asarray(node.value) if isinstance(node, Deterministic) else np.zeros(())
    kind = {"i": "int", "u": "int", "b": "bool"}.get(answer.dtype.kind, "float")
    return python(run, [recording.values[n] for n in nodes], shape, kind, node.name)


def _filled(container: Any, places: Mapping[Node, int], objects: Mapping[Node, Any]) -> Callable[[Any], Any]:
    """What puts values, by the nodes' places, into a container of nodes."""
    if type(container) is ListContainer and all(p in places for p in container if isinstance(p, Node)):
        if all(isinstance(p, Node) for p in container):
            order = [places[p] for p in container]
            return lambda values: [values[i] for i in order]

    def fill(values: Any) -> Any:
        given = {**objects, **dict(zip(places, values, strict=True))}
        return mapped(container, given.__getitem__)

    return fill


def _checked_answer(name: str, answer: Any, shape: tuple[int, ...]) -> np.ndarray:
    """What a function returned, as numbers of the shape that it had at first.

    Raises
    ------
    ModelError
        Naming the node: if it is nothing, no numbers, or of another shape.
    """
    kind = type(answer)
    if kind is np.ndarray and answer.dtype == np.float64 and answer.shape == shape:
        return answer
    if (kind is float or kind is np.float64) and shape == ():
        return answer
    if answer is None:
        raise ModelError(f"{name}: its function returned None; is a return statement missing?")
    found = np.ma.getdata(as_numbers(f"{name}: what its function returns", answer))
    if found.shape != shape and not found.size == 1 == np.prod(shape):
        raise ModelError(
            f"{name}: its function expected to return shape {shape} at every call, as it did at first, got shape "
            f"{found.shape}"
        )
    return np.asarray(found, dtype=float)


def _all_nodes(parents: Mapping[str, Any]) -> Any:
    from mcmix.nodes.node import nodes_in

    return nodes_in(list(parents.values()))
