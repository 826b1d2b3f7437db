"""Landlock: files are opened where this says, and nowhere else.

Invariants:
1. Every right that the running kernel knows is taken away, then given back beneath named places only.
2. TCP, sockets outside and signals to others are taken away as well, where the kernel knows how.
3. The lock holds for the thread that asks, and for what it starts later: so it is asked for while there is
   one thread.

Source: Linux `Documentation/userspace-api/landlock.rst`, `include/uapi/linux/landlock.h`.
"""

from __future__ import annotations

import ctypes
import os
import stat
import struct
from collections.abc import Iterable

from data_contracts.sandbox import kernel

__all__ = ["restrict", "version"]

_CREATE, _ADD, _RESTRICT = 444, 445, 446
_ASK_VERSION = 1
_PATH_BENEATH = 1
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 2, 4, 8
_FIRST = (1 << 13) - 1
_REFER, _TRUNCATE, _IOCTL = 1 << 13, 1 << 14, 1 << 15
_SINCE = ((2, _REFER), (3, _TRUNCATE), (5, _IOCTL))
_NET_SINCE, _SCOPE_SINCE = 4, 6
_TCP = 3
_SCOPES = 3


def version() -> int:
    """Return the kernel's version of Landlock, 0 where it has none."""
    return max(0, kernel.call(_CREATE, 0, 0, _ASK_VERSION)) if kernel.machine() else 0


def _rights(known: int) -> int:
    return _FIRST | sum(bit for since, bit in _SINCE if known >= since)


def restrict(readable: Iterable[str], writable: Iterable[str]) -> int:
    """Lock this thread; returns the version of Landlock that did, or 0 if none could.

    Args:
        readable: files and folders whose content may be read; one that is not there is passed over.
        writable: folders in which files may be made, written and removed.
    """
    known = version()
    if not known:
        return 0
    rights = _rights(known)
    attributes = struct.pack("<QQQ", rights, _TCP, _SCOPES)
    size = 24 if known >= _SCOPE_SINCE else 16 if known >= _NET_SINCE else 8
    raw = ctypes.create_string_buffer(attributes[:size], size)
    rules = kernel.call(_CREATE, ctypes.byref(raw), size, 0)
    if rules < 0:
        return 0
    try:
        given = [(path, _READ_FILE | _READ_DIR) for path in readable]
        given += [(path, rights & ~_EXECUTE) for path in writable]
        for path, access in given:
            if not _allow(rules, path, access):
                return 0
        return known if kernel.call(_RESTRICT, rules, 0) == 0 else 0
    finally:
        os.close(rules)


def _allow(rules: int, path: str, access: int) -> bool:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return True
    try:
        if not stat.S_ISDIR(os.fstat(place).st_mode):
            access &= _READ_FILE | _WRITE_FILE
        rule = struct.pack("<Qi", access, place)
        raw = ctypes.create_string_buffer(rule, len(rule))
        return kernel.call(_ADD, rules, _PATH_BENEATH, ctypes.byref(raw), 0) == 0
    finally:
        os.close(place)
