"""How a model is to be sampled: steps, tempering, what is kept; fixed once the chains have started."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Self

from mcmix.api.alone import Alone
from mcmix.api.arguments import checked_budget, checked_flag, checked_names
from mcmix.api.posterior import Posterior
from mcmix.cluster.elsewhere import Placed
from mcmix.errors import ModelError
from mcmix.nodes.model import Model
from mcmix.nodes.node import Node
from mcmix.nodes.room import refuse_rooms
from mcmix.nodes.row_weights import are_whole
from mcmix.nodes.stochastic import Stochastic
from mcmix.sampling.label_mixing import sweeps_given_labels
from mcmix.sampling.ladder import tempering_from
from mcmix.sampling.runner import Runner
from mcmix.steps.base import Step
from mcmix.steps.explain import Explanation, explanation
from mcmix.steps.from_disk import why_in_memory
from mcmix.steps.marginal import MarginalMove
from mcmix.steps.offers import pays
from mcmix.steps.own import StepMethod
from mcmix.steps.plan import CompiledModel, assemble
from mcmix.steps.rooms import begin, fill, fixed_by, open_rooms, show, with_first_rooms
from mcmix.steps.table import Choice
from mcmix.structure.recording import Recording
from mcmix.structure.rows import Rows

SLOW = 10.0  # sweeps of label updates that an effective draw takes, up to which moves of vectors are not worth theirs
ENOUGH_DRAWS = 100  # effective draws of a chain, with which label updates serve


class Configured(Posterior):
    """A model and the steps that serve it.

    Parameters
    ----------
    model : Model
    trace : collection of str
        Deterministics to record all the same.
    label_budget : int
        Bytes of labels that one call may keep.
    tempering : int, sequence of float or Tempering, optional
    marginal_moves : bool, optional
        Move continuous unknowns with the labels summed out, where that can be; by default where it pays.

    Raises
    ------
    ModelError
        If there is nothing to sample.
    """

    def __init__(
        self, model: Model, trace: Collection[str], label_budget: Any, tempering: Any, marginal_moves: Any = None
    ):
        super().__init__(model)
        self.label_budget = checked_budget(label_budget)
        self._asked = checked_names(trace)
        self._choices: list[Choice] = []
        self._draw_from_prior = True
        self._tempering = tempering_from(tempering)
        # None until the first call, which says how much burn-in there is to learn in
        self._marginal_moves = None if marginal_moves is None else checked_flag(marginal_moves, "marginal_moves")
        self._status: tuple[Any, ...] = ()
        self._filled = False  # whether there is room for all components from the start, as where draws go asks for it
        self._runners: list[Runner] = []
        self._placed: Placed | None = None  # on the cluster of the last call that had one
        self._before: Recording | None = None  # on some rows, so that others need no new recording
        if not self.model.stochastics:
            raise ModelError("the model has nothing to sample: every random node is observed")
        stood_for = [n for n in self.model.data_nodes if n.row_weights is not None]
        self._from_disk = [n.name for n in stood_for if n.on_disk is not None]
        self._by_number = [
            n.name for n in stood_for if n.row_weights is not None and n.rows_given and are_whole(n.row_weights)
        ]
        self._summed_out = [n.name for n in stood_for if n.on_disk is None and n.name not in self._by_number]
        self._marginal_moves = self._labels_on_disk(tempering)

    @property
    def assembled(self) -> CompiledModel:
        """The model made ready to run: structure seen, steps chosen, programs compiled."""
        status = tuple(n.status for n in self.model.nodes if isinstance(n, Stochastic))
        if self._assembled is not None and status != self._status:
            if self._runners:
                raise ModelError(
                    "a node was observed or unobserved after the chains had started; make a new MCMC object"
                )
            self._assembled = None
        if self._assembled is None:
            self._status = status
            self._assembled = self._made(self._choices)
        show(self.model, self._assembled.rooms)
        return self._assembled

    def _made(self, choices: Sequence[Choice]) -> CompiledModel:
        tempered, draw, marginal = self._tempering is not None, self._draw_from_prior, bool(self._marginal_moves)
        compiled = self._laid_out(choices, tempered, draw, marginal)
        if self._by_number and not _drawn_by_number(compiled):
            if not marginal and self._marginal_moves is None and not tempered:
                self._marginal_moves = True
                return self._made(choices)
            self._refuse_labels(compiled)
        if self._summed_out:
            self._refuse_labels(compiled)
        if self._from_disk and (why := why_in_memory(compiled)):
            raise self._memory_needed(why)
        in_python = [v.name for s in compiled.steps if s.in_python for v in s.variables]
        if self._tempering is not None and in_python:
            raise ModelError(f"tempering: expected compiled steps, got steps in Python for {', '.join(in_python)}")
        return compiled

    def _laid_out(self, choices: Sequence[Choice], tempered: bool, draw: bool, marginal: bool) -> CompiledModel:
        """With room for components to begin with, or for all where something cannot go on in more of it."""

        def assembled(filled: bool) -> CompiledModel:
            begin(self.model)
            if filled:
                fill(self.model)
            return assemble(self.model, self._asked, choices, draw, tempered, self._rows, self._before, marginal)

        compiled = with_first_rooms(assembled(self._filled))
        if open_rooms(compiled.rooms) and (why := fixed_by(compiled.steps, tempered)):
            compiled = assembled(True)
            refuse_rooms(open_rooms(compiled.rooms), f"{why}:")
        return compiled

    def _refuse_labels(self, compiled: CompiledModel) -> None:
        """Refuse a model that needs a label for each row, where rows stand for many."""
        if compiled.marginal_alone(()) is None:
            raise self._whole_rows_needed(compiled.why_not_marginal or "other steps look at the labels")

    def _labels_on_disk(self, tempering: Any) -> bool | None:
        """Whether labels are summed out, which data on disk decide.

        Raises
        ------
        ModelError
            If something else was asked for.
        """
        if self._summed_out and (self._marginal_moves is False or tempering is not None):
            raise self._whole_rows_needed("marginal_moves=False and tempering= draw a label for each row")
        if self._by_number and tempering is not None:
            raise self._whole_rows_needed("tempering= draws a label for each row")
        if self._from_disk and (self._marginal_moves or tempering is not None):
            raise self._memory_needed("marginal_moves=True and tempering= go over the rows many times")
        return True if self._summed_out else False if self._from_disk else self._marginal_moves

    def _memory_needed(self, why: str) -> ModelError:
        return ModelError(
            f"{', '.join(self._from_disk)}: expected a model that needs of its rows on disk counts and sums by label "
            f"alone; {why}. Pass value=mc.OnDisk(...).read() to have the rows in memory"
        )

    def _whole_rows_needed(self, why: str) -> ModelError:
        given = [n.name for n in self.model.data_nodes if n.rows_given]
        if given:
            return ModelError(
                f"{', '.join(given)}: weights= expected a model whose labels are summed out; {why}. Where weights are "
                "whole numbers, data with repeated rows (np.repeat(x, weights, axis=0)) say the same"
            )
        return ModelError(
            f"{', '.join(self._summed_out)}: expected a model whose labels are summed out, as few weighted rows stand "
            f"for those on disk; {why}. To have labels drawn from the file in each iteration, pass OnDisk(..., "
            "weighted=False)"
        )

    def _decide(self, iterations: int, burn: int, thin: int) -> None:
        """Before the first sweep: whether to move continuous unknowns with the labels summed out, if nobody said so."""
        if self._marginal_moves is not None or self._runners:
            return
        if burn < ENOUGH_BURN or thin >= MANY_SWEEPS or self._tempering is not None or self._chosen_by_hand:
            return
        before, self._marginal_moves = self.assembled, True
        compiled = self._made(self._choices)
        move = next((s for s in compiled.steps if isinstance(s, MarginalMove)), None)
        self._marginal_moves = move is not None and pays(move) and _mixes_slowly(compiled, move, iterations - burn)
        self._assembled = compiled if self._marginal_moves else before
        self._nobody_asked_for_them()

    def _nobody_asked_for_them(self) -> None:
        """Moves with the labels summed out leave the run to other steps where these can go on and they cannot."""
        for step in self.assembled.steps:
            if isinstance(step, MarginalMove):
                step.lenient = True

    @property
    def _chosen_by_hand(self) -> bool:
        """Whether steps were asked for."""
        return bool(self._choices)

    def _on(self, rows: Rows, before: Recording | None = None) -> Self:
        """Serve the model on other rows than its nodes' own from now on; nodes stay as they are.

        Parameters
        ----------
        rows : Rows
            Of the model's nodes and shapes.
        before : Recording, optional
            Of the model on some rows, so that it need not be recorded anew.

        Returns
        -------
        Configured
            Itself.
        """
        self._refuse_started("other rows")
        self._rows, self._before, self._assembled = rows, before, None
        return self

    def use_step_method(self, step: Any, *nodes: Any, **options: Any) -> None:
        """Serve nodes with a step of your choice instead of the one from the table.

        Parameters
        ----------
        step : class
            ``mc.Slicer``, ``mc.Metropolis``, ``mc.AdaptiveMetropolis``, ``mc.NoStepper`` ..., or your own subclass of
            ``mc.StepMethod``.
        nodes : Stochastic, name, or list of these
            A list goes to one AdaptiveMetropolis or MarginalMove (or one step of yours) that moves its members
            together; other steps are made for each. What follows the nodes goes to the step's constructor.
        options
            Keywords of the step's constructor, such as ``proposal_sd=2.0``.

        Raises
        ------
        ModelError
            If the chains have started, a node is not in the model, or the step cannot serve it.

        Examples
        --------
        >>> import mcmix as mc
        >>> mu = mc.Normal("mu", 0, 1)
        >>> y = mc.Normal("y", mu, 1, value=[0.5, 1.5], observed=True)
        >>> m = mc.MCMC([mu, y])
        >>> m.use_step_method(mc.Metropolis, mu, proposal_sd=0.5)
        >>> m.step_method_dict[mu]
        [<adaptive Metropolis step for mu: chosen by the user>]
        """
        with Alone(self, "use_step_method") as held:
            choices = held.letting_through(lambda: self._choices_with(step, nodes, options))
            self._assembled, self._choices = held.letting_through(lambda: self._made(choices)), choices

    def _choices_with(self, step: Any, nodes: tuple[Any, ...], options: dict[str, Any]) -> list[Choice]:
        """The steps that were asked for, and one more."""
        self._refuse_started("use_step_method")
        if not (isinstance(step, type) and issubclass(step, Step)):
            raise ModelError(f"use_step_method: expected a step class such as mc.Slicer, got {step!r}")
        groups = [n for n in nodes if _names_nodes(n)]
        rest = tuple(n for n in nodes if not _names_nodes(n))
        if not groups:
            came = ", ".join(map(repr, rest)) or "none"
            raise ModelError(f"use_step_method: expected a node for {step.__name__}, got {came}")
        own = StepMethod in step.__mro__ and not step.__module__.startswith("mcmix.")
        together = own or getattr(step, "several", False)
        wanted = [g for group in groups for g in self._groups(group, together)]
        return [*self._choices, *[Choice(step, tuple(g), rest, options) for g in wanted]]

    def _groups(self, group: Any, together: bool) -> list[list[Stochastic]]:
        """The nodes named, each with a step of its own or all with one."""
        named = group if isinstance(group, (list, tuple)) else [group]
        chosen: list[Any] = [self._node(n, "use_step_method") if isinstance(n, str) else n for n in named]
        for node in chosen:
            if not any(node is n for n in self.model.stochastics):
                raise ModelError(f"use_step_method: expected an unknown of the model, got {node!r}")
        return [chosen] if together else [[node] for node in chosen]

    def temper(self, tempering: Any) -> None:
        """Sample with parallel tempering (or, given None, without): see ``tempering`` of :class:`MCMC`.

        Parameters
        ----------
        tempering : int, sequence of float, Tempering or None
            So many levels, or these powers of the likelihood; None for plain sweeps.

        Raises
        ------
        ModelError
            If the chains have started.
        """
        with Alone(self, "temper"):
            self._temper(tempering)

    def _temper(self, tempering: Any) -> None:
        self._refuse_started("tempering")
        self._tempering, self._assembled = tempering_from(tempering), None

    def remove_step_method(self, step: Any) -> None:
        """Take back a step (or several) that was asked for; its nodes get one from the table again.

        Parameters
        ----------
        step : Step or sequence of Step
            As :meth:`use_step_method` was given them, or as they stand in ``step_methods``.
        """
        with Alone(self, "remove_step_method") as held:
            self._choices = held.letting_through(lambda: self._choices_without(step))
            self._assembled = None

    def _choices_without(self, step: Any) -> list[Choice]:
        self._refuse_started("remove_step_method")
        removed = list(step) if isinstance(step, (list, tuple, set)) else [step]
        for one in removed:
            if one not in self.step_methods:
                raise ModelError(f"remove_step_method: expected one of this sampler's step_methods, got {one!r}")
        nodes = {n for one in removed for n in one.nodes}
        return [c for c in self._choices if not nodes & set(c.nodes)]

    def assign_step_methods(self, verbose: int = -1, draw_from_prior_when_possible: bool = True) -> None:
        """Choose steps now (sample() does it otherwise); optionally sample what no data depend on like the rest.

        Parameters
        ----------
        verbose : int
            Accepted for PyMC 2's sake.
        draw_from_prior_when_possible : bool
            Draw what no data depend on from its distribution given its parents; else it gets steps like the rest.
        """
        with Alone(self, "assign_step_methods") as held:
            self._refuse_started("assign_step_methods")
            self._draw_from_prior, self._assembled = draw_from_prior_when_possible, None
            held.letting_through(lambda: self.assembled)

    @property
    def step_methods(self) -> list[Step]:
        """The steps, in the order of a sweep."""
        return list(self.assembled.steps)

    @property
    def step_method_dict(self) -> dict[Stochastic, list[Step]]:
        """The steps that serve each unknown."""
        steps = self.step_methods
        return {n: [s for s in steps if any(v is n for v in s.nodes)] for n in self.model.stochastics}

    def _refuse_started(self, what: str) -> None:
        if self._runners:
            raise ModelError(f"{what}: the chains have started; make a new MCMC object")

    def explain(self) -> Explanation:
        """How every variable moves: its step, why it got it, and what one iteration of it costs.

        Returns
        -------
        Explanation
            Prints as one line for each step, and shows as a table in a notebook; ``steps`` and ``notes`` are its parts.

        Examples
        --------
        >>> import mcmix as mc
        >>> mu = mc.Normal("mu", 0, 1)
        >>> y = mc.Normal("y", mu, 1, value=[0.5, 1.5], observed=True)
        >>> print(mc.MCMC([mu, y]).explain().steps[0].step)
        conjugate Gibbs
        """
        return explanation(self.assembled)


def _drawn_by_number(compiled: CompiledModel) -> bool:
    """Whether a sweep asks of labels nothing but how many rows have each."""
    drawn = [s for s in compiled.steps if getattr(s, "by_number", False)]
    return bool(drawn) and set(drawn) <= set(compiled.counted(()))


ENOUGH_BURN = 100  # sweeps in which moves with the labels summed out can learn
MANY_SWEEPS = 10  # for each draw that is kept: many cheap ones are asked for


def _names_nodes(value: Any) -> bool:
    """Whether it is a node, a name, or a list of these."""
    named = value if isinstance(value, (list, tuple)) and value else [value]
    return all(isinstance(n, (Node, str)) for n in named)


def _mixes_slowly(compiled: CompiledModel, move: MarginalMove, sweeps: int) -> bool:
    """Whether so many label updates give few effective draws.

    Of numbers that is not asked, since few rows stand for all. A gradient of rows of vectors costs some three label
    updates, and an effective draw some ten gradients.
    """
    return not move.of_vectors or sweeps_given_labels(compiled, move) > max(SLOW, sweeps / ENOUGH_DRAWS)


__all__ = ["Configured"]
