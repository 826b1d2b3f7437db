"""What one environment sent of some assets, and to whom: by its own ledger. And asking there for erasure.

Invariants:
1. A crossing counts from the moment in which it was sent; one that was refused there does not.
2. A set counts if any member is among the assets; one too large for a ledger to list counts always, and the
   destination looks into its own records which member it was.
3. A request is kept and recorded before it is sent. What of an unsettled crossing still lies in the transit
   is removed, but for an answer.
4. Who has answered is asked again only where that is wanted. Who was asked and has not answered is asked on,
   also once there is no crossing any more that would ask for it: it was refused there because it is recalled.

Example:
    >>> [each.destination for each in find_sent(env, {("visits", version)})]
    ['cloud', 'edge']
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from environments.boundary.manifest import stamp
from environments.boundary.outbox import Outbox, working_on
from environments.boundary.recall.statement import MOST, EraseRequest, open_request, seal_request
from environments.ledger import find_entries
from environments.transit import crossing_prefix, erasure_name, recall_name, receipt_name

if TYPE_CHECKING:
    from environments.boundary.context import EnvironmentContext
    from environments.ledger import Entry

__all__ = ["ANSWER", "Sent", "ask", "find_sent", "last_answer", "requests_for", "unanswered"]

ANSWER = "recall-answer"


@dataclass(frozen=True)
class Sent:
    """What went to one destination.

    Attributes:
        destination: where to.
        crossings: by which, sorted.
        open: those among them that were never settled.
        arrived: name and version, as the destination called them, of what it acknowledged.
    """

    destination: str
    crossings: tuple[str, ...]
    open: tuple[str, ...]
    arrived: tuple[tuple[str, str], ...]


def find_sent(env: EnvironmentContext, assets: Collection[tuple[str, str]]) -> tuple[Sent, ...]:
    """Return every destination to which any of these versions went, sorted by name.

    Raises:
        NotVerifiableError: the ledger does not read.
    """
    wanted = set(assets)
    sent: dict[str, str] = {}
    arrived: dict[str, tuple[str, str]] = {}
    for entry in env.ledger.entries():
        body = entry.body
        crossing, outcome = str(body.get("crossing")), body.get("outcome")
        if entry.kind == "egress" and outcome == "permitted" and _about(body, wanted):
            sent[crossing] = str(body["destination"])
        elif entry.kind == "settle" and crossing in sent and outcome == "permitted":
            arrived[crossing] = str(body["name"]), str(body["version"])
        elif entry.kind == "settle" and outcome in ("denied", "broken"):
            sent.pop(crossing, None)
            arrived.pop(crossing, None)
    return tuple(_sent(destination, sent, arrived) for destination in sorted(set(sent.values())))


def _about(body: Any, wanted: set[tuple[str, str]]) -> bool:  # noqa: ANN401 - the body of an entry of ours
    if "count" not in body:
        return (body.get("name"), body.get("source_version")) in wanted
    members = body.get("members")
    return members is None or any((name, version) in wanted for name, version in members)


def _sent(destination: str, sent: dict[str, str], arrived: dict[str, tuple[str, str]]) -> Sent:
    crossings = sorted(crossing for crossing, where in sent.items() if where == destination)
    there = tuple(sorted({arrived[crossing] for crossing in crossings if crossing in arrived}))
    return Sent(destination, tuple(crossings), tuple(c for c in crossings if c not in arrived), there)


def requests_for(
    env: EnvironmentContext,
    assets: Collection[tuple[str, str]],
    about: tuple[str, str],
    recall: str,
    because: str = "",
) -> list[EraseRequest]:
    """Return the requests that a recall makes here; of each destination one, of very many crossings more."""
    issued = stamp(env.clock())
    return [
        EraseRequest(
            env.name, sent.destination, *about, tuple(sorted(assets)), crossings, because, issued, recall
        )
        for sent in find_sent(env, assets)
        for crossings in _by(sent.crossings)
    ]


def unanswered(env: EnvironmentContext, recall: str, because: str = "") -> list[EraseRequest]:
    """Return what was asked here before in a recall, for the same reason, and has no last word yet.

    Raises:
        NotVerifiableError: the ledger or a request that was kept does not read.
    """
    found = dict[str, EraseRequest]()
    for entry in find_entries(env.folder.ledger, kind="recall"):
        body = entry.body
        if (body.get("recall"), body.get("because")) != (recall, because) or body["crossing"] in found:
            continue
        raw = Outbox(env.folder.outbox / crossing_prefix(body["crossing"])).read("manifest")
        if raw is not None and _is_open(env, body["crossing"]):
            # Signed again, it is of now: a clock that was ahead when it was asked first is right by now.
            asked, _ = open_request(raw, env.identity.public)
            found[body["crossing"]] = replace(asked, issued=stamp(env.clock()))
    return list(found.values())


def _is_open(env: EnvironmentContext, request: str) -> bool:
    answered = last_answer(env, request)
    return answered is None or answered.body["outcome"] == "waiting"


def _by(crossings: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    rest = iter(crossings)
    while part := tuple(islice(rest, MOST)):
        yield part


def last_answer(env: EnvironmentContext, request: str) -> Entry | None:
    """Return the newest answer to a request that verified; None where there is none."""
    found = (
        env.ledger.find(ANSWER, crossing=request, outcome=word) for word in ("erased", "refused", "waiting")
    )
    return max(filter(None, found), key=lambda entry: entry.sequence, default=None)


def ask(env: EnvironmentContext, request: EraseRequest, who: Mapping[str, Any], *, again: bool) -> bool:
    """Sign, keep, record and send one request; false where it was answered before.

    Args:
        env: the environment that sent.
        request: what it asks for.
        who: what the ledger says of whoever wants that.
        again: whether who has answered is asked again, too.

    Raises:
        UsageError: the destination is declared no more.
        UnreachableError: the disk or the transit refuses; run it again.
    """
    if not _is_open(env, request.request) and not again:
        return False
    env.peer(request.destination)
    transit = env.outgoing(request.destination)
    with working_on(env.folder, request.request) as outbox:
        raw, statement = seal_request(request, env.identity)
        outbox.keep("manifest", raw)
        # What it held of these it may not hold any more: the next crossing sends every chunk.
        outbox.arrived(request.destination, {name for name, _ in request.assets}, permitted=False)
        env.progress("recall.record")
        env.ledger.append("recall", _body(request, statement) | dict(who))
        env.progress("recall.send")
        if again:
            transit.delete(erasure_name(request.request))
        transit.put(recall_name(request.request), raw)
    sent = (one.open for one in find_sent(env, request.assets) if one.destination == request.destination)
    for crossing in sorted({*next(sent, ())} & {*request.crossings}):
        with working_on(env.folder, crossing) as outbox:
            for name in list(transit.names(crossing_prefix(crossing))):
                if name != receipt_name(crossing):
                    transit.delete(name)
            outbox.forget("sealed")
    return True


def _body(request: EraseRequest, statement: str) -> dict[str, Any]:
    return {
        "crossing": request.request,
        "manifest": statement,
        "recall": request.recall,
        "name": request.name,
        "source_version": request.version,
        "destination": request.destination,
        "crossings": len(request.crossings),
        "because": request.because,
        "outcome": "asked",
    }
