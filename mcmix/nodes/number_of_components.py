"""The number of components of a mixture as an unknown, and the weights of as many."""

from __future__ import annotations

from typing import Any

import numpy as np

from mcmix.distributions.number_of_components import COMPONENT_WEIGHTS, NUMBER_OF_COMPONENTS
from mcmix.errors import ModelError
from mcmix.nodes.component_priors import named, prior_on_number
from mcmix.nodes.distribution import Distribution
from mcmix.nodes.node import Node, holds_nodes, shape_of
from mcmix.nodes.room import Room, checked_room, room_in
from mcmix.nodes.stochastic import Stochastic

TAIL = 1e-9  # of a prior without an end, that is left out
LARGEST_UNASKED = 1000


class NumberOfComponents(Room, Distribution):
    """How many components a mixture has, with a prior: a whole number 1, 2, ..

    Give it as `size` to whatever components have: ``w = mc.Dirichlet("w", 1.0, size=K)`` and
    ``mu = mc.Normal("mu", 0, 0.01, size=K)`` hold room for `capacity` components. The first K of these are the
    mixture's; weights beyond are exactly zero, and parameters beyond stand at draws from their prior. Where the prior
    has no end, a chain that needs more room gets twice as much, and goes on.

    Parameters
    ----------
    name : str
    prior : int, array_like or frozen discrete scipy.stats distribution, optional
        Probabilities of 1, 2, .. that sum to 1, or a distribution of SciPy's: ``scipy.stats.poisson(3, loc=1)``,
        ``scipy.stats.geom(0.1)``, ``scipy.stats.betanbinom(1, 4, 3, loc=1)``. By default all numbers up to `most` are
        as probable. One whole number is a number that is known.
    most : int, optional
        Where a prior is cut (what is left is divided by its sum); there is room for as many from the start, and never
        for more. By default it is not cut where it has an end, and else where 1e-9 of it lies beyond, or at 1000.
    value : int, optional
        Where it starts.
    room : int, optional
        Of a prior without an end, components that there is room for to begin with: no limit, and nothing that draws
        depend on but as on a seed.
    trace, doc
        As for every distribution.

    Attributes
    ----------
    capacity : int
        Components that arrays have room for: `most`, or less where the prior has no end.
    most : int
        The largest number that has a probability.
    beyond : float
        Prior probability that was cut off.

    Raises
    ------
    ModelError
        If the prior is no probability distribution on 1, 2, .., or `most` is no whole number of at least 1, or leaves
        nothing of it.

    Notes
    -----
    With static weights ``Dirichlet(gamma, .., gamma)`` the model is the mixture of finite mixtures of Richardson and
    Green (1997) and of Miller and Harrison (2018), "Mixture models with a prior on the number of components", JASA 113;
    with a concentration ``alpha / K`` it is the dynamic one of Fruehwirth-Schnatter, Malsiner-Walli and Gruen (2021),
    "Generalized mixtures of finite mixtures and telescoping sampling", Bayesian Analysis 16, whose sampler serves both.
    What a prior says of the number of clusters before the data: :func:`mcmix.prior_components`.

    Examples
    --------
    >>> import numpy as np, mcmix as mc
    >>> x = np.random.default_rng(1).normal(np.repeat([-40.0, 0.0, 40.0], 20), 0.5)
    >>> K = mc.NumberOfComponents("K", most=10)
    >>> w = mc.Dirichlet("w", 1.0, size=K)
    >>> z, mu = mc.Categorical("z", w, size=60), mc.Normal("mu", 0, sigma=40, size=K)
    >>> y = mc.Mixture("y", z, mc.Normal, mu, 4.0, value=x, observed=True)
    >>> m = mc.MCMC([y]).sample(2000, 500, seed=1)
    >>> int(np.bincount(m.trace("K")[:]).argmax())
    3
    """

    family = NUMBER_OF_COMPONENTS

    def __init__(
        self,
        name: str,
        prior: Any = None,
        *,
        most: int | None = None,
        value: Any = None,
        room: int | None = None,
        trace: bool = True,
        doc: str | None = None,
    ):
        probabilities, self.beyond = _cut(name, prior, most)
        self.prior = f"uniform on 1 to {most}" if prior is None else _in_words(prior, len(probabilities))
        self.given_room = room is not None
        least = 1 + int(np.flatnonzero(probabilities)[0])
        first = max(least, checked_room(name, room, least), 1 if value is None else int(np.max(value)))
        endless = most is None and hasattr(prior, "pmf") and not np.isfinite(prior.support()[1])
        self.grows = endless and first < len(probabilities)
        self.first_room = self._capacity = first if self.grows else len(probabilities)
        super().__init__(name, probabilities, value=value, trace=trace, doc=doc)

    @property
    def capacity(self) -> int:
        """Components that arrays have room for."""
        return self._capacity

    @property
    def most(self) -> int:
        """The largest number of components."""
        return shape_of(self.parents["probabilities"])[0]

    def take_room(self, capacity: int) -> None:
        """Have room for so many components."""
        self._capacity = capacity

    def larger(self, capacity: int) -> int:
        """Twice as much room, but for no more than there may be."""
        return min(2 * capacity, self.most)

    @property
    def end(self) -> int | None:
        """As many as have a probability."""
        return self.most

    @property
    def ample(self) -> int:
        """Components that a draw from the prior has room for: as many as there may be."""
        return self.most

    @property
    def instead(self) -> str:
        """What gives it an end."""
        return f"give {self.name} an end: most="

    @property
    def probabilities(self) -> np.ndarray:
        """Prior probabilities of 1 .. most."""
        return np.asarray(self.parents["probabilities"], dtype=float)

    def weights_or_none(self, name: str, *given: Any, **keywords: Any) -> ComponentWeights | None:
        """Weights of as many components, as ``mc.Dirichlet(name, concentration, size=K)`` asks for them.

        None where the concentration is a vector: each component then has weights of its own, as of any other family.
        """
        named_so = [k for k in ("concentration", "theta") if k in keywords]
        if len(given) + len(named_so) != 1:
            raise TypeError(f"{name}: Dirichlet expected one concentration, got {len(given) + len(named_so)}")
        concentration = given[0] if given else keywords[named_so[0]]
        if shape_of(concentration):
            return None
        return ComponentWeights(name, concentration, self, **{k: v for k, v in keywords.items() if k not in named_so})

    def observe(self, value: Any, mask: Any = None) -> Stochastic:
        """Refused: a number of components that is known is a size.

        Raises
        ------
        ModelError
            Always.
        """
        raise ModelError(
            f"{self.name}: expected an unknown number of components; where it is known, write size={value}"
        )


class ComponentWeights(Distribution):
    """Weights of an unknown number of components: what ``mc.Dirichlet("w", concentration, size=K)`` makes.

    Parameters
    ----------
    name : str
    concentration : float or node
        Of each component; a function of K, such as ``alpha / K``, makes the mixture dynamic.
    number : NumberOfComponents
    value : array_like, optional
        Where they start: as many weights as the capacity of `number`.
    keywords
        As for every distribution.

    Examples
    --------
    >>> import mcmix as mc
    >>> K = mc.NumberOfComponents("K", [0.0, 0.5, 0.5], value=2)
    >>> w = mc.Dirichlet("w", 1.0, size=K)
    >>> w.shape, [bool(v > 0) for v in w.value]
    ((3,), [True, True, False])
    """

    family = COMPONENT_WEIGHTS
    beyond_room = 0.0

    def __init__(self, name: str, concentration: Any, number: NumberOfComponents, **keywords: Any):
        self.number = number
        room_in(name, number, keywords.get("value"))
        super().__init__(name, concentration, number, **keywords)

    def _event_shape(self) -> tuple[int, ...]:
        return (self.number.capacity,)


def _cut(name: str, prior: Any, most: Any) -> tuple[np.ndarray, float]:
    """Probabilities of 1 .. capacity, and how much was left out."""
    if most is not None and (isinstance(most, bool) or not isinstance(most, (int, np.integer)) or most < 1):
        raise ModelError(f"{name}: most expected a whole number of at least 1, got {most!r}")
    if prior is None:
        if most is None:
            raise ModelError(f"{name}: expected a prior, or most= for a uniform one, got neither")
        return np.full(most, 1.0 / most), 0.0
    if isinstance(prior, Node) or holds_nodes(prior):
        raise ModelError(f"{name}: prior expected known probabilities or a distribution of SciPy's, got a node")
    numbers, weights = prior_on_number(prior, f"{name}: prior")
    whole = np.zeros(numbers[-1])
    whole[numbers - 1] = weights
    end = _end(prior, whole) if most is None else min(int(most), len(whole))
    kept = whole[:end].sum()
    if kept <= 0.0:
        raise ModelError(f"{name}: expected most= of at least {numbers[0]}, where its prior begins, got {most}")
    return np.trim_zeros(whole[:end] / kept, "b"), float(max(0.0, 1.0 - kept))


def _end(prior: Any, weights: np.ndarray) -> int:
    """Where a prior is cut that nobody asked to cut."""
    if not hasattr(prior, "pmf") or np.isfinite(prior.support()[1]):
        return len(weights)
    enough = 1 + int(np.argmax(weights.cumsum() >= 1.0 - TAIL))
    return min(enough, LARGEST_UNASKED)


def _in_words(prior: Any, capacity: int) -> str:
    if hasattr(prior, "pmf"):
        return f"{named(prior)} on 1 to {capacity}"
    return f"probabilities of 1 to {capacity}" if np.ndim(prior) else f"{capacity} with certainty"


__all__ = ["ComponentWeights", "NumberOfComponents"]
