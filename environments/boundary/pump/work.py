"""What a line of the pump works with, and how it rests."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from data_contracts.errors import IsthmusError
from environments.boundary.context import EnvironmentContext
from environments.outbox import Outbox, pause
from environments.outbox.notes import Direction

__all__ = ["StoppedError", "Work", "told"]

LONGEST_REST = 300.0
_LONGEST_REASON = 400


class StoppedError(BaseException):
    """The pump was told to stop; nothing of ours may take it for a failure."""


@dataclass
class Work:
    """One line's tools.

    Attributes:
        env: the environment; its `progress` raises `StoppedError` once the pump shall stop.
        outbox: open for this line alone.
        draw: a random number from 0 to 1.
        did: how often what happened.
    """

    env: EnvironmentContext
    outbox: Outbox
    draw: Callable[[], float]
    did: Counter[str] = field(default_factory=Counter)

    @property
    def now(self) -> dt.datetime:
        """The time."""
        return self.env.clock()

    def after(self, seconds: float) -> dt.datetime:
        """Return the moment after so many seconds."""
        return self.now + dt.timedelta(seconds=seconds)

    def back_off(self, failures: int, longest: float) -> dt.datetime:
        """Return when to try again after so many failures in a row."""
        return self.after(pause(max(1, failures), longest=longest, draw=self.draw()))

    def rest(self, peer: str, direction: Direction, reason: str, until: dt.datetime | None = None) -> None:
        """Let a line rest: until a moment that is known, or longer each time."""
        failures = 0 if until else self.outbox.line(peer, direction).failures + 1
        due = until or self.back_off(failures, LONGEST_REST)
        self.outbox.close_line(peer, direction, self.now, due, reason[:_LONGEST_REASON], failures)


def told(error: IsthmusError) -> str:
    """Return an error as the reason of what waits: no message of ours holds a value from the data."""
    return (f"{error}; {error.remedy}" if error.remedy else f"{error}")[:_LONGEST_REASON]
