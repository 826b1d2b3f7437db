"""Crossings that wait for a second person: what needs it, what waits, and what was approved.

Invariants:
1. A crossing that needs approval, by the environment's own file, sends nothing without it; that is one more
   condition behind the decision, and opens nothing that the decision denies.
2. It needs as many approvals as the file says, of different people, each of whom the file and the trust
   document let approve here, and none of whom asked. Whoever asked must be known by a key.
3. Each approval is verified when it is recorded and again when it is used, against this environment's own
   record, its decision of now, and its trust document of now. One that was recorded is kept in the ledger.
4. What was approved and sent is gone on with, also when the approval has ended meanwhile.

Example:
    >>> [one.wish.crossing for one in waiting(find_entries(folder.ledger, kind="egress"), "onprem")]
    ['sha256:…']
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from data_contracts.destination import ANY, UNATTRIBUTED
from data_contracts.errors import DeniedError, NotVerifiableError, UsageError
from environments.boundary.result import GateRule
from environments.ledger import Entry, find_entries
from environments.outbox import has_outbox, open_outbox
from environments.trust import load_pinned
from environments.trust.approvals import Approval, Wish, read_approval
from environments.trust.tokens import read_token, write_token

if TYPE_CHECKING:
    from environments.boundary.asking import Asked, Decided
    from environments.boundary.context import EnvironmentContext

__all__ = [
    "APPROVAL",
    "ASKING",
    "Waiting",
    "approvers_of",
    "record_approval",
    "unapproved",
    "waiting",
    "waits",
]

APPROVAL = "approval"
ASKING = ("egress", "recall")
"""Kinds of entries by which something may wait for approval."""
_WHY: dict[str, str] = {
    "shape": "it is no approval",
    "trust": "no trust document counts here",
    "unknown": "the trust document lists no such key for this approver, or it was revoked",
    "signature": "it was not signed by that key",
    "early": "its time has not come",
    "expired": "its time is over",
    "other": "it is over another crossing, or this one was decided anew",
    "own": "who asked approves nothing of it, and nobody approves what is unattributed",
    "may-not": "the trust document does not let this approver approve here",
    "not-taken": "the environment's file does not take this approver",
}


@dataclass(frozen=True)
class Waiting:
    """A crossing that waits, as the ledger has it: what it is, and who has approved by the record."""

    wish: Wish
    request: str
    since: str


def waiting(entries: Iterable[Entry], environment: str) -> list[Waiting]:
    """Return what waits for approval, by the newest entry of each crossing or recall; oldest first."""
    newest = {str(entry.body.get("crossing")): entry for entry in entries if entry.kind in ASKING}
    return [_waiting(entry, environment) for entry in newest.values() if waits(entry)]


def waits(entry: Entry) -> bool:
    """Whether an entry says that its crossing or recall waits for approval, and for nothing else."""
    rules = entry.body.get("rules", ())
    return entry.body.get("outcome") == "denied" and [rule["id"] for rule in rules] == [APPROVAL]


def _waiting(entry: Entry, environment: str) -> Waiting:
    body = entry.body
    wish = Wish(
        crossing=body["crossing"],
        decision=body["decision"],
        source=environment,
        destination=body["destination"],
        asset=body["name"],
        version=body["source_version"],
        purpose=body["purpose"],
        requester=body["requester"],
    )
    return Waiting(wish, str(body["request"]), entry.time)


def unapproved(
    env: EnvironmentContext, asked: Asked, decision: Decided, *, rehearsal: bool = False
) -> GateRule | tuple[str, ...]:
    """Return who approved a permitted crossing, nobody where nobody needs to, or the rule by which it waits.

    Raises:
        NotVerifiableError: the pinned trust document was changed.
    """
    rule = env.profile.approval
    why = None if rule is None else rule.why(asked.request.purpose, first=lambda: _first(env, asked))
    if rule is None or why is None:
        return ()
    sent = env.ledger.find("egress", crossing=asked.crossing, outcome="permitted", decision=decision.digest)
    if sent is not None and sent.body.get("approvals"):
        return tuple(sent.body["approvals"])
    request = asked.request
    if request.requester == UNATTRIBUTED:
        return GateRule(
            APPROVAL,
            f"{why} needs approval, and the request is {UNATTRIBUTED}: sign it (isthmus requester add)",
        )
    wish = Wish(
        asked.crossing, decision.digest, env.name, request.destination, request.name, request.version,
        request.purpose, request.requester,
    )  # fmt: skip
    given = approvers_of(env, wish)
    if len(given) >= rule.count:
        return given
    by = "whoever the trust document lets approve" if ANY in rule.approvers else " or ".join(rule.approvers)
    so_far = f", {len(given)} given" if given else ""
    command = "`isthmus sync` asks, then isthmus approve" if rehearsal else (
        f"isthmus approve {asked.crossing[7:19]} --env {env.name}"
    )  # fmt: skip
    return GateRule(APPROVAL, f"{why} needs {rule.count} of {by or 'nobody'}{so_far}: {command}")


def _first(env: EnvironmentContext, asked: Asked) -> bool:
    """Whether nothing was sent from here to there yet; this crossing itself does not count."""
    sent = env.ledger.find("egress", destination=asked.request.destination, outcome="permitted")
    return sent is None or sent.body.get("crossing") == asked.crossing


def approvers_of(env: EnvironmentContext, wish: Wish) -> tuple[str, ...]:
    """Return those whose recorded approvals count now, for exactly this."""
    entries = find_entries(env.folder.ledger, crossing=wish.crossing, kind=APPROVAL)
    found = (_worth(env, read_token(entry.body["approval"]), wish) for entry in entries)
    return tuple(sorted({each.approver for each in found if each.reason == "approved"}))


def _worth(env: EnvironmentContext, raw: bytes, wish: Wish) -> Approval:
    pinned, rule = load_pinned(env.folder), env.profile.approval
    found = read_approval(raw, pinned.document if pinned else None, wish, env.clock())
    taken = rule is not None and (ANY in rule.approvers or found.approver in rule.approvers)
    return found if taken or found.reason != "approved" else Approval("not-taken")


def record_approval(env: EnvironmentContext, crossing: str, raw: bytes) -> Approval:
    """Verify an approval against what waits here, and record it.

    Raises:
        UsageError: no such crossing waits here.
        DeniedError: who approves may not.
        NotVerifiableError: it does not verify; nothing was recorded.
    """
    entries = [
        entry for kind in ASKING for entry in find_entries(env.folder.ledger, crossing=crossing, kind=kind)
    ]
    found = waiting(entries, env.name)
    if len(found) != 1:
        raise UsageError(
            f"{crossing[7:19]}: no crossing that waits in {env.name}", remedy="isthmus approve --list"
        )
    wish = found[0].wish
    approval = _worth(env, raw, wish)
    if approval.reason != "approved" or approval.expires is None:
        text = f"the approval of {crossing[7:19]} is refused: {_WHY[approval.reason]}"
        if approval.reason in {"own", "may-not", "not-taken"}:
            raise DeniedError(
                text, remedy="let another approve it whom the environment's file and the document name"
            )
        raise NotVerifiableError(text, remedy="`isthmus approve --list` shows what waits; approve that again")
    if approval.approver not in approvers_of(env, wish):
        env.ledger.append(
            APPROVAL,
            {
                "crossing": wish.crossing,
                "decision": wish.decision,
                "approver": approval.approver,
                "requester": wish.requester,
                "expires": approval.expires.isoformat(),
                "approval": write_token(raw),
            },
        )
        if has_outbox(env.folder):
            with open_outbox(env.folder) as outbox:
                outbox.wake(wish.crossing)
    return approval
