"""Where what a program computes stands in a chain's memory, and programs bound to one chain's."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

import numpy as np

from mcmix.kernels.base import address_of, python_callback
from mcmix.kernels.machine import EXTRA
from mcmix.structure.rows import Rows


class Watcher(Protocol):
    """Who hears of an error in a user's function: a chain."""

    error: BaseException | None

    def report(self, error: BaseException) -> None:
        """Keep the error, and end the run."""


@dataclass
class Layout:
    """Places in a chain's memory, counted in doubles, and the rows that stand beside it.

    Attributes
    ----------
    size, scratch : int
        Doubles of values and of programs' registers.
    places : dict
        Offset and size by key.
    rows : Rows
        What was observed: no chain has its own.
    """

    size: int = 0
    places: dict[Hashable, tuple[int, int]] = field(default_factory=dict)
    scratch: int = 0
    rows: Rows = field(default_factory=lambda: Rows(()))

    def place(self, key: Hashable, n: int) -> int:
        """Where the n doubles of a key live; handed out at the first request."""
        if key not in self.places:
            self.places[key] = (self.size, n)
            self.size += n
        return self.places[key][0]

    def share(self, key: Hashable, parts: Mapping[Hashable, int]) -> None:
        """Let other keys name stretches of a place, one after another."""
        at = self.places[key][0]
        for part, n in parts.items():
            self.places[part] = (at, n)
            at += n


@dataclass
class Place:
    """Where the value of an expression is while a program runs."""

    address: int  # in bytes: relative to the chain's memory if `relative`, else absolute
    relative: bool
    step: int  # doubles between elements (0: one value for all)
    row: int  # bytes to advance per row of a tile


@dataclass
class Program:
    """Code for the machine, and what must stay alive for it."""

    code: np.ndarray
    relative: np.ndarray
    outputs: list[int]
    kept: list[Any]
    python: list[PythonCall]
    numbers: list[tuple[Any, np.ndarray]] = field(default_factory=list)  # of data: constants, and where they stand

    @property
    def n_instructions(self) -> int:
        """Number of instructions."""
        return len(self.code)

    def bound(self, memory: np.ndarray, watcher: Watcher) -> BoundProgram:
        """The program for one chain's memory; `watcher` hears of errors in users' functions."""
        code = np.ascontiguousarray(self.code + self.relative * address_of(memory))
        kept: list[Any] = [*self.kept]
        for call in self.python:
            callback, address = python_callback(call.bound(memory, watcher))
            code[call.instruction, EXTRA] = address
            kept.append(callback)
        return BoundProgram(code, memory, self.outputs, kept)


@dataclass
class BoundProgram:
    """A program with absolute addresses."""

    code: np.ndarray
    memory: np.ndarray
    outputs: list[int]
    kept: list[Any]

    @property
    def words(self) -> tuple[int, int]:
        """(address, number of instructions), as kernels take it."""
        return (address_of(self.code) if len(self.code) else 0), len(self.code)

    @property
    def named(self) -> dict[str, int]:
        """The same by the names of a record's fields."""
        return dict(zip(("program", "length"), self.words, strict=True))

    @property
    def answer(self) -> int:
        """Address of the first output."""
        return address_of(self.memory) + 8 * self.outputs[0]


@dataclass
class PythonCall:
    """An instruction that calls the user's function as written."""

    instruction: int
    function: Callable[..., Any]
    label: str
    arguments: list[
        tuple[int, bool, np.ndarray | None, tuple[int, ...], str]
    ]  # offset, relative, constant, shape, kind
    output: int
    size: int

    def bound(self, memory: np.ndarray, watcher: Watcher) -> Callable[[], int]:
        """A function of no arguments that reads one chain's memory and writes the answer there."""
        readers = [
            _reader(memory[offset : offset + int(np.prod(shape, dtype=int))] if known is None else known, shape, kind)
            for offset, _, known, shape, kind in self.arguments
        ]
        answer, function, single = memory[self.output : self.output + self.size], self.function, self.size == 1

        def run() -> int:
            if watcher.error is not None:  # the run is ending; do not call the function again
                answer[:] = np.nan
                return 1
            try:
                found = function(*[read() for read in readers])
                if single and isinstance(found, float):
                    answer[0] = found
                else:
                    answer[:] = np.asarray(found, dtype=float).reshape(-1)
            except BaseException as error:  # noqa: BLE001  handed to the loop, which raises it
                error.add_note(f"in the function of {self.label!r}")
                watcher.report(error)
                answer[:] = np.nan
                return 1
            return 0

        return run


def _reader(view: np.ndarray, shape: tuple[int, ...], kind: str) -> Callable[[], Any]:
    """What hands out a copy of a chain's value as the user's function expects it: shaped, whole numbers as such.

    It is called for every evaluation of the function, so all that can be known before is found out here.
    """
    seen = view.reshape(shape)
    if shape:
        as_type = {"int": np.dtype(int), "bool": np.dtype(bool)}.get(kind, seen.dtype)
        return partial(seen.astype, as_type)
    if kind == "float":
        return partial(seen.astype(float).__getitem__, ()) if view.dtype != float else partial(seen.__getitem__, ())
    whole = np.bool_ if kind == "bool" else np.int64
    return lambda: whole(seen.item())
