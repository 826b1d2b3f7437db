"""The credential that a worker gives a run, for the environment's API gate.

Invariants:
1. It names this run and what kind of code it is, so that the gate knows whose texts it hears. The worker
   makes it from the key that it shares with the gate; the run's process is not given that key.
2. Without a gate (a test's) there is none, and a run uses what its host has.

Example:
    >>> credential_of(ApiAddress("http://127.0.0.1:4200/api", "isthmus:x"), run_id, runnable)
    ''
"""

from __future__ import annotations

import uuid

from environments.apigate.speaker import Kind, Speaker, key_in, run_credential
from environments.embedded.api import ApiAddress
from environments.workpools.catalogue import Runnable

__all__ = ["credential_of"]

_BUILT_IN = "isthmus."


def credential_of(api: ApiAddress, run_id: uuid.UUID, runnable: Runnable) -> str:
    """Return the credential of one run; empty where `api` is no gate's."""
    key = key_in(api.auth_string)
    if key is None:
        return ""
    kind: Kind = "step"
    if runnable.queue == "pipelines":
        kind = "pipeline"
    elif runnable.flow_name.startswith(_BUILT_IN):  # no pipeline may have this name (flows.runtime.catalogue)
        kind = "builtin"
    return run_credential(key, Speaker(kind, str(run_id), runnable.phases))
