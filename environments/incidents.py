"""Incidents: the true error, kept where it happened, under an id that may be shown anywhere.

Invariants:
1. The file (`incidents/ID.json`, 0600) holds the whole traceback, values and all; it never leaves the
   environment. The id is random and says nothing.
2. Recording never raises: an error on the way to the disk must not hide the error being recorded.

Example:
    >>> import tempfile
    >>> folder = EnvironmentFolder(Path(tempfile.mkdtemp()) / "cloud").create()
    >>> incident_id = record_incident(folder, ValueError("Jane Doe is 47"), step="hospital.train")
    >>> read_incident(folder, incident_id).error
    'ValueError: Jane Doe is 47'
"""

from __future__ import annotations

import json
import re
import secrets
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from data_contracts.errors import IsthmusError, NotVerifiableError, UsageError
from environments.home import EnvironmentFolder
from environments.private import make_private, read_private, write_private

__all__ = [
    "UNRECORDED",
    "Incident",
    "list_incidents",
    "read_incident",
    "record_incident",
    "record_withheld",
]

UNRECORDED = "unrecorded"
"""The id of an incident that the disk would not take."""
_ID = re.compile(r"[0-9a-f]{12}")


@dataclass(frozen=True)
class Incident:
    """One true error.

    Attributes:
        id: 12 hex digits.
        created: UTC, ISO 8601.
        error: its type and message.
        traceback: of the error and all its causes.
        context: what its recorder knew: step, run.
    """

    id: str
    created: str
    error: str
    traceback: str
    context: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the incident as JSON values. It holds whatever the error held: keep it local."""
        return asdict(self)


def record_incident(folder: EnvironmentFolder, error: BaseException, **context: str) -> str:
    """Keep an error in its environment and return its id (`UNRECORDED` if the disk refuses)."""
    incident = Incident(
        id=secrets.token_hex(6),
        created=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        error=f"{type(error).__name__}: {_text(error)}",
        traceback="".join(traceback.format_exception(error)),
        context=context,
    )
    try:
        make_private(folder.incidents)
        document = json.dumps(incident.to_json(), indent=1).encode()
        write_private(_path(folder, incident.id), document)
    except IsthmusError:
        return UNRECORDED
    return incident.id


def record_withheld(
    folder: EnvironmentFolder, incident_id: str, texts: Sequence[tuple[str, str]], **context: str
) -> bool:
    """Keep texts that were not told, each with what it was, under an id that is shown; whether it is kept."""
    incident = Incident(
        id=incident_id,
        created=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        error=f"Withheld: {len(texts)} texts that may not reach the control plane",
        traceback="\n".join(f"{what}: {text}" for what, text in texts),
        context=context,
    )
    try:
        make_private(folder.incidents)
        write_private(_path(folder, incident.id), json.dumps(incident.to_json(), indent=1).encode())
    except IsthmusError:
        return False
    return True


def read_incident(folder: EnvironmentFolder, incident_id: str) -> Incident:
    """Return one incident of an environment.

    Raises:
        UsageError: it is no id, or this environment has no such incident.
        NotVerifiableError: the file is not what was written, or others may open it.
    """
    if not _ID.fullmatch(incident_id):
        raise UsageError("not an incident id", remedy="it has 12 hex digits, as a run's log shows it")
    try:
        document = json.loads(read_private(_path(folder, incident_id)))
        return Incident(**document)
    except FileNotFoundError:
        raise UsageError(
            f"environment {folder.name} has no incident {incident_id}",
            remedy="name the environment where the step ran; `isthmus incident list --env ENV` lists them",
        ) from None
    except (ValueError, TypeError):
        raise NotVerifiableError(f"incident {incident_id}: its file is damaged") from None


def list_incidents(folder: EnvironmentFolder) -> tuple[Incident, ...]:
    """Return an environment's incidents, oldest first; damaged ones are left out."""
    found = []
    if folder.incidents.is_dir():
        for path in folder.incidents.glob("*.json"):
            try:
                found.append(read_incident(folder, path.stem))
            except IsthmusError:
                continue
    return tuple(sorted(found, key=lambda incident: (incident.created, incident.id)))


def _path(folder: EnvironmentFolder, incident_id: str) -> Path:
    return folder.incidents / f"{incident_id}.json"


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - a broken __str__ of somebody's exception must not hide the incident
        return "(its text cannot be made)"
