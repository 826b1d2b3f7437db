"""The pump: sends what waits in one environment's outbox, takes in what its peers sent, reads the answers.

Invariants:
1. It works in one environment, by the steps of the gate: each crossing is decided when it is sent, and again
   each time that it is sent anew. Nothing is permitted by having waited.
2. A peer that cannot be reached rests for a while, at most five minutes, and holds up no other.
3. Killed at any moment and started again: each crossing ends in exactly one version, or none.
4. Of one environment one process pumps at a time.

Example:
    >>> with pumping(folder):
    ...     Pump(lambda: open_environment(folder, Site.load(root))).round()
    Counter({'sent': 1})
"""

from __future__ import annotations

from environments.boundary.pump.due import anything_due
from environments.boundary.pump.rounds import Pump, pumping
from environments.boundary.pump.serving import serve
from environments.boundary.pump.work import StoppedError

__all__ = ["Pump", "StoppedError", "anything_due", "pumping", "serve"]
