"""A mixture of columns: each part of the table has a distribution, and all share the label of a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

import mcmix as mc
from mcmix.api.fit.families import CHOICES, VECTORS_PRIOR, Made, vectors
from mcmix.distributions.circle import wrapped

if TYPE_CHECKING:
    from pandas import DataFrame

PARAMETERS = (
    "mean", "precision", "rate", "shape", "scale", "skewness", "dispersion", "zero_probability", "alpha", "beta",
    "direction", "concentration", "probability", "weight", "label",
)  # fmt: skip


@dataclass(frozen=True)
class Part:
    """Columns with one distribution.

    Attributes
    ----------
    columns : tuple of str
    distribution : str
        Of the command line's.
    full : bool
        With covariances (normal vectors); else columns are independent within a component.
    unit : {"", "degrees", "radians"}
        Of angles, as they stand in the file.
    """

    columns: tuple[str, ...]
    distribution: str
    full: bool = False
    unit: str = ""

    @property
    def prior(self) -> str:
        """In words."""
        return VECTORS_PRIOR if self.full else CHOICES[self.distribution].prior

    @property
    def words(self) -> str:
        """The distribution in words."""
        if self.full:
            return "normal vectors with full covariances"
        independent = ", columns independent within a component" if len(self.columns) > 1 else ""
        return self.distribution + independent

    @property
    def factor(self) -> float:
        """What the model's numbers are multiplied with to be the file's."""
        return 180.0 / np.pi if self.unit == "degrees" else 1.0

    def data(self, frame: DataFrame) -> Any:
        """A series or a frame of its columns, angles in radians from -pi to pi."""
        rows = frame[list(self.columns)] if len(self.columns) > 1 else frame[self.columns[0]]
        if not self.unit:
            return rows
        turned = rows / self.factor
        turned.attrs["units"] = "radians"
        return turned.transform(wrapped)

    def made(self, rows: np.ndarray, k: Any, of: Any) -> Made:
        """The distribution with the nodes of its parameters."""
        if self.full:
            return vectors(rows, k, of)
        return CHOICES[self.distribution].parameters(rows, (k, *rows.shape[1:]), of)


def names_of(parts: Sequence[Part]) -> list[str]:
    """What the data of each part are called: the column, where it is one and no parameter is called so.

    Examples
    --------
    >>> names_of([Part(("speed",), "normal")]), names_of([Part(("a", "b"), "normal"), Part(("mean",), "poisson")])
    (['speed'], ['normal columns', 'mean (data)'])
    """
    if len(parts) == 1 and len(parts[0].columns) > 1:
        return ["data"]
    return [_name_of(p) for p in parts]


def _name_of(part: Part) -> str:
    if len(part.columns) > 1:
        return f"{part.distribution} columns"
    return f"{part.columns[0]} (data)" if part.columns[0] in PARAMETERS else part.columns[0]


def mixture(parts: Sequence[Part], frame: DataFrame, k: int | mc.NumberOfComponents) -> list[Any]:
    """The nodes of a mixture of k components; columns keep their names."""
    label = None
    if isinstance(k, mc.NumberOfComponents) or k > 1:  # one component has no weights to be unknown
        # labels are a node of their own, so that draws are kept
        label = mc.Categorical("label", mc.Dirichlet("weight", 1.0, size=k), size=len(frame))
    names = names_of(parts)
    return [_node(p, name, frame, k, label, len(parts) > 1) for p, name in zip(parts, names, strict=True)]


def _node(part: Part, name: str, frame: DataFrame, k: Any, label: Any, several: bool) -> Any:
    rows = part.data(frame)
    made = part.made(np.asarray(rows, dtype=float), k, lambda p: f"{p} of {name}" if several else p)
    if label is not None:
        return mc.Mixture(
            name, label, made.distribution, *made.parameters, value=_value(part, rows), observed=True, **made.keywords
        )
    alone = [_alone(p) for p in made.parameters]
    keywords = {word: _alone(p) for word, p in made.keywords.items()}
    return made.distribution(name, *alone, value=_value(part, rows), observed=True, **keywords)


def _value(part: Part, rows: Any) -> Any:
    return rows


def _alone(parameter: Any) -> Any:
    return parameter if isinstance(parameter, float) else parameter[0]


__all__ = ["Part", "mixture", "names_of"]
