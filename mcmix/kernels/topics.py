"""Topics of words one by one, with the proportions of documents and the words of topics summed out.

Griffiths and Steyvers (2004), "Finding scientific topics", PNAS 101: latent Dirichlet allocation, collapsed.
"""

from __future__ import annotations

from mcmix.kernels.base import call, floats, inline, integers, step_of
from mcmix.kernels.labels import NOT_A_NUMBER_ROW
from mcmix.kernels.random import uniform
from mcmix.kernels.records import RUN, record, record_at

# The program leaves concentrations: of topics in each document (documents, topics), of words in each topic (topics,
# vocabulary). Room holds as many counts of both, totals of the topics and what they add up to, and K probabilities.
TOPICS = record(
    *RUN, "units", "topics", "documents", "vocabulary", "lowest", "out", "document", "word", "proportions", "words",
    "collect", "collected", "room",
)  # fmt: skip


@inline
def _begin(task, in_document, in_topic, totals):
    """Concentrations, and numbers of words with each label added to them."""
    k, v = task.topics, task.vocabulary
    proportions, words = floats(task.proportions, task.documents * k), floats(task.words, k * v)
    for j in range(task.documents * k):
        in_document[j] = proportions[j]
    for t in range(k):
        totals[t] = 0.0
        for j in range(v):
            in_topic[j * k + t] = words[t * v + j]
            totals[t] += words[t * v + j]
    labels, document, word = (
        floats(task.out, task.units),
        integers(task.document, task.units),
        integers(task.word, task.units),
    )
    for i in range(task.units):
        t = int(labels[i] - task.lowest)
        in_document[document[i] * k + t] += 1.0
        in_topic[word[i] * k + t] += 1.0
        totals[t] += 1.0


@step_of(TOPICS)
def draw_topics(words, reals, stream):
    """Draw the topic of each word given those of all others."""
    task = record_at(words, TOPICS)
    status = call(task.machine, (task.program, task.length, 0, 0))
    if status != 0:
        return status
    k, n = task.topics, task.units
    in_document = floats(task.room, task.documents * k)
    in_topic = floats(task.room + 8 * task.documents * k, task.vocabulary * k)
    totals = floats(task.room + 8 * (task.documents + task.vocabulary) * k, k)
    chance = floats(task.room + 8 * (task.documents + task.vocabulary + 1) * k, k)
    _begin(task, in_document, in_topic, totals)
    labels, document, word = floats(task.out, n), integers(task.document, n), integers(task.word, n)
    for i in range(n):
        first, at, old = document[i] * k, word[i] * k, int(labels[i] - task.lowest)
        in_document[first + old] -= 1.0
        in_topic[at + old] -= 1.0
        totals[old] -= 1.0
        # p(z_i = t) is proportional to (n_dt + alpha_t) (n_tv + beta_v) / (n_t + sum of beta)
        total = 0.0
        for t in range(k):
            total += in_document[first + t] * in_topic[at + t] / totals[t]
            chance[t] = total
        if not total > 0.0:
            return NOT_A_NUMBER_ROW
        level, new = uniform(stream) * total, 0
        while new < k - 1 and chance[new] < level:
            new += 1
        in_document[first + new] += 1.0
        in_topic[at + new] += 1.0
        totals[new] += 1.0
        labels[i] = task.lowest + new
    return call(task.collect, (task.collected, 0, stream))


__all__ = ["TOPICS", "draw_topics"]
