"""What a worker does with a chain: some sweeps from a state that comes, and the state and draws that come of it."""

from __future__ import annotations

import pickle
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mcmix.errors import ModelError
from mcmix.kernels import driver
from mcmix.kernels.streams import nobody
from mcmix.nodes.model import Model
from mcmix.sampling import state
from mcmix.sampling.buffers import Buffers, room_for_labels
from mcmix.sampling.ladder import Tempering
from mcmix.sampling.run import prepare, runner
from mcmix.sampling.runner import Runner
from mcmix.steps.marginal import MarginalMove
from mcmix.steps.plan import CompiledModel, assemble
from mcmix.steps.table import Choice
from mcmix.structure.rows import Rows


@dataclass
class Build:
    """How a sampler made its compiled model, so that another process makes the same: see :func:`assemble`."""

    model: Model
    asked: Sequence[str]
    choices: Sequence[Choice]
    draw_from_prior: bool
    tempering: Tempering | None
    rows: Rows | None
    marginal_moves: bool
    lenient: bool
    signature: Mapping[str, Any]

    def compiled(self) -> CompiledModel:
        """It.

        Raises
        ------
        ModelError
            If it is another one here.
        """
        tempered = self.tempering is not None
        found = assemble(
            self.model, self.asked, self.choices, self.draw_from_prior, tempered, self.rows, None, self.marginal_moves
        )
        for step in found.steps:
            if isinstance(step, MarginalMove):
                step.lenient = self.lenient
        own = state.signature(found, 1)
        if own != dict(self.signature):
            raise ModelError(
                "sample: client= expected a model that is the same on a worker, got one that is recorded in another "
                "way there; look for functions that read what differs between processes"
            )
        return found


@dataclass(frozen=True)
class Stretch:
    """Sweeps that a chain is to do, and the state that it does them from.

    Attributes
    ----------
    number : int
        Of the chain.
    sweeps, burn, thin : int
        How many; after which of all sweeps, and after how many from there, draws are recorded.
    tuning : bool
        Whether steps adapt.
    tune_interval, planned : int
        As :class:`mcmix.steps.base.Chain` has them.
    labels, segments, moments : sequence of int
        What is recorded: places among the compiled model's label vectors and segments.
    arrays : dict of str to ndarray
        The state.
    running : list of ndarray
        Running moments so far.
    """

    number: int
    sweeps: int
    burn: int
    thin: int
    tuning: bool
    tune_interval: int
    planned: int
    labels: Sequence[int]
    segments: Sequence[int]
    moments: Sequence[int]
    arrays: dict[str, np.ndarray]
    running: list[np.ndarray] = field(default_factory=list)


@dataclass(frozen=True)
class Swept:
    """What came of a stretch.

    Attributes
    ----------
    status, failed, rows : int
        Of the driver; how many draws were recorded.
    seconds : float
    arrays : dict of str to ndarray
        The state.
    numbers : ndarray, shape (rows, places)
    labels, running : list of ndarray
        As they were asked for.
    error : BaseException or None
        What a user's function raised.
    """

    status: int = 0
    failed: int = -1
    rows: int = 0
    seconds: float = 0.0
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    numbers: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))
    labels: list[np.ndarray] = field(default_factory=list)
    running: list[np.ndarray] = field(default_factory=list)
    error: BaseException | None = None


class Prepared:
    """A model on a worker, compiled when a stretch first asks for it, and chains that stretches are done with.

    Sent on, it is what it was made of: another worker compiles it anew.

    Parameters
    ----------
    build : bytes
        A pickled :class:`Build`.
    """

    def __init__(self, build: bytes):
        self._build = build
        self._lock = threading.Lock()
        self._compiled: CompiledModel | None = None
        self._tempering: Tempering | None = None
        self._chains: dict[int, tuple[Runner, threading.Lock]] = {}

    def __reduce__(self) -> Any:
        return Prepared, (self._build,)

    def chain(self, number: int) -> tuple[Runner, threading.Lock]:
        """A chain without a place, and who may use it now."""
        with self._lock:
            if self._compiled is None:
                build: Build = pickle.loads(self._build)
                self._compiled, self._tempering = build.compiled(), build.tempering
                driver.make_ready()
            if number not in self._chains:
                made = runner(self._compiled, 0, nobody(), {}, None, self._tempering)
                self._chains[number] = made, threading.Lock()
            return self._chains[number]


def swept(prepared: Prepared, stretch: Stretch) -> Swept:
    """Do a stretch: what a worker is asked."""
    try:
        r, lock = prepared.chain(stretch.number)
        with lock:
            return _swept(r, stretch)
    except Exception as error:  # noqa: BLE001  an answer, not trouble with the way
        return Swept(error=_that_travels(error))


def _swept(r: Runner, stretch: Stretch) -> Swept:
    _stand(r, stretch.arrays)
    out = _room(r.compiled, stretch)
    prepare(r, out, 0, stretch.thin)
    r.told.burn, r.told.row, r.told.sweeps = stretch.burn, 0, stretch.sweeps
    r.chain.tune_interval, r.chain.planned = stretch.tune_interval, stretch.planned
    r.tune(stretch.tuning)
    before = time.perf_counter()
    status = driver.run_frame(r.frame)
    error, r.chain.error = r.chain.error, None
    n = r.rows
    return Swept(
        status,
        int(r.told.failed),
        n,
        time.perf_counter() - before,
        {name: x.copy() for name, x in state.arrays_of([r]).items()},
        out.numbers[0, :n],
        [x[0, :n] for x in out.labels.values()],
        [x[0] for x in out.moments.values()],
        None if error is None else _that_travels(error),
    )


def _stand(r: Runner, arrays: dict[str, np.ndarray]) -> None:
    """Put a chain where a state says; where it stands there already it is told only what was learned meanwhile."""
    own = state.arrays_of([r])
    if all(_same(x, arrays[name]) for name, x in own.items() if name != _LEARNED):
        state.learn(r, arrays[_LEARNED])
    else:
        state.Saved(arrays, 1).restore([r])


def _same(one: np.ndarray, other: np.ndarray) -> bool:
    """Bit for bit."""
    return one.dtype == other.dtype and one.tobytes() == other.tobytes()


_LEARNED = "learned 0"


def _room(compiled: CompiledModel, stretch: Stretch) -> Buffers:
    """Where the draws of a stretch go."""
    rows = max(1, stretch.sweeps // stretch.thin + 1)
    segments = [compiled.segments[i] for i in stretch.segments]
    labels = {n: room_for_labels(n, compiled, 1, rows) for n in (compiled.labels[i] for i in stretch.labels)}
    moments = {compiled.segments[i].key: x.copy()[None] for i, x in zip(stretch.moments, stretch.running, strict=True)}
    return Buffers(segments, np.zeros((1, rows, sum(s.size for s in segments))), labels, moments)


def _that_travels(error: BaseException) -> BaseException:
    """An error, or one that says the same where it cannot be sent."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # noqa: BLE001  classes of the user's may refuse in any way
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


__all__ = ["Build", "Prepared", "Stretch", "Swept", "swept"]
