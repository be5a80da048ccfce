"""What a prior says of the number of clusters before any data: exact probabilities, by units."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mcmix.api.arguments import at_least_one
from mcmix.errors import ModelError
from mcmix.nodes.component_priors import at_or_below_zero, is_number, named, prior_on_number, shown_in_short
from mcmix.notebook import MOST_SHOWN, shown
from mcmix.report.frames import table_frame
from mcmix.report.partitions.block_priors import LARGEST, LEAST, Finite, Process, averaged

if TYPE_CHECKING:
    from pandas import DataFrame

WHAT = "prior_components"
FIRST_LOOK = 64  # clusters, where nobody says how many


@dataclass(frozen=True, repr=False)
class PriorComponents:
    """The prior of the number of occupied clusters among so many units.

    Attributes
    ----------
    n : int
        Number of units.
    clusters : ndarray of int, shape (most,)
        1, 2, ..
    probabilities : ndarray, shape (most,)
        Of so many occupied clusters.
    beyond : float
        Probability of more clusters than are listed; 0 where it is below 1e-10, or what rounding leaves at large n.
    number : ndarray, shape (K,), or None
        Prior of the number of components, occupied or not, from 1 on; None for a process.
    error : float
        How much a probability changed when the quadrature over the concentration was last refined; 0 without one.
    prior : str
        The prior in words.
    """

    n: int
    clusters: np.ndarray
    probabilities: np.ndarray
    beyond: float
    number: np.ndarray | None
    error: float
    prior: str

    @property
    def mean(self) -> float:
        """Expected number of occupied clusters; NaN where some lie beyond those listed."""
        return float(self.probabilities @ self.clusters) if not self.beyond else float("nan")

    @property
    def sd(self) -> float:
        """Standard deviation of their number; NaN where some lie beyond those listed."""
        return float(np.sqrt(self.probabilities @ (self.clusters - self.mean) ** 2))

    @property
    def mode(self) -> int:
        """The most probable number, of those listed."""
        return int(self.clusters[np.argmax(self.probabilities)])

    def quantile(self, probability: float) -> int:
        """The smallest number that is not exceeded with this probability.

        Parameters
        ----------
        probability : float in (0, 1)

        Returns
        -------
        int

        Raises
        ------
        ModelError
            If it lies beyond the numbers that are listed.

        Examples
        --------
        >>> prior_components(100, concentration=1.0).quantile(0.5)
        5
        """
        if not (is_number(probability) and 0.0 < probability < 1.0):
            raise ModelError(f"quantile: expected a probability in (0, 1), got {probability!r}")
        at = int(np.searchsorted(self.probabilities.cumsum(), probability * (1.0 - 1e-14)))
        if at == len(self.clusters) and self.beyond:
            raise ModelError(
                f"quantile: expected a probability up to {1.0 - self.beyond:.4g}, that of at most "
                f"{self.clusters[-1]} clusters, got {probability}; call prior_components with a larger most="
            )
        return int(self.clusters[min(at, len(self.clusters) - 1)])

    def interval(self, probability: float = 0.95) -> tuple[int, int]:
        """Two numbers between which it lies with at least this probability, at most half of the rest on either side.

        Parameters
        ----------
        probability : float in (0, 1)

        Returns
        -------
        tuple of int

        Raises
        ------
        ModelError
            If it ends beyond the numbers that are listed.

        Examples
        --------
        >>> prior_components(100, concentration=1.0).interval(0.9)
        (2, 8)
        """
        if not (is_number(probability) and 0.0 < probability < 1.0):
            raise ModelError(f"interval: expected a probability in (0, 1), got {probability!r}")
        return self.quantile(0.5 - 0.5 * probability), self.quantile(0.5 + 0.5 * probability)

    def to_frame(self) -> DataFrame:
        """The probabilities of each number and of at most that number, as a pandas DataFrame.

        Examples
        --------
        >>> prior_components(3, concentration=1.0).to_frame().round(2)
           clusters  probability  at_most
        0         1         0.33     0.33
        1         2         0.50     0.83
        2         3         0.17     1.00
        """
        columns = {"clusters": self.clusters, "probability": self.probabilities}
        return table_frame({**columns, "at_most": self.probabilities.cumsum()}, range(len(self.clusters)))

    def _said(self) -> str:
        """Mean, spread and interval, or what is not listed."""
        if self.beyond:
            return f"more than {self.clusters[-1]} clusters with probability {self.beyond:.3g}"
        low, high = self.interval()
        return f"{self.mean:.4g} clusters expected, sd {self.sd:.3g}, 95 % within {low} to {high}"

    def __repr__(self) -> str:
        return f"<PriorComponents of {_units(self.n)}, {self.prior}: {self._said()}>"

    def _repr_html_(self) -> str:
        matter = np.flatnonzero(self.probabilities >= 5e-4)
        rows = slice(matter[0], matter[-1] + 1) if matter.size else slice(0, 1)
        table = {"clusters": self.clusters[rows].tolist(), "probability": self.probabilities[rows].tolist()}
        few = {head: column[:MOST_SHOWN] for head, column in table.items()}
        more = len(table["clusters"]) - MOST_SHOWN
        unsure = f"Quadrature over the concentration: to {self.error:.1g}." if self.error > 1e-6 else ""
        return shown(
            f"Clusters of {_units(self.n)} before the data", few, f"and {more} more" if more > 0 else "",
            self.prior, self._said(), unsure,
        )  # fmt: skip


def prior_components(
    n: int,
    *,
    concentration: Any,
    components: Any = None,
    discount: float = 0.0,
    dynamic: bool = False,
    most: int | None = None,
) -> PriorComponents:
    """The prior of the number of clusters that so many units occupy, exactly.

    A prior on weights, or on the number of components, implies one on the number of clusters that will be seen; it
    depends on the number of units, and is seldom what one guesses.

    Parameters
    ----------
    n : int
        Number of units.
    concentration : float or frozen scipy.stats distribution on the positive numbers
        Of the process, or of each component's weight: each entry of ``mc.Dirichlet``. A distribution is a prior on it.
    components : int, array_like or frozen discrete scipy.stats distribution, optional
        Number K of components; or a prior on it, as probabilities of 1, 2, .. that sum to 1, or as a distribution such
        as ``scipy.stats.geom(0.1)`` or ``scipy.stats.poisson(3, loc=1)``, of which the last 1e-12 is left out. By
        default there is no end of them: a Dirichlet process, or with a discount a Pitman-Yor process.
    discount : float in [0, 1)
        Of a Pitman-Yor process.
    dynamic : bool
        Whether a component's concentration is ``concentration / K``.
    most : int, optional
        Look at no more clusters than this; by default as many as matter.

    Returns
    -------
    PriorComponents

    Raises
    ------
    ModelError
        If arguments are impossible, or would take longer than about half a minute.

    Notes
    -----
    Given K and the concentration, all of these priors are of Gibbs type: Gnedin and Pitman (2006), "Exchangeable Gibbs
    partitions and Stirling triangles". Summed over K they are the mixtures of finite mixtures of Miller and Harrison
    (2018), "Mixture models with a prior on the number of components", and, dynamic, of Fruehwirth-Schnatter,
    Malsiner-Walli and Gruen (2021), "Generalized mixtures of finite mixtures and telescoping sampling". How to choose
    by them: Greve, Gruen, Malsiner-Walli and Fruehwirth-Schnatter (2022), "Spying on the prior of the number of data
    clusters and the partition distribution in Bayesian cluster analysis".

    Nothing is drawn. Probabilities are sums of positive terms, with relative errors near 1e-15 n. A prior on the
    concentration is integrated over its quantiles by the tanh-sinh rule, refined until no probability changes by more
    than 1e-11; ``error`` says how far that came, for it is slow where a density has steps. Time grows with n times the
    number of clusters looked at: milliseconds for most priors at n = 10,000, seconds for a dynamic mixture with priors
    on both K and the concentration, for which `most` is worth stating.

    The posterior of the same number is :func:`mcmix.occupied`, whose first entry is for no cluster at all.

    Examples
    --------
    Ten components under a small concentration, and a Dirichlet process:

    >>> import mcmix as mc
    >>> mc.prior_components(200, components=10, concentration=0.05)
    <PriorComponents of 200 units, 10 components with concentration 0.05:
    3.09 clusters expected, sd 1.23, 95 % within 1 to 6>
    >>> mc.prior_components(3, concentration=1.0).probabilities.round(4).tolist()
    [0.3333, 0.5, 0.1667]

    A mixture of finite mixtures with a prior on the concentration, too:

    >>> import scipy.stats
    >>> found = mc.prior_components(
    ...     200, components=scipy.stats.geom(0.2), concentration=scipy.stats.f(6, 3), dynamic=True
    ... )
    >>> found.quantile(0.5)
    2
    """
    units = at_least_one(n, "n", WHAT)
    wanted = None if most is None else at_least_one(most, "most", WHAT)
    prior = _checked_prior(units, components, discount, dynamic)
    average = _average(concentration)
    probabilities, error = _looked_at(prior, average, wanted)
    beyond = max(0.0, 1.0 - float(probabilities.sum()))
    if len(probabilities) == prior.largest or beyond < _negligible(units):
        probabilities, beyond = probabilities / probabilities.sum(), 0.0
    return PriorComponents(
        units, np.arange(1, len(probabilities) + 1), probabilities, beyond, _number(prior), error,
        _in_words(prior, components, concentration),
    )  # fmt: skip


def _looked_at(prior: Process | Finite, average: Any, most: int | None) -> tuple[np.ndarray, float]:
    """Probabilities of as many clusters as asked for, or as matter, and the error of the quadrature."""
    look = min(FIRST_LOOK if most is None else most, prior.largest)
    while True:
        found, error = average(lambda c, look=look: prior.probabilities(c, look))
        if most is not None or look == prior.largest or 1.0 - found.sum() < _negligible(prior.n):
            return found, error
        look = min(2 * look, prior.largest)


def _negligible(n: int) -> float:
    """A probability that may be the rounding of the others."""
    return 1e-10 + 2e-15 * n


def _average(concentration: Any) -> Callable[[Any], tuple[np.ndarray, float]]:
    """What makes probabilities of those under each concentration, with an error."""
    if is_number(concentration):
        if not 0.0 < concentration < np.inf:
            raise ModelError(f"{WHAT}: concentration expected a positive finite number, got {concentration!r}")
        value = np.clip([float(concentration)], LEAST, LARGEST)
        return lambda probabilities: (probabilities(value)[0], 0.0)
    if not all(hasattr(concentration, name) for name in ("ppf", "isf", "cdf", "pdf")):
        raise ModelError(
            f"{WHAT}: concentration expected a positive number or a frozen continuous scipy.stats distribution, such "
            f"as scipy.stats.gamma(2, scale=0.5), got {shown_in_short(concentration)}"
        )
    below = at_or_below_zero(concentration, f"{WHAT}: concentration")
    if not below <= 1e-12:
        raise ModelError(
            f"{WHAT}: concentration expected a prior on the positive numbers, got {named(concentration)} with "
            f"probability {below:.3g} at or below 0; choose one on (0, inf), such as scipy.stats.gamma"
        )

    def quantile(lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
        left = lower < 0.5
        found = np.empty(len(lower))
        found[left], found[~left] = concentration.ppf(lower[left]), concentration.isf(upper[~left])
        if not (found >= -1e-12).all():
            raise ModelError(f"{WHAT}: concentration expected a prior with quantiles, {named(concentration)} has none")
        return found

    return lambda probabilities: averaged(probabilities, quantile)


def _checked_prior(n: int, components: Any, discount: Any, dynamic: Any) -> Process | Finite:
    if not (is_number(discount) and 0.0 <= discount < 1.0):
        raise ModelError(f"{WHAT}: discount expected a number in [0, 1), got {discount!r}")
    if not isinstance(dynamic, (bool, np.bool_)):
        raise ModelError(f"{WHAT}: dynamic expected True or False, got {dynamic!r}")
    if components is None:
        if dynamic:
            raise ModelError(f"{WHAT}: dynamic=True expected components= (a number, or a prior on it), got None")
        return Process(n, float(discount))
    if discount:
        raise ModelError(
            f"{WHAT}: expected discount=0 where components are counted, got {discount!r}; leave components= out for a "
            "Pitman-Yor process"
        )
    numbers, weights = prior_on_number(components, f"{WHAT}: components")
    return Finite(n, numbers, weights, bool(dynamic))


def _number(prior: Process | Finite) -> np.ndarray | None:
    if isinstance(prior, Process):
        return None
    found = np.zeros(int(prior.numbers[-1]))
    found[prior.numbers - 1] = prior.weights
    return found


def _in_words(prior: Process | Finite, components: Any, concentration: Any) -> str:
    by = f"{concentration:.6g}" if is_number(concentration) else named(concentration)
    if isinstance(prior, Process):
        if prior.discount:
            return f"Pitman-Yor process with concentration {by} and discount {prior.discount:.6g}"
        return f"Dirichlet process with concentration {by}"
    by = f"{by} / K" if prior.dynamic else by
    if len(prior.numbers) == 1:
        count = int(prior.numbers[0])
        return f"{count} component{'s' if count > 1 else ''} with concentration {by}"
    kind = "dynamic" if prior.dynamic else "static"
    of = named(components) if hasattr(components, "pmf") else f"with a prior on 1 to {prior.numbers[-1]}"
    return f"{kind} mixture of finite mixtures, components {of}, concentration {by}"


def _units(n: int) -> str:
    return f"{n} unit{'s' if n > 1 else ''}"


__all__ = ["PriorComponents", "prior_components"]
