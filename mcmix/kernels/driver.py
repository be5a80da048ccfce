"""The loop of sweeps: runs a plan of addressed kernels and records, all without the GIL.

A plan is a table of (kernel, whole numbers, reals) addresses. The frame holds everything else (names FRAME_*). The stop
word is looked at once a sweep, so that another thread can end the run between two sweeps.
"""

from __future__ import annotations

import math

import numpy as np

from mcmix.kernels.base import AddressedKernel, address_of, bytes_at, call, floats, inline, integers, run, shorts_at

(FRAME_STEPS, FRAME_TABLE, FRAME_STREAM, FRAME_SWEEPS, FRAME_SWEEP, FRAME_THIN, FRAME_BURN, FRAME_SEGMENTS,
 FRAME_SEGMENT_TABLE, FRAME_ROW, FRAME_ROW_WIDTH, FRAME_OUT, FRAME_STOP, FRAME_PROGRAM, FRAME_LENGTH, FRAME_MACHINE,
 FRAME_LABELS, FRAME_LABEL_TABLE, FRAME_FAILED, FRAME_MOMENTS, FRAME_MOMENT_TABLE) = range(21)  # fmt: skip
FRAME_WIDTH = 22
STEP_WIDTH = 3
SEGMENT_WIDTH = 3  # source address, length, whether logarithms are kept there (exponentials are recorded)
LABEL_WIDTH = 5  # source address, length, lowest value, destination address, bytes per label

MOMENT_WIDTH = 4  # source address, length, addresses of the running mean and of the sum of squared distances from it

STOPPED = -1


@inline
def _follow(entry, count):
    """Move running means and squared distances on by one draw (Welford 1962)."""
    n = entry[1]
    source, mean, squares = floats(entry[0], n), floats(entry[2], n), floats(entry[3], n)
    for i in range(n):
        distance = source[i] - mean[i]
        mean[i] += distance / count
        squares[i] += distance * (source[i] - mean[i])


@inline
def _record(frame):
    """Write one row of draws and the labels that are kept."""
    if frame[FRAME_LENGTH] != 0:
        status = call(frame[FRAME_MACHINE], (frame[FRAME_PROGRAM], frame[FRAME_LENGTH], 0, 0))
        if status != 0:
            return status
    out = floats(frame[FRAME_OUT] + 8 * frame[FRAME_ROW] * frame[FRAME_ROW_WIDTH], frame[FRAME_ROW_WIDTH])
    at = 0
    for j in range(frame[FRAME_SEGMENTS]):
        segment = integers(frame[FRAME_SEGMENT_TABLE] + 8 * SEGMENT_WIDTH * j, SEGMENT_WIDTH)
        source = floats(segment[0], segment[1])
        for i in range(segment[1]):
            out[at + i] = math.exp(source[i]) if segment[2] != 0 else source[i]
        at += segment[1]
    for j in range(frame[FRAME_MOMENTS]):
        _follow(integers(frame[FRAME_MOMENT_TABLE] + 8 * MOMENT_WIDTH * j, MOMENT_WIDTH), frame[FRAME_ROW] + 1)
    for j in range(frame[FRAME_LABELS]):
        entry = integers(frame[FRAME_LABEL_TABLE] + 8 * LABEL_WIDTH * j, LABEL_WIDTH)
        n, lowest = entry[1], entry[2]
        source = floats(entry[0], n)
        if entry[4] == 1:
            small = bytes_at(entry[3] + frame[FRAME_ROW] * n, n)
            for i in range(n):
                small[i] = np.uint8(source[i] - lowest)
        else:
            wide = shorts_at(entry[3] + 2 * frame[FRAME_ROW] * n, n)
            for i in range(n):
                wide[i] = np.uint16(source[i] - lowest)
    return 0


def run_sweeps(frame_address):
    """Run sweeps until done, stopped or failed; FRAME_SWEEP and FRAME_ROW count what was done."""
    frame = integers(frame_address, FRAME_WIDTH)
    stop = integers(frame[FRAME_STOP], 1)
    last = frame[FRAME_SWEEP] + frame[FRAME_SWEEPS]
    while frame[FRAME_SWEEP] < last:
        if stop[0] != 0:
            return STOPPED
        for j in range(frame[FRAME_STEPS]):
            step = integers(frame[FRAME_TABLE] + 8 * STEP_WIDTH * j, STEP_WIDTH)
            status = call(step[0], (step[1], step[2], frame[FRAME_STREAM]))
            if status != 0:
                frame[FRAME_FAILED] = j
                return status
        frame[FRAME_SWEEP] += 1
        past = frame[FRAME_SWEEP] - frame[FRAME_BURN]
        if past > 0 and past % frame[FRAME_THIN] == 0:
            status = _record(frame)
            if status != 0:
                frame[FRAME_FAILED] = -1
                return status
            frame[FRAME_ROW] += 1
    return 0


DRIVER = AddressedKernel(run_sweeps, 1)


def run_frame(frame: np.ndarray) -> int:
    """Run the driver on a frame (int64, FRAME_WIDTH words); the GIL is released meanwhile. Returns the status."""
    return run(DRIVER.address, address_of(frame))


def run_step(kernel: AddressedKernel | int, words: np.ndarray, reals: np.ndarray, stream: int) -> int:
    """Run one step kernel once (starts, tests). Returns the status."""
    address = kernel if isinstance(kernel, int) else kernel.address
    return run(address, address_of(words), address_of(reals), stream)


def run_machine(machine: AddressedKernel, program: int, length: int) -> int:
    """Run one program once."""
    return run(machine.address, program, length, 0, 1)
