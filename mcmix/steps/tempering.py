"""The step that swaps states between chains at neighbouring powers of the likelihood."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mcmix.errors import ModelError
from mcmix.kernels import tempering as kernels
from mcmix.kernels.base import address_of
from mcmix.kernels.records import made, table
from mcmix.nodes.stochastic import Stochastic
from mcmix.steps.base import Call, Chain, Plan, Step, kernel_call
from mcmix.structure.contributions import Structure
from mcmix.structure.expression import Expression, constant, elementwise, reduce
from mcmix.structure.tempering import POWER_KEY

_STATE = ("units", "count", "sum", "square")  # what steps read besides values: the statistics of the labels


class Swaps(Step):
    """Swaps whole states between the levels of a ladder.

    Parameters
    ----------
    variables : sequence of Stochastic
        All unknowns.
    structure : Structure
        Of a tempered model.

    Raises
    ------
    ModelError
        If no data count the power.
    """

    name = "parallel tempering"

    def __init__(self, variables: Sequence[Stochastic], structure: Structure):
        super().__init__(variables, "swaps of states between powers of the likelihood")
        tempered = [e for e in structure.contributions if e.tempered]
        if not tempered:
            raise ModelError(
                "tempering: expected data whose distribution can count a power, got none; vectors with "
                "missing coordinates "
                "cannot"
            )
        self.likelihood: Expression = constant(0.0)
        for e in tempered:
            # A swap needs log likelihoods at power one: log ratio (b_i - b_j) (l_j - l_i).
            self.likelihood = elementwise("add", self.likelihood, reduce("sum", e.exact))

    def compile(self, plan: Plan) -> None:
        """The log likelihood given the labels, at power one."""
        self.plan = plan
        self.program = plan.compiled([(self.likelihood, None)])

    def bind(self, chain: Chain) -> list[Call]:
        """No call of a chain alone: see `between`."""
        return []

    def between(self, chains: Sequence[Chain], powers: np.ndarray, follow: bool) -> Call:
        """The call that swaps states of these chains, coldest first."""
        for chain, power in zip(chains, powers, strict=True):
            chain.view(POWER_KEY)[:] = power
        levels = table(kernels.LEVEL, [self._level(chain) for chain in chains])
        stretches = self._stretches()
        chains[0].kept += [levels, stretches]
        fields = {
            "levels": address_of(levels),
            "n_levels": len(chains),
            "stretches": address_of(stretches),
            "n_stretches": len(stretches),
            "follow": follow,
        }
        return kernel_call(self, kernels.swap_levels, fields, _numbers(powers), tuned=True)

    def _level(self, chain: Chain) -> np.ndarray:
        bound, memory = chain.bound(self.program), address_of(chain.memory)
        power = chain.address(POWER_KEY)
        return made(kernels.LEVEL, **bound.named, answer=bound.answer, memory=memory, power=power)

    def _stretches(self) -> np.ndarray:
        """Where a state is in a chain's memory: (start, length), neighbours joined."""
        found: list[list[int]] = []
        for key, (start, n) in sorted(self.plan.layout.places.items(), key=lambda item: item[1]):
            if not (isinstance(key, Stochastic) or (isinstance(key, tuple) and key[0] in _STATE)):
                continue
            if found and sum(found[-1]) == start:
                found[-1][1] += n
            else:
                found.append([start, n])
        return table(kernels.STRETCH, [made(kernels.STRETCH, start=start, length=n) for start, n in found])


def _numbers(powers: np.ndarray) -> np.ndarray:
    """The ladder's numbers at its start."""
    n = len(powers)
    found = np.zeros(kernels.numbers_size(n))
    found[kernels.POWERS : kernels.POWERS + n] = powers
    gaps = kernels.POWERS + 3 * n
    # Powers fall from 1, so gaps of their logs are positive; while tuning the kernel moves the gaps and makes powers of
    # them.
    found[gaps : gaps + n - 1] = -np.diff(np.log(powers))
    return found


__all__ = ["Swaps"]
