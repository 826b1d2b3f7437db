"""Where an environment's gate answers, and the worker's credential for it: `run/api.json` of the environment.

Invariants:
1. The file (0600) is all that the environment's own processes know of the control plane. The server's
   address and credential are not in it.
2. `isthmus up` makes a new key at each start; credentials of an earlier one open nothing. A gate that stands
   alone keeps its key and port, so that a worker beside it outlives its restart.

Example:
    >>> write_gate(folder, "http://127.0.0.1:40001/api").url == read_gate(folder).url
    True
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Protocol

from data_contracts.errors import NotVerifiableError, UnreachableError
from environments.apigate.speaker import key_in, new_key, worker_credential
from environments.embedded.api import ApiAddress
from environments.private import read_private, write_private

__all__ = ["GateFolder", "read_gate", "write_gate"]


class GateFolder(Protocol):
    """The places of an environment's folder that its gate uses (`EnvironmentFolder` has them)."""

    @property
    def name(self) -> str:
        """The environment's name."""

    @property
    def run(self) -> Path:
        """What runs now."""


def write_gate(folder: GateFolder, url: str, *, key: str | None = None) -> ApiAddress:
    """Record where the gate answers, with a new key or one that its worker knows already."""
    api = ApiAddress(url, worker_credential(key or new_key()))
    document = {"url": api.url, "auth_string": api.auth_string}
    write_private(folder.run / "api.json", json.dumps(document).encode())
    return api


def read_gate(folder: GateFolder) -> ApiAddress:
    """Return where the gate answers, with the worker's credential.

    Raises:
        UnreachableError: no gate runs.
        NotVerifiableError: the file is not ours alone, or not what we wrote.
    """
    path, remedy = folder.run / "api.json", f"start the gate: `isthmus gate start --env {folder.name}`"
    try:
        document = json.loads(read_private(path))
        api = ApiAddress(str(document["url"]), str(document["auth_string"]))
    except FileNotFoundError:
        raise UnreachableError(f"no API gate of {folder.name} runs here", remedy=remedy) from None
    except (ValueError, KeyError, TypeError):
        raise NotVerifiableError(f"{path}: not what a gate wrote", remedy=remedy) from None
    if key_in(api.auth_string) is None:
        raise NotVerifiableError(f"{path}: not a credential of the gate's", remedy=remedy)
    return api
