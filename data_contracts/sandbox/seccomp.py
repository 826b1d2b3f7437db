"""A filter of system calls: what a parser or a query never needs is refused by the kernel.

Invariants:
1. A call of another machine's numbering (32-bit, x32) ends the process: no second table is left open.
2. What is listed in `syscalls` answers EPERM, so a library that only tries goes on without it.
3. Threads may be made, processes not: `clone` needs CLONE_THREAD, `clone3` (whose flags lie in memory that
   a filter cannot read) answers ENOSYS, and the C library falls back to `clone`.
4. A process signals nobody but itself, and raises no limit of its own.
5. The filter holds for all threads of the process at once, and cannot be taken back.

Source: man 2 seccomp; Linux `Documentation/userspace-api/seccomp_filter.rst`.
"""

from __future__ import annotations

import ctypes
import os
import struct

from data_contracts.sandbox import kernel, syscalls

__all__ = ["program", "restrict"]

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCH, _ARGUMENTS = 0, 4, 16
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_EPERM, _ENOSYS = 1, 38
_CLONE_THREAD = 0x00010000
_X32 = 0x40000000
_SET_FILTER, _ALL_THREADS = 1, 1

Step = tuple[int, int, int, int]


def _load(offset: int) -> Step:
    return (_LOAD, 0, 0, offset)


def _give(answer: int) -> Step:
    return (_RETURN, 0, 0, answer)


def _when(number: int, steps: list[Step]) -> list[Step]:
    """Run `steps` (which all end in an answer) if the call has that number; the number stays loaded else."""
    return [(_EQUAL, 0, len(steps), number), *steps]


def program(machine: str, pid: int, *, files: bool) -> list[Step]:
    """Return the filter's steps.

    Args:
        machine: `x86_64` or `aarch64`.
        pid: the process that it is for.
        files: refuse to open or change files by name as well.
    """
    refuse, allow = _give(_ERRNO | _EPERM), _give(_ALLOW)
    steps: list[Step] = [
        _load(_ARCH),
        (_EQUAL, 1, 0, syscalls.AUDIT_ARCH[machine]),
        _give(_KILL),
        _load(_NUMBER),
        (_AT_LEAST, 0, 1, _X32),
        _give(_KILL),
    ]
    # Low halves of arguments: both machines are little-endian.
    threads = [_load(_ARGUMENTS), (_ANY_BIT, 0, 1, _CLONE_THREAD), allow, refuse]
    steps += _when(syscalls.CLONE[machine], threads)
    steps += _when(syscalls.CLONE3, [_give(_ERRNO | _ENOSYS)])
    itself = [_load(_ARGUMENTS), (_EQUAL, 0, 1, pid), allow, refuse]
    steps += _when(syscalls.TGKILL[machine], itself)
    low, high = _ARGUMENTS + 16, _ARGUMENTS + 20  # the third argument: new limits, or a null pointer
    reading = [_load(low), (_EQUAL, 0, 3, 0), _load(high), (_EQUAL, 0, 1, 0), allow, refuse]
    steps += _when(syscalls.PRLIMIT[machine], reading)
    denied = syscalls.ALWAYS[machine] + (syscalls.FILES[machine] if files else ())
    for number in denied:
        steps += _when(number, [refuse])
    return [*steps, allow]


def restrict(*, files: bool) -> bool:
    """Put the filter on this process, all its threads included; False where the kernel has none."""
    machine = kernel.machine()
    if not machine:
        return False
    steps = program(machine, os.getpid(), files=files)
    raw = b"".join(struct.pack("<HBBI", *step) for step in steps)
    code = ctypes.create_string_buffer(raw, len(raw))

    class Program(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("steps", ctypes.c_void_p)]

    whole = Program(len(steps), ctypes.cast(code, ctypes.c_void_p).value)
    return kernel.call(syscalls.SECCOMP[machine], _SET_FILTER, _ALL_THREADS, ctypes.byref(whole)) == 0
