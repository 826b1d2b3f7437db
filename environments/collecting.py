"""How often a process of ours looks for circles of objects that nothing refers to any more.

Python looks each time 700 more containers were made than freed, and the lists of a crossing of thousands of
assets are hundreds of thousands that all stay: a seventh of such a crossing's CPU went into looking at them
(`benchmarks/sets.py`), and none was a circle. What is no circle is freed at once, however seldom one looks.

Example:
    >>> collect_seldom()  # first thing in a process; those that it forks keep it
"""

from __future__ import annotations

import gc

__all__ = ["collect_seldom"]

_YOUNG, _OLDER, _ALL = 20_000, 20, 20
"""Containers that are made before the young ones are looked at, and of such looks how many before the older
ones are: a few megabytes may wait, in processes of a hundred."""


def collect_seldom() -> None:
    """Let this process look for circles about thirty times less often than Python would."""
    gc.set_threshold(_YOUNG, _OLDER, _ALL)
