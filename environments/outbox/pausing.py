"""How long to wait before the next attempt: twice as long each time, bounded, and never all at once. Pure.

Example:
    >>> [pause(failures, longest=60.0, draw=1.0) for failures in (1, 2, 3, 9)]
    [1.0, 2.0, 4.0, 60.0]
"""

from __future__ import annotations

__all__ = ["pause"]

_MOST_DOUBLINGS = 40


def pause(failures: int, *, longest: float, draw: float, first: float = 1.0) -> float:
    """Return the seconds to wait after so many failures in a row.

    Args:
        failures: 1 or more.
        longest: at most so many.
        draw: a random number from 0 to 1; half of the time is drawn, so that many do not come back at once.
        first: after the first failure, at most.
    """
    whole = min(longest, first * 2.0 ** min(failures - 1, _MOST_DOUBLINGS))
    return whole * (0.5 + draw / 2)
