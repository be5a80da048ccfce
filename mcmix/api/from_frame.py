"""Mixtures of tables whose columns are of different kinds, from a data frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mcmix.api.mixed.kinds import KINDS, Holding
from mcmix.api.mixed.model import nodes, numbers
from mcmix.api.mixed.seen import columns_by_name, holdings
from mcmix.errors import ModelError
from mcmix.nodes.mixture import labels_of
from mcmix.nodes.node import Node, shape_of
from mcmix.nodes.number_of_components import NumberOfComponents
from mcmix.report.frames import table_frame

if TYPE_CHECKING:
    from pandas import DataFrame


class TableColumns(list[Any]):
    """The data nodes of a table, one for each column or group of columns that depend on one another.

    Attributes
    ----------
    held : list of Holding
        What each holds.

    Examples
    --------
    >>> import mcmix as mc
    >>> z = mc.Categorical("z", mc.Dirichlet("w", [1, 1]), size=3)
    >>> columns = mc.from_frame({"age": [31, 25, 70], "smokes": [True, False, None]}, z)
    >>> columns.described()[["holds", "distribution"]].to_numpy().tolist()
    [['counts', 'Poisson'], ['yes or no', 'Bernoulli']]
    """

    def __init__(self, nodes: Sequence[Any], held: Sequence[Holding]):
        super().__init__(nodes)
        self.held = list(held)

    def described(self) -> DataFrame:
        """What each column holds, its distribution, and the prior of that distribution's parameters, in words.

        Returns
        -------
        DataFrame
            Columns ``holds``, ``distribution``, ``prior``; a row for each data node, under its name.
        """
        told = {
            "holds": [KINDS[h.kind].words for h in self.held],
            "distribution": [h.distribution for h in self.held],
            "prior": [h.prior for h in self.held],
        }
        return table_frame({k: np.array(v, dtype=object) for k, v in told.items()}, [h.name for h in self.held])

    def _repr_html_(self) -> str:
        return str(self.described().to_html())


def from_frame(
    table: Any,
    labels: Any,
    distributions: Mapping[str, Any] | None = None,
    *,
    correlated: Sequence[Sequence[str]] = (),
    fixed: Mapping[str, Mapping[str, float]] | None = None,
) -> TableColumns:
    """Data nodes of a table: one label for each row, and for each column a distribution of its own.

    Given its label the columns of a row are independent, but for those that are said to depend on one another. What a
    column holds is seen by its type and its entries:

    =======================================================  ==================================================
    entries                                                  distribution
    =======================================================  ==================================================
    text, unordered categories                               Categorical
    ordered categories                                       BetaBinomial, of steps from the lowest
    true and false, or 0 and 1 alone                         Bernoulli
    numbers with ``attrs["units"]`` degrees or radians       VonMises (degrees are turned into radians)
    whole numbers from 0 to 1000 (with a zero, or at most    Poisson
    20 different ones)
    numbers between 0 and 1, both left out                   Beta
    numbers from 0 to 1, some of them 0 or 1                 ZeroOneInflatedBeta
    numbers above 0, the largest over 10 times the least     Lognormal
    the same with exact zeros beside                         HurdleLognormal
    other numbers                                            Normal
    =======================================================  ==================================================

    Parameters
    ----------
    table : DataFrame, or mapping of str to array_like
        Missing entries (NaN, None) are left out: they say nothing, which is right where they are missing at random.
    labels : node, or weights
        A Categorical with a label for each row; or the weights of the components, as for :func:`Mixture`.
    distributions : mapping of str to distribution class or str, optional
        Others than the table above says, by column, such as ``{"visits": mc.NegativeBinomial}``; ``"ordered"`` for
        numbers or text (in alphabetical order) that are steps of a scale.
    correlated : sequence of sequences of str, optional
        Groups of columns of numbers that depend on one another given the label: normal vectors with full covariances.
    fixed : mapping of str to mapping, optional
        Known parameters by column, such as ``{"hits": {"trials": 20}}``.

    Returns
    -------
    TableColumns
        The data nodes, to be listed as any others: ``mc.MCMC([*mc.from_frame(table, z)])``. Parameters are called after
        their column: ``"age mean"``.

    Raises
    ------
    ModelError
        If the table has no rows, a column is constant, holds dates or more than 200 different texts, cannot be of the
        distribution asked for, or a column that is named is not there.

    See Also
    --------
    MixtureModel : the same as an estimator, which answers questions about new rows.

    Notes
    -----
    Priors on the scale of each column's data are those of :class:`MixtureModel`; :meth:`TableColumns.described` tells
    them.

    Examples
    --------
    Latent class analysis is one line:

    >>> import mcmix as mc
    >>> answers = {"q1": ["yes", "no", "no", "yes"], "q2": ["a", "c", "b", "a"], "q3": [1, 0, 0, 1]}
    >>> z = mc.Categorical("z", mc.Dirichlet("w", 1.0, size=2), size=4)
    >>> sorted(n.name for n in mc.MCMC([*mc.from_frame(answers, z)]).model.stochastics)
    ['q1 probabilities', 'q2 probabilities', 'q3 probability', 'w', 'z']
    """
    columns = columns_by_name(table)
    n_rows = len(next(iter(columns.values())))
    z, n_labels = labels_of("rows", labels, None, n_rows, None)
    if not isinstance(z, Node) or shape_of(z) != (n_rows,):
        raise ModelError(f"from_frame: expected a node with a label for each of {n_rows} rows, got {labels!r}")
    held = holdings(table, distributions, correlated, fixed)
    number = next((n for n in z.extended_parents if isinstance(n, NumberOfComponents)), None)
    return TableColumns(nodes(held, numbers(held, columns), z, n_labels if number is None else number), held)


__all__ = ["TableColumns", "from_frame"]
