from __future__ import annotations

import stat
from pathlib import Path

import pytest

from data_contracts.errors import NotVerifiableError, UsageError
from environments.home import EnvironmentFolder
from environments.incidents import UNRECORDED, list_incidents, read_incident, record_incident


@pytest.fixture
def folder(tmp_path: Path) -> EnvironmentFolder:
    return EnvironmentFolder(tmp_path / "cloud").create()


def caught(text: str) -> BaseException:
    try:
        try:
            dict[str, str]()[text]
        except KeyError as cause:
            raise ValueError("outer") from cause
    except ValueError as error:
        return error


def test_an_incident_keeps_the_error_its_causes_and_its_place(folder: EnvironmentFolder) -> None:
    incident_id = record_incident(folder, caught("sentinel-81"), step="hospital.train")
    incident = read_incident(folder, incident_id)
    assert "sentinel-81" in incident.traceback
    assert "ValueError: outer" in incident.traceback
    assert incident.context == {"step": "hospital.train"}
    assert "sentinel" not in incident_id
    [path] = folder.incidents.iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_ids_differ_and_are_listed(folder: EnvironmentFolder) -> None:
    ids = {record_incident(folder, caught("x")) for _ in range(5)}
    assert len(ids) == 5
    assert {incident.id for incident in list_incidents(folder)} == ids


def test_recording_never_raises(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert record_incident(EnvironmentFolder(tmp_path / "file"), caught("x")) == UNRECORDED

    class Broken(Exception):  # noqa: N818
        def __str__(self) -> str:
            raise RuntimeError

    folder = EnvironmentFolder(tmp_path / "cloud").create()
    assert "cannot be made" in read_incident(folder, record_incident(folder, Broken())).error


@pytest.mark.attack
@pytest.mark.parametrize("incident_id", ["../../keys/signing", "", "x" * 12, "A" * 12, "unrecorded"])
def test_an_id_is_no_path(folder: EnvironmentFolder, incident_id: str) -> None:
    with pytest.raises(UsageError, match="not an incident id"):
        read_incident(folder, incident_id)


def test_an_unknown_or_damaged_incident(folder: EnvironmentFolder) -> None:
    with pytest.raises(UsageError, match="has no incident"):
        read_incident(folder, "0" * 12)
    incident_id = record_incident(folder, caught("x"))
    (folder.incidents / f"{incident_id}.json").write_text("{")
    with pytest.raises(NotVerifiableError):
        read_incident(folder, incident_id)
    assert list_incidents(folder) == ()
