"""Who asks: names are earned by signatures, and everything else is nobody."""

from __future__ import annotations

import datetime as dt
import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[3] / "contract_suites"))
from trust_builder import DAY, NOW, document, root, signed

from data_contracts.digest import canonical
from data_contracts.errors import NotVerifiableError, UsageError
from environments.trust import Permission, Requester, TrustDocument
from environments.trust.changing import revoked, with_requester
from environments.trust.keys import KEY_LIFETIME, SigningKey, Window
from environments.trust.requests import (
    NOTHING_MORE,
    UNATTRIBUTED,
    Action,
    RequestStatement,
    attribute,
    may_ask,
    new_request,
    sign_request,
)

NIGHTLY, MALLORY, ANNA = root(11), root(12), root(13)
MAY = Permission(("onprem",), ("covid_tests",), ("cloud",), ("model-training",))


def listed(name: str, public: bytes, may: Permission = MAY) -> Requester:
    return Requester(name, "service", (SigningKey(public, Window(NOW, NOW + KEY_LIFETIME)),), may)


def trust() -> TrustDocument:
    made = with_requester(document(), listed("nightly", NIGHTLY.public), NOW)
    return with_requester(made, listed("anna", ANNA.public, Permission()), NOW)


TRUST = trust()
WISH = new_request("nightly", "run", "hospital", NOW)
RAW = sign_request(WISH, NIGHTLY)


def reason(
    raw: bytes | None, *, at: dt.datetime = NOW, used: tuple[str, ...] = (), by: TrustDocument | None = TRUST
) -> str:
    found = attribute(raw, by, now=at, used=used)
    assert (found.requester == UNATTRIBUTED) == (found.reason != "verified") == (found.statement is None)
    return found.reason


def test_a_listed_key_earns_its_name() -> None:
    found = attribute(RAW, TRUST, now=NOW, used=())
    assert (found.requester, found.statement) == ("nightly", WISH)


def test_a_document_with_requesters_survives_json() -> None:
    assert TrustDocument.from_json(json.loads(canonical(TRUST.to_json()))) == TRUST
    assert signed(TRUST)


def test_what_is_not_signed_is_nobodys() -> None:
    assert reason(None) == "unsigned"
    assert reason(RAW, by=None) == "trust"
    assert reason(RAW, at=TRUST.expires) == "trust"


def test_a_key_signs_for_nobody_else() -> None:
    for name in ("nightly", "mallory", "anna"):
        assert reason(sign_request(replace(WISH, requester=name), MALLORY)) == "unknown"
    assert reason(sign_request(replace(WISH, requester="anna"), NIGHTLY)) == "unknown"


def test_a_strangers_signature_under_a_known_key_id() -> None:
    envelope = json.loads(sign_request(WISH, MALLORY))
    envelope["signatures"][0]["keyid"] = json.loads(RAW)["signatures"][0]["keyid"]
    assert reason(canonical(envelope)) == "signature"


def test_replay_expiry_and_the_future() -> None:
    assert reason(RAW, used=(WISH.nonce,)) == "replayed"
    assert reason(RAW, at=NOW + DAY) == "expired"
    assert reason(RAW, at=NOW - dt.timedelta(minutes=6)) in {"early", "unknown"}
    early = new_request("nightly", "run", "hospital", NOW + dt.timedelta(hours=1))
    assert reason(sign_request(early, NIGHTLY)) == "early"


def test_a_deploy_stands_behind_every_scheduled_run() -> None:
    wish = new_request("nightly", "deploy", "hospital", NOW)
    raw = sign_request(wish, NIGHTLY)
    assert reason(raw, at=NOW + 100 * DAY, used=(wish.nonce,)) == "verified"
    assert reason(raw, at=NOW + 366 * DAY) in {"expired", "trust"}


def test_from_the_revocation_on_nothing_is_its() -> None:
    key_id = TRUST.requesters["nightly"].keys[0].key_id
    assert reason(RAW, by=revoked(TRUST, "nightly", key_id, NOW)) == "unknown"


def test_one_use_of_a_signature_is_no_other() -> None:
    """What a root key signed as a trust document is no request, whoever shows it as one."""
    assert reason(signed(TRUST)) == "shape"


@pytest.mark.parametrize(
    "change",
    [
        {"action": "erase"},
        {"action": ["run"]},
        {"format": True},
        {"nonce": "0"},
        {"nonce": "G" * 32},
        {"subject": "../x"},
        {"expires": "2036-11-24T03:00:00Z"},
        {"extra": 1},
        {"asks": "all of it"},
    ],
    ids=str,
)
def test_another_form_is_no_request(change: dict[str, object]) -> None:
    with pytest.raises(NotVerifiableError):
        RequestStatement.from_json(WISH.to_json() | change)


def test_nobody_is_no_name() -> None:
    with pytest.raises(UsageError):
        new_request(UNATTRIBUTED, "run", "hospital", NOW)
    by = with_requester(TRUST, listed(UNATTRIBUTED, MALLORY.public, Permission(*[("*",)] * 4)), NOW)
    wish = RequestStatement(UNATTRIBUTED, "run", "hospital", NOTHING_MORE, "0" * 32, NOW, NOW + DAY)
    assert reason(sign_request(wish, MALLORY), by=by) == "unknown"
    assert not may_ask(by, UNATTRIBUTED, environment="a", asset="b", destination="c", purpose="d")


@given(st.integers(0, len(RAW) - 1), st.integers(1, 255))
def test_no_byte_can_be_changed(position: int, mask: int) -> None:
    changed = bytearray(RAW)
    changed[position] ^= mask
    assert reason(bytes(changed)) != "verified"


@given(st.binary(max_size=300))
def test_whatever_comes_it_answers(raw: bytes) -> None:
    assert reason(raw) != "verified"


ASKED = {"environment": "onprem", "asset": "covid_tests", "destination": "cloud", "purpose": "model-training"}


def test_what_may_be_asked_is_what_is_listed() -> None:
    assert may_ask(TRUST, "nightly", **ASKED)
    assert not may_ask(TRUST, "anna", **ASKED)
    assert not may_ask(TRUST, "mallory", **ASKED)
    for key in ASKED:
        assert not may_ask(TRUST, "nightly", **(ASKED | {key: "other"}))
        assert not may_ask(TRUST, "nightly", **(ASKED | {key: "*"}))


@given(
    st.sampled_from(sorted(ASKED)),
    st.lists(st.sampled_from(["*", "other", "covid_tests", "cloud"]), max_size=3),
)
def test_a_star_counts_only_alone(key: str, names: list[str]) -> None:
    field = {"environment": "environments", "asset": "assets", "destination": "destinations"}.get(
        key, "purposes"
    )
    may = replace(MAY, **{field: tuple(names)})
    assert may.permits(**ASKED) == (names == ["*"] or ASKED[key] in names)


def test_every_action_has_its_longest_life() -> None:
    actions: tuple[Action, ...] = ("sync", "run", "deploy")
    assert {
        action: (wish.expires - wish.issued).days
        for action in actions
        if (wish := new_request("nightly", action, "hospital", NOW))
    } == {"sync": 1, "run": 1, "deploy": 366}


def test_a_run_that_queues_counts_for_as_long_as_that_may_wait_and_no_longer() -> None:
    long = new_request("nightly", "run", "factory", NOW, lasts=14 * DAY)
    assert (long.expires - long.issued).days == 14
    assert reason(sign_request(long, NIGHTLY), at=NOW + 13 * DAY) == "verified"
    assert reason(sign_request(long, NIGHTLY), at=NOW + 15 * DAY) == "expired"
    longest = new_request("nightly", "run", "factory", NOW, lasts=400 * DAY)
    assert (longest.expires - longest.issued).days == 90
    with pytest.raises(NotVerifiableError):
        RequestStatement.from_json(long.to_json() | {"expires": "2027-03-24T03:00:00Z"})
