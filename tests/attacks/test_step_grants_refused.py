"""Attacks on the grant of a step: none, forged, expired, of another step, reference, purpose or run.

The worker and the step's process ask the same function; each attack is refused, and no nonce is written.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
import uuid
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "contract_suites"))
from trust_builder import document, signed

from data_contracts.digest import canonical
from data_contracts.errors import UsageError
from data_contracts.labels import Classification
from environments.folder import EnvironmentFolder
from environments.identity.signers import FileSigner
from environments.profile import Profile, StepGrant
from environments.ref import AssetRef
from environments.trust import Permission, Requester, pin_document
from environments.trust.changing import revoked, with_requester
from environments.trust.grants import GRANT_PARAMETER, Grant, GrantRefusedError, new_grant, sign_grant
from environments.trust.keys import KEY_LIFETIME, SigningKey, Window
from environments.trust.tokens import write_token
from environments.workpools.granting import admit_here, demand_grant
from environments.workpools.sealed import Request
from flows.runtime.stepflow import StepRunnable
from tasks.steps import StepRun, step

pytestmark = pytest.mark.attack
ANNA, MALLORY = FileSigner(b"a" * 32), FileSigner(b"m" * 32)
MAY = Permission(("cloud",), ("tests",), ("cloud",), ("model-training",))
VERSION = "sha256:" + "1" * 64
REF = AssetRef("tests", "cloud", VERSION, "a.b@1.0.0")
RUN, OTHER = uuid.UUID(int=1), uuid.UUID(int=2)


@step(purpose="model-training")
def train(run: StepRun, tests: AssetRef) -> int:  # noqa: ARG001 - it is never called
    """Train."""
    return 1


class Catalogue:
    def find(self, flow_name: str) -> StepRunnable | None:
        return StepRunnable("clinic", train) if flow_name == "clinic.train" else None


@dataclass
class Place:
    folder: EnvironmentFolder
    profile: Profile
    catalogue: Catalogue


@pytest.fixture
def place(tmp_path: Path) -> Place:
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    key = SigningKey(ANNA.public, Window(now, now + KEY_LIFETIME))
    made = with_requester(document("edge"), Requester("anna", "user", (key,), MAY), now)
    folder = EnvironmentFolder(tmp_path / "cloud").create()
    pin_document(folder, signed(replace(made, expires=now + dt.timedelta(days=30))), now)
    steps = (StepGrant("clinic.train", grant="required"),)
    return Place(
        folder, Profile("cloud", "cloud", "DE", Classification.CONFIDENTIAL, steps=steps), Catalogue()
    )


def grant(**change: Any) -> Grant:
    made = new_grant(
        "anna", "cloud", "clinic.train", {"tests": str(REF)}, "model-training", dt.datetime.now(dt.UTC)
    )
    return replace(made, **change)


def parameters(raw: bytes | None, ref: AssetRef = REF) -> dict[str, Any]:
    given: dict[str, Any] = {"tests": ref.to_json()}
    return given if raw is None else given | {GRANT_PARAMETER: write_token(raw)}


def demand(place: Place, raw: bytes | None, ref: AssetRef = REF, run: uuid.UUID = RUN) -> None:
    demand_grant(place, StepRunnable("clinic", train), parameters(raw, ref), run)


def test_a_genuine_grant_lets_its_run_begin_and_its_retry(place: Place) -> None:
    raw = sign_grant(grant(), ANNA)
    demand(place, raw)
    demand(place, raw)


def test_nobodys_name_grants_nothing_though_a_document_lists_it(place: Place) -> None:
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    key = SigningKey(ANNA.public, Window(now, now + KEY_LIFETIME))
    nobody = Requester("unattributed", "user", (key,), MAY)
    made = with_requester(document("edge"), nobody, now)
    made = replace(made, version=made.version + 1, expires=now + dt.timedelta(days=30))
    pin_document(place.folder, signed(made), now)
    with pytest.raises(GrantRefusedError, match="no key of that requester"):
        demand(place, sign_grant(grant(requester="unattributed"), ANNA))


def test_the_worker_refuses_as_the_steps_process_does(place: Place) -> None:
    request = Request("clinic.train", "cloud", "steps", parameters(None))
    with pytest.raises(UsageError, match=r"refused by cloud: .* needs a signed grant"):
        admit_here(request, place, RUN)
    raw = sign_grant(grant(), ANNA)
    assert admit_here(replace(request, parameters=parameters(raw)), place, RUN).queue == "steps"
    with pytest.raises(UsageError, match="used for another run"):
        admit_here(replace(request, parameters=parameters(raw)), place, OTHER)


def _edited(raw: bytes) -> bytes:
    envelope = json.loads(raw)
    envelope["signatures"][0]["sig"] = json.loads(sign_grant(grant(), MALLORY))["signatures"][0]["sig"]
    return canonical(envelope)


PAST = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
FUTURE = dt.datetime.now(dt.UTC).replace(microsecond=0) + dt.timedelta(hours=5)
NEW = AssetRef("tests", "cloud", "sha256:" + "2" * 64, "a.b@1.0.0")


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (None, "there is none"),
        (b"{}", "not of the one form"),
        (sign_grant(grant(), MALLORY), "no key of that requester"),
        (sign_grant(grant(requester="mallory"), ANNA), "no key of that requester"),
        (_edited(sign_grant(grant(), ANNA)), "signature does not verify"),
        (sign_grant(grant(issued=PAST, expires=PAST + dt.timedelta(days=1)), ANNA), "expired"),
        (sign_grant(grant(issued=FUTURE, expires=FUTURE + dt.timedelta(hours=1)), ANNA), "of the future"),
        (sign_grant(grant(expires=FUTURE + dt.timedelta(days=9)), ANNA), "not of the one form"),
        (sign_grant(grant(step="clinic.score"), ANNA), "another step"),
        (sign_grant(grant(environment="edge"), ANNA), "another step"),
        (sign_grant(grant(purpose="marketing"), ANNA), "another purpose"),
        (sign_grant(grant(references={"tests": str(NEW)}), ANNA), "another reference"),
        (sign_grant(grant(references={}), ANNA), "another reference"),
        (sign_grant(grant(references={"tests": "*", "more": str(REF)}), ANNA), "another reference"),
    ],
    ids=(
        "none", "empty", "by-mallory", "for-mallory", "edited", "expired", "of-the-future", "for-too-long",
        "another-step", "another-environment", "another-purpose", "another-version", "no-reference",
        "a-reference-more",
    ),
)  # fmt: skip
def test_what_is_not_granted_is_refused_and_leaves_nothing(place: Place, raw: bytes | None, why: str) -> None:
    with pytest.raises(GrantRefusedError, match=why):
        demand(place, raw)
    assert not (place.folder.trust / "grants").exists()


def test_the_server_offers_another_version_than_was_granted(place: Place) -> None:
    with pytest.raises(GrantRefusedError, match="another reference"):
        demand(place, sign_grant(grant(), ANNA), ref=NEW)


def test_what_a_run_makes_itself_is_granted_by_a_star(place: Place) -> None:
    demand(place, sign_grant(grant(references={"tests": "*"}), ANNA), ref=NEW)


def test_an_asset_that_its_requester_may_not_ask_for(place: Place) -> None:
    other = replace(REF, name="salaries")
    with pytest.raises(GrantRefusedError, match="may not ask"):
        demand(place, sign_grant(grant(references={"tests": "*"}), ANNA), ref=other)


def test_a_replayed_grant(place: Place) -> None:
    raw = sign_grant(grant(), ANNA)
    demand(place, raw)
    with pytest.raises(GrantRefusedError, match="used for another run"):
        demand(place, raw, run=OTHER)


def test_a_grant_of_a_key_that_was_revoked(place: Place) -> None:
    from environments.trust import load_pinned

    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    pinned = load_pinned(place.folder)
    assert pinned is not None
    (key,) = pinned.document.requesters["anna"].keys
    later = revoked(pinned.document, "anna", key.key_id, now)
    pin_document(place.folder, signed(replace(later, version=pinned.document.version + 1)), now)
    with pytest.raises(GrantRefusedError, match="no key of that requester"):
        demand(place, sign_grant(grant(), ANNA))


def test_a_step_that_is_not_marked_takes_no_grant(place: Place) -> None:
    unmarked = replace(place.profile, steps=(StepGrant("clinic.train"),))
    runnable = StepRunnable("clinic", train)
    demand_grant(Place(place.folder, unmarked, place.catalogue), runnable, parameters(None), RUN)
    with pytest.raises(UsageError, match="unknown parameters"):
        runnable.validate(parameters(sign_grant(grant(), ANNA)), unmarked.grant("clinic.train"))
