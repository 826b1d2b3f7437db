"""One finding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Finding", "Severity"]

Severity = Literal["ok", "warning", "error"]


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Attributes:
        check: `ports`, `disk`, `memory`, `versions`, `clocks`, `limits`, `certificates`,
            `trust`, `transits`, `stores`, `leftovers`, `home`.
        severity: `ok`; `warning`: works now, look at it; `error`: does not work.
        what: what was found, where, with its number.
        remedy: what to do; empty only where all is well.
    """

    check: str
    severity: Severity
    what: str
    remedy: str = ""
