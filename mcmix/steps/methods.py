"""PyMC 2's step methods by name, with its options, served by compiled steps wherever these do the same.

``use_step_method(mc.Metropolis, x, proposal_sd=2.0)`` makes one of these; `served_by` answers with the compiled step. A
subclass that overrides a hook (``propose``, ``hastings_factor``, ``step``, ``reject``, ``tune``) runs in Python.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mcmix.errors import ZeroProbability
from mcmix.nodes.stochastic import Stochastic
from mcmix.steps import density, targets
from mcmix.steps.base import Call, Chain, Plan, Step
from mcmix.steps.own import StepMethod
from mcmix.structure.contributions import Structure

HOOKS = ("propose", "hastings_factor", "step", "reject", "tune")
LOWEST, HIGHEST = 0.2, 0.5  # acceptance rates between which a scale stays


class Metropolis(StepMethod):
    """Random-walk Metropolis.

    Compiled, it moves one element at a time, and its scales adapt during burn-in. In a subclass that overrides a hook
    (``propose``, ``hastings_factor``, ``reject``, ``step``, ``tune``), or with proposals from the prior, all elements
    move together, in Python.

    Parameters
    ----------
    stochastic : Stochastic
    scale : float
        Multiplies the proposal's standard deviation at the start.
    proposal_sd : float or array, optional
        Standard deviation of the proposal, on the variable's own scale; by default its size (or 1), and the compiled
        step walks in the unconstrained coordinate.
    proposal_distribution : {"normal", "prior"}, optional
        "prior": independent proposals from the variable's distribution, accepted by the likelihood alone.

    Examples
    --------
    A subclass whose proposal is not symmetric says so in ``hastings_factor``:

    >>> import mcmix as mc, numpy as np
    >>> class Scaling(mc.Metropolis):
    ...     def propose(self):
    ...         self.factor = np.exp(self.rng.normal())
    ...         self.stochastic.value = self.stochastic.value * self.factor
    ...     def hastings_factor(self):
    ...         return np.log(self.factor)
    >>> rate = mc.Gamma("rate", 2, 1, value=1.0)
    >>> y = mc.Poisson("y", rate, value=[3, 5], observed=True)
    >>> m = mc.MCMC([rate, y])
    >>> m.use_step_method(Scaling, rate)
    >>> _ = m.sample(2000, 200, chains=1, seed=1)
    >>> bool(abs(m.trace("rate")[:].mean() - 10 / 3) < 0.4)
    True
    """

    kinds: tuple[str, ...] = ("normal", "prior")

    def __init__(
        self,
        stochastic: Stochastic,
        scale: float = 1.0,
        proposal_sd: Any = None,
        proposal_distribution: str | None = None,
        verbose: int = -1,
        tally: bool = True,
        check_before_accepting: bool = True,
    ):
        super().__init__(stochastic, verbose, tally)
        self.proposal_distribution = self._kind(proposal_distribution)
        try:
            self.given_sd = None if proposal_sd is None else np.asarray(proposal_sd, dtype=float)
        except (TypeError, ValueError) as error:
            raise TypeError(f"proposal_sd expected positive numbers, got {proposal_sd!r}") from error
        for what, number in (("scale", np.asarray(scale)), ("proposal_sd", self.given_sd)):
            if number is not None and not (number > 0).all():
                raise TypeError(f"{what} expected positive numbers, got {number}")
        if self.given_sd is not None and self.given_sd.shape not in ((), self.stochastic.shape):
            raise TypeError(f"proposal_sd expected shape {self.stochastic.shape}, got {self.given_sd.shape}")
        self.scale = float(scale)
        self._size: np.ndarray | None = None
        self.adaptive_scale_factor = 1.0
        self.accepted = self.rejected = 0.0

    @staticmethod
    def competence(stochastic: Stochastic) -> int:
        """2 for continuous variables, as in PyMC 2."""
        return 0 if targets.is_discrete(stochastic) or targets.moves_as_block(stochastic) else 2

    def _kind(self, wanted: str | None) -> str:
        kind = self.kinds[0] if wanted is None else str(wanted).lower()
        if kind not in self.kinds:
            raise TypeError(f"proposal_distribution expected one of {', '.join(self.kinds)}, got {wanted!r}")
        return kind

    @property
    def proposal_sd(self) -> np.ndarray:
        """Standard deviation of the next proposal: as given, or the variable's size where the chain began."""
        if self._size is None:
            own = np.abs(np.asarray(self.stochastic.value, dtype=float))
            self._size = own if (own != 0).all() else np.ones(own.shape)
        base = self._size if self.given_sd is None else self.given_sd
        return np.asarray(self.adaptive_scale_factor * self.scale * base)

    def propose(self) -> None:
        """Set a proposal."""
        if self.proposal_distribution == "prior":
            self.stochastic.random()
            return
        now = np.asarray(self.stochastic.value, dtype=float)
        self.stochastic.value = now + self.rng.normal(0.0, self.proposal_sd, now.shape)

    def hastings_factor(self) -> float:
        """Log of the density of proposing the way back over that of the proposal: zero for a symmetric one."""
        return 0.0

    def target(self) -> float:
        """Log density that decides; proposals from the prior are decided by the likelihood alone."""
        return self.loglike if self.proposal_distribution == "prior" else self.logp_plus_loglike

    def step(self) -> None:
        """Propose, and accept or reject."""
        before = self.target()
        self.propose()
        try:
            change = self.target() - before + self.hastings_factor()
        except ZeroProbability:
            change = -np.inf
        if change > -self.rng.exponential():
            self.accepted += 1.0
        else:
            self.rejected += 1.0
            self.reject()

    def reject(self) -> None:
        """Go back."""
        self.stochastic.revert()

    _before_tuning = (0.0, 0.0)

    def tune(self, verbose: int = 0) -> bool:
        """Let the scale follow the acceptance rate since the last call."""
        accepted, rejected = self.accepted - self._before_tuning[0], self.rejected - self._before_tuning[1]
        self._before_tuning = self.accepted, self.rejected
        rate = accepted / max(accepted + rejected, 1.0)
        if LOWEST <= rate <= HIGHEST:
            return False
        self.adaptive_scale_factor *= float(np.exp(2.0 * (rate - 0.5 * (LOWEST + HIGHEST))))
        return True

    def served_by(self, structure: Structure) -> Step:
        """The compiled step, unless a hook is overridden or proposals come from the prior."""
        if self.proposal_distribution == "prior" or any(
            getattr(type(self), hook) is not getattr(_plain_class(self), hook) for hook in HOOKS
        ):
            if type(self) in (Metropolis, DiscreteMetropolis):
                self.reason = "proposals from the prior, accepted by the likelihood, in Python"
            return self
        each = None if self.given_sd is None else np.ravel(self.stochastic.state_of(self._each_sd()))
        if targets.keeps_total(self.stochastic):
            return density.TransferMetropolis([self.stochastic], structure, scale=self.scale)
        return density.ElementMetropolis([self.stochastic], structure, scale=self.scale, proposal_sd=each)

    def _each_sd(self) -> np.ndarray:
        return np.broadcast_to(np.asarray(self.given_sd), self.stochastic.shape)


class DiscreteMetropolis(Metropolis):
    """Metropolis for whole numbers: a symmetric walk, element by element; values outside the support are rejected.

    PyMC 2 folded proposals at zero and forgot that this is not symmetric.

    Parameters
    ----------
    stochastic : Stochastic
        Of whole numbers.
    scale, proposal_sd : optional
        Size of the steps at the start.
    proposal_distribution : {"poisson", "normal", "prior"}, optional
        The first two are one walk here: a normal step rounded away from zero.
    positive, non_negative : optional
        Accepted for PyMC 2's sake: the support decides.

    Examples
    --------
    >>> import mcmix as mc
    >>> x = mc.Poisson("x", 3.0)
    >>> m = mc.MCMC([mc.Normal("y", x, 1.0, value=0.3, observed=True)])
    >>> m.use_step_method(mc.DiscreteMetropolis, x)
    >>> [s.name for s in m.step_methods]
    ['adaptive Metropolis']
    """

    kinds = ("poisson", "normal", "prior")

    def __init__(
        self,
        stochastic: Stochastic,
        scale: float = 1.0,
        proposal_sd: Any = None,
        proposal_distribution: str | None = None,
        positive: bool | None = None,
        non_negative: bool | None = None,
        **keywords: Any,
    ):
        super().__init__(stochastic, scale, proposal_sd, proposal_distribution, **keywords)
        if not targets.is_discrete(self.stochastic):
            raise TypeError("expected a variable of whole numbers; use Metropolis")

    @staticmethod
    def competence(stochastic: Stochastic) -> int:
        """1 for whole numbers, as in PyMC 2."""
        return int(targets.is_discrete(stochastic))

    def propose(self) -> None:
        """Set a proposal: a step of at least one in either direction."""
        if self.proposal_distribution == "prior":
            self.stochastic.random()
            return
        now = np.asarray(self.stochastic.value)
        step = self.rng.normal(
            0.0, self.adaptive_scale_factor * self.scale * (1.0 if self.given_sd is None else self.given_sd), now.shape
        )
        self.stochastic.value = now + (np.sign(step) * np.ceil(np.abs(step))).astype(int)


class BinaryMetropolis(StepMethod):
    """Two-valued variables: each element is drawn from its exact two-point conditional, so that nothing is rejected.

    Parameters
    ----------
    stochastic : Stochastic
        With two values.
    p_jump, proposal_distribution : optional
        Accepted for PyMC 2's sake; there is no proposal.

    Examples
    --------
    >>> import mcmix as mc
    >>> x = mc.Bernoulli("x", 0.4)
    >>> m = mc.MCMC([mc.Normal("y", x, 1.0, value=0.3, observed=True)])
    >>> m.use_step_method(mc.BinaryMetropolis, x)
    >>> [s.name for s in m.step_methods]
    ['enumeration']
    """

    def __init__(
        self, stochastic: Stochastic, p_jump: float = 0.1, proposal_distribution: str | None = None, **keywords: Any
    ):
        super().__init__(stochastic, **keywords)
        found = targets.values_of(self.stochastic)
        if found is None or found[1] != 2:
            raise TypeError("expected a variable with two values; use DiscreteMetropolis")

    @staticmethod
    def competence(stochastic: Stochastic) -> int:
        """2 for variables with two values, as in PyMC 2."""
        found = targets.values_of(stochastic)
        return 2 if found is not None and found[1] == 2 else 0

    def served_by(self, structure: Structure) -> Step:
        """Both values are tried."""
        return density.Enumeration(self.stochastics, structure)


class AdaptiveMetropolis(StepMethod):
    """Metropolis on all elements of one or several variables; the proposal's covariance follows the history.

    It adapts during burn-in (Haario, Saksman and Tamminen 2001), in the unconstrained coordinates.

    Parameters
    ----------
    stochastic : Stochastic or list of Stochastic
        A list moves together.
    cov : ndarray, optional
        Covariance of the proposal at the start, on the variables' own scale (which is then where they move).
    scales : mapping of Stochastic to float or array, optional
        Standard deviations at the start, instead of `cov`.
    delay, interval, greedy, shrink_if_necessary : optional
        Accepted for PyMC 2's sake: adaptation goes on at every iteration of burn-in, with decreasing steps.

    Examples
    --------
    >>> import mcmix as mc
    >>> x = mc.Normal("x", 0.0, 1.0)
    >>> m = mc.MCMC([mc.Normal("y", x, 1.0, value=0.3, observed=True)])
    >>> m.use_step_method(mc.AdaptiveMetropolis, x)
    >>> [s.name for s in m.step_methods]
    ['adaptive Metropolis, block']
    """

    several = True

    def __init__(
        self,
        stochastic: Stochastic | Sequence[Stochastic],
        cov: Any = None,
        delay: int = 1000,
        interval: int = 200,
        greedy: bool = True,
        shrink_if_necessary: bool = False,
        scales: Mapping[Stochastic, Any] | None = None,
        verbose: int = -1,
        tally: bool = False,
    ):
        super().__init__(stochastic, verbose, tally)
        if cov is not None and scales is not None:
            raise TypeError("expected one of cov and scales, got both")
        self.covariance = None if cov is None else np.asarray(cov, dtype=float)
        if scales is not None and set(scales) != set(self.stochastics):
            expected = ", ".join(s.name for s in self.stochastics)
            given = ", ".join(str(getattr(s, "name", s)) for s in scales)
            raise TypeError(f"scales expected one entry for each of {expected}, got {given}")
        if scales is not None:
            each = [np.broadcast_to(np.asarray(scales[s], float), s.state_shape).ravel() for s in self.stochastics]
            self.covariance = np.diag(np.square(np.concatenate(each)))

    @staticmethod
    def competence(stochastic: Stochastic) -> int:
        """By hand only, as in PyMC 2: blocks that need it get it from the table."""
        return 0

    @staticmethod
    def cov_from_scales(scales: Mapping[Stochastic, Any]) -> np.ndarray:
        """A diagonal covariance from standard deviations, to pass as ``cov=``; the nodes in the mapping's order."""
        each = [np.broadcast_to(np.asarray(sd, float), s.state_shape).ravel() for s, sd in scales.items()]
        return np.diag(np.square(np.concatenate(each)))

    @staticmethod
    def cov_from_value(stochastics: Sequence[Stochastic], scaling: float = 1.0) -> np.ndarray:
        """A diagonal covariance from the size of the present values (1 where a value is zero) times `scaling`."""
        sizes = np.concatenate([np.abs(np.ravel(s.value)).astype(float) for s in stochastics])
        return np.diag(np.square(np.where(sizes == 0.0, 1.0, sizes) * scaling))

    @staticmethod
    def cov_from_trace(stochastics: Sequence[Stochastic], trace: slice = slice(None)) -> np.ndarray:
        """The covariance of earlier draws of the nodes, to pass as ``cov=`` to a new sampler."""
        draws = [np.asarray(s.trace()[trace], float) for s in stochastics]
        return np.atleast_2d(np.cov(np.column_stack([d.reshape(len(d), -1) for d in draws]).T))

    def served_by(self, structure: Structure) -> Step:
        """The compiled block."""
        return density.BlockMetropolis(self.stochastics, structure, covariance=self.covariance)


class PDMatrixMetropolis(StepMethod):
    """Metropolis for symmetric positive definite matrices, in their log-Cholesky coordinates: no proposal leaves them.

    Correlation matrices move in theirs, the inverse hyperbolic tangents of partial correlations.

    Parameters
    ----------
    stochastic : Stochastic
    scale, proposal_sd : optional
        Accepted for PyMC 2's sake; the proposal adapts during burn-in.

    Examples
    --------
    >>> import mcmix as mc
    >>> x = mc.Wishart("x", 4.0, [[1.0, 0.0], [0.0, 1.0]])
    >>> m = mc.MCMC([mc.MvNormal("y", [0.0, 0.0], x, value=[0.3, 1.0], observed=True)])
    >>> m.use_step_method(mc.PDMatrixMetropolis, x)
    >>> [s.name for s in m.step_methods]
    ['adaptive Metropolis, block']
    """

    def __init__(self, stochastic: Stochastic, scale: float = 1.0, proposal_sd: Any = None, **keywords: Any):
        super().__init__(stochastic, **keywords)
        family = self.stochastic.family
        if family is None or not (family.support.positive_definite or family.support.correlation):
            raise TypeError("expected a symmetric positive definite matrix (Wishart); use AdaptiveMetropolis")

    def served_by(self, structure: Structure) -> Step:
        """The compiled block."""
        return density.BlockMetropolis(self.stochastics, structure)


class Slicer(StepMethod):
    """Slice sampling by stepping out and shrinking (Neal 2003), of the prior times the likelihood.

    Parameters
    ----------
    stochastic : Stochastic
    w : float, optional
        Width at the start, on the variable's own scale; by default it adapts in the unconstrained coordinate.
    m, tune, doubling : optional
        Accepted for PyMC 2's sake: stepping out is limited to 200 widths, which adapt during burn-in.

    Examples
    --------
    >>> import mcmix as mc
    >>> x = mc.Normal("x", 0.0, 1.0)
    >>> m = mc.MCMC([mc.Normal("y", x, 1.0, value=0.3, observed=True)])
    >>> m.use_step_method(mc.Slicer, x)
    >>> [s.name for s in m.step_methods]
    ['slice']
    """

    def __init__(
        self,
        stochastic: Stochastic,
        w: float | None = None,
        m: int = 1000,
        tune: bool = True,
        doubling: bool = False,
        **keywords: Any,
    ):
        super().__init__(stochastic, **keywords)
        if w is not None and not w > 0:
            raise TypeError(f"w expected a positive width, got {w}")
        self.width = w

    def served_by(self, structure: Structure) -> Step:
        """The compiled slice sampler."""
        return density.Slice(self.stochastics, structure, width=self.width)


class NoStepper(StepMethod):
    """Holds a variable at its start value.

    Examples
    --------
    >>> import mcmix as mc
    >>> x = mc.Normal("x", 0.0, 1.0, value=0.5)
    >>> m = mc.MCMC([mc.Normal("y", x, 1.0, value=0.3, observed=True)])
    >>> m.use_step_method(mc.NoStepper, x)
    >>> [s.name for s in m.step_methods]
    ['NoStepper']
    """

    holds = True

    def __init__(self, stochastic: Stochastic, verbose: int = -1):
        super().__init__(stochastic, verbose)
        self.reason = "held where it is"

    def compile(self, plan: Plan) -> None:
        """Nothing."""

    def bind(self, chain: Chain) -> list[Call]:
        """No call."""
        return []

    @property
    def cost(self) -> str:
        """Nothing."""
        return "nothing"


# old programs ask isinstance(step, Metropolis) of the steps that serve them
Metropolis.register(density.ElementMetropolis)
AdaptiveMetropolis.register(density.BlockMetropolis)
Slicer.register(density.Slice)


def _plain_class(step: Metropolis) -> type[Metropolis]:
    return DiscreteMetropolis if isinstance(step, DiscreteMetropolis) else Metropolis


__all__ = [
    "AdaptiveMetropolis", "BinaryMetropolis", "DiscreteMetropolis", "Metropolis", "NoStepper", "PDMatrixMetropolis",
    "Slicer",
]  # fmt: skip
