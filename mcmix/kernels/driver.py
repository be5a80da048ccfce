"""The loop of sweeps: runs a plan of addressed kernels and records, all without the GIL.

A plan is a table of calls. The frame holds everything else. The stop word is looked at once a sweep, so that another
thread can end the run between two sweeps.
"""

from __future__ import annotations

import math

import numpy as np

from mcmix.kernels.base import AddressedKernel, address_of, bytes_at, call, floats, inline, integers, run, shorts_at
from mcmix.kernels.records import record, record_at, record_in

# The calls of a sweep; the random stream; how many sweeps to do, how many were done; what is recorded after which
# sweep, in which row, and the program to run before; where the stop word is, and which call failed.
FRAME = record(
    "calls", "n_calls", "stream", "sweeps", "sweep", "thin", "burn", "segments", "n_segments", "row", "row_width",
    "out", "stop", "program", "length", "machine", "labels", "n_labels", "failed", "moments", "n_moments",
)  # fmt: skip
CALL = record("kernel", "words", "reals")  # addresses
SEGMENT = record("source", "count", "logs")  # whether logarithms are kept there: exponentials are recorded
# Bytes per label, and whether the source has numbers from 0 in as many bytes where others have doubles.
LABELS = record("source", "count", "lowest", "out", "width", "small")
MOMENTS = record("source", "count", "means", "squares")  # where running means and squared distances from them are

STOPPED = -1


@inline
def _copied(entry, row):
    """Labels that are in a memory map, one row of them."""
    n = entry.count * entry.width
    source, out = bytes_at(entry.source, n), bytes_at(entry.out + row * n, n)
    for i in range(n):
        out[i] = source[i]


@inline
def _follow(entry, count):
    """Move running means and squared distances on by one draw (Welford 1962)."""
    n = entry.count
    source, mean, squares = floats(entry.source, n), floats(entry.means, n), floats(entry.squares, n)
    for i in range(n):
        distance = source[i] - mean[i]
        mean[i] += distance / count
        squares[i] += distance * (source[i] - mean[i])


@inline
def _record(frame):
    """Write one row of draws and the labels that are kept."""
    if frame.length != 0:
        status = call(frame.machine, (frame.program, frame.length, 0, 0))
        if status != 0:
            return status
    out = floats(frame.out + 8 * frame.row * frame.row_width, frame.row_width)
    at = 0
    for j in range(frame.n_segments):
        segment = record_in(frame.segments, j, SEGMENT)
        source = floats(segment.source, segment.count)
        for i in range(segment.count):
            out[at + i] = math.exp(source[i]) if segment.logs != 0 else source[i]
        at += segment.count
    for j in range(frame.n_moments):
        _follow(record_in(frame.moments, j, MOMENTS), frame.row + 1)
    for j in range(frame.n_labels):
        entry = record_in(frame.labels, j, LABELS)
        n, lowest = entry.count, entry.lowest
        if entry.small != 0:
            _copied(entry, frame.row)
            continue
        source = floats(entry.source, n)
        if entry.width == 1:
            small = bytes_at(entry.out + frame.row * n, n)
            for i in range(n):
                small[i] = np.uint8(source[i] - lowest)
        else:
            wide = shorts_at(entry.out + 2 * frame.row * n, n)
            for i in range(n):
                wide[i] = np.uint16(source[i] - lowest)
    return 0


def run_sweeps(frame_address):
    """Run sweeps until done, stopped or failed; `sweep` and `row` of the frame count what was done."""
    frame = record_at(frame_address, FRAME)
    stop = integers(frame.stop, 1)
    last = frame.sweep + frame.sweeps
    while frame.sweep < last:
        # Between sweeps only: inside one, labels and their sufficient statistics may not agree.
        if stop[0] != 0:
            return STOPPED
        for j in range(frame.n_calls):
            step = record_in(frame.calls, j, CALL)
            status = call(step.kernel, (step.words, step.reals, frame.stream))
            if status != 0:
                frame.failed = j
                return status
        frame.sweep += 1
        past = frame.sweep - frame.burn
        if past > 0 and past % frame.thin == 0:
            status = _record(frame)
            if status != 0:
                frame.failed = -1
                return status
            frame.row += 1
    return 0


DRIVER = AddressedKernel(run_sweeps, 1)


def make_ready() -> None:
    """Compile the driver where no cache has it: before chains ask for it on their threads, below a progress bar."""
    _ = DRIVER.address


def run_frame(frame: np.ndarray) -> int:
    """Run the driver on a frame (int64, the record FRAME); the GIL is released meanwhile. Returns the status."""
    return run(DRIVER.address, address_of(frame))


def run_step(kernel: AddressedKernel | int, words: np.ndarray, reals: np.ndarray, stream: int) -> int:
    """Run one step kernel once (starts, tests). Returns the status."""
    address = kernel if isinstance(kernel, int) else kernel.address
    return run(address, address_of(words), address_of(reals), stream)


def run_machine(machine: AddressedKernel, program: int, length: int) -> int:
    """Run one program once."""
    return run(machine.address, program, length, 0, 1)
