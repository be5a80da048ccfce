"""The quantities that a verdict is about, at a cost that nobody notices: exact numbers of what may be the worst.

Of many quantities a screening finds the worst, and these alone get R-hat and effective draws. If one of them is beyond
a limit, all get them: whatever is wrong with a run is told by exact numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from mcmix.report.diagnosis.chains import LARGEST_RHAT, enough, least_certain, worst_rhat
from mcmix.report.diagnosis.mixing import on_two_lines
from mcmix.report.diagnosis.quantities import Picked, Quantity, alike, joined, measured
from mcmix.report.diagnosis.screening import Screened, screened
from mcmix.traces.memory import Draws

BY_EFFECTIVE, BY_RHAT = 2, 1  # quantities that get exact numbers; no more than these are not screened
MOST_UNTOLD = 12  # quantities of which a screening tells nothing, beyond which all get exact numbers
LIKELY_RHAT = 1.05  # beyond which chains may disagree


def glanced(draws: Draws, picked: Sequence[Picked]) -> list[Quantity]:
    """Quantities by which a verdict is as if all had been measured, in their order.

    Parameters
    ----------
    draws : Draws
        Of the whole run.
    picked : sequence of Picked
        From which they are.
    """
    deciding = [p for p in picked if p.group.decides]
    plain = [p for p in deciding if not p.group.counted]
    worst = plain if sum(len(p.positions) for p in plain) <= BY_EFFECTIVE + BY_RHAT else _worst(plain)
    if worst is None or worst is plain:
        found = measured(deciding)
    else:
        found = measured([*[p for p in deciding if p.group.counted], *worst])
        found = _with_the_others(deciding, found) if _doubtful(draws, found) else found
    return _with_the_others(picked, found) if _disagree(found) else found


def _worst(plain: Sequence[Picked]) -> list[Picked] | None:
    """Those that may be the worst; None where chains may disagree, or too many quantities hardly move."""
    each = [_screened(joined(together), together[0].group.circular) for together in alike(plain)]
    whole = Screened(np.concatenate([s.rhat for s in each]), np.concatenate([s.effective for s in each]))
    if np.nanmax(whole.rhat, initial=1.0) > LIKELY_RHAT or (whole.effective == 0).sum() > MOST_UNTOLD:
        return None
    return list(_among(plain, whole.worst(BY_EFFECTIVE, BY_RHAT)))


def _screened(x: np.ndarray, circular: bool) -> Screened:
    if not circular:
        return screened(x)
    one, other = (screened(part) for part in on_two_lines(x))
    return Screened(np.fmax(one.rhat, other.rhat), np.fmin(one.effective, other.effective))


def _among(plain: Sequence[Picked], places: np.ndarray) -> Iterator[Picked]:
    """Of several picks the quantities at these places, counted through all of them."""
    start = 0
    for picked in plain:
        end = start + len(picked.positions)
        own = places[(places >= start) & (places < end)] - start
        if len(own):
            yield picked.some(own)
        start = end


def _doubtful(draws: Draws, found: Sequence[Quantity]) -> bool:
    """Whether something may be wrong, or these say nothing."""
    least, worst = least_certain(found), worst_rhat(found)
    return least is None or worst is None or worst.rhat > LIKELY_RHAT or least.effective < enough(draws)


def _disagree(found: Sequence[Quantity]) -> bool:
    worst = worst_rhat(found)
    return worst is not None and worst.rhat > LARGEST_RHAT


def _with_the_others(picked: Sequence[Picked], found: Sequence[Quantity]) -> list[Quantity]:
    """All quantities in their order, some of which were measured before."""
    known = {(id(q.group), q.position): q for q in found}
    missing = [p.some([i for i, at in enumerate(p.positions) if (id(p.group), int(at)) not in known]) for p in picked]
    known |= {(id(q.group), q.position): q for q in measured([p for p in missing if len(p.positions)])}
    return [known[id(p.group), int(at)] for p in picked for at in p.positions]


__all__ = ["glanced"]
