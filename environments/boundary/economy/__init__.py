"""The transfer's economy: what a boundary may carry, counted durably, paced, and told as it moves.

Invariants:
1. A limit holds a crossing back; it never changes what may cross.
2. What is counted is counted before it moves.

Example:
    >>> with carriage(env, "send", request, transit, phase="egress.seal") as carried:
    ...     carried.put(name, sealed)
"""

from __future__ import annotations

from environments.boundary.economy.accounts import Accounts
from environments.boundary.economy.carriage import Carriage, HeldBackError, carriage, held_now, lanes_of

__all__ = ["Accounts", "Carriage", "HeldBackError", "carriage", "held_now", "lanes_of"]
