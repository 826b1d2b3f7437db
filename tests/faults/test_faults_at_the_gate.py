"""Disks, clocks, trust and transits that fail in the middle: a clear error; run again, one version."""

from __future__ import annotations

import datetime as dt
import errno
import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import fields, replace
from pathlib import Path

import pytest
from boundary_world import START, World, rows
from killed_crossing import finish, run

from data_contracts.errors import IsthmusError, NotVerifiableError, UnreachableError
from environments.boundary import CrossingFailedError, EnvironmentContext, egress, ingress, settle
from environments.identity import load_identity
from environments.transit import Data, DirectoryTransit, Put, Transit
from environments.trust import Authority, adopt_document

HOUR = dt.timedelta(hours=1)


@pytest.mark.parametrize("number", [1, 4, 9, 15, 22, 30, 38, 47, 55, 63, 70])
def test_a_flush_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    world = World(tmp_path)
    world.add(rows())
    count, real = 0, os.fsync

    def failing(descriptor: int) -> None:
        nonlocal count
        count += 1
        if count == number:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(UnreachableError) as refused:
        run(world)
    monkeypatch.setattr(os, "fsync", real)
    assert refused.value.exit_code == 5
    assert "the disk reports errors" in refused.value.remedy
    finish(world)


@pytest.mark.parametrize(("side", "off"), [("cloud", -HOUR), ("onprem", HOUR)])
def test_a_clock_an_hour_off_is_told(tmp_path: Path, side: str, off: dt.timedelta) -> None:
    """The destination sees a manifest of the future: it refuses, and takes it when clocks are right."""
    world = World(tmp_path)
    record = world.add(rows())

    def env(name: str) -> EnvironmentContext:
        now = START + (off if name == side else dt.timedelta())
        return replace(world.env(name), clock=lambda: now)

    sent = egress(env("onprem"), world.request(record))
    with pytest.raises(CrossingFailedError, match="in the future") as refused:
        ingress(env("cloud"), "onprem", sent.crossing)
    assert (refused.value.exit_code, refused.value.rule) == (4, "freshness")
    assert "clocks" in refused.value.remedy
    assert world.env("cloud").store.names() == ()
    world.now = START + HOUR
    finish(world)


@pytest.mark.parametrize(("side", "off"), [("cloud", HOUR), ("onprem", -HOUR)])
def test_a_clock_an_hour_off_that_does_no_harm(tmp_path: Path, side: str, off: dt.timedelta) -> None:
    world = World(tmp_path)
    record = world.add(rows())

    def env(name: str) -> EnvironmentContext:
        now = START + (off if name == side else dt.timedelta())
        return replace(world.env(name), clock=lambda: now)

    sent = egress(env("onprem"), world.request(record))
    assert ingress(env("cloud"), "onprem", sent.crossing).outcome == "permitted"
    assert settle(env("onprem"), "cloud", sent.crossing).outcome == "permitted"
    finish(world)


@pytest.mark.parametrize("step", ["ingress", "settle"])
def test_the_trust_document_expires_in_the_middle(tmp_path: Path, step: str) -> None:
    world = World(tmp_path)
    publics = {name: load_identity(world.folder(name)).public for name in ("onprem", "cloud", "edge")}
    authority = Authority(world.home.secrets / "trust")
    issued = authority.settle(publics, {}, world.now)
    for name in publics:
        adopt_document(world.folder(name), issued.raw, world.now)
    sent = egress(world.env("onprem"), world.request(world.add(rows())))
    if step == "settle":
        ingress(world.env("cloud"), "onprem", sent.crossing)
    world.now = issued.document.expires + HOUR
    before = world.env("cloud").store.names()
    calls: dict[str, Callable[[], object]] = {
        "ingress": lambda: ingress(world.env("cloud"), "onprem", sent.crossing),
        "settle": lambda: settle(world.env("onprem"), "cloud", sent.crossing),
    }
    with pytest.raises(NotVerifiableError, match="expired") as refused:
        calls[step]()
    assert refused.value.exit_code == 4
    assert refused.value.remedy
    assert world.env("cloud").store.names() == before
    renewed = authority.settle(publics, {}, world.now)
    assert renewed.document.version > issued.document.version
    for name in publics:
        adopt_document(world.folder(name), renewed.raw, world.now)
    finish(world, signed_anew=True)


class LyingTransit(DirectoryTransit):
    """Says that it stored what it was given, and stored something else."""

    lie: Callable[[str, bytes], bytes | None]

    def put(self, name: str, data: Data) -> None:
        stored = self.lie(name, bytes(data))
        if stored is not None:
            super().put(name, stored)

    def batch(self) -> AbstractContextManager[Put]:
        return nullcontext(self.put)


LIES: dict[str, Callable[[str, bytes], bytes | None]] = {
    "nothing at all": lambda _name, _data: None,
    "no chunks": lambda name, data: None if "/chunks/" in name else data,
    "half of it": lambda _name, data: data[: len(data) // 2],
    "a wrong bit in a chunk": lambda name, data: (
        data[:-1] + bytes([data[-1] ^ 1]) if "/chunks/" in name else data
    ),
    "a wrong list": lambda name, data: data[::-1] if name.endswith("contents") else data,
    "more": lambda _name, data: data + b"more",
    "no receipt": lambda name, data: None if name.endswith("receipt") else data,
    "zeros for a receipt": lambda name, data: bytes(len(data)) if name.endswith("receipt") else data,
}


class Lied(EnvironmentContext):
    lie: Callable[[str, bytes], bytes | None]

    @classmethod
    def around(cls, env: EnvironmentContext, lie: Callable[[str, bytes], bytes | None]) -> Lied:
        lied = cls(**{item.name: getattr(env, item.name) for item in fields(env)})
        object.__setattr__(lied, "lie", lie)
        return lied

    def _lying(self, source: str, destination: str) -> Transit:
        transit = LyingTransit(self.transit_root / source / destination)
        transit.lie = self.lie
        return transit

    def outgoing(self, destination: str) -> Transit:
        return self._lying(self.name, destination)

    def incoming(self, source: str) -> Transit:
        return self._lying(source, self.name)


@pytest.mark.parametrize("lie", LIES)
def test_a_transit_that_lies_about_what_it_stored(tmp_path: Path, lie: str) -> None:
    world = World(tmp_path)
    record = world.add(rows())
    onprem, cloud = (Lied.around(world.env(name), LIES[lie]) for name in ("onprem", "cloud"))
    said: list[IsthmusError] = []
    sent = egress(onprem, world.request(record))
    for step in (
        lambda: ingress(cloud, "onprem", sent.crossing),
        lambda: settle(onprem, "cloud", sent.crossing),
    ):
        try:
            step()
        except IsthmusError as error:
            said.append(error)
    assert said
    for error in said:
        assert error.exit_code == 4
        assert error.remedy
    finish(world, signed_anew=True)
