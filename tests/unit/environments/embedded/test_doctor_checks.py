from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from environments.embedded.doctor import limits, machine
from environments.embedded.doctor.environment import examine_environment
from environments.embedded.doctor.software import check_versions
from environments.embedded.prepare import make_environment, meet_peers
from environments.embedded.server import bind_loopback
from environments.home import Home


def severities(findings: list[dict[str, str]], check: str) -> set[str]:
    return {finding["severity"] for finding in findings if finding["check"] == check}


def test_a_port_is_ours_free_or_taken() -> None:
    with bind_loopback(0) as listener:
        port = listener.getsockname()[1]
        taken = machine.check_port(port, ours=False)
        assert (taken.severity, "taken" in taken.what, bool(taken.remedy)) == ("warning", True, True)
        assert machine.check_port(port, ours=True).severity == "ok"
    assert machine.check_port(port, ours=False).severity == "ok"
    assert machine.check_port(None, ours=False).severity == "ok"


def test_little_space_is_an_error_with_a_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert machine.check_disk(tmp_path / "not" / "yet", "home").severity in {"ok", "warning"}
    monkeypatch.setattr(machine, "_NEEDED_DISK", 2**60)
    found = machine.check_disk(tmp_path, "home")
    assert found.severity == "error"
    assert found.remedy


def test_a_file_from_the_future_shows_a_wrong_clock(tmp_path: Path) -> None:
    (tmp_path / "now").touch()
    assert [finding.severity for finding in machine.check_clock(None, tmp_path)] == ["ok"]
    ahead = dt.datetime.now(dt.UTC).timestamp() + 3600
    os.utime(tmp_path / "now", (ahead, ahead))
    assert [finding.severity for finding in machine.check_clock(None, tmp_path)] == ["error"]


def test_installed_versions_are_those_that_were_measured() -> None:
    assert [finding.severity for finding in check_versions()] == ["ok"]


def test_a_fresh_environment_is_well_and_a_damaged_one_is_not(home: Home) -> None:
    cloud, edge = home.environment("cloud"), home.environment("edge")
    identities = {folder.name: make_environment(folder) for folder in (cloud, edge)}
    assert meet_peers(cloud, identities) == ["edge"]
    assert meet_peers(cloud, identities) == ["edge"]
    found = examine_environment(cloud)
    assert severities(found, "certificates") == {"ok"}
    assert severities(found, "home") == {"ok"}
    (cloud.dask / "worker.pem").write_bytes(b"no certificate")
    next(cloud.keys.iterdir()).chmod(0o644)
    for path in cloud.keys.iterdir():
        path.chmod(0o644)
    found = examine_environment(cloud)
    assert severities(found, "certificates") == {"error"}
    assert severities(found, "home") == {"error"}
    assert all(finding["remedy"] for finding in found if finding["severity"] != "ok")


def test_an_old_certificate_is_told_before_it_ends(home: Home) -> None:
    from environments.identity.dask_certificates import write_dask_certificates

    cloud = home.environment("cloud")
    make_environment(cloud)
    for path in cloud.dask.glob("*.pem"):
        path.unlink()
    nearly_a_year_ago = dt.datetime.now(dt.UTC) - dt.timedelta(days=390)
    write_dask_certificates(cloud, "cloud", now=nearly_a_year_ago)
    assert severities(examine_environment(cloud), "certificates") == {"warning"}


def test_a_home_that_was_never_made_is_no_error_and_is_not_made(
    tmp_path: Path, run_python: Callable[..., str]
) -> None:
    code = """
import sys
from environments.embedded.doctor import examine
from environments.home import Home
from environments.site import Site
print({(f.check, f.severity) for f in examine(Home(sys.argv[1]), Site.load()) if f.severity != "ok"})
"""
    said = run_python(code, str(tmp_path / "none"))
    assert "('home', 'warning')" in said
    assert "error" not in said
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("pool", "parents", "severity"),
    [
        (8, 4, "ok"),
        (None, 4, "ok"),
        (None, None, "ok"),
        (5, 4, "ok"),
        (4, 4, "warning"),
        (8, None, "warning"),
    ],
)
def test_a_pool_that_pipelines_can_fill_is_told(pool: int | None, parents: int | None, severity: str) -> None:
    queue = {"work_pool_name": "cloud", "is_paused": False}
    queues = [
        {**queue, "name": "pipelines", "concurrency_limit": parents},
        {**queue, "name": "steps", "concurrency_limit": 1},
    ]
    [found] = limits.judge(["cloud"], [{"name": "cloud", "concurrency_limit": pool}], queues)
    assert (found.check, found.severity, bool(found.remedy)) == ("limits", severity, severity != "ok")


def test_a_pool_that_is_missing_and_a_queue_that_is_paused_are_told() -> None:
    queues = [{"work_pool_name": "cloud", "name": "steps", "concurrency_limit": 4, "is_paused": True}]
    found = limits.judge(["cloud", "edge"], [{"name": "cloud", "concurrency_limit": None}], queues)
    assert [(item.severity, item.what) for item in found] == [
        ("warning", "edge: its pool is not registered"),
        ("warning", "paused, nothing of theirs starts: cloud/steps"),
    ]
