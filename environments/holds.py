"""What may not be erased for now, as an environment's file says: a legal hold, a duty to keep.

Invariants:
1. A hold names assets, or all; its reason is one line for people and goes to whoever asked for the erasure.
2. Without an end it counts until the line is gone; with one, up to that day, which is not part of it.

Example:
    >>> Hold("visits", "court order 12 O 3/26").counts("visits", dt.date(2026, 11, 29))
    True
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from data_contracts.destination import ANY
from environments.fields import Fields
from environments.fields import Path as Place
from environments.ref import NAME

__all__ = ["Hold", "read_holds"]

_NAME = rf"(?=.{{1,63}}$){NAME}|\*"


@dataclass(frozen=True)
class Hold:
    """One hold.

    Attributes:
        asset: the asset's name here, or `*`.
        reason: why, in one line.
        until: the first day on which it counts no more; None for no end.
    """

    asset: str
    reason: str
    until: dt.date | None = None

    def counts(self, asset: str, day: dt.date) -> bool:
        """Whether it keeps this asset from being erased on this day."""
        return self.asset in (asset, ANY) and (self.until is None or day < self.until)

    @property
    def words(self) -> str:
        """The hold as whoever asked is told it."""
        end = f" until {self.until.isoformat()}" if self.until else ""
        return f"legal hold{end}: {self.reason}"


def read_holds(fields: Fields) -> tuple[Hold, ...]:
    """Read the list `holds` of an environment's file; absent is empty."""
    found: list[Hold] = []
    for index in range(len(fields.items(("holds",), "holds: asset, reason, and perhaps until"))):
        place: Place = ("holds", index)
        fields.mapping(place, ("asset", "reason", "until"), ("asset", "reason"))
        found.append(
            Hold(
                fields.text((*place, "asset"), _NAME, 'an asset\'s name, or "*"'),
                fields.text((*place, "reason"), r"[ -~]{1,200}", "one line of at most 200 ASCII characters"),
                _day(fields, (*place, "until")),
            )
        )
    return tuple(found)


def _day(fields: Fields, place: Place) -> dt.date | None:
    text = fields.text(place, r"[0-9]{4}-[0-9]{2}-[0-9]{2}", "a day such as 2027-01-31")
    try:
        return dt.date.fromisoformat(text) if text else None
    except ValueError:
        fields.complain(place, f"{text!r} is no day", "a day such as 2027-01-31")
        return None
