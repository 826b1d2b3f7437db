"""A fetch that is cut off goes on at the part where it stopped; what is kept meanwhile nobody believes."""

from __future__ import annotations

import datetime as dt
import os
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from boundary_world import World, rows
from recall_world import RecallWorld

from data_contracts.errors import UnreachableError
from environments.boundaries import BoundaryLimits, Budget
from environments.boundary import EnvironmentContext, egress, ingress
from environments.boundary.fetched import stale_fetched
from environments.boundary.recall import erase
from environments.boundary.result import CrossingFailedError
from environments.transit import BytesOfItsOwn, Capabilities, Transit

PARTS = 6


@dataclass
class Far(BytesOfItsOwn):
    """A transit on another machine, whose link carries so many parts and then is down."""

    inner: Transit
    carries: int = 1000
    dies: bool = False
    medium: str = "sftp"
    fetched: list[str] = field(default_factory=list)

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(self.medium)

    def get(self, name: str, *, limit: int) -> bytes | None:
        if "/chunks/" in name:
            if self.carries <= 0:
                if self.dies:
                    raise PowerCutError
                raise UnreachableError("the link is down")
            self.carries -= 1
            self.fetched.append(name)
        return self.inner.get(name, limit=limit)

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)


class PowerCutError(BaseException):
    """Stands for the end of the process."""


@dataclass
class Site:
    """A crossing of six parts that was sent, and the folder where its destination keeps what it fetched."""

    world: World
    crossing: str

    @property
    def kept(self) -> Path:
        return self.world.folder("cloud").outbox / self.crossing[7:] / "fetched"

    def cloud(self, far: Far) -> EnvironmentContext:
        return replace(self.world.env("cloud"), disk=far)  # type: ignore[arg-type]

    def far(self, **given: object) -> Far:
        return Far(self.world.env("cloud").incoming("onprem"), **given)  # type: ignore[arg-type]

    def fetch(self, far: Far) -> str:
        return ingress(self.cloud(far), "onprem", self.crossing).outcome


@pytest.fixture
def site(tmp_path: Path) -> Site:
    world = World(tmp_path)
    sent = egress(world.env("onprem"), world.request(world.add(rows(600), groups=PARTS)))
    assert len(list((world.transit() / sent.crossing[7:] / "chunks").iterdir())) == PARTS
    return Site(world, sent.crossing)


@pytest.mark.parametrize("dies", [False, True], ids=["the link is down", "kill -9"])
def test_each_part_is_fetched_once_however_often_it_is_cut_off(site: Site, dies: bool) -> None:
    fetched = []
    for _ in range(PARTS - 1):
        far = site.far(carries=1, dies=dies)
        with pytest.raises(PowerCutError if dies else UnreachableError):
            site.fetch(far)
        fetched += far.fetched
    assert len({path.name for path in site.kept.iterdir()}) == PARTS - 1
    last = site.far()
    assert site.fetch(last) == "permitted"
    fetched += last.fetched
    assert len(fetched) == len(set(fetched)) == PARTS
    assert not site.kept.exists()


def test_what_is_kept_is_sealed(site: Site) -> None:
    with pytest.raises(UnreachableError):
        site.fetch(site.far(carries=3))
    lying = {path.read_bytes() for path in (site.world.transit() / site.crossing[7:] / "chunks").iterdir()}
    assert {path.read_bytes() for path in site.kept.iterdir()} <= lying
    assert {path.stat().st_mode & 0o077 for path in (site.kept, *site.kept.iterdir())} == {0}


@pytest.mark.parametrize("harm", ["torn", "changed", "swapped", "longer", "empty", "a link"])
def test_what_was_harmed_meanwhile_is_fetched_again(site: Site, tmp_path: Path, harm: str) -> None:
    with pytest.raises(UnreachableError):
        site.fetch(site.far(carries=3))
    first, second, _ = sorted(site.kept.iterdir())
    raw = first.read_bytes()
    harmed = {"torn": raw[:-1], "changed": bytes([raw[20] ^ 1]) + raw[1:], "swapped": second.read_bytes()}
    harmed |= {"longer": raw + b" ", "empty": b""}
    if harm == "a link":
        (tmp_path / "elsewhere").write_bytes(raw)
        first.unlink()
        first.symlink_to(tmp_path / "elsewhere")
    else:
        first.write_bytes(harmed[harm])
    again = site.far()
    assert site.fetch(again) == "permitted"
    assert len(again.fetched) == PARTS - 2
    if harm == "a link":  # it was not written through
        assert (tmp_path / "elsewhere").read_bytes() == raw


def test_of_a_folder_nothing_is_kept(site: Site) -> None:
    with pytest.raises(UnreachableError):
        site.fetch(site.far(carries=3, medium="directory"))
    assert not site.kept.exists()


def test_what_does_not_verify_takes_everything_with_it(site: Site) -> None:
    with pytest.raises(UnreachableError):
        site.fetch(site.far(carries=PARTS - 1))
    left = {path.stat().st_size for path in site.kept.iterdir()}
    assert left
    for path in (site.world.transit() / site.crossing[7:] / "chunks").iterdir():
        path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(CrossingFailedError):
        site.fetch(site.far())
    assert not site.kept.exists()


def test_a_budget_is_asked_for_what_is_left_alone(site: Site) -> None:
    """Before, a crossing that was cut off behind most of a day's budget did not go on that day."""
    size = sum(
        path.stat().st_size for path in (site.world.transit() / site.crossing[7:] / "chunks").iterdir()
    )
    cloud = site.world.profiles["cloud"]
    limits = BoundaryLimits("onprem", budget=(Budget(int(1.6 * size) + 4000, "day"),))
    site.world.profiles["cloud"] = replace(cloud, boundaries=(limits,))
    with pytest.raises(UnreachableError):
        site.fetch(site.far(carries=PARTS - 1))
    assert site.fetch(site.far()) == "permitted"


def test_of_what_never_became_whole_nothing_stays_for_ever(site: Site) -> None:
    with pytest.raises(UnreachableError):
        site.fetch(site.far(carries=2))
    env = site.world.env("cloud")
    # The world's clock stands in its own day: what was kept is of it.
    os.utime(site.kept, (env.clock().timestamp(), env.clock().timestamp()))
    assert stale_fetched(env, clear=True) == ()
    site.world.now += dt.timedelta(days=8)
    assert stale_fetched(env) == (site.crossing,)
    assert site.kept.exists()
    assert stale_fetched(env, clear=True) == (site.crossing,)
    assert not site.kept.exists()


def test_what_was_answered_by_a_process_that_died_over_it_goes_at_once(site: Site) -> None:
    """Killed before that was gone, and the source took the crossing back (queued seed 8482)."""

    def killed(point: str) -> None:
        if point == "ingress.send":
            raise PowerCutError

    cloud = replace(site.cloud(site.far()), progress=killed)
    kept: list[tuple[Path, bytes]] = []
    with pytest.raises(UnreachableError):
        site.fetch(site.far(carries=PARTS - 1))
    kept += [(path, path.read_bytes()) for path in site.kept.iterdir()]
    with pytest.raises(PowerCutError):
        ingress(cloud, "onprem", site.crossing)
    site.kept.mkdir(mode=0o700, exist_ok=True)  # as a power cut leaves it
    for path, data in kept:
        path.write_bytes(data)
    os.utime(site.kept, (site.world.now.timestamp(), site.world.now.timestamp()))
    assert stale_fetched(site.world.env("cloud"), clear=True) == (site.crossing,)
    assert not site.kept.exists()
    assert (site.kept.parent / "receipt").exists()


def test_a_refusal_keeps_nothing(site: Site) -> None:
    with pytest.raises(UnreachableError):
        site.fetch(site.far(carries=2))
    site.world.profiles["cloud"] = replace(site.world.profiles["cloud"], ingress=())
    assert site.fetch(site.far()) == "denied"
    assert not site.kept.exists()


def test_what_is_recalled_before_it_was_whole_goes_at_once(tmp_path: Path) -> None:
    world = RecallWorld(tmp_path)
    record = world.add(rows(600), groups=PARTS)
    site = Site(world, egress(world.env("onprem"), world.request(record)).crossing)
    with pytest.raises(UnreachableError):
        site.fetch(site.far(carries=2))
    assert site.kept.exists()
    [(_, request)] = world.recall(record).requests
    assert erase(world.env("cloud"), "onprem", request).outcome == "erased"
    assert not site.kept.exists()
