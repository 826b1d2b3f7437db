"""One crossing, told from one side's record: who, what, why, by which rules, which bytes, which answer.

Invariants:
1. Everything told is in an entry of this ledger, whose number stands beside it. Nothing is looked up
   elsewhere, and what the record does not say is not guessed.

Example:
    >>> explain(find_entries(folder.ledger, crossing=crossing))["answer"]["outcome"]
    'permitted'
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from environments.ledger.entry import Entry

__all__ = ["explain"]

_WHO = {
    "requester": "requester",
    "attribution": "attribution",
    "signed_requester": "signed_requester",
    "request": "request",
}
_WHAT = {
    "name": "name",
    "source_version": "source_version",
    "contract": "contract_ref",
    "contract_digest": "contract",
    "arrival_digest": "arrival",
}
_BYTES = {"size": "bytes", "version": "version", "manifest": "manifest"}
_ANSWER = {"outcome": "outcome", "received": "received", "receipt": "receipt", "peer_head": "peer_head"}


def explain(entries: Sequence[Entry]) -> dict[str, Any]:
    """Return what the entries of one crossing say, as a JSON object.

    Args:
        entries: of one crossing, oldest first; at least one.
    """
    own = entries[0].environment
    asked = [entry for entry in entries if entry.kind in {"egress", "ingress"}]
    # An attempt that failed early says little: the last one that names the asset says most.
    told = next((entry for entry in reversed(asked) if "name" in entry.body), entries[-1])
    source = own if told.kind == "egress" else told.body.get("source")
    destination = told.body.get("destination", own if told.kind == "ingress" else None)
    return {
        "crossing": told.body.get("crossing"),
        "environment": own,
        "source": source,
        "destination": destination,
        "who": _pick(told, _WHO),
        "what": _pick(told, _WHAT),
        "why": {"purpose": told.body.get("purpose")},
        "rules": {
            "outcome": told.body.get("outcome"),
            "decision": told.body.get("decision"),
            "rules": list(told.body.get("rules", ())),
            "acknowledged": list(told.body.get("acknowledged", ())),
            "approvals": list(told.body.get("approvals", ())),
        },
        "bytes": _pick(told, _BYTES),
        "answer": _answer(entries, told),
        "entries": [
            {
                "sequence": entry.sequence,
                "time": entry.time,
                "kind": entry.kind,
                "outcome": entry.body.get("outcome"),
            }
            for entry in entries
        ],
    }


def _pick(entry: Entry, names: dict[str, str]) -> dict[str, Any]:
    found = ((name, entry.body.get(key)) for name, key in names.items())
    return {name: value for name, value in found if value is not None and value != ""}


def _answer(entries: Sequence[Entry], told: Entry) -> dict[str, Any] | None:
    """Return what closed the crossing here; None while it is open."""
    closing = [entry for entry in entries if entry.kind == "settle" and entry.body.get("outcome") != "failed"]
    if closing:
        return _pick(closing[-1], _ANSWER) | {"rules": list(closing[-1].body.get("rules", ()))}
    if told.kind == "egress" and told.body.get("outcome") == "permitted":
        return None
    return _pick(told, _ANSWER) | {"rules": list(told.body.get("rules", ()))}
