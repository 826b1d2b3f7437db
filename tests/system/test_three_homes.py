"""Three homes under three user ids, as on three machines: one has the server, two join it by files.

A crossing goes from the first to the second through the gates of both; what belongs to one user, the kernel
keeps from the others, and each tries.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from conftest import HOSPITAL_DATA
from other_users import ISTHMUS, User, some_users, take_down, why_not
from site_variants import shipped_site

pytestmark = [
    pytest.mark.long,
    pytest.mark.system,
    pytest.mark.xdist_group("three-homes"),
    pytest.mark.timeout(600),
]
if why_not():
    pytest.skip(why_not(), allow_module_level=True)
PAIRS = (("onprem", "cloud"), ("onprem", "edge"), ("cloud", "edge"))
SYNC = ("sync", "covid_tests", "--from", "onprem", "--to", "cloud", "--purpose", "model-training")


def groups() -> dict[tuple[str, str], int]:
    """Return a group for each pair of environments: numbers that nobody's group has."""
    first = 2_000_000_000 + secrets.randbelow(1_000_000) * len(PAIRS)
    return {pair: first + number for number, pair in enumerate(PAIRS)}


def exchange(folder: Path, pair: tuple[str, str], group: int) -> Path:
    """Make the folder in which two environments meet, as an administrator does."""
    place = folder / f"{pair[0]}-{pair[1]}"
    place.mkdir()
    os.chown(place, 0, group)
    place.chmod(0o2770)
    return place


def declare(site: Path, places: dict[tuple[str, str], Path]) -> None:
    """Add to each environment's file where it meets the others."""
    for name in ("onprem", "cloud", "edge"):
        lines = ["transits:"]
        for pair, place in places.items():
            if name in pair:
                peer = pair[1] if name == pair[0] else pair[0]
                lines.append(f"  - {{with: {peer}, kind: directory, path: {place}, shared: group}}")
        with (site / "environments" / f"{name}.yaml").open("a", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")


@dataclass(frozen=True)
class Machines:
    """Three users, by the environment that lives in the home of each, and where they meet."""

    users: dict[str, User]
    places: dict[tuple[str, str], Path]

    def __getitem__(self, name: str) -> User:
        return self.users[name]

    def others(self, name: str) -> list[User]:
        return [user for each, user in self.users.items() if each != name]


@pytest.fixture(scope="module")
def machines() -> Iterator[Machines]:
    # Short: a PostgreSQL socket's path must fit into 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="ist-"))
    folder.chmod(0o755)
    site, numbers = shipped_site(folder / "site"), groups()
    places = {pair: exchange(folder, pair, group) for pair, group in numbers.items()}
    declare(site, places)
    for path in (site, *site.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    users = {}
    for name, entry in zip(("onprem", "cloud", "edge"), some_users(), strict=True):
        own = folder / name
        own.mkdir(mode=0o700)
        os.chown(own, entry.pw_uid, entry.pw_gid)
        member = tuple(group for pair, group in numbers.items() if name in pair)
        users[name] = User(entry.pw_name, entry.pw_uid, entry.pw_gid, member, own, site)
    made = Machines(users, places)
    yield made
    left = take_down(users.values())
    shutil.rmtree(folder, ignore_errors=True)
    assert not left, left


def joins(host: User, user: User, name: str) -> dict[str, Any]:
    """Have a user's new home join as an environment: three files, and a fingerprint on both sides."""
    told = host.json("env", "invite", name, "--out", str(host.folder / f"{name}.invitation.json"))
    invitation = host.hand_over(Path(told["file"]), user)
    answer = user.json("env", "join", str(invitation), "--out", str(user.folder / f"{name}.answer.json"))
    there = user.hand_over(Path(answer["file"]), host)
    spoken = answer["fingerprint"]
    admission = host.folder / f"{name}.admission.json"
    host.json("env", "admit", str(there), "--fingerprint", spoken, "--out", str(admission))
    here = host.hand_over(admission, user)
    done: dict[str, Any] = user.json("env", "complete", str(here), "--fingerprint", spoken)
    return done


def sound_rows() -> str:
    """Return rows of the hospital's, with their header: none of those that it would quarantine."""
    with (HOSPITAL_DATA / "onprem_tests.csv").open(encoding="utf-8", newline="") as file:
        header, *rows = [line for _, line in zip(range(600), file, strict=False)]
    at = {name: number for number, name in enumerate(header.strip().split(","))}

    def sound(row: str) -> bool:
        cells = row.strip().split(",")
        return float(cells[at["age"]]) <= 110 and float(cells[at["rec_ver_tat"]]) >= 0

    return header + "".join(row for row in rows if sound(row))


@pytest.fixture(scope="module")
def crossed(machines: Machines) -> dict[str, Any]:
    """Have all three joined, two of them up, and one crossing between these."""
    onprem, cloud, edge = (machines[name] for name in ("onprem", "cloud", "edge"))
    url = onprem.json("up", "--only", "onprem")["api"]
    assert joins(onprem, cloud, "cloud")["api"] == url
    with ThreadPoolExecutor(1) as pool:
        coming_up = pool.submit(cloud.json, "up")
        assert joins(onprem, edge, "edge")["version"] == 3
        told = coming_up.result()
    assert (told["api"], told["environments"]) == (url, ["cloud"])
    data = onprem.folder / "tests.csv"
    data.write_text(sound_rows(), encoding="utf-8")
    os.chown(data, onprem.uid, onprem.gid)
    onprem.run("asset", "add", str(data), "--env", "onprem", "--name", "covid_tests",
               "--contract", "hospital.covid-tests", "--no-check")  # fmt: skip
    end: dict[str, Any] = onprem.json(*SYNC)
    return end


def test_a_crossing_between_two_homes_ends_in_one_version_and_two_ledgers(
    machines: Machines, crossed: dict[str, Any]
) -> None:
    assert crossed["outcome"] == "permitted"
    onprem, cloud = machines["onprem"], machines["cloud"]
    [arrived] = cloud.json("asset", "list", "--env", "cloud")["assets"]
    assert (arrived["name"], arrived["versions"]) == ("covid_tests", 1)
    for user, name in ((onprem, "onprem"), (cloud, "cloud")):
        assert user.json("ledger", "verify", "--env", name)["success"] is True
    kinds = {
        name: {entry["kind"] for entry in user.json("ledger", "show", "--env", name)["entries"]}
        for user, name in ((onprem, "onprem"), (cloud, "cloud"))
    }
    assert kinds == {"onprem": {"trust", "egress", "settle"}, "cloud": {"trust", "ingress"}}
    # Nothing of it is left in the place between, and what lay there was the pair's.
    place = machines.places["onprem", "cloud"]
    assert not [path for path in place.rglob("*") if path.is_file()]


def test_the_second_home_runs_its_environment_and_no_server(
    machines: Machines, crossed: dict[str, Any]
) -> None:
    assert crossed
    cloud = machines["cloud"]
    status = cloud.json("status")
    assert status["healthy"] is True, status
    parts = {part["name"]: part for part in status["parts"]}
    assert set(parts) == {"supervisor", "server", "gate@cloud", "dask@cloud", "worker@cloud", "pump@cloud"}
    assert (parts["server"]["detail"], parts["server"]["pid"]) == ("on another machine", None)
    running = cloud.processes()
    assert {process.uids().real for process in running} == {cloud.uid}
    assert not any("postgres" in process.name() for process in running)
    findings = cloud.json("doctor")["findings"]
    assert [one for one in findings if one["severity"] == "error"] == []


def test_each_knows_what_lives_where(machines: Machines, crossed: dict[str, Any]) -> None:
    assert crossed
    told = {
        name: {one["name"]: one["state"] for one in user.json("env", "list")["environments"]}
        for name, user in machines.users.items()
    }
    assert told["onprem"] == {"onprem": "here", "cloud": "joined", "edge": "joined"}
    # cloud joined before edge: it knows of no keys of edge until it takes the newer trust document.
    assert told["cloud"] == {"onprem": "elsewhere", "cloud": "here", "edge": "unknown"}
    assert told["edge"] == {"onprem": "elsewhere", "cloud": "elsewhere", "edge": "here"}
    onprem, cloud = machines["onprem"], machines["cloud"]
    newest = onprem.folder / "trust-3.json"
    onprem.run("trust", "export", "--out", str(newest))
    cloud.run("trust", "update", str(onprem.hand_over(newest, cloud)))
    assert {one["state"] for one in cloud.json("env", "list")["environments"]} == {"elsewhere", "here"}


def own(user: User) -> list[Path]:
    """Return the folders and files of a user's home that matter most."""
    [environment] = (user.home / "environments").iterdir()
    secret = [path for path in (user.home / "secrets").rglob("*") if path.is_file()]
    keys = list((environment / "keys").glob("*.key"))
    ledger = list((environment / "ledger").glob("*.db"))
    assert len(keys) >= 2
    return [user.folder, user.home, environment, environment / "store", *keys, *ledger, *secret]


def test_no_user_opens_anything_of_anothers_home(machines: Machines, crossed: dict[str, Any]) -> None:
    assert crossed
    for name, user in machines.users.items():
        mine = own(user)
        assert set(user.tries(*mine).values()) == {"open"}
        for other in machines.others(name):
            told = other.tries(*mine)
            assert set(told.values()) == {"PermissionError"}, (other.name, told)


def test_the_commands_refuse_anothers_home_too(machines: Machines, crossed: dict[str, Any]) -> None:
    assert crossed
    onprem, edge = machines["onprem"], machines["edge"]
    before = {path: path.stat().st_mtime_ns for path in own(onprem)}
    as_edge = replace(edge, folder=onprem.folder)
    for words in (("ledger", "verify", "--env", "onprem"), ("env", "list"), ("status",)):
        assert as_edge.json(*words, code=5)["exit_code"] == 5
    assert {path: path.stat().st_mtime_ns for path in own(onprem)} == before


def test_a_transit_is_opened_by_its_two_users_only(machines: Machines, crossed: dict[str, Any]) -> None:
    assert crossed
    for pair, place in machines.places.items():
        told = {name: user.tries(place)[str(place)] for name, user in machines.users.items()}
        assert told == {name: "open" if name in pair else "PermissionError" for name in machines.users}


def test_down_in_the_second_home_leaves_the_first_one_up(machines: Machines, crossed: dict[str, Any]) -> None:
    assert crossed
    cloud = machines["cloud"]
    assert cloud.json("down") == {"stopped": True}
    assert cloud.processes() == []
    assert machines["onprem"].json("status")["healthy"] is True


def test_a_home_comes_up_while_the_api_is_away_and_goes_on_when_it_is_back(
    machines: Machines, crossed: dict[str, Any]
) -> None:
    assert crossed
    onprem, cloud = machines["onprem"], machines["cloud"]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda user: user.run("down"), (cloud, onprem)))
    said = cloud.run("up")
    assert "does not answer" in said
    assert "goes on asking" in said
    parts = {part["name"]: part["health"] for part in cloud.json("status", code=5)["parts"]}
    assert (parts["server"], parts["worker@cloud"]) == ("failing", "failing")
    assert parts["dask@cloud"] == "ok"
    onprem.run("up")
    deadline = time.monotonic() + 60
    while not (status := json.loads(cloud.start(*ISTHMUS, "status", "--json").stdout))["healthy"]:
        assert time.monotonic() < deadline, status
        time.sleep(0.5)
