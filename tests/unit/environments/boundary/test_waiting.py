"""Who finds another process at work on a crossing waits for it with a bound, then says so (exit code 7)."""

from __future__ import annotations

from pathlib import Path

import pytest
from boundary_world import World, rows

from data_contracts.errors import ConflictError
from environments import locking
from environments.boundary import egress, ingress, settle
from environments.boundary.outbox import working_on


@pytest.mark.parametrize("step", ["egress", "ingress", "settle"])
def test_a_crossing_that_another_process_holds(
    tmp_path: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path)
    record = world.add(rows())
    request = world.request(record)
    sent = egress(world.env("onprem"), request)
    ingress(world.env("cloud"), "onprem", sent.crossing)
    side = "cloud" if step == "ingress" else "onprem"
    before = world.files("onprem", "cloud")
    monkeypatch.setattr(locking, "PATIENCE_S", 0.1)
    steps = {
        "egress": lambda: egress(world.env("onprem"), request),
        "ingress": lambda: ingress(world.env("cloud"), "onprem", sent.crossing),
        "settle": lambda: settle(world.env("onprem"), "cloud", sent.crossing),
    }
    with working_on(world.folder(side), sent.crossing), pytest.raises(ConflictError) as refused:
        steps[step]()
    assert sent.crossing in str(refused.value)
    assert refused.value.exit_code == 7
    assert world.files("onprem", "cloud") == before
    assert settle(world.env("onprem"), "cloud", sent.crossing).outcome == "permitted"
