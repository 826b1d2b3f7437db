"""A file that others sent is decoded in a child first; only what the child survived is read in this process.

Invariants:
1. Nothing of the file is parsed here before `finish` returned.
2. `finish` returns where the child decoded everything, and where it refused in good order: a reader of ours
   will then refuse in the same way, in bounded time and memory, and can name the line. A crash, a limit and
   garbage end in `HostileFileError`, whose text holds nothing of the file.
3. It is the bytes that were probed that are read: whoever can change the file in between is its owner.

The child starts at once; what the caller does before `finish` costs no time.

Example::

    with Probe([file]) as probe:
        contract = load_contract(path)
        probe.finish()
        source = open_source(file, contract)
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from data_contracts.errors import DataBreaksContractError
from data_contracts.sandbox.limits import GIB, Limits
from data_contracts.sandbox.running import Child, SandboxError

__all__ = ["HostileFileError", "Probe", "limits_for", "probe_files"]

_WORK = "data_contracts.sandbox.work.decoding:decode"
_BARE = frozenset({".csv", ".parquet", ".pq", ".arrow", ".arrows", ".feather", ".ipc"})
"""Whose readers do without NumPy."""
_SECONDS = 60
_BYTES_PER_SECOND = 500_000


class HostileFileError(DataBreaksContractError):
    """A file that cannot be decoded within limits.

    Attributes:
        code: why, as `SandboxError.code`.
    """

    def __init__(self, name: str, code: str) -> None:
        """Name the file and the code."""
        super().__init__(
            f"{name}: cannot be decoded safely ({code}); it was not read",
            remedy="ask whoever made the file for another; if it is sound, split it into smaller files",
        )
        self.code = code


def limits_for(paths: Sequence[Path], *, memory_bytes: int = 2 * GIB) -> Limits:
    """Return limits that grow with what is to be read, and not with what it claims to hold."""
    size = 0
    for path in paths:
        files = path.rglob("*") if path.is_dir() else [path]
        size += sum(file.stat().st_size for file in files if file.is_file())
    seconds = _SECONDS + size / _BYTES_PER_SECOND
    return Limits(memory_bytes=memory_bytes, cpu_seconds=int(seconds), wall_seconds=2 * seconds)


class Probe:
    """One child that decodes files; a context manager."""

    def __init__(self, paths: Sequence[Path], limits: Limits | None = None) -> None:
        """Start it, if there is something to decode: what is not there is the caller's to refuse."""
        self._paths = [path for path in paths if path.exists()]
        self._child: Child | None = None
        if self._paths:
            bare = all(path.is_file() and path.suffix.lower() in _BARE for path in self._paths)
            self._child = Child(_WORK, limits or limits_for(self._paths), read=self._paths, bare=bare)
            self._child.ask([str(path.resolve()) for path in self._paths])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def finish(self) -> bool:
        """Wait for the child; return whether it decoded everything, and did not refuse in good order.

        Raises:
            HostileFileError: the files are not to be read here.
        """
        if self._child is None:
            return False
        try:
            self._child.answer()
        except SandboxError as error:
            if error.code != "refused":
                raise HostileFileError(self._paths[0].name, error.code) from None
            return False
        finally:
            self.close()
        return True

    def close(self) -> None:
        """End the child."""
        if self._child is not None:
            self._child.close()
            self._child = None


def probe_files(paths: Sequence[Path], limits: Limits | None = None) -> bool:
    """Decode files in a child, and wait for it; return whether all were decoded, see `Probe.finish`.

    Raises:
        HostileFileError: they are not to be read here.
    """
    with Probe(paths, limits) as probe:
        return probe.finish()
