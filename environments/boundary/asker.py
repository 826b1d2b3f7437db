"""Who asks for a crossing, as one side sees it: by its own pinned trust document, and by nobody's word.

Invariants:
1. A name is earned by a signed statement that counts here (`environments.trust.requests`), over exactly this
   crossing, by a requester whom this side's document lets ask for it. Anything else is `unattributed`, with
   the reason as a code.
2. A statement is good for one thing, and again for the same: a `sync` or `queue` for one crossing, a `run`
   for the crossings of one run. A `deploy` stands behind all that its schedule starts. That it was taken is
   on disk before the side goes on; a rehearsal takes nothing.
3. The destination counts a statement by the time at which the source signed the manifest, which is itself
   bounded: what waits for a link does not become nobody's on the way. Keys count by the time now.

Example:
    >>> who_asks(env, None, source="onprem", request=request, crossing=crossing, signed_at=env.clock())
    Asker(name='unattributed', reason='unsigned')
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

from environments.boundary.crossing import CrossingRequest
from environments.trust import load_pinned
from environments.trust.nonces import Nonces
from environments.trust.requests import (
    UNATTRIBUTED,
    RequestStatement,
    attribute,
    may_ask,
    sync_asks,
)

if TYPE_CHECKING:
    from environments.boundary.context import EnvironmentContext

__all__ = ["NOBODY", "Asker", "who_asks"]


@dataclass(frozen=True)
class Asker:
    """Who asks.

    Attributes:
        name: that this side's trust document lists, or `unattributed`.
        reason: `verified`, or why it is nobody's.
    """

    name: str = UNATTRIBUTED
    reason: str = "unsigned"


NOBODY = Asker()
_ONE_CROSSING = ("sync", "queue")


def who_asks(
    env: EnvironmentContext,
    signed: bytes | None,
    *,
    source: str,
    request: CrossingRequest,
    crossing: str,
    signed_at: dt.datetime,
    rehearsal: bool = False,
) -> Asker:
    """Return whose wish this crossing is.

    Args:
        env: the side that asks itself this.
        signed: the statement's envelope; None where nothing was signed.
        source: the environment that sends.
        request: what shall cross.
        crossing: its id.
        signed_at: the time at which the statement must count, or between then and now begin to.
        rehearsal: whether nothing will be sent; then nothing is taken either.

    Raises:
        NotVerifiableError: the pinned trust document was changed.
        UnreachableError: the disk refuses.
    """
    if signed is None:
        return NOBODY
    # (1) A key that the document lists, a signature, a time. A key that was revoked since counts no more.
    pinned, now = load_pinned(env.folder), env.clock()
    document = pinned.document if pinned is not None and now < pinned.document.expires else None
    found = attribute(signed, document, now=signed_at, used=())
    if found.reason == "early":  # signed for a crossing that was sent before, and is gone on with
        found = attribute(signed, document, now=now, used=())
    statement = found.statement
    if document is None or statement is None:
        return Asker(reason=found.reason)
    # (2) Over exactly this.
    if not _is_about(statement, source, request, rehearsal=rehearsal):
        return Asker(reason="other")
    # (3) By somebody who may ask for it; of a set, for every member.
    if not all(
        may_ask(
            document,
            found.requester,
            environment=source,
            asset=member.name,
            destination=request.destination,
            purpose=request.purpose,
        )
        for member in request.assets
    ):
        return Asker(reason="may-not")
    # (4) For the first time, or for the same again.
    if statement.action != "deploy" and not rehearsal:
        thing = crossing if statement.action in _ONE_CROSSING else f"run {_run_of(request.request_id)}"
        if not Nonces(env.folder.trust / "requests").bind(statement.nonce, thing, now):
            return Asker(reason="replayed")
    return Asker(found.requester, found.reason)


def _is_about(statement: RequestStatement, source: str, request: CrossingRequest, *, rehearsal: bool) -> bool:
    """Whether a statement is over this crossing; one over a run or a schedule names none.

    One over a recall is over no crossing.
    """
    if statement.action not in _ONE_CROSSING:
        return statement.action != "recall"
    asked = sync_asks(
        source, request.name, request.version, request.destination, request.purpose, rehearsal=rehearsal
    )
    return (statement.subject, statement.asks) == (request.name, asked)


def _run_of(request_id: str) -> str:
    """Return the run in a request id (`RUN/CALL-SITE`); one without a call site is a run of its own."""
    run, _, _ = request_id.rpartition("/")
    return run or request_id
