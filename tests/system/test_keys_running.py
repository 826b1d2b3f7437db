"""Keys are exchanged and revoked while a pipeline crosses a boundary, as an operator does it."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable
from typing import Any

import pytest

from flows.cli.init import write_site

pytestmark = [
    pytest.mark.long,
    pytest.mark.system,
    pytest.mark.xdist_group("keys-running"),
    pytest.mark.timeout(900),
]

ENVIRONMENTS = ("onprem", "cloud")


@pytest.fixture(scope="module")
def system(make_system: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    site = tmp_path_factory.mktemp("keys") / "site"
    write_site(site)
    made = make_system(site=site)
    made.run("up", timeout=120)
    named = ("--env", "onprem", "--name", "readings", "--contract", "clinic.readings")
    made.run("asset", "add", str(site / "data" / "readings.csv"), *named)
    return made


def signing(system: Any, state: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {name: [] for name in ENVIRONMENTS}
    for row in system.json("keys", "list")["keys"]:
        if row["use"] == "signing" and row["state"] == state:
            found[row["of"]].append(row["key_id"])
    return found


def test_keys_rotate_during_a_run_and_are_revoked_before_the_next(system: Any) -> None:
    first = signing(system, "counts")
    runs: list[Any] = []
    run = threading.Thread(
        target=lambda: runs.append(system.json("run", "blood_pressure", "--watch", timeout=500))
    )
    run.start()
    rotations = 0
    while run.is_alive() and rotations < 12:
        run.join(2)
        for name in ENVIRONMENTS:
            rotations += 1
            assert system.json("keys", "rotate", "--env", name)["pinned"] == sorted(ENVIRONMENTS)
    run.join()
    assert rotations >= 4, "no key was exchanged twice while the run went on"
    assert [one["state"] for one in runs] == ["Completed"]
    for name, keys in first.items():
        system.run("keys", "revoke", "--env", name, keys[0])
    assert signing(system, "revoked") == first
    assert system.json("run", "blood_pressure", "--watch", timeout=500)["state"] == "Completed"
    for name in ENVIRONMENTS:
        report = system.json("ledger", "verify", "--env", name)
        assert report["success"], report
        recorded = [
            entry["body"]["version"]
            for entry in system.json("ledger", "show", "--env", name)["entries"]
            if entry["kind"] == "trust"
        ]
        assert recorded == list(range(2, 2 + rotations + len(ENVIRONMENTS)))


def test_after_a_restart_the_keys_are_those_that_were_left(system: Any) -> None:
    before = system.json("trust", "show")
    system.run("down", timeout=120)
    done: subprocess.CompletedProcess[str] = system.run("up", timeout=120)
    assert done.returncode == 0
    after = system.json("trust", "show")
    assert after == before
    assert {one["digest"] for one in after["pinned"].values()} == {after["digest"]}
