"""A pump that is killed at a named point, and what must be found when it was started again.

```python
kill(world, "pump.sent", None)   # in a process of its own: `run`
finish(world)
```
"""

from __future__ import annotations

import datetime as dt
import os
import signal

from killed_crossing import leftovers
from pumping_world import PumpingWorld

from environments.ledger import verify_ledger

PUMP = "send sending sent answer settled end look fetch fetched"
GATE = ("egress.seal", "egress.publish", "ingress.commit", "ingress.send", "settle.clear")
POINTS = [*(f"pump.{point}" for point in PUMP.split()), *GATE]


def run(world: PumpingWorld, *, stop: str | None = None) -> None:
    """Pump both sides until everything arrived; at the point `stop` the process kills itself."""

    def progress(point: str) -> None:
        if point == stop:
            os.kill(os.getpid(), signal.SIGKILL)

    for _ in range(4):
        world.pump("onprem", progress=progress)
        world.pump("cloud", progress=progress)
        world.now += dt.timedelta(seconds=40)


def finish(world: PumpingWorld, rows: list[int]) -> None:
    """Pump again, and look at everything: each version once, in order, and nothing left."""
    world.until_quiet()
    assert world.states() == ["arrived"] * len(rows)
    assert world.arrived() == rows
    for name in ("onprem", "cloud"):
        report = verify_ledger(world.folder(name).ledger, world.env(name).identity.public)
        assert report.success, report.problems
    for record in world.env("cloud").store.versions("visits"):
        world.env("cloud").store.verify(record)
    done = [(kind, outcome) for side in ("onprem", "cloud") for kind, outcome, _ in world.spoken(side)]
    for kind in ("egress", "ingress", "settle"):
        assert done.count((kind, "permitted")) == len(rows), done
    for number in range(len(rows)):
        assert leftovers(world, world.entry(f"request-{number}").crossing) == []
