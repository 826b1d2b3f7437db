"""Who speaks to an environment's API gate: its worker, or one run, each by a credential of the gate's own.

Invariants:
1. The server's credential is in none of them; without the gate they open nothing.
2. A run's credential names its run, what kind of code runs there, and the phases that the code may report; it
   is authenticated by the key that gate and worker share, so a run can make itself no other.
3. What is not exactly of the form speaks for nobody.

Example:
    >>> run = Speaker("step", "0f0e0d0c-0000-4000-8000-000000000000", frozenset({"fit"}))
    >>> speaker_of("key", run_credential("key", run)) == run
    True
    >>> speaker_of("another", run_credential("key", run)) is None
    True
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import uuid
from dataclasses import dataclass
from typing import Literal, get_args

__all__ = ["Kind", "Speaker", "key_in", "new_key", "run_credential", "speaker_of", "worker_credential"]

Kind = Literal["worker", "pipeline", "builtin", "step"]
"""`worker`, `builtin`: our code alone. `pipeline`: an author's, over symbols. `step`: one's, over data."""
_WORKER, _RUN = "worker:", "run:"
_MOST = 16 * 1024


@dataclass(frozen=True)
class Speaker:
    """One who may speak.

    Attributes:
        kind: what code it runs.
        run: the flow run's id; None for the worker.
        phases: the literals of the code that may stand in a line of progress.
    """

    kind: Kind
    run: str | None = None
    phases: frozenset[str] = frozenset()

    @property
    def trusted(self) -> bool:
        """Whether its texts are ours: no code of a step runs in its process."""
        return self.kind != "step"


def new_key() -> str:
    """Return a key for one gate and its worker."""
    return secrets.token_urlsafe(32)


def worker_credential(key: str) -> str:
    """Return the worker's credential: `USER:PASSWORD`."""
    return f"{_WORKER}{key}"


def key_in(credential: str) -> str | None:
    """Return the key that a worker's credential holds; None where it is no worker's."""
    return credential.removeprefix(_WORKER) if credential.startswith(_WORKER) else None


def run_credential(key: str, speaker: Speaker) -> str:
    """Return the credential of one run: `USER:PASSWORD`."""
    claims = {"kind": speaker.kind, "run": speaker.run, "phases": sorted(speaker.phases)}
    body = base64.urlsafe_b64encode(json.dumps(claims, separators=(",", ":")).encode()).decode("ascii")
    return f"{_RUN}{body}.{_mark(key, body)}"


def speaker_of(key: str, credential: str) -> Speaker | None:
    """Return who presents a credential; None where it is nobody's."""
    if len(credential) > _MOST:
        return None
    if hmac.compare_digest(credential.encode(), worker_credential(key).encode()):
        return Speaker("worker")
    body, _, mark = credential.removeprefix(_RUN).rpartition(".")
    if not credential.startswith(_RUN) or not hmac.compare_digest(mark.encode(), _mark(key, body).encode()):
        return None
    claims = json.loads(base64.urlsafe_b64decode(body))
    if claims["kind"] not in get_args(Kind) or claims["kind"] == "worker":
        return None
    return Speaker(claims["kind"], str(uuid.UUID(claims["run"])), frozenset(claims["phases"]))


def _mark(key: str, body: str) -> str:
    return hmac.new(key.encode(), f"isthmus gate run {body}".encode(), hashlib.sha256).hexdigest()
