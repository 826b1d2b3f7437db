"""Where a check works when memory is not enough: a folder of its own, gone when the check is done.

Invariants:
1. Nothing is made on disk until something has to be spilled.
2. The folder is readable by its owner only, and is removed whatever happened.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

__all__ = ["BUDGET", "Workspace"]

BUDGET = 96 * 1024**2
"""Bytes of hashes, and of keys by value, that stay in memory."""


class Workspace:
    """A folder that is made when it is first needed.

    Args:
        folder: where to make it: the environment's own `tmp`; None is the process's temporary folder.
        budget: bytes that may stay in memory.
    """

    def __init__(self, folder: Path | None = None, budget: int = BUDGET) -> None:
        """Start without a folder."""
        self._folder = folder
        self._made: Path | None = None
        self._numbers = 0
        self.budget = budget

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._made is not None:
            shutil.rmtree(self._made, ignore_errors=True)
            self._made = None

    @property
    def root(self) -> Path:
        """The folder."""
        if self._made is None:
            self._made = Path(tempfile.mkdtemp(prefix="isthmus-check-", dir=self._folder))
        return self._made

    def room(self, size: int) -> Path | None:
        """Return where that many bytes of hashes go: the folder, or None where memory is enough."""
        return self.root if size > self.budget else None

    def path(self, word: str) -> Path:
        """Return a path inside that nothing else has; it is not made."""
        self._numbers += 1
        return self.root / f"{word}-{self._numbers}"
