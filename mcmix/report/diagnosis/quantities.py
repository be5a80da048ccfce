"""The numbers by which chains are compared: those that no name of a component enters, and those under their names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np

from mcmix.distributions.circle import circular_deviation, mean_direction, opened, wrapped
from mcmix.report.diagnosis.facts import Facts
from mcmix.report.diagnosis.mixing import effective_for_mean, mixing, on_two_lines
from mcmix.report.diagnosis.occupancy import Occupancy
from mcmix.report.elements import element_labels
from mcmix.traces.memory import Draws

TOGETHER = 1_000_000  # numbers of several groups that are put together
CERTAIN = 0.95  # share of a chain's draws in which a number is the same where it says nothing of mixing


@dataclass(frozen=True)
class Group:
    """Quantities of one origin.

    Attributes
    ----------
    labels : list of str
        One per quantity.
    read : callable
        From positions among them to their draws, shape (positions, chains, draws).
    invariant : bool
        Whether no name of a component enters.
    decides : bool
        Whether chains that differ in it disagree.
    thinned : bool
        Whether it was looked at in some draws only.
    counted : bool
        Whether it is made of the labels' counts: where labels are certain it hardly ever changes, and may do so.
    aliases : bool
        Whether it stands under names of components that may differ between chains, though nothing proves it.
    of_suspects : bool
        Whether it is a table of such components, sorted.
    circular : bool
        Whether these are angles.
    """

    labels: list[str]
    read: Callable[[np.ndarray], np.ndarray]
    invariant: bool = True
    decides: bool = True
    thinned: bool = False
    counted: bool = False
    aliases: bool = False
    of_suspects: bool = False
    circular: bool = False


@dataclass(frozen=True)
class Quantity:
    """A number of the model, and how well its draws mix; NaN where that cannot be said."""

    label: str
    group: Group
    position: int
    rhat: float
    bulk: float
    tail: float

    @property
    def effective(self) -> float:
        """Effective draws, the worse of bulk and tail."""
        return min(self.bulk, self.tail)

    @cached_property
    def certain(self) -> bool:
        """Whether it is the same number in nearly every draw of every chain, as labels that are certain make it."""
        if not self.group.counted:
            return False
        x = self.draws
        usual = np.median(x)
        return bool(((x == usual).mean(axis=1) >= CERTAIN).all())

    @property
    def draws(self) -> np.ndarray:
        """Shape (chains, draws)."""
        return self.group.read(np.array([self.position]))[0].astype(float)

    def moments(self) -> tuple[float, float, float]:
        """Mean, standard deviation, Monte Carlo standard error of the mean; those of the circle for angles."""
        values = self.draws
        if self.group.circular:
            return _circular_moments(values)
        with np.errstate(invalid="ignore"):
            mean, deviation = float(values.mean()), float(values.std(ddof=1)) if values.size > 1 else np.nan
            return mean, deviation, deviation / float(np.sqrt(effective_for_mean(values[None])[0]))


def _circular_moments(values: np.ndarray) -> tuple[float, float, float]:
    """The mean turns by the mean sine about it over the resultant length."""
    sine, cosine = on_two_lines(values[None])
    with np.errstate(invalid="ignore", divide="ignore"):
        error = sine.std(ddof=1) / cosine.mean() / np.sqrt(effective_for_mean(sine)[0]) if values.size > 1 else np.nan
        return float(mean_direction(values)), float(circular_deviation(values)), float(error)


@dataclass(frozen=True)
class Picked:
    """Quantities of a group that are looked at."""

    group: Group
    positions: np.ndarray

    @cached_property
    def draws(self) -> np.ndarray:
        """Shape (positions, chains, draws)."""
        return self.group.read(self.positions)

    def some(self, chosen: Sequence[int] | np.ndarray) -> Picked:
        """Some of them, by their places here; draws that were read are not read again."""
        places = np.asarray(chosen, dtype=int)
        found = Picked(self.group, self.positions[places])
        if "draws" in self.__dict__:
            found.__dict__["draws"] = self.draws[places]
        return found


def picked(groups: Sequence[Group], most: int) -> list[Picked]:
    """The quantities that are looked at.

    Where there are more than `most`, each group gives as many as the others, evenly spaced among its own.
    """
    share = _share([len(g.labels) for g in groups], most)
    return [Picked(group, _spaced(len(group.labels), share)) for group in groups]


def _spaced(size: int, most: int) -> np.ndarray:
    return np.arange(size) if size <= most else np.unique(np.linspace(0, size - 1, most).round().astype(int))


def measured(picked: Sequence[Picked]) -> list[Quantity]:
    """Quantities with their R-hat and effective draws."""
    return [q for together in alike(picked) for q in _measured(together)]


def alike(picked: Sequence[Picked]) -> Iterator[list[Picked]]:
    """Neighbours with draws of one shape, few enough to be looked at in one go."""
    together: list[Picked] = []
    values = 0
    for p in picked:
        values += p.draws.size
        fits = together and values <= TOGETHER and _kind(p) == _kind(together[0])
        if together and not fits:
            yield together
            together, values = [], p.draws.size
        together.append(p)
    if together:
        yield together


def _kind(p: Picked) -> tuple[object, ...]:
    return p.draws.shape[1:], p.draws.dtype, p.group.circular


def joined(alike: Sequence[Picked]) -> np.ndarray:
    """Their draws, shape (positions of all, chains, draws)."""
    return alike[0].draws if len(alike) == 1 else np.concatenate([p.draws for p in alike])


def _measured(alike: Sequence[Picked]) -> Iterator[Quantity]:
    how = mixing(joined(alike), alike[0].group.circular)
    places = [(p.group, i) for p in alike for i in p.positions.tolist()]
    numbers = zip(places, how.rhat.tolist(), how.bulk.tolist(), how.tail.tolist(), strict=True)
    for (group, i), rhat, bulk, tail in numbers:
        yield Quantity(group.labels[i], group, i, rhat, bulk, tail)


def _share(sizes: Sequence[int], most: int) -> int:
    """Quantities that any one group may give, so that all give `most` together (one at least)."""
    share, left, waiting = most, most, sorted(sizes)
    for i, size in enumerate(waiting):
        share = max(1, left // (len(waiting) - i))
        if size > share:
            return share
        left -= size
    return max([1, *sizes])


# -------------------------------------------------------------------- which


def groups_of(draws: Draws, facts: Facts, occupancies: Mapping[str, Occupancy]) -> list[Group]:
    """Log density, sorted tables, occupancies, then everything under its name."""
    found = [_plain(["log density"], draws.statistics["lp"][..., None])] if "lp" in draws.statistics else []
    for name, occupancy in occupancies.items():
        if occupancy.counts.shape[-1] > 1:
            values = np.stack([occupancy.occupied, occupancy.entropy], axis=-1)
            labels = [f"occupied components of {name}", f"entropy of {name}"]
            found.append(_plain(labels, values, thinned=occupancy.thinned, counted=True))
    for name, label in facts.labels.items():
        clusters = draws.statistics.get(f"clusters of {name}")
        if label.number and name not in occupancies and clusters is not None:
            found.append(_plain([f"occupied components of {name}"], clusters[..., None], counted=True))
    found += _sorted_groups(draws, facts)
    for name, values in draws.variables.items():
        if name not in {*facts.labels, *facts.come_and_go} and values.dtype.kind in "fiub" and values[0, 0].size:
            shape = values.shape[2:]
            labels, flat = (
                element_labels(name, shape, draws.labels.get(name, ())),
                values.reshape(*values.shape[:2], -1),
            )
            group = _plain(labels, flat, invariant=False, decides=name not in facts.nameless)
            found.append(replace(group, aliases=name in facts.suspects, circular=name in draws.angles))
    return found


def other_quantities(labels: list[str], values: np.ndarray, thinned: bool) -> Group:
    """Label-invariant quantities that somebody else computed, shape (chains, draws, quantities)."""
    return _plain(labels, values, thinned=thinned)


def _plain(
    labels: list[str],
    values: np.ndarray,
    *,
    invariant: bool = True,
    decides: bool = True,
    thinned: bool = False,
    counted: bool = False,
) -> Group:
    return Group(labels, partial(_columns, values), invariant, decides, thinned, counted)


def _columns(values: np.ndarray, i: np.ndarray) -> np.ndarray:
    return np.moveaxis(values[:, :, i], -1, 0)


def _sorted_groups(draws: Draws, facts: Facts) -> list[Group]:
    """Tables over exchangeable components, each sorted within every draw; those of one origin together."""
    found = []
    for label in [one for one in facts.labels.values() if not one.number]:
        tables: dict[str, list[Sequence[tuple[str, int]]]] = {}
        for table in label.tables:
            if all(name in draws.variables for name, _ in table):
                tables.setdefault(", ".join(dict.fromkeys(name for name, _ in table)), []).append(table)
        found += [_sorted_group(name, own, draws, label.alike) for name, own in tables.items()]
    for name in sorted(facts.suspects & set(draws.variables)):
        k, values = draws.variables[name].shape[2], draws.variables[name]
        size = int(np.prod(values.shape[3:], dtype=int))
        own = [[(name, j * size + i) for j in range(k)] for i in range(size)]
        suspected = _sorted_group(name, own, draws, [list(range(k))])
        found.append(replace(suspected, decides=False, of_suspects=True))
    complements = [c for label in facts.labels.values() for c in label.complements if c in draws.variables]
    return found + [_larger_share(name, draws) for name in complements]


def _sorted_group(
    name: str, tables: Sequence[Sequence[tuple[str, int]]], draws: Draws, classes: Sequence[Sequence[int]]
) -> Group:
    """Labelled by rank in its class, and by what else the variable has beside the axis of components."""
    size = len(tables[0])
    shape = draws.variables[tables[0][0][0]].shape[2:]
    rest = shape[1:] if shape and int(np.prod(shape[1:])) == len(tables) else (len(tables),) * (len(tables) > 1)
    own = tables[0][0][0]
    along = (None, *draws.labels.get(own, ())[1:]) if rest == shape[1:] else ()  # ranks have no names
    labels = element_labels(f"{name} (sorted)", (size, *rest), along)
    return Group(labels, partial(_ranks, tables, draws, classes), circular=holds_angles(tables[0], draws))


def _ranks(
    tables: Sequence[Sequence[tuple[str, int]]], draws: Draws, classes: Sequence[Sequence[int]], positions: np.ndarray
) -> np.ndarray:
    """Entries of tables that are sorted within every draw."""
    chosen = {j: _in_order(tables[j], draws, classes) for j in np.unique(positions % len(tables))}
    return np.stack([chosen[i % len(tables)][..., i // len(tables)] for i in positions.tolist()])


def _in_order(table: Sequence[tuple[str, int]], draws: Draws, classes: Sequence[Sequence[int]]) -> np.ndarray:
    """A table, each class's entries sorted at the class's own places; angles from where their circle is emptiest."""
    values = table_values(table, draws)
    return wrapped(_sorted(opened(values), classes)) if holds_angles(table, draws) else _sorted(values, classes)


def _sorted(values: np.ndarray, classes: Sequence[Sequence[int]]) -> np.ndarray:
    for members in classes:
        values[..., members] = np.sort(values[..., members], axis=-1)
    return values


def _larger_share(name: str, draws: Draws) -> Group:
    shares = draws.variables[name].reshape(*draws.variables[name].shape[:2], -1)[..., :1]
    return _plain([f"max({name}, 1 - {name})"], np.maximum(shares, 1.0 - shares))


def holds_angles(table: Sequence[tuple[str, int]], draws: Draws) -> bool:
    """Whether a table over components holds angles."""
    return all(name in draws.angles for name, _ in table)


def table_values(table: Sequence[tuple[str, int]], draws: Draws) -> np.ndarray:
    """A table over components, shape (chains, draws, K)."""
    whole = {n: draws.variables[n].reshape(*draws.variables[n].shape[:2], -1) for n, _ in table}
    if len(whole) == 1:
        return whole[table[0][0]].take([element for _, element in table], axis=-1).astype(float, copy=False)
    return np.stack([whole[name][..., element] for name, element in table], axis=-1).astype(float, copy=False)
