"""Recall at the source: who may, what was sent, and the requests that go out.

Invariants:
1. A recall destroys, so nobody begins one unsigned: it needs a requester whom this side's trust document lets
   ask for purpose `recall`, at every destination, over exactly this version. A control plane alone erases
   nothing.
2. Where this environment's file wants approval for purpose `recall`, it waits for that, as a crossing does.
3. The version and what was derived from it here are recalled from wherever they went; the own store is not
   touched.
4. The same again asks those that have not answered.

Example:
    >>> recall(env, "visits", version, signed).outcome
    'permitted'
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from data_contracts.destination import ANY
from data_contracts.digest import digest_json
from data_contracts.errors import UnreachableError, UsageError
from environments.boundary.approving import APPROVAL, approvers_of
from environments.boundary.recall.lineage import lineage_of
from environments.boundary.recall.sending import Sent, ask, find_sent, requests_for, unanswered
from environments.boundary.recall.statement import EraseRequest, recall_id
from environments.boundary.result import GateRule
from environments.trust import load_pinned
from environments.trust.approvals import Wish
from environments.trust.nonces import Nonces
from environments.trust.requests import UNATTRIBUTED, attribute, may_ask, recall_asks

if TYPE_CHECKING:
    from environments.boundary.context import EnvironmentContext

__all__ = ["EVERYWHERE", "PURPOSE", "Recalled", "preview", "recall"]

PURPOSE = "recall"
EVERYWHERE = "all-destinations"
"""What stands where a crossing's destination would, in what an approver signs."""


@dataclass(frozen=True)
class Recalled:
    """What the source did.

    Attributes:
        recall: its id.
        outcome: `permitted`, or `denied`: then nobody was asked.
        rules: those that spoke against it.
        requests: destination and id of each request, whether it was asked now or before.
        unreached: those among the destinations that could not be asked.
    """

    recall: str
    outcome: Literal["permitted", "denied"]
    rules: tuple[GateRule, ...] = ()
    requests: tuple[tuple[str, str], ...] = ()
    unreached: tuple[str, ...] = ()


def preview(env: EnvironmentContext, name: str, version: str) -> tuple[Sent, ...]:
    """Return what a recall would ask, and whom.

    Raises:
        UsageError: nothing of it was ever sent from here.
    """
    found = find_sent(env, _assets(env, name, version))
    if not found:
        raise UsageError(
            f"{name}@{version}: nothing of it was ever sent from {env.name}, nor of what was made of it here",
            remedy=f"`isthmus ledger show --env {env.name}` shows what was; a version is that of the source",
        )
    return found


def _assets(env: EnvironmentContext, name: str, version: str) -> set[tuple[str, str]]:
    lineage = lineage_of(env.store)
    seeds = [each for each in lineage.everything if (each.name, each.version) == (name, version)]
    derived = lineage.derived(env.name, seeds)
    return {(name, version), *((each.name, each.version) for each in derived)}


def recall(
    env: EnvironmentContext, name: str, version: str, signed: bytes | None = None, *, again: bool = False
) -> Recalled:
    """Ask every destination to erase one version and what was derived from it.

    Args:
        env: the source.
        name: the asset.
        version: its version at the source.
        signed: who wants it.
        again: whether those that have answered are asked once more.

    Raises:
        UsageError: nothing of it was ever sent from here.
        NotVerifiableError: the ledger or the store does not read.
        UnreachableError: the disk refuses; run it again.
    """
    recall = recall_id(env.name, name, version)
    requests = unanswered(env, recall)
    if not requests:
        preview(env, name, version)
    known = {each.request for each in requests}
    now = requests_for(env, _assets(env, name, version), (name, version), recall)
    requests += [each for each in now if each.request not in known]
    who, reason = _who(env, signed, name, version, {each.destination for each in requests})
    about = {
        "crossing": recall,
        "name": name,
        "source_version": version,
        "destination": EVERYWHERE,
        "purpose": PURPOSE,
        "request": recall[7:],
        "decision": digest_json(sorted(each.request for each in requests)),
        "requester": who,
        "attribution": reason,
    }
    # (1) Who wants it, and (2) who approves.
    rule = _against(env, about, sorted({each.destination for each in requests}))
    if rule is not None:
        env.ledger.append("recall", about | {"outcome": "denied", "rules": [rule.to_json()]})
        return Recalled(recall, "denied", (rule,))
    env.ledger.append("recall", about | {"outcome": "permitted", "rules": []})
    # (3) The requests.
    asked = {"requester": who}
    unreached = [each.destination for each in requests if not _asked(env, each, asked, again=again)]
    pairs = tuple((each.destination, each.request) for each in requests)
    return Recalled(recall, "permitted", (), pairs, tuple(sorted(set(unreached))))


def _asked(env: EnvironmentContext, request: EraseRequest, who: dict[str, Any], *, again: bool) -> bool:
    """Ask one; false where it cannot be reached: then the others are asked all the same."""
    try:
        ask(env, request, who, again=again)
    except (UsageError, UnreachableError):
        return False
    return True


def _who(
    env: EnvironmentContext, signed: bytes | None, name: str, version: str, destinations: set[str]
) -> tuple[str, str]:
    """Return who wants it, and how that is known; see `environments.boundary.asker`."""
    pinned, now = load_pinned(env.folder), env.clock()
    document = pinned.document if pinned is not None and now < pinned.document.expires else None
    found = attribute(signed, document, now=now, used=())
    statement = found.statement
    if document is None or statement is None:
        return UNATTRIBUTED, found.reason
    told = (statement.action, statement.subject, statement.asks)
    if told != ("recall", name, recall_asks(env.name, name, version)):
        return UNATTRIBUTED, "other"
    for destination in destinations:
        if not may_ask(
            document, found.requester, environment=env.name, asset=name, destination=destination,
            purpose=PURPOSE,
        ):  # fmt: skip
            return UNATTRIBUTED, "may-not"
    thing = f"recall {recall_id(env.name, name, version)}"
    if not Nonces(env.folder.trust / "requests").bind(statement.nonce, thing, now):
        return UNATTRIBUTED, "replayed"
    return found.requester, found.reason


def _against(env: EnvironmentContext, about: dict[str, Any], destinations: list[str]) -> GateRule | None:
    if about["requester"] == UNATTRIBUTED:
        where = " ".join(f"--to {destination}" for destination in destinations)
        return GateRule(
            "requester",
            f"a recall is signed by whoever may ask for purpose {PURPOSE} at every destination "
            f"({about['attribution']}): isthmus requester add NAME --from {env.name} "
            f"--asset {about['name']} {where} --purpose {PURPOSE}",
        )
    rule = env.profile.approval
    why = None if rule is None else rule.why(PURPOSE, first=lambda: False)
    if rule is None or why is None:
        return None
    wish = Wish(
        about["crossing"], about["decision"], env.name, EVERYWHERE, about["name"], about["source_version"],
        PURPOSE, about["requester"],
    )  # fmt: skip
    given = approvers_of(env, wish)
    if len(given) >= rule.count:
        return None
    by = "whoever the trust document lets approve" if ANY in rule.approvers else " or ".join(rule.approvers)
    so_far = f", {len(given)} given" if given else ""
    return GateRule(
        APPROVAL,
        f"{why} needs {rule.count} of {by or 'nobody'}{so_far}: "
        f"isthmus approve {about['crossing'][7:19]} --env {env.name}",
    )
