"""An interrupted egress goes on where it stopped: what lies intact is not sealed again."""

from __future__ import annotations

from pathlib import Path

import pytest
from boundary_world import World, rows

from environments.boundary import egress, ingress, settle


class PowerCutError(BaseException):
    """Stands for the end of the process: nothing of ours may catch it."""


def cut_at(world: World, point: str) -> str:
    """Egress until the power is cut; returns the crossing's hex."""

    def progress(passed: str) -> None:
        if passed == point:
            raise PowerCutError

    with pytest.raises(PowerCutError):
        egress(world.env("onprem", progress=progress), world.request(world.add(rows())))
    [folder] = [path for path in world.transit().iterdir() if path.is_dir()]
    return folder.name


def places(world: World, crossing: str) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in (world.transit() / crossing / "chunks").iterdir()}


def again(world: World) -> None:
    record = world.env("onprem").store.record("visits")
    sent = egress(world.env("onprem"), world.request(record))
    assert ingress(world.env("cloud"), "onprem", sent.crossing).outcome == "permitted"


@pytest.mark.parametrize("point", ["egress.sign", "egress.record", "egress.publish"])
def test_what_lies_intact_is_not_sealed_again(tmp_path: Path, point: str) -> None:
    world = World(tmp_path)
    crossing = cut_at(world, point)
    before = places(world, crossing)
    assert len(before) == 3
    record = world.env("onprem").store.record("visits")
    egress(world.env("onprem"), world.request(record))
    assert places(world, crossing) == before
    again(world)


@pytest.mark.parametrize("harm", ["gone", "cut", "changed", "swapped"])
def test_what_does_not_lie_intact_is_sealed_again(tmp_path: Path, harm: str) -> None:
    world = World(tmp_path)
    crossing = cut_at(world, "egress.sign")
    before = places(world, crossing)
    first, second, _ = sorted((world.transit() / crossing / "chunks").iterdir())
    raw = first.read_bytes()
    first.unlink()
    if harm != "gone":
        harmed = {"cut": raw[:-1], "changed": bytes([raw[0] ^ 1]) + raw[1:], "swapped": second.read_bytes()}
        first.write_bytes(harmed[harm])
    record = world.env("onprem").store.record("visits")
    egress(world.env("onprem"), world.request(record))
    after = places(world, crossing)
    assert {name for name in before if before[name] == after[name]} == before.keys() - {first.name}
    assert first.read_bytes() != raw or harm == "gone"
    again(world)


def test_the_key_of_an_attempt_is_gone_when_the_crossing_is_settled(tmp_path: Path) -> None:
    world = World(tmp_path)
    crossing = cut_at(world, "egress.publish")
    kept = world.folder("onprem").outbox / crossing / "sealed"
    assert kept.stat().st_mode & 0o077 == 0
    again(world)
    settle(world.env("onprem"), "cloud", f"sha256:{crossing}")
    assert not kept.exists()
