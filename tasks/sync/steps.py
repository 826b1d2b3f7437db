"""The built-in steps, thin over `environments.boundary`: a crossing's, queueing one, pin, and a recall's.

Each runs in one environment, with that environment's folder alone. What they return is names,
digests, counts and rule ids, which become the labels of their runs.

Example:
    >>> sorted(BUILT_IN)
    ['egress', 'erase', 'ingress', 'pin', 'queue', 'recall', 'recall-settle', 'settle']
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from environments.boundaries import HOLDS, is_held
from environments.ref import MAX_SET, AssetRef, parse_asset
from environments.trust.tokens import REQUEST_PARAMETER, read_token
from tasks.steps.errors import BrokenRule
from tasks.steps.parameters import Kind, kind_of
from tasks.sync.answer import Answer
from tasks.sync.kinds import (
    ASSET_KIND,
    DIGEST_KIND,
    NAME_KIND,
    PINNED_KIND,
    REQUEST_KIND,
    SIGNED_KIND,
    list_of,
)
from tasks.sync.recalling import erase, recall, recall_settle
from tasks.sync.side import Side

if TYPE_CHECKING:
    from environments.boundary import EnvironmentContext, GateRule, Member
    from environments.stores import AssetRecord

__all__ = ["BUILT_IN", "Answer", "BuiltIn", "pinned"]


@dataclass(frozen=True)
class BuiltIn:
    """One built-in step.

    Attributes:
        name: without the `isthmus.` before it.
        description: for people.
        parameters: name to kind.
        optional: parameters that may be absent.
        run: does it.
    """

    name: str
    description: str
    parameters: Mapping[str, Kind]
    run: Callable[[Side, Mapping[str, Any]], Answer] = field(repr=False)
    optional: frozenset[str] = frozenset()


def egress(side: Side, given: Mapping[str, Any]) -> Answer:
    """Decide, check, transform, seal and sign one asset version; or refuse it, with the rules.

    With `resume`, an unfinished crossing of the same asset version, destination and purpose is gone
    on with, under the request id that it had. With `rehearsal` nothing is sent, and nothing recorded.
    """
    from environments import boundary

    gate = side.gate()
    rehearsed = given.get("rehearsal", False)
    request_id = given["request"]
    if given.get("resume", False) and not rehearsed:
        request_id = _unfinished(gate, given) or request_id
    request = boundary.CrossingRequest.of(_members(given), given["to"], given["purpose"], request_id)
    ask = boundary.rehearse if rehearsed else boundary.egress
    sent = ask(gate, request, _signed(given))
    results = {"crossing": sent.crossing, "bytes": sent.size, "request": request_id}
    if rehearsed:
        results |= {"rows": sent.rows}
    results |= _held(sent.rules, sent.not_before)
    return Answer(results, sent.outcome, _rules(sent.rules))


def _signed(given: Mapping[str, Any]) -> bytes | None:
    token = given.get(REQUEST_PARAMETER)
    return None if token is None else read_token(token)


def _held(rules: Iterable[GateRule], until: dt.datetime | None) -> dict[str, Any]:
    """Return until when a crossing waits for its boundary, in seconds of 1970; 0: it cannot by waiting."""
    if not any(rule.id in HOLDS for rule in rules):
        return {}
    return {"not_before": 0 if until is None else int(until.timestamp())}


def _unfinished(gate: EnvironmentContext, given: Mapping[str, Any]) -> str | None:
    """Return the request id of the newest crossing like this that was begun and never settled."""
    from environments import boundary

    request = boundary.CrossingRequest.of(_members(given), given["to"], given["purpose"], "resume")
    wanted = {
        "name": request.name,
        "source_version": request.version,
        "destination": request.destination,
        "purpose": request.purpose,
        "contract_ref": boundary.contract_of(gate, request),
    }
    sent: dict[str, str] = {}
    for entry in gate.ledger.entries():
        crossing = str(entry.body.get("crossing"))
        if (
            entry.kind == "egress"
            and all(entry.body.get(key) == value for key, value in wanted.items())
            and (entry.body.get("outcome") == "permitted" or is_held(entry.body) or boundary.waits(entry))
        ):
            sent[crossing] = str(entry.body["request"])
        elif entry.kind == "settle" and entry.body.get("outcome") != "failed":
            sent.pop(crossing, None)
    return next(reversed(sent.values()), None)


def ingress(side: Side, given: Mapping[str, Any]) -> Answer:
    """Verify, decide again, open, check again and commit what was sent; sign the receipt."""
    from environments import boundary

    gate = side.gate()
    arrived = boundary.ingress(gate, given["source"], given["crossing"], _signed(given))
    results: dict[str, Any] = {"crossing": arrived.crossing}
    if not arrived.receipt:
        results |= _held(arrived.rules, arrived.not_before)
    if arrived.outcome == "permitted":
        records = [gate.store.record(member.name, member.version) for member in arrived.members]
        results |= _told(gate.name, records) | {"version": arrived.version}
    return Answer(results, arrived.outcome, _rules(arrived.rules))


def settle(side: Side, given: Mapping[str, Any]) -> Answer:
    """Verify the receipt, record it, and clear the transit."""
    from environments import boundary

    closed = boundary.settle(side.gate(), given["to"], given["crossing"])
    return Answer(
        {"crossing": closed.crossing, "receipt": closed.receipt}, closed.outcome, _rules(closed.rules)
    )


def queue(side: Side, given: Mapping[str, Any]) -> Answer:
    """Put a crossing into the outbox, with who asks for it; the gate decides when its pump sends it."""
    from environments.boundary import CrossingRequest
    from environments.boundary.queueing import enqueue

    request = CrossingRequest.of(_members(given), given["to"], given["purpose"], given["request"])
    queued = enqueue(side.gate(), request, _signed(given))
    return Answer({"crossing": queued.crossing, "request": queued.request, "bytes": queued.size})


def pin(side: Side, given: Mapping[str, Any]) -> Answer:
    """Say which version `NAME@latest` is now, and what the store knows of it: metadata only.

    Of several assets, all as they were at one moment.
    """
    from environments.stores import open_store

    store = open_store(side.folder, side.site.profile(side.folder.name))
    asked = (
        [(given["asset"], given.get("version"))] if "asset" in given else map(parse_asset, given["assets"])
    )
    wanted = dict(asked)
    view = store.snapshot(wanted)
    return Answer(_told(side.folder.name, [view.record(name, wanted[name]) for name in wanted]))


def _told(environment: str, records: Sequence[AssetRecord]) -> dict[str, Any]:
    """Return the results that tell of one version, or `ref.NAME` for each of several."""
    if len(records) == 1:
        return pinned(records[0].ref(environment), records[0])
    return {f"ref.{record.name}": record.ref(environment) for record in records[:MAX_SET]}


def _members(given: Mapping[str, Any]) -> list[Member]:
    from environments.boundary import Member

    if "asset" in given and "version" in given:
        return [Member(given["asset"], given["version"])]
    return [Member(name, str(version)) for name, version in map(parse_asset, given.get("members", ()))]


def pinned(ref: AssetRef, record: Any) -> dict[str, Any]:  # noqa: ANN401 - an AssetRecord
    """Return the results that tell of one version."""
    rows = {} if record.rows is None else {"rows": record.rows}
    return {"ref": ref, "contract_digest": record.contract_digest, "size": record.size, **rows}


def _rules(rules: Iterable[GateRule]) -> tuple[BrokenRule, ...]:
    return tuple(BrokenRule(rule.id, rule.reason, rule.unexpected_count) for rule in rules)


_CROSSING = {
    "asset": NAME_KIND,
    "version": DIGEST_KIND,
    "members": list_of(PINNED_KIND),
    "to": NAME_KIND,
    "purpose": NAME_KIND,
    "request": REQUEST_KIND,
    REQUEST_PARAMETER: SIGNED_KIND,
}
"""What names a crossing: one asset by `asset` and `version`, several by `members`."""
_SPARED = frozenset({"asset", "version", "members", REQUEST_PARAMETER})

BUILT_IN: dict[str, BuiltIn] = {
    step.name: step
    for step in (
        BuiltIn(
            "egress",
            "Leaves an environment: decide, check, transform, seal, sign.",
            {
                **_CROSSING,
                "resume": kind_of(bool),
                "rehearsal": kind_of(bool),
            },
            egress,
            _SPARED | {"resume", "rehearsal"},
        ),
        BuiltIn(
            "ingress",
            "Enters an environment: verify, decide, open, check, commit, sign the receipt.",
            {"source": NAME_KIND, "crossing": DIGEST_KIND, REQUEST_PARAMETER: SIGNED_KIND},
            ingress,
            frozenset({REQUEST_PARAMETER}),
        ),
        BuiltIn(
            "settle",
            "Closes a crossing at its source: verify the receipt, record it.",
            {"to": NAME_KIND, "crossing": DIGEST_KIND},
            settle,
        ),
        BuiltIn(
            "queue",
            "Puts a crossing into the outbox: sent when the link is there.",
            _CROSSING,
            queue,
            _SPARED,
        ),
        BuiltIn(
            "pin",
            "Says which version of an asset is the latest, in the environment that holds it.",
            {"asset": NAME_KIND, "version": DIGEST_KIND, "assets": list_of(ASSET_KIND)},
            pin,
            frozenset({"asset", "version", "assets"}),
        ),
        BuiltIn(
            "recall",
            "Asks wherever a version went to erase it and what was derived from it.",
            {
                "asset": NAME_KIND,
                "version": DIGEST_KIND,
                "again": kind_of(bool),
                REQUEST_PARAMETER: SIGNED_KIND,
            },
            recall,
            frozenset({"again", REQUEST_PARAMETER}),
        ),
        BuiltIn(
            "erase",
            "Answers a recall: verify, erase or lawfully refuse, pass it on, sign the answer.",
            {"source": NAME_KIND, "recall": DIGEST_KIND},
            erase,
        ),
        BuiltIn(
            "recall-settle",
            "Reads the answer to a recall at its source, and records it.",
            {"to": NAME_KIND, "recall": DIGEST_KIND},
            recall_settle,
        ),
    )
}
