"""Independent proposals in free coordinates: mixtures of multivariate t distributions, components in a fixed order.

A table of proposals is the number of parts and the degrees of freedom; then of each part its share with those of the
parts before, what its log density adds to that of the t distribution, its mean (d) and the lower Cholesky factor of its
scale matrix (d, d).

Where components are exchangeable, the posterior is the same at all their orders. Draws are brought to the order of one
of their parameters, and proposals in another order are refused: that is a move of the posterior restricted to that
order, which is exact, and after it components get back the places that they had.
"""

from __future__ import annotations

import math

from mcmix.kernels.base import helper, inline, integers
from mcmix.kernels.random import standard_gamma, standard_normal, uniform
from mcmix.kernels.records import record, record_in

HEAD = 2  # numbers of a table before its parts
# Free coordinates of all components' entries of one table; of a simplex the log ratios of all but the last to it.
GROUP = record("places", "simplex")


def part_width(d):
    """Numbers of one part."""
    return 2 + d + d * d


_part_width = inline(part_width)  # the other one is for Python, which need compile nothing


@helper()
def propose(table, d, out, work, stream):
    """A draw into `out`."""
    u, part, width = uniform(stream), 0, _part_width(d)
    while part < int(table[0]) - 1 and u > table[HEAD + part * width]:
        part += 1
    own = table[HEAD + part * width :]
    size = math.sqrt(0.5 * table[1] / standard_gamma(stream, 0.5 * table[1]))
    for i in range(d):
        work[i] = size * standard_normal(stream)
    for i in range(d):
        out[i] = own[2 + i]
        for j in range(i + 1):
            out[i] += own[2 + d + i * d + j] * work[j]


@helper()
def log_proposal(table, d, point, work):
    """Log density of proposals at a point, up to a constant."""
    width, top, total = _part_width(d), -math.inf, 0.0
    for part in range(int(table[0])):
        own, distance = table[HEAD + part * width :], 0.0
        for i in range(d):  # forward substitution
            rest = point[i] - own[2 + i]
            for j in range(i):
                rest -= own[2 + d + i * d + j] * work[j]
            work[i] = rest / own[2 + d + i * d + i]
            distance += work[i] * work[i]
        density = own[1] - 0.5 * (table[1] + d) * math.log1p(distance / table[1])
        if density > top:
            total = total * math.exp(top - density) + 1.0
            top = density
        else:
            total += math.exp(density - top)
    return top + math.log(total)


@helper()
def find_order(groups, n, point, order):
    """Which component is first, second, ... by the entries of the first group."""
    places = integers(record_in(groups, 0, GROUP).places, n)
    for k in range(n):
        at, key = k, point[places[k]]
        while at > 0 and point[places[int(order[at - 1])]] > key:
            order[at] = order[at - 1]
            at -= 1
        order[at] = k


@inline
def is_ordered(groups, n, point):
    """Whether components stand in the order of the entries of the first group."""
    places = integers(record_in(groups, 0, GROUP).places, n)
    for k in range(n - 1):
        if point[places[k]] > point[places[k + 1]]:
            return False
    return True


@inline
def _at(point, places, n, simplex, k):
    """Component k's entry; of a simplex the log ratio of its weight to the last one's."""
    return 0.0 if simplex != 0 and k == n - 1 else point[places[k]]


@helper()
def bring_to_order(groups, n_groups, n, point, order, out, back):
    """Components in their order, from `point` into `out`; with `back`, from their order to where they were."""
    for g in range(n_groups):
        group = record_in(groups, g, GROUP)
        simplex = group.simplex
        places = integers(group.places, n - 1 if simplex != 0 else n)
        last = 0.0
        for k in range(n):  # of a simplex, what is subtracted is what comes to stand last
            target = int(order[k]) if back else k
            if target == n - 1:
                last = _at(point, places, n, simplex, k if back else int(order[k]))
        for k in range(n):
            target = int(order[k]) if back else k
            value = _at(point, places, n, simplex, k if back else int(order[k]))
            if simplex == 0:
                out[places[target]] = value
            elif target < n - 1:
                out[places[target]] = value - last


@helper()
def _log_total(places, n, point):
    """Log of the sum of all weights, over the last one."""
    top, total = 0.0, 0.0
    for k in range(n - 1):
        top = max(top, point[places[k]])
    for k in range(n):
        total += math.exp(_at(point, places, n, 1, k) - top)
    return top + math.log(total)


@helper()
def picked(groups, n_groups, n, point, least, found, stream):
    """One of the components whose weight is below `least`, each as likely, or -1.

    Weights are those of the last group; `found` is room for n numbers.
    """
    places = integers(record_in(groups, n_groups - 1, GROUP).places, n - 1)
    top, count = _log_total(places, n, point) + math.log(least), 0
    for k in range(n):
        if _at(point, places, n, 1, k) < top:
            found[count] = k
            count += 1
    return int(found[min(int(count * uniform(stream)), count - 1)]) if count > 0 else -1


__all__ = [
    "GROUP", "HEAD", "bring_to_order", "find_order", "is_ordered", "log_proposal", "part_width", "picked", "propose",
]  # fmt: skip
