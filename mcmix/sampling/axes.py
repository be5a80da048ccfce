"""Names of the axes of a model's variables, and labels along them: from the program, from the data, else counted.

Axes have the names that the program gave (``dims=``). Without these, rows of data are named by their index or
dimension, else ``observation``; columns of data, and the axis of parameters that goes along with them, ``column``; what
a label looks up, ``component``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from mcmix.distributions.family import Parameter
from mcmix.nodes.covariates import Covariates
from mcmix.nodes.names import DataNames, only_count, plain_labels
from mcmix.nodes.node import Node, shape_of
from mcmix.nodes.operators import Index, elementwise_parents
from mcmix.nodes.stochastic import Stochastic
from mcmix.steps.plan import CompiledModel

Dims = dict[str, list[str]]
Coords = dict[str, Any]


def dimensions(compiled: CompiledModel) -> tuple[Dims, Coords]:
    """Names of axes by variable, and labels by name of axis.

    Examples
    --------
    >>> import mcmix as mc, pandas as pd
    >>> frame = pd.DataFrame({"speed": [1.0, 2.0], "mass": [3.0, 5.0]}, index=pd.Index(["a", "b"], name="car"))
    >>> mu = mc.Normal("mu", 0, 1, size=2)
    >>> dims, coords = dimensions(mc.MCMC([mc.Normal("y", mu, 1, value=frame, observed=True)]).assembled)
    >>> dims
    {'y': ['car', 'column'], 'mu': ['column']}
    >>> [labels.tolist() for labels in coords.values()]
    [['a', 'b'], ['speed', 'mass']]
    """
    dims: Dims = {}
    coords: Coords = dict(compiled.model.coords)
    given = {n: _complete(n, a.dims) for n, a in compiled.model.axes.items()}
    # labels without names of their own are named as the rows that they part
    plain = {b.label.node for b in compiled.label_blocks if not _is_named(b.label.node.data_names)}
    holding = [n for n in compiled.model.variables if n in compiled.model.data_nodes or isinstance(n, Covariates)]
    data = [n for n in holding if n not in plain]
    for node in data:
        if node.name in given:
            _name_data(node, given[node.name], dims, coords)
    _keep_lengths(compiled, given, coords)
    for node in data:
        if node.name not in given:
            _name_data(node, (), dims, coords)
    for number, block in enumerate(compiled.label_blocks):
        _name_components(compiled, number, given, dims, coords)
        _name_labels(block, compiled, dims, coords)
    for node in compiled.model.data_nodes:
        _name_parameters(node, dims, coords)
    longer = {n.name for n in compiled.labels if compiled.on_disk(n) is not None}  # the axes are of some of their rows
    found = {name: own for name, own in (dims | given).items() if name not in longer}
    return found, {d: np.asarray(labels) for d, labels in coords.items()}


def _keep_lengths(compiled: CompiledModel, given: Dims, coords: Coords) -> None:
    """Number the axes that the program names: none of another length gets such a name, and data may label them."""
    for node in compiled.model.variables:
        if node.name in given:
            for dim, length in zip(given[node.name], shape_of(node), strict=True):
                coords.setdefault(dim, range(length))


def labels_along(compiled: CompiledModel) -> dict[str, tuple[Any, ...]]:
    """Labels along the axes of variables as they are drawn, where they are names; None for an axis that is counted.

    Missing entries of data are one axis, labelled by row and column.
    """
    if not _has_names(compiled):
        return {}
    dims, coords = dimensions(compiled)
    found = {n: tuple(_names_along(coords.get(d)) for d in named) for n, named in dims.items()}
    missing = [n for n in compiled.model.stochastics if n.mask is not None]
    found |= {n.name: (places(n),) if _is_named(n.data_names) else () for n in missing}
    return {n: labels for n, labels in found.items() if any(x is not None for x in labels)}


def missing_dimensions(compiled: CompiledModel) -> tuple[Dims, Coords]:
    """Missing entries are a vector of their own, labelled by where they belong."""
    missing = [n for n in compiled.model.stochastics if n.mask is not None]
    return {n.name: [f"{n.name}_missing"] for n in missing}, {f"{n.name}_missing": places(n) for n in missing}


def places(node: Stochastic) -> np.ndarray:
    """Where a node's missing entries belong: labels of rows, and of columns where data have these."""
    where = np.argwhere(np.atleast_1d(np.asarray(node.mask)))
    rows = where[:, 0] if node.index is None else plain_labels(node.index)[where[:, 0]]
    if where.shape[1] == 1:
        return rows
    named = where.shape[1] == 2 and node.columns is not None and len(node.columns) == node.shape[1]
    columns = np.array(node.columns)[where[:, 1]][:, None] if named else where[:, 1:]
    return np.array([", ".join(map(str, (row, *rest))) for row, rest in zip(rows, columns, strict=True)])


def _has_names(compiled: CompiledModel) -> bool:
    """Whether the program or the data name anything: most models do not, and need no walk through all nodes."""
    return bool(compiled.model.axes) or any(_is_named(n.data_names) for n in compiled.model.data_nodes)


def _is_named(names: DataNames) -> bool:
    return bool(names.axes) or names.columns is not None or (names.index is not None and not only_count(names.index))


def _names_along(labels: Any) -> np.ndarray | None:
    return None if labels is None or only_count(labels) else np.asarray(labels)


# -------------------------------------------------------------------- rows and columns of data


def _name_data(node: Any, given: Sequence[str], dims: Dims, coords: Coords) -> None:
    """Names of the axes of data; what the program gave stands, and gets the labels that the data bring."""
    if not node.shape:
        return
    dims[node.name] = []
    for i, (word, labels) in enumerate(zip(*_said(node), strict=True)):
        counted = i == 0 and node.data_names.index is None
        free = f"{node.name}_dim_{i}" if word is None else _free_name(word, node, i, labels, counted, coords)
        dims[node.name].append(given[i] if given else free)
        _label(dims[node.name][i], labels, coords)


def _said(node: Any) -> tuple[list[str | None], list[Any]]:
    """What the data say of each axis: a name, and labels; rows are named and numbered where they say nothing."""
    names, shape, rest = node.data_names, node.shape, [None] * (len(node.shape) - 1)
    rows = np.arange(shape[0]) if names.index is None else plain_labels(names.index)
    labels: list[Any] = [rows, *rest]
    named = len(shape) > 1 and names.columns is not None and len(names.columns) == shape[1]
    if named:
        labels[1] = np.array(names.columns)
    words: list[str | None] = [*names.axes, *[None] * len(shape)][: len(shape)]
    otherwise = ["observation", "column" if named else None, *rest]
    return [word or other for word, other in zip(words, otherwise, strict=False)], labels


def _label(name: str, labels: Any, coords: Coords) -> None:
    """Labels along an axis that has none yet, or is only numbered."""
    if labels is not None and (name not in coords or isinstance(coords[name], range)):
        coords[name] = labels


def _free_name(word: str, node: Any, axis: int, labels: Any, counted: bool, coords: Coords) -> str:
    """A name that no axis of another length or with other labels has."""
    if word not in coords:
        return word
    alike = labels is None or counted or isinstance(coords[word], range) or np.array_equal(coords[word], labels)
    return word if alike and len(coords[word]) == node.shape[axis] else f"{word}_{node.name}"


def _complete(name: str, given: tuple[str | None, ...]) -> list[str]:
    """Names that the program gave, and counted ones for axes that it left out."""
    return [f"{name}_dim_{i}" if dim is None else dim for i, dim in enumerate(given)]


# -------------------------------------------------------------------- components


def _name_components(
    compiled: CompiledModel, number: int, given: Mapping[str, list[str]], dims: Dims, coords: Coords
) -> None:
    """The first axis of what a label looks up, and of its weights."""
    label = compiled.label_blocks[number].label
    several = len({b.label.node for b in compiled.label_blocks}) > 1
    tables = [n for n in compiled.model.variables if _is_table(n, label, dims, compiled)]
    said = list(dict.fromkeys(given[n.name][0] for n in tables if given.get(n.name)))
    said = [d for d in said if not d.endswith("_dim_0")]
    name = said[0] if len(said) == 1 else f"component_{label.node.name}" if several else "component"
    if len(coords.get(name, label.values)) != label.n_labels:
        name = f"component_{label.node.name}"
    _label(name, label.values, coords)
    for node in tables:
        dims[node.name] = [name, *[f"{node.name}_dim_{i}" for i in range(1, len(shape_of(node)))]]


def _is_table(node: Node, label: Any, dims: Dims, compiled: CompiledModel) -> bool:
    shape = () if node.name in dims else shape_of(node)
    return shape[:1] == (label.n_labels,) and node is not label.node and _looked_up(node, label.node, compiled)


def _looked_up(node: Any, label: Any, compiled: CompiledModel) -> bool:
    """Whether a vector enters the tables of a label vector, or is its weights."""
    block = compiled.structure.block_of(label)
    value = compiled.recording.values.get(node)
    if block is None or value is None:
        return False
    if block.log_weights is not None and value.leaves & block.log_weights.leaves:
        return True
    return any(value.leaves & s.rows.leaves for s in block.factors)


def _name_labels(block: Any, compiled: CompiledModel, dims: Dims, coords: Coords) -> None:
    """Labels have the rows of the data that they part."""
    node = block.label.node
    if node.name in dims or not node.shape:
        return
    rows = [n for n in compiled.model.data_nodes if any(s.factor.node is n for s in block.factors)]
    like = [dims[n.name][0] for n in rows if n.shape[:1] == node.shape[:1] and n.name in dims]
    named = [d for d in like if len(coords.get(d, ())) == node.shape[0]]
    if named:
        dims[node.name] = [named[0], *[f"{node.name}_dim_{i}" for i in range(1, len(node.shape))]]
    else:
        _name_data(node, (), dims, coords)


# -------------------------------------------------------------------- what goes along with the columns


def _name_parameters(node: Stochastic, dims: Dims, coords: Coords) -> None:
    """The last axes of parameters of data in columns: numbers, vectors and matrices for each of them."""
    if node.family is None or len(node.shape) < 2 or node.name not in dims:
        return
    column = dims[node.name][-1]
    if column.endswith(f"_dim_{len(node.shape) - 1}"):
        return
    for parameter in node.family.parameters:
        for variable, looked_up in _variables(node.parents.get(parameter.name)):
            _name_last(variable, parameter, column, node.shape[-1], looked_up, dims)
    if column in coords and any(f"{column}_bis" in own for own in dims.values()):
        coords.setdefault(f"{column}_bis", coords[column])


def _name_last(variable: Any, parameter: Parameter, column: str, length: int, looked_up: bool, dims: Dims) -> None:
    axes, shape = max(parameter.event_ndim, 1), shape_of(variable)
    front = len(shape) - axes
    if shape[max(front, 0) :] != (length,) * axes or front != int(looked_up):
        return
    own = dims.setdefault(variable.name, [f"{variable.name}_dim_{i}" for i in range(len(shape))])
    names = [column, f"{column}_bis"][:axes]  # xarray has no two axes of one name in an array
    own[front:] = [
        new if old.endswith(f"_dim_{front + i}") else old
        for i, (old, new) in enumerate(zip(own[front:], names, strict=True))
    ]


def _variables(parent: Any, looked_up: bool = False) -> Iterator[tuple[Node, bool]]:
    """The variables that a parameter is made of entry by entry, and whether labels look them up."""
    if not isinstance(parent, Node):
        return
    if isinstance(parent, Index):
        if parent.takes_rows and not looked_up:
            yield from _variables(parent.parents["x"], True)
        return
    inside = elementwise_parents(parent)
    if inside is None:
        yield parent, looked_up
    for node in inside or ():
        yield from _variables(node, looked_up)


__all__ = ["dimensions", "labels_along", "missing_dimensions", "places"]
