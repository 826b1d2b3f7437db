"""Attacks on second-person approval: forged, self-made, expired, borrowed for another crossing.

Onprem's file asks for one approval of bob or carol before anything is for model training. Each attack ends
with nothing in the transit, nothing in the destination's store, and no approval in the ledger.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "contract_suites"))
from asking_world import KEYS, AskingWorld
from boundary_world import rows

from data_contracts.digest import canonical
from data_contracts.errors import DeniedError, IsthmusError, NotVerifiableError, UsageError
from environments.approval import Approval
from environments.boundary import (
    CrossingRequest,
    EgressResult,
    egress,
    ingress,
    record_approval,
    rehearse,
    settle,
    waiting,
)
from environments.ledger import find_entries
from environments.stores import AssetRecord
from environments.trust.approvals import Wish, new_approval, sign_approval
from environments.trust.requests import sync_asks
from environments.trust.tokens import write_token

DAY = dt.timedelta(days=1)
OTHER = f"sha256:{'0' * 64}"


@pytest.fixture
def world(tmp_path: Path) -> AskingWorld:
    made = AskingWorld(tmp_path)
    made.profiles["onprem"] = replace(
        made.profiles["onprem"], approval=Approval(purposes=("model-training",), approvers=("bob", "carol"))
    )
    return made


@pytest.fixture
def record(world: AskingWorld) -> AssetRecord:
    return world.add(rows(60))


def ask(world: AskingWorld, request: CrossingRequest, who: str = "anna") -> EgressResult:
    return egress(world.env("onprem"), request, world.sync(who, request))


def waits(world: AskingWorld, request: CrossingRequest, who: str = "anna") -> Wish:
    """Ask, and return what waits for it now."""
    sent = ask(world, request, who)
    assert (sent.outcome, [rule.id for rule in sent.rules]) == ("denied", ["approval"])
    assert not any(path.is_file() for path in world.transit().rglob("*"))
    entries = find_entries(world.folder("onprem").ledger, crossing=sent.crossing, kind="egress")
    [found] = waiting(entries, "onprem")
    return found.wish


def signed(world: AskingWorld, wish: Wish, who: str = "bob", *, key: str | None = None) -> bytes:
    return sign_approval(new_approval(who, wish, world.now), KEYS[key or who])


def refused(
    world: AskingWorld,
    request: CrossingRequest,
    raw: bytes,
    error: type[IsthmusError] = NotVerifiableError,
    *,
    crossing: str | None = None,
) -> None:
    """Assert that it is not recorded, and that put into the ledger by force it opens nothing."""
    env = world.env("onprem")
    wish = waits(world, request)
    before = world.files("onprem", "cloud")
    with pytest.raises(error):
        record_approval(env, crossing or wish.crossing, raw)
    assert world.files("onprem", "cloud") == before
    env.ledger.append("approval", {"crossing": wish.crossing, "approval": write_token(raw or b"{}")})
    waits(world, request)
    assert world.env("cloud").store.names() == ()


def test_what_was_approved_crosses_as_the_same_crossing(world: AskingWorld, record: AssetRecord) -> None:
    request = world.request(record)
    wish = waits(world, request)
    assert record_approval(world.env("onprem"), wish.crossing, signed(world, wish)).approver == "bob"
    world.now += DAY
    token = world.sync("anna", request)
    sent = egress(world.env("onprem"), request, token)
    assert (sent.outcome, sent.crossing) == ("permitted", wish.crossing)
    assert ingress(world.env("cloud"), "onprem", sent.crossing, token).outcome == "permitted"
    assert settle(world.env("onprem"), "cloud", sent.crossing).outcome == "permitted"
    entry = world.env("onprem").ledger.find("egress", crossing=sent.crossing, outcome="permitted")
    assert entry is not None
    assert (entry.body["approvals"], entry.body["decision"]) == (["bob"], wish.decision)
    # Approved twice is recorded once; what has gone is gone on with when the approval has ended.
    world.now += 30 * DAY
    assert ask(world, request).outcome == "permitted"


def test_a_forged_approval(world: AskingWorld, record: AssetRecord) -> None:
    request = world.request(record)
    wish = waits(world, request)
    refused(world, request, signed(world, wish, "bob", key="mallory"))
    forged = json.loads(signed(world, wish, "bob", key="mallory"))
    forged["signatures"][0]["keyid"] = json.loads(signed(world, wish))["signatures"][0]["keyid"]
    refused(world, request, canonical(forged))


@pytest.mark.parametrize("garbage", [b"", b"{}", b"\xff" * 700])
def test_garbage_for_an_approval(world: AskingWorld, record: AssetRecord, garbage: bytes) -> None:
    refused(world, world.request(record), garbage)


def test_a_signed_request_shown_as_an_approval(world: AskingWorld, record: AssetRecord) -> None:
    request = world.request(record)
    refused(world, request, world.sync("bob", request))


def test_who_asked_approves_it(world: AskingWorld, record: AssetRecord) -> None:
    """Bob may ask and may approve: not both of one crossing."""
    request = world.request(record)
    wish = waits(world, request, "bob")
    with pytest.raises(DeniedError, match="who asked"):
        record_approval(world.env("onprem"), wish.crossing, signed(world, wish, "bob"))
    waits(world, request, "bob")
    assert record_approval(world.env("onprem"), wish.crossing, signed(world, wish, "carol"))
    assert ask(world, request, "bob").outcome == "permitted"


def test_who_approved_it_asks_for_it(world: AskingWorld, record: AssetRecord) -> None:
    """Bob approves what anna asked, then asks for it in his own name: it was decided anew, and waits anew."""
    request = world.request(record)
    wish = waits(world, request)
    record_approval(world.env("onprem"), wish.crossing, signed(world, wish))
    assert waits(world, request, "bob").decision != wish.decision


def test_nobody_asks_and_somebody_approves(world: AskingWorld, record: AssetRecord) -> None:
    """Where nobody knows who asked, the approver may be the same person."""
    world.demand("onprem", "cloud", requesters=("unattributed",))
    request = world.request(record)
    sent = egress(world.env("onprem"), request)
    assert (sent.outcome, [rule.id for rule in sent.rules]) == ("denied", ["approval"])
    entries = find_entries(world.folder("onprem").ledger, crossing=sent.crossing, kind="egress")
    [found] = waiting(entries, "onprem")
    with pytest.raises(DeniedError):
        record_approval(world.env("onprem"), sent.crossing, signed(world, found.wish))
    assert egress(world.env("onprem"), request).outcome == "denied"


def test_an_expired_approval(world: AskingWorld, record: AssetRecord) -> None:
    request = world.request(record)
    wish = waits(world, request)
    raw = signed(world, wish)
    record_approval(world.env("onprem"), wish.crossing, raw)
    world.now += 7 * DAY
    refused(world, request, raw)
    early = new_approval("bob", wish, world.now + DAY)
    refused(world, request, sign_approval(early, KEYS["bob"]))


def test_an_approval_is_replayed_for_another_crossing(world: AskingWorld, record: AssetRecord) -> None:
    first = waits(world, world.request(record))
    raw = signed(world, first)
    record_approval(world.env("onprem"), first.crossing, raw)
    refused(world, world.request(record, request_id="run-2/sync-1"), raw)


@pytest.mark.parametrize(
    "change",
    [
        {"decision": OTHER},
        {"crossing": OTHER},
        {"version": OTHER},
        {"asset": "other"},
        {"destination": "edge"},
        {"purpose": "reporting"},
        {"requester": "carol"},
        {"source": "cloud"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_an_approver_was_shown_something_else(
    world: AskingWorld, record: AssetRecord, change: dict[str, str]
) -> None:
    request = world.request(record)
    refused(world, request, signed(world, replace(waits(world, request), **change)))


def test_who_may_not_approve_here(world: AskingWorld, record: AssetRecord) -> None:
    """Nightly is in the trust document, and not among those who approve; dave is in neither."""
    request = world.request(record)
    wish = waits(world, request)
    refused(world, request, signed(world, wish, "nightly"), DeniedError)
    refused(world, request, signed(world, wish, "dave", key="mallory"))


def test_an_approver_whom_the_file_does_not_name(world: AskingWorld, record: AssetRecord) -> None:
    world.profiles["onprem"] = replace(
        world.profiles["onprem"], approval=Approval(purposes=("*",), approvers=("bob",))
    )
    request = world.request(record)
    refused(world, request, signed(world, waits(world, request), "carol"), DeniedError)


def test_an_approvers_key_is_revoked(world: AskingWorld, record: AssetRecord) -> None:
    request = world.request(record)
    wish = waits(world, request)
    raw = signed(world, wish)
    record_approval(world.env("onprem"), wish.crossing, raw)
    world.revoke("bob")
    refused(world, request, raw)


def test_two_are_needed_and_one_approves_twice(world: AskingWorld, record: AssetRecord) -> None:
    rule = Approval(purposes=("model-training",), approvers=("*",), count=2)
    world.profiles["onprem"] = replace(world.profiles["onprem"], approval=rule)
    request = world.request(record)
    wish = waits(world, request)
    for lasts in (DAY, 2 * DAY):
        raw = sign_approval(new_approval("bob", wish, world.now, lasts), KEYS["bob"])
        record_approval(world.env("onprem"), wish.crossing, raw)
    assert waits(world, request) == wish
    record_approval(world.env("onprem"), wish.crossing, signed(world, wish, "carol"))
    assert ask(world, request).outcome == "permitted"


def test_an_empty_list_of_approvers_is_nobody(world: AskingWorld, record: AssetRecord) -> None:
    world.profiles["onprem"] = replace(world.profiles["onprem"], approval=Approval(purposes=("*",)))
    request = world.request(record)
    refused(world, request, signed(world, waits(world, request)), DeniedError)


def test_an_approval_opens_nothing_that_is_denied(world: AskingWorld, record: AssetRecord) -> None:
    request = world.request(record)
    wish = waits(world, request)
    record_approval(world.env("onprem"), wish.crossing, signed(world, wish))
    world.profiles["cloud"] = replace(world.profiles["cloud"], ingress=())
    assert [rule.id for rule in ask(world, request).rules] == ["destination-ingress"]


def test_an_approval_for_what_does_not_wait(world: AskingWorld, record: AssetRecord) -> None:
    wish = waits(world, world.request(record))
    before = world.files("onprem")
    with pytest.raises(UsageError, match="no crossing that waits"):
        record_approval(world.env("onprem"), OTHER, signed(world, wish))
    assert world.files("onprem") == before


def test_only_a_boundarys_first_crossing_waits(world: AskingWorld, record: AssetRecord) -> None:
    rule = Approval(first=True, approvers=("bob",))
    world.profiles["onprem"] = replace(world.profiles["onprem"], approval=rule)
    first, second = world.request(record), world.request(record, request_id="run-2/sync-1")
    wish = waits(world, first)
    record_approval(world.env("onprem"), wish.crossing, signed(world, wish))
    waits(world, second)
    assert ask(world, first).outcome == "permitted"
    assert ask(world, second).outcome == "permitted"


def test_a_rehearsal_says_that_it_would_wait_and_records_nothing(
    world: AskingWorld, record: AssetRecord
) -> None:
    asks = sync_asks("onprem", "visits", record.version, "cloud", "model-training", rehearsal=True)
    before = world.files("onprem")
    told = rehearse(world.env("onprem"), world.request(record), world.sign("anna", "sync", "visits", asks))
    assert (told.outcome, [rule.id for rule in told.rules]) == ("denied", ["approval"])
    assert "isthmus approve" in told.rules[0].reason
    assert world.files("onprem") == before
