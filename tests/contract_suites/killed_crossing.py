"""A crossing that is stopped at a named point, and what must be found when it was run again.

```python
with pytest.raises(PowerCutError):
    run(world, stop="ingress.commit", cut=PowerCutError())
finish(world)
```
"""

from __future__ import annotations

import os
import signal

from boundary_world import World

from environments.boundary import egress, ingress, settle
from environments.ledger import verify_ledger

EGRESS = "request decide check obligations output seal sign record publish done"
INGRESS = "verify decide open check commit record witness receipt send done"
STEPS = {"egress": EGRESS, "ingress": INGRESS, "settle": "verify record witness clear done"}
POINTS = [f"{step}.{point}" for step, points in STEPS.items() for point in points.split()]


class PowerCutError(BaseException):
    """Stands for the end of the process: nothing of ours may catch it."""


def run(world: World, *, stop: str | None = None, cut: BaseException | None = None) -> None:
    """Run the three steps; at the point `stop`, the power is cut, or the process kills itself."""

    def progress(point: str) -> None:
        if point == stop:
            if cut is not None:
                raise cut
            os.kill(os.getpid(), signal.SIGKILL)

    record = world.env("onprem").store.record("visits")
    sent = egress(world.env("onprem", progress=progress), world.request(record))
    ingress(world.env("cloud", progress=progress), "onprem", sent.crossing)
    settle(world.env("onprem", progress=progress), "cloud", sent.crossing)


def finish(world: World, *, signed_anew: bool = False) -> None:
    """Run the crossing again from its beginning, and look at everything.

    `signed_anew`: what was sent first was not what can be taken, so that another manifest may be recorded.
    """
    record = world.env("onprem").store.record("visits")
    sent = egress(world.env("onprem"), world.request(record))
    arrived = ingress(world.env("cloud"), "onprem", sent.crossing)
    settled = settle(world.env("onprem"), "cloud", sent.crossing)
    assert (arrived.outcome, settled.outcome) == ("permitted", "permitted")
    [there] = world.env("cloud").store.versions("visits")
    assert there.version == arrived.version == settled.version
    world.env("cloud").store.verify(there)
    for name in ("onprem", "cloud"):
        report = verify_ledger(world.folder(name).ledger, world.env(name).identity.public)
        assert report.success, report.problems
    entries = [*world.env("onprem").ledger.entries(), *world.env("cloud").ledger.entries()]
    spoken = [entry.kind for entry in entries if entry.kind in STEPS and entry.body["outcome"] == "permitted"]
    assert sorted(set(spoken) if signed_anew else spoken) == ["egress", "ingress", "settle"]
    assert (spoken.count("ingress"), spoken.count("settle")) == (1, 1)
    assert leftovers(world, sent.crossing) == []


def leftovers(world: World, crossing: str) -> list[str]:
    """Return what lies about of a crossing that has ended."""
    left = [path for path in world.transit().rglob("*") if path.is_file()]
    for name in ("onprem", "cloud"):
        folder = world.folder(name)
        left += folder.store.glob("staging/*/data")
        left += (path for path in folder.tmp.rglob("*") if path.is_file())
        left += (path for path in folder.outbox.rglob(".*") if path.is_file())
        kept = folder.outbox / crossing.removeprefix("sha256:")
        left += (kept / item for item in ("work", "sealed") if (kept / item).exists())
    return [str(path.relative_to(world.root)) for path in left]
