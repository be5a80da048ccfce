"""VB: variational Bayes for conjugate mixtures, with the same model objects as MCMC."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from mcmix.api.arguments import at_least_one, sequence_from
from mcmix.api.factor_draws import table_of
from mcmix.api.factor_files import FactorFiles
from mcmix.api.label_posterior import LabelPosterior, _numbers_of, _powers, _tolerance
from mcmix.errors import ModelError
from mcmix.nodes.model import Model
from mcmix.nodes.names import in_columns
from mcmix.nodes.node import Node
from mcmix.nodes.numbers import as_numbers, with_gaps
from mcmix.nodes.room import refuse_rooms, rooms_of
from mcmix.nodes.stochastic import Stochastic
from mcmix.notebook import shown
from mcmix.sampling.interrupts import HeldBack
from mcmix.sampling.replay import with_known_labels
from mcmix.screen import say
from mcmix.structure.rows import Rows
from mcmix.variational import predictive
from mcmix.variational.convergence import NATS, Tolerance
from mcmix.variational.engine import Engine
from mcmix.variational.passes import LabelPass
from mcmix.variational.posteriors import Posterior
from mcmix.variational.reading import seen
from mcmix.variational.search import Search
from mcmix.variational.starts import best_start, default_starts, labels_of, random_labels
from mcmix.variational.statements import Labelled


class VB(FactorFiles):
    """Mean-field variational Bayes: the best approximation of a posterior by independent factors.

    Every unknown gets a factor in closed form (normal, gamma, beta, Dirichlet, multivariate normal, Wishart), every
    label a probability per component. The lower bound of the log evidence grows with every iteration. What is found is
    one mode, which no merge, split or emptied component was seen to better, with the uncertainty inside it: for the
    uncertainty between modes, sample with MCMC.

    Parameters
    ----------
    *input : Model, or anything a Model takes
        ``VB([y])`` and ``VB(y, mu)`` both work; ancestors and data are found.
    joint : bool
        Whether a mean and a precision with a joint prior (:func:`NormalWishart`, :func:`NormalGamma`, or a mean whose
        precision is written as a multiple of its rows') have one joint factor, which is exact; else each has its own.

    Attributes
    ----------
    bound : ndarray
        The lower bound in nats at each iteration of the run that was kept.
    L : float
        The bound where the factors stand: the last of these, or that of the update after it.
    iterations : int
    has_converged : bool
    restart_bounds : ndarray
        What every start reached before the worse were dropped; on some of the rows where passes are long.

    Raises
    ------
    ModelError
        If a distribution is not conjugate to what depends on it; the node and the reason are named.

    Notes
    -----
    Bishop (2006), "Pattern recognition and machine learning", chapter 10.

    Examples
    --------
    >>> import numpy as np, mcmix as mc
    >>> x = np.random.default_rng(1).normal([[0.0], [9.0]], 1.0, (2, 50)).ravel()
    >>> w = mc.Dirichlet("w", [1, 1])
    >>> mu = mc.Normal("mu", 0, 0.01, size=2)
    >>> y = mc.Mixture("y", w, mc.Normal, mu, 1.0, value=x, observed=True)
    >>> q = mc.VB([y]).update(seed=1, verbose=False)
    >>> q.has_converged, sorted(int(round(m)) for m in q["mu"].mean)
    (True, [0, 9])
    """

    def __init__(self, *input: Any, joint: bool = True):  # noqa: A002
        given = input[0] if len(input) == 1 else list(input)
        self.model = given if isinstance(given, Model) else Model(given)
        self._joint = joint
        self._make()
        self._history: list[float] = []
        self._ready = False  # whether the factors stand at a start or further on
        self.has_converged = False
        self.restart_bounds = np.zeros(0)

    def _make(self) -> None:
        refuse_rooms(rooms_of(self.model.ordered()), "VB:")
        self._structure = seen(self.model, self._joint, self.rows)
        self._engine = Engine(self.model, self._structure)
        self._stands()

    def _stands(self) -> None:
        """The factors were put somewhere: what was known of the way there is known no more."""
        self._search: Search | None = None
        self._bound: float | None = None  # at the factors, once asked for

    def _on(self, rows: Rows) -> Self:
        """Serve the model on other rows than its nodes' own from now on, before any update."""
        if self._ready:
            raise ModelError("other rows: updates were made; make a new VB object")
        self._rows = rows
        self._make()
        return self

    def __getstate__(self) -> dict[str, Any]:
        """What a copy takes along: the model, and every factor's parameters without addresses."""
        held = {k: v for k, v in self.__dict__.items() if k not in ("_structure", "_engine", "_search")}
        return {**held, "factors": self._engine.state()}

    def __setstate__(self, held: dict[str, Any]) -> None:
        self.__dict__.update({k: v for k, v in held.items() if k != "factors"})
        self._make()
        if self._ready:
            self._engine.put(held["factors"])

    def update(
        self,
        repeat: int | None = 1000,
        tol: float | None = None,
        *,
        nats: float = NATS,
        moves: bool = True,
        accelerate: bool = True,
        restarts: int | None = None,
        annealing: float | tuple[float, int] | None = None,
        seed: Any = None,
        verbose: bool = True,
    ) -> VB:
        """Iterate until no more than `nats` are left to gain, or `repeat` times.

        Where the ascent is at rest, components that may take each other's place are merged, emptied and split, and what
        comes of it is kept if the bound is higher. The first call looks for a start, unless one of the
        ``initialize_from_...`` methods has set one; later calls go on from where the factors stand.

        Parameters
        ----------
        repeat : int, optional
            Iterations at most; None for as many as it takes.
        tol : float, optional
            Stop where the bound changes by no more than this times its size, as BayesPy does, and not by `nats`: with
            many rows that is a coarse rule (1e-5 of a bound of -700,000 are 7 nats an iteration).
        nats : float
            Stop where the last iteration gained no more, nor will all later ones if gains go on to shrink as they did.
        moves : bool
            Whether to move between optima. The passes over the data that moves take are no iterations; at most 5 moves
            per component are made.
        accelerate : bool
            Whether to combine the last iterations into longer steps, each kept only if the bound does not fall.
        restarts : int, optional
            Starts that run side by side, of which the best bound is kept: random labels, and k-means++ seedings. By
            default as many as cost little (4 to 20).
        annealing : float, or pair of float and int, optional
            Deterministic annealing: count the likelihood of rows and labels this power at first, a number between 0
            and 1, and let the power rise evenly (in its logarithm) to one in so many iterations (50 unless told). It
            goes on from where the factors stand, or from random labels, so that restarts are not made. The bounds of
            these iterations are no bounds of the evidence, and are not kept.
        seed : int or SeedSequence, optional
            The same seed gives the same answer.
        verbose : bool
            Print the bound at each iteration.

        Returns
        -------
        VB
            Itself.

        Raises
        ------
        ModelError
            For impossible arguments.
        McmixError
            If the bound falls, naming the iteration.
        KeyboardInterrupt
            At Ctrl-C, at the end of an iteration. The iterations that were made are kept, and another call goes on;
            of restarts that were not all made, nothing is.

        Notes
        -----
        Annealing: Ueda and Nakano (1998), "Deterministic annealing EM algorithm".
        """
        most = 10**9 if repeat is None else at_least_one(repeat, "repeat", "update")
        tolerance = _tolerance(nats, tol)
        powers = _powers(annealing, restarts)
        found = not self._ready and not powers.size
        if not self._ready:
            self._find_start(1 if powers.size else restarts, tolerance, seed, verbose, annealed=bool(powers.size))
        elif restarts is not None or seed is not None:
            raise ModelError("update: a start was set, or updates were made; restarts and seed belong to the first one")
        self._anneal(powers, seed)
        self._search = self._search or Search(self._engine, self._structure)
        self._search.ascent.accelerate, self.has_converged = bool(accelerate), False
        if found:
            with HeldBack():
                self._search.hasten(moves)
        for _ in range(most):
            with HeldBack():
                self.has_converged = self._search.iterate(self._history, tolerance, moves)
                self._bound = self._history[-1] if self.has_converged else None
            if verbose:
                say(f"iteration {self.iterations:4d}: bound {self._history[-1]:.6f}")
            if self.has_converged:
                break
        if verbose:
            state = "converged" if self.has_converged else "not converged yet"
            say(f"{state} after {self.iterations} iterations: bound {self.L:.6f}")
        return self

    def _anneal(self, powers: np.ndarray, seed: Any) -> None:
        """One round at each power: the factors only, no bound of the evidence.

        At a small power all components become alike; a little noise lets them part again as it grows.
        """
        if not powers.size:
            return
        self._stands()
        self._history, rng = [], np.random.default_rng(sequence_from(0 if seed is None else seed, "update"))
        for power in powers:
            with HeldBack():
                self._engine.temper(float(power))
                self._engine.weigh([0])
                self._engine.update()
                for q in self._engine.posteriors.values():
                    q.shake(rng)
                self._engine.temper(1.0)

    def _find_start(self, restarts: int | None, tolerance: Tolerance, seed: Any, verbose: bool, annealed: bool) -> None:
        starts = default_starts(self._engine) if restarts is None else at_least_one(restarts, "restarts", "update")
        rng = np.random.default_rng(sequence_from(seed, "update"))
        if not self._engine.passes:
            self._engine.to_prior()
            self._engine.update()
        elif annealed:
            passes = self._engine.passes
            labels = {p.label.node: random_labels(p.label.n_units, p.label.n_labels, rng) for p in passes}
            self._engine.start_at([labels])
        elif starts == 1:
            self._engine.start_at([labels_of(self._engine, self._structure, 0, rng)])
        else:
            state, history, self.restart_bounds = best_start(self.model, self._structure, starts, tolerance, rng)
            with HeldBack():
                self._engine.put(state)
                self._history, self._ready = history.tolist(), True
            if verbose:
                reached = self.restart_bounds
                say(f"{starts} starts: bounds from {reached.min():.3f} to {reached.max():.3f}; the best:")
                for number, bound in enumerate(self._history, 1):
                    say(f"iteration {number:4d}: bound {bound:.6f}")
        self._ready = True

    def initialize_from_random(self, seed: Any = None) -> VB:
        """Start the next update at random labels, drawn from `seed`.

        Parameters
        ----------
        seed : int or SeedSequence, optional

        Returns
        -------
        VB
            Itself.
        """
        rng = np.random.default_rng(sequence_from(seed, "initialize_from_random"))
        passes = self._engine.passes
        self._ready = False
        self._engine.start_at([{p.label.node: random_labels(p.label.n_units, p.label.n_labels, rng) for p in passes}])
        return self._begin()

    def initialize_from_value(self, values: Mapping[Any, Any]) -> VB:
        """Start the next update at given values.

        Parameters
        ----------
        values : mapping of node or name to value
            Labels of every label vector; or values of unknown parameters, at which their factors stand for the first
            pass over the data (the others at their priors).

        Returns
        -------
        VB
            Itself.

        Raises
        ------
        ModelError
            If a node is unknown here, or labels and parameters are mixed.
        """
        given = {self._node(key): value for key, value in values.items()}
        labels: dict[Stochastic, LabelPass] = {p.label.node: p for p in self._engine.passes}
        if not given or any(n in labels for n in given) and set(given) != set(labels):
            raise ModelError("initialize_from_value: expected the labels of every label vector, or parameters alone")
        if all(n in labels for n in given):
            numbers = {n: _numbers_of(labels[n], value) for n, value in given.items()}
            self._ready = False
            self._engine.start_at([numbers])
            return self._begin()
        self._ready = False
        self._engine.to_prior()
        for node, value in given.items():
            array = np.asarray(as_numbers(f"initialize_from_value: {node.name}", value), dtype=float)
            if array.shape != node.shape:
                raise ModelError(f"initialize_from_value: {node.name} expected shape {node.shape}, got {array.shape}")
            self._engine.posteriors[node].pin(array)  # type: ignore[index]
        self._engine.start_from_moments()
        return self._begin()

    def initialize_from_prior(self) -> VB:
        """Start the next update with every factor at its prior.

        Components whose priors are equal would then stay equal for ever; such a start is refused.

        Returns
        -------
        VB
            Itself.

        Raises
        ------
        ModelError
            If nothing tells the components of a label vector apart.
        """
        self._ready = False
        self._engine.to_prior()
        for p in self._engine.passes:
            shares = p.shares()
            if p.label.n_labels > 1 and np.allclose(shares, shares[:, :1], rtol=1e-9):
                raise ModelError(
                    f"initialize_from_prior: the components of {p.label.node.name} are equal under their priors, and "
                    "would stay so; use initialize_from_random or initialize_from_value"
                )
        self._engine.start_from_moments()
        return self._begin()

    def _begin(self) -> VB:
        """A start was made whole."""
        self._stands()
        self._history, self._ready, self.has_converged = [], True, False
        return self

    # ---------------------------------------------------------------- what came of it

    @property
    def bound(self) -> np.ndarray:
        """The lower bound in nats at each iteration."""
        return np.array(self._history)

    @property
    def L(self) -> float:  # noqa: N802
        """The lower bound where the factors stand, in nats; NaN before there is a start."""
        if self._bound is None and self._ready:
            self._bound = float(self._engine.bound([0])[0])
        return float("nan") if self._bound is None else self._bound

    @property
    def iterations(self) -> int:
        """Iterations of the run that was kept."""
        return len(self._history)

    def __getitem__(self, key: Any) -> Posterior | LabelPosterior:
        """The posterior of a node, by the node or its name."""
        node = self._node(key)
        self._done("a posterior")
        if node in self._engine.posteriors:
            return self._engine.posteriors[node]  # type: ignore[index]
        if any(p.label.node is node for p in self._engine.passes):
            return LabelPosterior(node, self.memberships(label=node))
        raise KeyError(f"{node.name!r} has no posterior of its own")

    def memberships(self, new: Any = None, *, label: Any = None) -> np.ndarray:
        """Probability of each component for each unit, or for new rows.

        These are the responsibilities (allocation probabilities) under the approximate posterior.

        Parameters
        ----------
        new : array_like or dict of str to array_like, optional
            Rows as those of the data; by name where several data nodes depend on the labels.
        label : node or name, optional
            Which label vector, where there are several.

        Returns
        -------
        ndarray, shape (units or rows, K)
            New rows are weighed by the rule that the ascent uses for its own rows.
        """
        self._done("memberships")
        p = self._pass_of(label)
        if new is not None:
            return predictive.memberships(p, self._new_rows(p, new))
        return with_known_labels(p.label, p.shares())

    def predict_logpdf(self, new: Any, *, label: Any = None) -> np.ndarray:
        """Log posterior predictive density of new rows, labels summed out: shape (rows,).

        Parameters
        ----------
        new, label
            As for :meth:`memberships`.

        Returns
        -------
        ndarray, shape (rows,)

        Notes
        -----
        With one unknown parameter per component the average over its factor is exact (Student t, negative binomial,
        Lomax, beta-binomial, Dirichlet-multinomial). For normal rows with unknown mean and precision it has no closed
        form: the Student t of the precision's factor stands in, with the variance of the mean's factor added to its
        squared scale. :meth:`predicts_exactly` tells which of the two holds.
        """
        self._done("predict_logpdf")
        p = self._pass_of(label)
        return predictive.mixed(p, self._new_rows(p, new))

    def predicts_exactly(self) -> bool:
        """Whether predictive densities are exact averages over the factors.

        Returns
        -------
        bool
        """
        self._done("predicts_exactly")
        return all(predictive.is_exact(s) for p in self._engine.passes for s in p.statements)

    def _pass_of(self, label: Any) -> LabelPass:
        passes = self._engine.passes
        if label is None and len(passes) != 1:
            listed = ", ".join(p.label.node.name for p in passes) or "none"
            raise ModelError(f"which label vector? expected one of the model's, there are: {listed}")
        node = passes[0].label.node if label is None else self._node(label)
        found = [p for p in passes if p.label.node is node]
        if not found:
            raise ModelError(f"{node.name} is no label vector of unknown labels")
        return found[0]

    def _new_rows(self, p: LabelPass, new: Any) -> list[tuple[Labelled, np.ndarray]]:
        """New values for every distribution given the labels: columns of a table are distributions of their own."""
        columns: dict[str, list[Labelled]] = {}
        for s in p.statements:
            columns.setdefault(s.name, []).append(s)
        given = new if isinstance(new, Mapping) else dict.fromkeys(columns, new)
        if set(given) != set(columns) or (len(columns) > 1 and not isinstance(new, Mapping)):
            raise ModelError(f"new rows: expected a value for each of {', '.join(columns)}, by name")
        found: list[tuple[Labelled, np.ndarray]] = []
        for name, parts in columns.items():
            width = sum(s.width for s in parts)
            named = next((n.columns for n in self.model.data_nodes if n.name == name), None)
            ordered = in_columns(f"new rows: {name}", named, given[name])
            x = with_gaps(f"new rows: {name}", ordered)
            x = x.reshape(-1, 1) if width == 1 and x.ndim <= 1 else np.atleast_2d(x)
            if x.ndim != 2 or x.shape[1] != width:
                raise ModelError(f"new rows: {name} expected {width} columns, got shape {np.shape(given[name])}")
            starts = np.cumsum([0, *[s.width for s in parts]])
            found += [(s, x[:, a:b]) for s, a, b in zip(parts, starts, starts[1:], strict=False)]
        return found

    def _done(self, what: str) -> None:
        if not self._ready:
            raise ModelError(f"{what}: call update() first")

    def _node(self, key: Any) -> Stochastic:
        node = key if isinstance(key, Node) else self.model.get_node(str(key))
        if not isinstance(node, Stochastic) or node not in self.model.stochastics:
            raise ModelError(f"VB: expected an unknown of the model, got {key!r}")
        return node

    def __repr__(self) -> str:
        state = "converged" if self.has_converged else "not converged yet"
        drawn = f"{self.iterations} iterations, {state}, bound {self.L:.3f}" if self._ready else "not updated yet"
        return f"<VB of {self.model!r}: {drawn}>"

    def _repr_html_(self) -> str:
        return shown(self, table_of(self._engine.posteriors.values()) if self._ready else None)


__all__ = ["VB"]
