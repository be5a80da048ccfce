"""PyMC 2's distribution classes: mcmix's, with everything by position too, and a Dirichlet that shows K - 1 weights."""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np

from mcmix.distributions.table import FAMILIES
from mcmix.errors import ModelError
from mcmix.nodes.constraints import as_array
from mcmix.nodes.containers import DictContainer
from mcmix.nodes.decorators import stochastic
from mcmix.nodes.deterministic import Deterministic
from mcmix.nodes.distribution import Distribution, node_class
from mcmix.nodes.node import Node, shape_of, value_of
from mcmix.nodes.numbers import as_numbers
from mcmix.nodes.stochastic import Stochastic
from mcmix.pymc2.table import ROWS, Row

COMMON = ("value", "observed", "size", "trace", "rseed", "doc", "debug", "plot", "verbose")  # PyMC 2's order
_STARTS: dict[str, Any] = {"observed": False, "trace": True, "rseed": True, "debug": False, "verbose": -1}


def placed(what: str, arguments: tuple[Any, ...], n_parents: int, keywords: Mapping[str, Any]) -> dict[str, Any]:
    """Keywords, with what came by position after the parents.

    Raises
    ------
    TypeError
        If there are too many positions, or one of them came by keyword too.
    """
    rest = arguments[n_parents:]
    if len(rest) > len(COMMON):
        raise TypeError(
            f"{what}: expected at most {n_parents + len(COMMON)} values after the name, got {len(arguments)}"
        )
    found = dict(zip(COMMON, rest, strict=False))
    doubled = set(found) & set(keywords)
    if doubled:
        raise TypeError(f"{what}: {', '.join(sorted(doubled))} came by position and by keyword")
    return {**keywords, **found}


def refuse_size(name: str, distribution_name: str, size: Any) -> None:
    """PyMC 2's distributions of vectors and matrices take no size.

    Raises
    ------
    TypeError
    """
    if size is not None:
        raise TypeError(
            f"{name}: {distribution_name} is a distribution of one vector or matrix and takes no size, got "
            f"size={size!r}"
        )


class OldParents(DictContainer):
    """Parents under PyMC 2's names, found by mcmix's too (``x.parents["mu"]``, ``x.parents["mean"]``).

    Parameters
    ----------
    parents : mapping of str to anything
        By mcmix's names.
    shown : mapping of str to str
        PyMC 2's names by mcmix's, where they differ.
    """

    def __init__(self, parents: Mapping[str, Any], shown: Mapping[str, str]):
        super().__init__({shown.get(key, key): parent for key, parent in parents.items()})
        self.__dict__["shown"] = dict(shown)

    def __missing__(self, key: str) -> Any:
        if key not in self.shown:
            raise KeyError(key)
        return self[self.shown[key]]

    def __contains__(self, key: object) -> bool:
        return super().__contains__(self.shown.get(str(key), key))

    def get(self, key: str, default: Any = None) -> Any:
        """The parent of this name, or the default."""
        return self[key] if key in self else default

    def __reduce_ex__(self, protocol: Any) -> Any:
        return type(self), (dict(self), self.shown)


class OldDistribution(Distribution):
    """Base of PyMC 2's classes: name, parents, then value, observed, size, trace, rseed, doc, debug, plot, verbose."""

    row: ClassVar[Row]

    def __init__(self, name: str, *arguments: Any, **keywords: Any):
        n_parents = len(self.row.parameters)
        given = placed(name, arguments, n_parents, keywords)
        if self.family.event_ndim:
            refuse_size(name, self.row.name, given.get("size"))
        by_position = dict(zip((p.name for p in self.row.parameters), arguments[:n_parents], strict=False))
        parents = {**by_position, **self.row.fixed}
        doubled = set(parents) & set(given)
        if doubled:
            raise TypeError(f"{name}: {', '.join(sorted(doubled))} was given twice")
        if any(p.constraint == "simplex" for p in self.family.parameters):
            parents, given = (
                {k: v if k in COMMON else _one_row(whole(v)) for k, v in values.items()} for values in (parents, given)
            )
        given["size"] = _as_size(given.get("size"))
        super().__init__(name, **parents, **given)
        self.parents = OldParents(self.parents, {p.name: p.alias for p in self.family.parameters if p.alias})

    @property
    def canonical_parents(self) -> dict[str, Any]:
        """The parents by the names that the family has for them."""
        return {p.name: self.parents[p.name] for p in self.family.parameters}


def old_distribution(row: Row) -> type[Distribution]:
    """The node class of a row, with its signature in PyMC 2's names."""
    made = node_class(row.family, OldDistribution)
    made.__name__ = made.__qualname__ = row.name
    made.__module__ = "mcmix.pymc2"
    made.row = row  # type: ignore[attr-defined]
    names = ["name", *[p.alias or p.name for p in row.parameters]]
    parameters = [inspect.Parameter(n, inspect.Parameter.POSITIONAL_OR_KEYWORD) for n in names]
    parameters += [
        inspect.Parameter(n, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=_STARTS.get(n)) for n in COMMON
    ]
    made.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return made


DISTRIBUTIONS: dict[str, type[Distribution]] = {row.name: old_distribution(row) for row in ROWS}


# -------------------------------------------------------------------- weights without the last


class FullDirichlet(node_class(FAMILIES["Dirichlet"])):  # type: ignore[misc]
    """All K weights of a :class:`Dirichlet`: what is sampled, under the same name."""

    _shown: Any = None

    @property
    def shown(self) -> Node:
        """The node that shows its first K - 1 weights, while there is one."""
        found = self._shown() if self._shown is not None else None
        return self if found is None else found


class Dirichlet(Deterministic):
    """Dirichlet distribution of K weights of which the first K - 1 are shown; the last is one minus their sum.

    Parameters
    ----------
    name : str
    theta : positive vector of length K
    value : array_like, optional
        K - 1 weights, or all K.
    observed, trace, rseed, doc, debug, plot, verbose : optional
        As for every distribution.

    Attributes
    ----------
    full : node
        All K weights: the variable that is sampled. Categorical and Multinomial see it behind this node.

    Raises
    ------
    TypeError
        If a size is given.

    Examples
    --------
    >>> import mcmix.pymc2 as pymc
    >>> w = pymc.Dirichlet("w", [1, 1, 1], value=[0.2, 0.3])
    >>> w.value, pymc.CompletedDirichlet("all", w).value.round(3)
    (array([0.2, 0.3]), array([0.2, 0.3, 0.5]))
    """

    def __init__(self, name: str, *arguments: Any, **keywords: Any):
        theta, given = _theta(name, arguments, keywords)
        refuse_size(name, "Dirichlet", given.pop("size", None))
        if given.get("value") is not None:
            given["value"] = _all_weights(name, given["value"], np.shape(as_array(_present(theta)))[-1])
        self.full = FullDirichlet(name, theta, **given)
        self.full._shown = weakref.ref(self)
        doc = given.get("doc") or "all weights but the last"
        super().__init__(_but_the_last, doc, name, {"full": self.full}, trace=False, plot=given.get("plot"))

    @property
    def value(self) -> Any:
        """The first K - 1 weights."""
        return Deterministic.value.fget(self)  # type: ignore[attr-defined]

    @value.setter
    def value(self, new: Any) -> None:
        self.full.value = _all_weights(self.name, new, self.full.shape[-1])

    @property
    def sampler(self) -> Any:
        """That of the full weights."""
        return self.full.sampler

    @sampler.setter
    def sampler(self, unused: Any) -> None:
        pass

    @property
    def observed(self) -> bool:
        """Whether it is data."""
        return bool(self.full.observed)

    @property
    def keep_trace(self) -> bool:
        """Whether draws of it are kept."""
        return bool(self.full.keep_trace)

    @property
    def logp(self) -> float:
        """Log density of the weights."""
        return float(self.full.logp)

    @property
    def last_value(self) -> Any:
        """The value before the last change."""
        return None if self.full.last_value is None else _but_the_last(self.full.last_value)

    @property
    def extended_children(self) -> set[Node]:
        """The nearest random descendants of the weights, whole or not."""
        return set(self.full.extended_children) - {self}

    def random(self) -> Any:
        """Draw new weights; the first K - 1 are returned."""
        return _but_the_last(self.full.random())

    rand = random

    def revert(self) -> None:
        """Go back to the weights before the last change."""
        self.full.revert()

    def observe(self, value: Any) -> Dirichlet:
        """Make it data from now on; returns itself."""
        self.full.observe(_all_weights(self.name, value, self.full.shape[-1]))
        return self

    def _describe(self) -> str:
        return f"Dirichlet({self.name!r}, shape {self.shape}{', observed' if self.observed else ''})"


def whole(parent: Any) -> Any:
    """All weights where a node shows all but the last; anything else as it is."""
    return parent.full if isinstance(parent, Dirichlet) else parent


def _one_row(parent: Any) -> Any:
    """Weights of shape (1, K), which PyMC 2 made and took, as the vector that they are."""
    shape = shape_of(parent) if isinstance(parent, (Node, list, tuple, np.ndarray)) else ()
    return parent[0] if len(shape) == 2 and shape[0] == 1 else parent


def _as_size(size: Any) -> Any:
    """A size that a node says, or a whole number that came as a float."""
    if size is None or isinstance(size, (int, np.integer)):
        return size
    numbers = np.asarray(value_of(size), dtype=float)
    whole_numbers = numbers.astype(int)
    if (whole_numbers != numbers).any():
        return size  # which is refused with the node's name
    return whole_numbers.tolist() if numbers.ndim else int(whole_numbers)


def _but_the_last(full: Any) -> Any:
    return full[..., :-1]


def _present(theta: Any) -> Any:
    return theta.value if isinstance(theta, Node) else theta


def _theta(name: str, arguments: tuple[Any, ...], keywords: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    """The concentrations and the rest by keyword."""
    given = placed(name, arguments, 1, keywords)
    if arguments:
        return arguments[0], given
    for key in ("theta", "concentration"):
        if key in given:
            return given.pop(key), given
    raise TypeError(f"{name}: Dirichlet needs theta")


def _all_weights(name: str, value: Any, n: int) -> np.ndarray:
    """Weights with the last appended where it is missing."""
    array = np.asarray(as_numbers(name, value), float)
    if array.shape[-1:] == (n,):
        return array
    if array.shape[-1:] != (n - 1,):
        raise ModelError(f"{name}: expected {n - 1} weights (or all {n}), got shape {array.shape}")
    return completed(array)


def completed(weights: Any) -> Any:
    """Weights with one minus their sum appended along the last axis."""
    return np.concatenate([weights, 1.0 - np.sum(weights, axis=-1, keepdims=True)], axis=-1)


# -------------------------------------------------------------------- distributions from functions


class OwnDistribution(Stochastic):
    """Base of distributions made from a log density: the same positions and keywords as every distribution."""

    density: ClassVar[Callable[..., Any]]
    drawing: ClassVar[Callable[..., Any] | None] = None
    names: ClassVar[tuple[str, ...]] = ()
    defaults: ClassVar[Mapping[str, Any]] = {}
    kind: ClassVar[Any] = float
    vector: ClassVar[bool] = False

    def __init__(self, name: str, *arguments: Any, **keywords: Any):
        given = placed(name, arguments, len(self.names), keywords)
        parents = {**self.defaults, **dict(zip(self.names, arguments, strict=False))}
        parents |= {key: given.pop(key) for key in self.names if key in given}
        missing = [key for key in self.names if key not in parents]
        unknown = [key for key in given if key not in (*COMMON, "dtype")]
        if missing or unknown:
            wrong = f"got no {', '.join(missing)}" if missing else f"unknown keyword {', '.join(unknown)}"
            accepted = ", ".join((*self.names, *COMMON))
            raise TypeError(f"{name}: {wrong}; {type(self).__name__} accepts {accepted}")
        value, size = given.get("value"), given.pop("size", None)
        if self.vector:
            refuse_size(name, type(self).__name__, size)
        if value is not None and size is not None:
            given["value"] = np.broadcast_to(as_numbers(name, value), size)
        for key in ("debug", "rseed"):
            given.pop(key, None)
        given = {"dtype": self.kind, "doc": "", **{k: v for k, v in given.items() if k != "doc" or v}}
        super().__init__(type(self).density, name=name, parents=parents, random=self._drawn(size), **given)

    def _drawn(self, size: Any) -> Callable[..., Any] | None:
        """The random function; where it takes a size, the node's own."""
        function = type(self).drawing
        if function is None or size is None:
            return function
        return lambda **parents: function(**parents, size=size)


def stochastic_from_dist(
    name: str,
    logp: Callable[..., Any],
    random: Callable[..., Any] | None = None,
    logp_partial_gradients: Any = None,
    dtype: Any = float,
    mv: bool = False,
) -> type[Stochastic]:
    """A distribution class from a log density.

    Parameters
    ----------
    name : str
    logp : callable
        ``logp(value, **parents)``; the names after the first are the parents, in order, with their defaults.
    random : callable, optional
        ``random(**parents)``, taking ``size`` too where nodes are to have one.
    logp_partial_gradients : optional
        Accepted for PyMC 2's sake.
    dtype : type
    mv : bool
        Whether a value is one vector or matrix, which refuses a size.

    Returns
    -------
    type
        A class whose nodes are made like those of every distribution here.

    Examples
    --------
    >>> import mcmix.pymc2 as pymc
    >>> Triangle = pymc.stochastic_from_dist("triangle", lambda value, top: pymc.uniform_like(value, 0, top))
    >>> Triangle("t", 2.0, value=0.5).logp.__round__(3)
    -0.693
    """
    _, *parameters = inspect.signature(logp).parameters.values()
    defaults = {p.name: p.default for p in parameters if p.default is not inspect.Parameter.empty}
    inside: dict[str, Any] = {
        "density": staticmethod(logp), "names": tuple(p.name for p in parameters), "defaults": defaults, "kind": dtype,
        "vector": mv, "__doc__": logp.__doc__ or f"{name}, made from a log density.", "__module__": "mcmix.pymc2",
    }  # fmt: skip
    if random is not None:
        inside["drawing"] = staticmethod(random)
    return type("".join(part[:1].upper() + part[1:] for part in name.split("_")), (OwnDistribution,), inside)


def uninformative_like(x: Any) -> float:
    """Log density 0 everywhere."""
    return 0.0


discrete_uninformative_like = uninformative_like


def one_over_x_like(x: Any) -> Any:
    """Log density -log(x), summed; minus infinity where x is not positive."""
    positive = np.where(np.greater(x, 0.0), x, 1.0)
    return np.sum(np.where(np.greater(x, 0.0), -np.log(positive), -np.inf))


Uninformative = stochastic_from_dist("uninformative", uninformative_like)
DiscreteUninformative = stochastic_from_dist("discrete_uninformative", discrete_uninformative_like, dtype=int)
OneOverX = stochastic_from_dist("one_over_x", one_over_x_like)


def observed(thing: Any = None, **keywords: Any) -> Any:
    """Mark data: as a decorator of a ``value`` function, or applied to a random node (which keeps its value).

    Examples
    --------
    >>> import mcmix.pymc2 as pymc
    >>> y = pymc.observed(pymc.Normal("y", 0, 1, value=[0.1, 0.2]))
    >>> y.observed
    True
    """
    if isinstance(thing, (Stochastic, Dirichlet)):
        return thing.observe(thing.value)
    return stochastic(thing, observed=True, **keywords)


def _signature(*parents: str) -> inspect.Signature:
    """Of a distribution that takes its parents, then what all distributions take."""
    names = [inspect.Parameter(n, inspect.Parameter.POSITIONAL_OR_KEYWORD) for n in ("name", *parents)]
    rest = [inspect.Parameter(n, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=_STARTS.get(n)) for n in COMMON]
    return inspect.Signature(names + rest)


Dirichlet.__signature__ = _signature("theta")  # type: ignore[attr-defined]
