"""Latent Dirichlet allocation: which document a word stands in, and which word it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mcmix.nodes.stochastic import Stochastic
from mcmix.structure import expression as ex
from mcmix.structure.contributions import LabelBlock, Structure
from mcmix.structure.evaluate import evaluate
from mcmix.structure.expression import Expression
from mcmix.structure.recorded import Factor


class NoTopics(Exception):
    """Why labels are no topics of words, in words."""


@dataclass(eq=False)
class Topics:
    """Words with a topic each, which documents mix.

    Attributes
    ----------
    proportions, topics : Stochastic
        Of the topics in each document, shape (documents, K); of the words in each topic, shape (K, vocabulary).
    document, word : ndarray of int, shape (words,)
    first, second : Expression
        Concentrations of both, in their shapes.
    """

    proportions: Stochastic
    topics: Stochastic
    document: np.ndarray
    word: np.ndarray
    first: Expression
    second: Expression


def topics_of(block: LabelBlock, structure: Structure) -> Topics:
    """What labels are topics of.

    Raises
    ------
    NoTopics
        If they are something else.
    """
    recording, label = structure.recording, block.label
    own = recording.own_factor(label.node)
    data = [s.factor for s in block.factors if s.factor is not own]
    weighted = any(f.column is not None and f.column.weights is not None for f in data)
    plain = label.column is None and not block.tempered and not weighted
    if not block.distribution.by_row or not plain or len(data) != 1:
        raise NoTopics("labels have weights by row, and words are all that is seen of them")
    proportions, document = _looked_up(own, label.n_labels, structure)
    factor = data[0]
    word = None if factor.x is None or not factor.x.is_constant else np.asarray(factor.x.known)
    if factor.family is None or factor.family.name != "Categorical" or word is None or word.shape != document.shape:
        raise NoTopics(f"{factor.node.name} is no Categorical of one word for each label")
    topics = _rows_by_label(factor, block, structure)
    for node, others in ((proportions, {own}), (topics, {factor})):
        used = {e.factor for e in structure.about(node)} - {recording.own_factor(node)}
        if used != others:
            raise NoTopics(f"{node.name} is not only what labels or words are drawn with")
    return Topics(
        proportions, topics, document.astype(np.int64), word.astype(np.int64),
        _concentration(proportions, structure), _concentration(topics, structure),
    )  # fmt: skip


def _dirichlet(weights: Expression, structure: Structure, what: str, beside: Expression | None = None) -> Stochastic:
    """The variable that weights are made of, with labels beside it where they look something up."""
    leaves = weights.leaves - {beside}
    found = [n for n, leaf in structure.recording.leaves.items() if leaf in leaves]
    if len(found) != 1 or getattr(found[0].family, "name", "") != "Dirichlet" or len(found[0].state_shape) != 2:
        raise NoTopics(f"{what} are not rows of one Dirichlet variable")
    return found[0]


def _distinct(node: Stochastic) -> np.ndarray:
    """Rows that differ from one another, as a Dirichlet variable could have them."""
    found: np.ndarray = np.random.default_rng(31).dirichlet(np.ones(node.state_shape[-1]), size=node.state_shape[0])
    return found


def _looked_up(own: Factor, k: int, structure: Structure) -> tuple[Stochastic, np.ndarray]:
    """The variable whose rows are weights of labels, and which row each label has."""
    weights = own.parameters.get("probabilities")
    if weights is None:
        raise NoTopics("labels are no Categorical")
    node = _dirichlet(weights, structure, "weights of labels")
    rows = _distinct(node)
    seen = evaluate(weights, {node: np.log(rows)})
    order = np.argsort(rows[:, 0])
    place = order[np.clip(np.searchsorted(rows[order, 0], seen[:, 0] * (1.0 - 1e-12)), 0, len(rows) - 1)]
    if node.state_shape[1] != k or not np.allclose(rows[place], seen, rtol=1e-9, atol=0.0):
        raise NoTopics(f"weights of labels are a function of {node.name}")
    return node, place


def _rows_by_label(factor: Factor, block: LabelBlock, structure: Structure) -> Stochastic:
    """The variable whose row of a label is what its word is drawn with."""
    weights, label = factor.parameters["probabilities"], block.label
    node = _dirichlet(weights, structure, f"weights of {factor.node.name}", label.variable)
    rows = _distinct(node)
    if node.state_shape[0] != label.n_labels:
        raise NoTopics(f"{node.name} has no row for each label")
    labels = np.arange(label.n_units) % label.n_labels
    seen = evaluate(weights, {node: np.log(rows), label.node: (labels + label.lowest).astype(float)})
    if seen.shape != (label.n_units, rows.shape[1]) or not np.allclose(seen, rows[labels], rtol=1e-9, atol=0.0):
        raise NoTopics(f"weights of {factor.node.name} are a function of {node.name}")
    return node


def _concentration(node: Stochastic, structure: Structure) -> Expression:
    found = structure.recording.own_factor(node).parameters["concentration"]
    return found if found.shape == node.state_shape else ex.broadcast_to(found, node.state_shape)


__all__ = ["NoTopics", "Topics", "topics_of"]
