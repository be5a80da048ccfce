"""Distributions from scipy.stats."""

from __future__ import annotations

from typing import Any

import numpy as np

from mcmix.distributions.scipy_family import ScipyFamily, scipy_family
from mcmix.errors import SupportError
from mcmix.nodes.constraints import as_array
from mcmix.nodes.distribution import Distribution, node_class
from mcmix.nodes.node import holds_nodes, short


class ScipyDistribution(Distribution):
    """Base of the distributions from SciPy: what is known is checked against SciPy's own support."""

    family: ScipyFamily

    def __reduce__(self) -> Any:
        """How to copy a node whose class has no name of its own: the class is made again."""
        discrete = self.family.support.discrete
        return _bare, (self.family.distribution, discrete), self.__getstate__()

    def _known_support(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Ends of the support where all parameters are known; NaN where SciPy refuses them."""
        if any(holds_nodes(p) for p in self.parents.values()):
            return None
        lower, upper = self.family.distribution.support(*[as_array(p) for p in self.parents.values()])
        return np.asarray(lower, dtype=float), np.asarray(upper, dtype=float)

    def _check_parameters(self) -> None:
        super()._check_parameters()
        known = self._known_support()
        if known is not None and np.isnan(known[0]).any():
            given = ", ".join(f"{k} {short(v)}" for k, v in self.parents.items())
            raise SupportError(
                f"{self.name}: expected parameters that scipy.stats.{self.family.name} takes, got {given}"
            )

    def check_value(self, value: Any, ignored: np.ndarray | None = None) -> None:
        """Refuse a value outside the support; see :meth:`Distribution.check_value`."""
        super().check_value(value, ignored)
        known = self._known_support()
        if known is None:
            return
        values = np.asarray(value, dtype=float)
        wrong = (values < known[0]) | (values > known[1])
        if ignored is not None:
            wrong &= ~ignored
        if wrong.any():
            self._refuse_support(values, wrong, *known)


def _bare(distribution: Any, is_discrete: bool) -> ScipyDistribution:
    """A node of a distribution's distribution that its state will fill."""
    made: Any = node_class(scipy_family(distribution, is_discrete), ScipyDistribution)
    return made.__new__(made)


def from_scipy(distribution: Any) -> type[Distribution]:
    """A distribution from any continuous or discrete distribution of scipy.stats.

    Densities and draws are SciPy's own, called from the sampler whenever they are needed: exact, and some hundred times
    slower than a distribution of mcmix. As components of a mixture their labels are proposed and accepted as a block.

    Parameters
    ----------
    distribution : rv_continuous or rv_discrete
        Such as ``scipy.stats.gengamma``, or an instance of a subclass of your own; not a frozen one.

    Returns
    -------
    type
        A distribution like ``mc.Normal``: shape parameters in SciPy's order and names, then ``loc`` (0) and ``scale``
        (1; for continuous distributions).

    Raises
    ------
    TypeError
        If it is no such distribution.

    Examples
    --------
    >>> import scipy.stats, mcmix as mc
    >>> GenGamma = mc.from_scipy(scipy.stats.gengamma)
    >>> x = GenGamma("x", 2.0, 1.5, scale=3.0, size=5)
    >>> x.value.shape
    (5,)
    """
    from scipy import stats

    if not isinstance(distribution, (stats.rv_continuous, stats.rv_discrete)):
        frozen = getattr(getattr(distribution, "dist", None), "name", None)
        hint = f"; pass scipy.stats.{frozen}, and its parameters to the distribution" if frozen else ""
        raise TypeError(
            f"from_scipy: expected a continuous or discrete distribution of scipy.stats, got {distribution!r}{hint}"
        )
    return node_class(scipy_family(distribution, isinstance(distribution, stats.rv_discrete)), ScipyDistribution)
