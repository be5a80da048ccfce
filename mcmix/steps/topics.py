"""The step that draws topics of words one by one, proportions of documents and words of topics summed out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mcmix.kernels import labels as label_kernels
from mcmix.kernels import topics as kernels
from mcmix.kernels.base import address_of
from mcmix.nodes.stochastic import Stochastic
from mcmix.steps.base import Call, Chain, Plan, Step, kernel_call
from mcmix.steps.gibbs import ConjugateGibbs
from mcmix.structure.contributions import Structure
from mcmix.structure.label_vectors import LabelVector
from mcmix.structure.topics import NoTopics, topics_of


class CollapsedTopics(Step):
    """Draws the topic of each word given those of all others: latent Dirichlet allocation, collapsed.

    The proportions of topics in documents and of words in topics are summed out, and drawn given the topics before
    anything asks for them. It stands beside the label update, which draws all topics at once given both, by default
    wherever a model is one of topics: with 20,000 words of 200 documents it gave 770 effective draws where the label
    update alone gave 14, in 1.4 times the time.

    Parameters
    ----------
    variables : list of Stochastic
        Labels of words: ``z = mc.Categorical("z", theta[document], size=n)``, with
        ``words = mc.Categorical("words", phi[z], ...)`` and Dirichlet variables theta and phi.
    structure : Structure

    Raises
    ------
    TypeError
        If the model is another one.

    Notes
    -----
    Griffiths and Steyvers (2004), "Finding scientific topics", PNAS 101.

    Examples
    --------
    >>> import numpy as np, mcmix as mc
    >>> document, words = np.repeat([0, 1, 2], 20), np.tile([0, 0, 1, 1, 2], 12)
    >>> theta, phi = mc.Dirichlet("theta", [0.5, 0.5], size=3), mc.Dirichlet("phi", np.ones(3), size=2)
    >>> z = mc.Categorical("z", theta[document], size=60)
    >>> m = mc.MCMC([mc.Categorical("words", phi[z], value=words, observed=True)])
    >>> [s.name for s in m.step_method_dict[z]]
    ['label update', 'collapsed topics']
    """

    name = "collapsed topics"
    needs_labels = True
    beside_others = True
    after_labels = 1

    def __init__(self, variables: Sequence[Stochastic], structure: Structure, reason: str = ""):
        super().__init__(list(variables), reason or "asked for by the user")
        block = structure.block_of(variables[0])
        if block is None:
            raise TypeError(f"{variables[0].name}: expected labels of words, drawn by the label update")
        self.block = block
        try:
            self.found = topics_of(block, structure)
        except NoTopics as why:
            raise TypeError(f"{variables[0].name}: no topics of words that documents mix: {why}") from why
        self.after = [ConjugateGibbs([v], structure) for v in (self.found.proportions, self.found.topics)]
        self.pass_: Any = None
        self.note = "proportions and words of topics summed out"

    def given_passes(self, passes: Mapping[LabelVector, Any]) -> None:
        """Keep the pass of the label update."""
        self.pass_ = passes[self.block.label]

    def compile(self, plan: Plan) -> None:
        """Concentrations, and room for counts."""
        for step in self.after:
            step.compile(plan)
        self.program = plan.compiled([(self.found.first, ("first", self)), (self.found.second, ("second", self))])
        rows = self.found.proportions.state_shape[0] + self.found.topics.state_shape[1]
        plan.layout.place(("room", self), (rows + 2) * self.block.label.n_labels)

    def bind(self, chain: Chain) -> list[Call]:
        """One call, and the draws of what was summed out."""
        label, bound, found = self.block.label, self.pass_.bound(chain), self.found
        document, word = (np.ascontiguousarray(x) for x in (found.document, found.word))
        chain.kept += [bound, document, word]
        fields = {
            **chain.bound(self.program).named,
            "units": label.n_units,
            "topics": label.n_labels,
            "documents": found.proportions.state_shape[0],
            "vocabulary": found.topics.state_shape[1],
            "lowest": label.lowest,
            "out": chain.address(label.node),
            "document": address_of(document),
            "word": address_of(word),
            "proportions": chain.address(("first", self)),
            "words": chain.address(("second", self)),
            "collect": label_kernels.count_labels.address,
            "collected": address_of(bound.record),
            "room": chain.address(("room", self)),
        }
        calls = [kernel_call(self, kernels.draw_topics, fields)]
        after = [call for step in self.after for call in step.bind(chain)]
        return [*calls, *(Call(c.kernel, c.words, c.reals, self, c.tuned) for c in after)]

    @property
    def cost(self) -> str:
        """Cost of one sweep."""
        return f"{self.block.label.n_units} words x {self.block.label.n_labels} topics, one after another"


def with_topics(asked: Sequence[Step], structure: Structure) -> list[Step]:
    """For labels that are topics of words, where no other step beside the label update was asked for."""
    taken = {v for step in asked for v in step.variables}
    found: list[Step] = []
    for block in structure.blocks:
        if block.label.node not in taken:
            try:
                found.append(CollapsedTopics([block.label.node], structure, "words have topics that documents mix"))
            except TypeError:
                continue
    return found


__all__ = ["CollapsedTopics", "with_topics"]
