"""One ascent, accelerated: each update is seen as a step towards a fixed point, and steps are combined.

Anderson's acceleration: of the last few steps that combination is taken whose residual is least, in coordinates in
which a squared length is about a divergence (Walker and Ni 2011, "Anderson acceleration for fixed-point iterations",
SIAM Journal on Numerical Analysis 49; Henderson and Varadhan 2019, "Damped Anderson acceleration with restarts and
monotonicity control", Journal of Computational and Graphical Statistics 28). Where it ends is looked at in the pass
that the next update needs anyway: only if the bound is lower there, one pass is lost and the plain step stands.
"""

from __future__ import annotations

import numpy as np

from mcmix.errors import McmixError
from mcmix.variational import coordinates
from mcmix.variational.engine import Engine

MEMORY = 8  # changes from step to step that are combined
PLAIN = 5  # steps before the first combined one, and after one that was refused
RIDGE = 1e-10  # of the squared lengths of changes, so that nearly equal ones do no harm
FAR = 300.0  # a change of a logarithm beyond which numbers of the machine may end


class Ascent:
    """The ascent of an engine with one start. Between its calls the factors stand where an update led.

    Parameters
    ----------
    engine : Engine

    Attributes
    ----------
    accelerate : bool
        Whether steps are combined.
    refused : int
        Combined steps that led lower.
    """

    def __init__(self, engine: Engine, accelerate: bool = True):
        self.engine, self.accelerate, self.refused = engine, accelerate, 0
        self.forget()

    def forget(self) -> None:
        """Begin anew: the factors were put elsewhere."""
        self._points: list[np.ndarray] = []
        self._residuals: list[np.ndarray] = []

    def measure(self, before: float, iteration: int) -> float:
        """The bound at the factors, or at the combination of the last steps if it is not lower there than before."""
        if self.accelerate and len(self._points) > PLAIN:
            plain = self.engine.state()
            now = self._combined()
            if now >= before:
                return now
            self.engine.put(plain)
            self.refused += 1
            self.forget()
        found = self.engine.bound([0])
        self.engine.check(np.array([before]), found, iteration, [0])
        return float(found[0])

    def step(self) -> None:
        """Update all factors, from where the last pass was made."""
        before = self._point()
        self.engine.update()
        after = self._point()
        if before is None or after is None:
            self.forget()
            return
        most = MEMORY + PLAIN + 1
        self._points = [*self._points, after][-most:]
        self._residuals = [*self._residuals, after - before][-most:]

    def _point(self) -> np.ndarray | None:
        """Where the factors stand; None where that cannot be said."""
        if not self.accelerate:
            return None
        try:
            with np.errstate(divide="ignore", invalid="ignore"):
                found = coordinates.point(self.engine.posteriors.values())
        except np.linalg.LinAlgError:
            return None
        return found if np.isfinite(found).all() else None

    def _combined(self) -> float:
        """Go to the best combination of the last steps; the bound there, minus infinity where there is none."""
        posteriors, recent = self.engine.posteriors.values(), slice(-MEMORY - 1, None)
        to = combined(self._points[recent], self._residuals[recent], coordinates.weights(posteriors))
        if not np.abs(to - self._points[-1]).max(initial=0.0) < FAR:
            return -np.inf
        return tried(self.engine, coordinates.state_at(posteriors, to))


def combined(points: list[np.ndarray], residuals: list[np.ndarray], weights: np.ndarray) -> np.ndarray:
    """The combination of points whose residual is least; coefficients add up to one."""
    moved = np.diff(np.array(residuals), axis=0) * weights
    square = moved @ moved.T
    square[np.diag_indices_from(square)] *= 1.0 + RIDGE
    share = np.linalg.lstsq(square, moved @ (residuals[-1] * weights), rcond=None)[0]
    return np.asarray(points[-1] - share @ np.diff(np.array(points), axis=0))


def tried(engine: Engine, state: coordinates.State | None = None) -> float:
    """The bound where it may not exist, minus infinity then; at a state to which the engine is put."""
    try:
        with np.errstate(all="ignore"):
            if state is not None:
                engine.put(state)
            found = float(engine.bound([0])[0])
    except (McmixError, np.linalg.LinAlgError, ValueError):  # the last from degrees of freedom that are too few
        return -np.inf
    return found if np.isfinite(found) else -np.inf


__all__ = ["Ascent", "combined", "tried"]
