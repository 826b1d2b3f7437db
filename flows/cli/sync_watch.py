"""What `isthmus sync --watch` shows while bytes move: phase, bytes, rate, time left.

Invariants:
1. What a step says of itself comes from a server, and is shown only in the one form of a line about bytes
   (`flows.runtime.progress.MOVED`), or as the name of a phase. Nothing else reaches the terminal.
2. On a terminal one line is drawn again and again; elsewhere each is a line of its own, for logs.

Example:
    >>> shown(Moved("egress.seal", 60_000_000, 240_000_000, 3.0), 20_000_000.0)
    'egress.seal   60.0 of 240.0 MB  25 %  20.0 MB/s  0:00:09 left'
"""

from __future__ import annotations

import datetime as dt
import re
import shutil
from collections.abc import Callable

from flows.runtime.progress import Moved, read_moved
from flows.runtime.server import RunView

__all__ = ["Watcher", "shown"]

_PHASE = re.compile(r"[a-z]{1,20}\.[a-z]{1,20}")
_UNITS = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "B"))
_RECENT_S = 20.0


def shown(moved: Moved, rate: float | None) -> str:
    """Return one line about what moves; without a rate, its time is not told either."""
    scale, unit = next((pair for pair in _UNITS if moved.total >= pair[0]), _UNITS[-1])
    share = 100 * moved.done // moved.total if moved.total else 100
    text = f"{moved.phase:<12}  {moved.done / scale:.1f} of {moved.total / scale:.1f} {unit}  {share} %"
    if not rate:
        return text
    left = dt.timedelta(seconds=round((moved.total - moved.done) / rate))
    speed, unit = next((pair for pair in _UNITS if rate >= pair[0]), _UNITS[-1])
    return f"{text}  {rate / speed:.1f} {unit}/s  {left} left"


class Watcher:
    """Draws what it hears."""

    def __init__(self, write: Callable[[str], None], *, terminal: bool) -> None:
        """Draw by `write`, which ends no line by itself."""
        self._write, self._terminal = write, terminal
        self._known: list[Moved] = []
        self._drawn = 0

    def hear(self, view: RunView, line: str) -> None:
        """Show a line of a run, if it is one of ours."""
        moved = read_moved(line)
        if moved is None:
            if _PHASE.fullmatch(line):
                self._draw(line, last=not self._terminal)
            return
        if self._known and (self._known[0].phase != moved.phase or moved.seconds < self._known[-1].seconds):
            self._known.clear()
        self._known.append(moved)
        while len(self._known) > 2 and moved.seconds - self._known[1].seconds > _RECENT_S:  # noqa: PLR2004
            del self._known[0]
        first = self._known[0]
        passed = moved.seconds - first.seconds
        rate = (moved.done - first.done) / passed if passed > 0 else None
        self._draw(f"{view.name}  {shown(moved, rate)}", last=not self._terminal)

    def say(self, line: str) -> None:
        """Show a line that stays."""
        self._draw(line, last=True)

    def _draw(self, text: str, *, last: bool) -> None:
        if self._terminal:
            text = text if last else text[: shutil.get_terminal_size().columns - 1]
            self._write("\r" + text.ljust(self._drawn) + ("\n" if last else ""))
            self._drawn = 0 if last else len(text)
        else:
            self._write(text + "\n")
