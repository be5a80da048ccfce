"""MAP and NormApprox: the mode of a posterior, and the normal distribution that fits it there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np

from mcmix.api.arguments import at_least_one, listed, sequence_from
from mcmix.api.observed import Observed
from mcmix.api.posterior_draws import Trace
from mcmix.errors import ModelError
from mcmix.nodes.model import Model
from mcmix.nodes.node import Node
from mcmix.nodes.stochastic import Stochastic
from mcmix.notebook import shown
from mcmix.report.elements import element_labels
from mcmix.report.statistics import node_statistics
from mcmix.sampling.interrupts import HeldBack
from mcmix.sampling.marginal import Marginal, summable
from mcmix.sampling.mode import Found, Objective, Search, find_mode, scipy_method, starts_of
from mcmix.sampling.unconstrained import Unconstrained
from mcmix.screen import say
from mcmix.structure.recording import record
from mcmix.structure.rows import Rows
from mcmix.traces.memory import Draws

STARTS = 5
MOST_TRIES = 1000  # draws outside the support in a row
FLAT = 1e-5  # smallest curvature of a maximum, each axis scaled to curvature 1 on its own


class ByNode:
    """Looks something up by a node, a name, or several: ``mu[a]``, ``C[a, b]``; one vector or matrix over all entries.

    A simplex stands with its weights but the last, a symmetric matrix with its lower triangle.
    """

    def __init__(self, view: Unconstrained, of: Callable[[np.ndarray], np.ndarray]):
        self._view, self._of = view, of

    def __getitem__(self, key: Any) -> np.ndarray:
        keys = key if isinstance(key, tuple) else (key,)
        return self._of(np.concatenate([self._view.where(self._node(k)) for k in keys]))

    def _node(self, key: Any) -> Stochastic:
        for node in self._view.nodes:
            if node is key or (isinstance(key, str) and node.name == key):
                return node
        raise KeyError(f"expected one of {', '.join(n.name for n in self._view.nodes)}, got {key!r}")

    def __repr__(self) -> str:
        return "{" + ", ".join(f"{n.name}: {self[n]}" for n in self._view.nodes) + "}"


class MAP(Observed):
    """The mode of the posterior density of the continuous unknowns, labels summed out.

    The density is that of the unknowns on their own scale, as PyMC 2 takes it (with another parametrisation the mode
    is elsewhere). Missing entries of data that nothing depends on are integrated out.

    Parameters
    ----------
    input : Model, or anything a Model takes
    eps : float
        Numerical derivatives take steps that lower the log density by about so much.
    diff_order : int
        Points of the central differences: 3, 5, 7 or 9.

    Attributes
    ----------
    unbounded : list of str
        Along which the density grows without bound, as far as was seen; empty where it does not. The mode is then the
        best one inside.
    converged : bool
        Whether a Newton step from the end point would gain nothing.
    logp_at_max : float
        Log density of the unknowns and the data at the mode.
    mu : mapping by node
        The mode, flat: ``mu[a]``, ``mu[a, b]``; a simplex without its last weight, a symmetric matrix
        as its lower triangle, a correlation matrix as what is below its diagonal (``a.value`` has all).

    Raises
    ------
    ModelError
        If an unknown is discrete and cannot be summed out, or nothing is unknown.

    Examples
    --------
    >>> import mcmix as mc
    >>> p = mc.Beta("p", 2, 2)
    >>> x = mc.Binomial("x", 10, p, value=7, observed=True)
    >>> M = mc.MAP([p]).fit(seed=1)
    >>> round(float(p.value), 4), M.len, M.data_len
    (0.6667, 1, 1)
    """

    unbounded: list[str]
    converged: bool
    logp_at_max: float
    mu: ByNode

    def __init__(self, input: Any, eps: float = 0.001, diff_order: int = 5):
        if not (isinstance(eps, (int, float)) and 0 < eps <= 1):
            raise ModelError(f"{self._kind}: eps expected a number above 0 and at most 1, got {eps!r}")
        if diff_order not in (3, 5, 7, 9):
            raise ModelError(f"{self._kind}: diff_order expected 3, 5, 7 or 9 points, got {diff_order!r}")
        self.model = input if isinstance(input, Model) else Model(input)
        self.eps, self.diff_order = float(eps), int(diff_order)
        if not self.model.stochastics:
            raise ModelError(f"{self._kind}: the model has no unknowns: every random node is observed")
        self._make()
        self._found: Found | None = None

    def _make(self) -> None:
        self._marginal = Marginal(record(self.model, rows=self.rows), self.model)
        summable(self._marginal, self._kind)
        gone = [*self._marginal.labels, *self._marginal.left_out]
        self._view = Unconstrained([n for n in self.model.stochastics if n not in gone])
        if not self._view.size:
            raise ModelError(f"{self._kind}: the model has no continuous unknowns, only labels; use MCMC")
        self._target = Objective(self._marginal, self._view)

    def _on(self, rows: Rows) -> Self:
        """Serve the model on other rows than its nodes' own from now on; what was fitted is forgotten."""
        self._rows, self._found = rows, None
        self._make()
        return self

    def __getstate__(self) -> dict[str, Any]:
        """What a copy takes along: the model and what was found, without what is compiled for it."""
        return {k: v for k, v in self.__dict__.items() if k not in ("_marginal", "_view", "_target", "mu", "C")}

    def __setstate__(self, held: dict[str, Any]) -> None:
        self.__dict__.update(held)
        self._make()
        if self._found is not None:
            self._look_up()

    @property
    def _kind(self) -> str:
        return type(self).__name__

    def fit(
        self,
        method: str = "fmin_powell",
        iterlim: int = 1000,
        tol: float = 1e-4,
        verbose: int = 0,
        no_callback: bool = False,
        *,
        starts: int = STARTS,
        seed: Any = None,
    ) -> MAP:
        """Find the mode and set the nodes' values to it.

        Labels are set to the most probable ones at the mode.

        Parameters
        ----------
        method : str
            PyMC 2's or SciPy's name of the optimiser. Whichever is chosen, Newton steps from numerical derivatives
            finish and tell whether the end is a mode.
        iterlim : int
            Iterations of the optimiser.
        tol : float
            Its tolerance.
        verbose : int
            Above 0, print the log density at the end of each run.
        no_callback : bool
            Accepted for PyMC 2's sake; nothing is called back.
        starts : int
            Runs from so many starts (those that MCMC would take), and where labels are summed out from the two best
            draws of short chains that begin there; the best wins. Where all unknowns have a value=, one run.
        seed : int or SeedSequence, optional
            Of the starts.

        Returns
        -------
        MAP
            Itself.

        Raises
        ------
        ModelError
            For impossible arguments; the known methods are listed.
        ImproperPosterior
            If every run climbs towards an end where the density has no bound.
        KeyboardInterrupt
            At Ctrl-C; what an earlier call found, and the nodes' values, stay.
        """
        scipy_method(method)
        search = Search(method, at_least_one(iterlim, "iterlim", "fit"), float(tol), self.eps, self.diff_order)
        n = at_least_one(starts, "starts", "fit")
        begins = starts_of(self.model, self.rows, self._target, n, sequence_from(seed, "fit"))
        found = find_mode(self._target, begins, search, self._data_values())
        if verbose > 0:
            say("\n".join(f"start {i}: log density {v:.6g}" for i, v in enumerate(found.values)))
        with HeldBack():
            self._keep(found)
        self._say()
        return self

    def _keep(self, found: Found) -> None:
        self._found, self.unbounded, self.converged = found, found.ways, found.converged
        self.logp_at_max = found.end.value
        self._values = self._view.values(found.end.free)
        self._look_up()
        self._target(found.end.free)
        self._log_likelihood = self._marginal.log_likelihood()
        self._labels = self._marginal.most_probable_labels()
        self.revert_to_max()

    def _look_up(self) -> None:
        """What users look up by node."""
        self.mu = ByNode(self._view, self._view.own(self._values).__getitem__)

    def _say(self) -> None:
        if self.unbounded:
            say(
                f"{self._kind}: the log density has no upper bound ({'; '.join(self.unbounded[:3])}); this is the best "
                "mode inside",
                error=True,
            )
        if not self.converged:
            say(f"{self._kind}: no run ended at a mode; raise iterlim=, or take more starts=", error=True)

    def _data_values(self) -> np.ndarray:
        """Distinct known values of all data."""
        return np.unique(np.concatenate([np.zeros(0), *[self.rows[n].seen for n in self.model.data_nodes]]))

    def revert_to_max(self) -> None:
        """Set the nodes' values to the mode, labels to the most probable ones there."""
        self._fitted()
        with HeldBack():
            for node, value in {**self._values, **self._labels}.items():
                node.value = value

    # ---------------------------------------------------------------- how good it is

    def _fitted(self) -> Found:
        if self._found is None:
            raise ModelError(f"{self._kind}: nothing was fitted yet; call fit() first")
        return self._found

    @property
    def len(self) -> int:
        """Number of free parameters; a simplex of K weights counts K - 1, a symmetric matrix its triangle."""
        return self._view.size

    @property
    def data_len(self) -> int:
        """Number of data elements that are known."""
        return sum(self.rows[n].seen.size for n in self.model.data_nodes)

    @property
    def lnL(self) -> float:  # noqa: N802  PyMC 2's name
        """Log likelihood of the data at the mode, labels summed out."""
        self._fitted()
        if self.data_len == 0:
            raise ModelError(f"{self._kind}: the model has no data, so there is no likelihood")
        return self._log_likelihood

    @property
    def AIC(self) -> float:  # noqa: N802
        """Akaike's criterion, 2 k - 2 lnL."""
        return 2.0 * self.len - 2.0 * self.lnL

    @property
    def n_units(self) -> int:
        """Number of independent units of which something was observed, the n of AICc and BIC.

        A vector, all rows of one label and a row with a known label are one unit each, a number without labels is one.
        """
        return self._marginal.n_units

    @property
    def AICc(self) -> float:  # noqa: N802
        """Akaike's criterion for few data, AIC + 2 k (k + 1) / (n - k - 1); infinite where n <= k + 1.

        n is :attr:`n_units`; k is :attr:`len`, in which hyperparameters count like any other continuous unknown.
        """
        k, n = self.len, self.n_units
        return self.AIC + (2.0 * k * (k + 1) / (n - k - 1) if n > k + 1 else np.inf)

    @property
    def BIC(self) -> float:  # noqa: N802
        """Schwarz's criterion, k log n - 2 lnL; n and k as in :attr:`AICc`."""
        likelihood = self.lnL  # refuses models without data
        return float(self.len * np.log(self.n_units) - 2.0 * likelihood)

    def __repr__(self) -> str:
        if self._found is None:
            return f"<{self._kind} of {self.model!r}: not fitted yet>"
        likelihood = f", log likelihood {self.lnL:.6g}" if self.data_len else ""
        found = f"log density {self.logp_at_max:.6g}{likelihood}, {self.len} parameters, {self.data_len} data elements"
        told = "" if self.converged else "; no run ended at a mode"
        if self.unbounded:
            told += f"; the density has no upper bound ({'; '.join(self.unbounded[:3])}), this is the best mode inside"
        return f"<{self._kind} of {self.model!r}: {found}{told}>"

    def _repr_html_(self) -> str:
        if self._found is None:
            return shown(self)
        labels = [label for n in self._view.nodes for label in element_labels(n.name, n.shape)]
        values = np.concatenate([np.ravel(self._values[n]) for n in self._view.nodes])
        return shown(self, {"unknown": labels, "at the mode": values.tolist()})


class NormApprox(MAP):
    """The normal distribution at the posterior's mode, its covariance the inverse of the curvature there.

    On the nodes' own scale; a simplex stands with its weights but the last, a symmetric matrix with its lower triangle.
    See :class:`MAP` for parameters.

    Attributes
    ----------
    C : mapping by node
        Covariance, after `fit`: ``C[a]``, ``C[a, b]``.

    Notes
    -----
    The Hessian is taken by central differences in free coordinates, where no end of a support is near, and carried
    over by the derivatives of the transform. That is exact at a mode: the gradient, which would enter, is zero.

    Examples
    --------
    >>> import mcmix as mc
    >>> mu = mc.Normal("mu", 0, 1)
    >>> y = mc.Normal("y", mu, 1, value=[1.0, 2.0, 3.0], observed=True)
    >>> N = mc.NormApprox([mu]).fit(seed=1)
    >>> N.mu[mu].round(4), N.C[mu].round(4)
    (array([1.5]), array([[0.25]]))
    """

    C: ByNode
    _draws: Draws | None = None
    _rng: np.random.Generator | None = None

    def _keep(self, found: Found) -> None:
        self._covariance = self._own_covariance(found)  # refuses before anything is kept
        super()._keep(found)
        self._root = np.linalg.cholesky(self._covariance)

    def _look_up(self) -> None:
        super()._look_up()
        self.C = ByNode(self._view, lambda where: self._covariance[np.ix_(where, where)])

    def _own_covariance(self, found: Found) -> np.ndarray:
        here = found.end.curvature
        values, vectors = np.linalg.eigh(-here.hessian) if here.finite else (np.zeros(1), np.ones((1, 1)))
        if not found.converged or values[0] < FLAT:
            raise ModelError(
                f"{self._kind}: the log density has no curved maximum at its highest point, so no normal "
                f"distribution fits it: "
                f"it is flat or rises along {self._direction(vectors[:, 0])}; give these a prior that says more, or "
                "leave out what the data say nothing about"
            )
        root = here.scales[:, None] * vectors / np.sqrt(values)
        turned = self._view.jacobian(found.end.free) @ root
        return np.asarray(turned @ turned.T)

    def _direction(self, vector: np.ndarray) -> str:
        if vector.size != self._view.size:
            return "some unknowns"
        first = [i for i in np.argsort(-np.abs(vector))[:3] if abs(vector[i]) > 0.2]
        return ", ".join(self._view.names[i] for i in first)

    def draw(self) -> dict[str, Any]:
        """Set the nodes to a draw from the normal distribution, inside the support; return the values by name.

        Raises
        ------
        ModelError
            If nothing was fitted yet, or almost no draw lies inside the support.
        """
        self._fitted()
        self._rng = self._rng or np.random.default_rng()
        values = self._drawn(self._rng)
        with HeldBack():
            for node, value in values.items():
                node.value = value
        return {n.name: n.value for n in values}

    def _drawn(self, rng: np.random.Generator) -> dict[Stochastic, np.ndarray]:
        centre = self._view.own(self._values)
        for _ in range(MOST_TRIES):
            values = self._view.from_own(centre + self._root @ rng.standard_normal(centre.size))
            if self._target.of_kept(self._view.kept_from(values)) > -np.inf:
                return values
        raise ModelError(
            f"{self._kind}: {MOST_TRIES} draws in a row lay outside the support; the normal distribution "
            f"does not fit here, "
            "use MCMC"
        )

    def sample(self, iter: int, seed: Any = None) -> NormApprox:  # noqa: A002
        """Keep so many independent draws of the continuous unknowns; the nodes stay where they are.

        Parameters
        ----------
        iter : int
        seed : int or SeedSequence, optional

        Returns
        -------
        NormApprox
            Itself.
        """
        self._fitted()
        n, rng = at_least_one(iter, "iter"), np.random.default_rng(sequence_from(seed))
        drawn = [self._drawn(rng) for _ in range(n)]
        angles = frozenset(n.name for n in self._view.nodes if n.is_circular)
        self._draws = Draws({n.name: np.array([[d[n] for d in drawn]]) for n in self._view.nodes}, angles=angles)
        return self

    def trace(self, name: Any) -> Trace:
        """Draws of one unknown: ``trace("mu")[:]``."""
        draws = self._draws
        if draws is None:
            raise ModelError(f"{self._kind}: nothing was drawn yet; call sample() first")
        key = name.name if isinstance(name, Node) else str(name)
        if key not in draws.variables:
            raise ModelError(f"trace: no continuous unknown named {key!r}; there are {', '.join(draws.variables)}")
        return Trace(key, draws.variables[key])

    def stats(
        self, variables: Sequence[Any] | str | None = None, alpha: float = 0.05, batches: int = 100
    ) -> dict[str, dict[str, Any]]:
        """Per unknown: n, mean, standard deviation, mc error, quantiles, and the highest-density interval."""
        names = [n.name for n in self._view.nodes] if variables is None else listed(variables)
        traces = [self.trace(name) for name in names]
        angles = frozenset() if self._draws is None else self._draws.angles
        return {t.name: node_statistics(t._draws, alpha, batches, circular=t.name in angles) for t in traces}


__all__ = ["MAP", "NormApprox"]
