"""Trust documents that must not be taken: each attack, and that what was pinned stays pinned, byte for byte.

The attacker sits where documents come from (a mirror, a mail, the control plane): it may show any document
that was ever signed, any that it signs itself, and any change of these.
"""

from __future__ import annotations

import datetime as dt
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[1] / "contract_suites"))
from trust_builder import DAY, NOW, Folder, document, later, public, root, roots, signed

from data_contracts.digest import canonical
from data_contracts.errors import NotVerifiableError
from environments.identity import create_identity, pin_peer
from environments.signed import strict_json
from environments.trust import TrustDocument, TrustRefusedError, load_pinned, peer_identity, pin_document
from environments.trust.changing import environment_of, revoked, rotated, with_roots
from environments.trust.envelope import open_document

pytestmark = pytest.mark.attack

FIRST = document()
SECOND = later(FIRST)


def empty(root: Path) -> Folder:
    folder = Folder(root / "cloud")
    create_identity(folder, "cloud")
    return folder


@pytest.fixture
def cloud(tmp_path: Path) -> Folder:
    folder = empty(tmp_path)
    pin_document(folder, signed(SECOND), NOW)
    return folder


def refused(folder: Folder, raw: bytes, reason: str, now: dt.datetime = NOW) -> None:
    before = folder.files()
    with pytest.raises(TrustRefusedError) as error:
        pin_document(folder, raw, now)
    assert error.value.reason == reason
    assert folder.files() == before
    pinned = load_pinned(folder)
    assert pinned is not None
    assert pinned.document == SECOND


def test_rollback(cloud: Folder) -> None:
    refused(cloud, signed(FIRST), "rollback")


def test_fork(cloud: Folder) -> None:
    other = replace(SECOND, expires=SECOND.expires + DAY)
    refused(cloud, signed(other), "fork")


def test_freeze(cloud: Folder) -> None:
    """An old site is shown nothing new: from the end of what it has, it believes nobody."""
    assert peer_identity(cloud, "edge", SECOND.expires - DAY).name == "edge"
    with pytest.raises(NotVerifiableError, match="expired"):
        peer_identity(cloud, "edge", SECOND.expires)


def test_an_expired_document_of_a_higher_version(cloud: Folder) -> None:
    refused(cloud, signed(later(SECOND)), "frozen", SECOND.expires)


def test_a_document_from_the_future(cloud: Folder) -> None:
    made = replace(later(SECOND), issued=NOW + DAY)
    refused(cloud, signed(made), "early")


def test_unsigned(cloud: Folder) -> None:
    envelope = strict_json(signed(later(SECOND)), "it")
    envelope["signatures"] = []
    refused(cloud, canonical(envelope), "threshold")


def test_signed_by_a_strangers_root(cloud: Folder) -> None:
    refused(cloud, signed(later(SECOND), 7), "threshold")


def test_a_strangers_roots_named_and_signed_by_themselves(cloud: Folder) -> None:
    refused(cloud, signed(replace(later(SECOND), roots=roots(1, 7)), 7), "threshold")


def test_a_strangers_signature_under_the_roots_key_id(cloud: Folder) -> None:
    envelope = strict_json(signed(later(SECOND), 7), "it")
    envelope["signatures"][0]["keyid"] = strict_json(signed(SECOND), "it")["signatures"][0]["keyid"]
    refused(cloud, canonical(envelope), "signature")


def test_a_signature_of_an_older_version_on_a_newer_one(cloud: Folder) -> None:
    envelope = strict_json(signed(later(SECOND)), "it")
    envelope["signatures"] = strict_json(signed(SECOND), "it")["signatures"]
    refused(cloud, canonical(envelope), "signature")


def test_one_signature_given_twice_is_one(tmp_path: Path) -> None:
    folder = empty(tmp_path)
    made = document(by=roots(2, 1, 2))
    pin_document(folder, signed(made, 1, 2), NOW)
    before = folder.files()
    envelope = strict_json(signed(later(made), 1), "it")
    twice = canonical(envelope | {"signatures": envelope["signatures"] * 2})
    for raw, reason in ((twice, "shape"), (signed(later(made), 1), "threshold")):
        with pytest.raises(TrustRefusedError) as error:
            pin_document(folder, raw, NOW)
        assert (error.value.reason, folder.files()) == (reason, before)


def test_new_roots_need_the_old_and_the_new(cloud: Folder) -> None:
    made = with_roots(SECOND, roots(2, 2, 3), NOW)
    for signers in ((1,), (1, 2), (2, 3)):
        refused(cloud, signed(made, *signers), "threshold")
    pin_document(cloud, signed(made, 1, 2, 3), NOW)
    with pytest.raises(TrustRefusedError):  # the root that stepped down signs nothing any more
        pin_document(cloud, signed(later(made), 1), NOW)
    assert pin_document(cloud, signed(later(made), 2, 3), NOW).document.version == made.version + 1


def test_a_revocation_taken_back(tmp_path: Path) -> None:
    folder = empty(tmp_path)
    first = document()
    key_id = first.environments["edge"].signing[0].key_id
    after = revoked(rotated(first, public("edge", 2), NOW), "edge", key_id, NOW)
    pin_document(folder, signed(after), NOW)
    before = folder.files()
    back = replace(later(after), environments=first.environments)
    gone = replace(
        later(after),
        environments={
            name: replace(one, signing=one.signing[-1:]) for name, one in after.environments.items()
        },
    )
    for made in (back, gone):
        with pytest.raises(TrustRefusedError) as error:
            pin_document(folder, signed(made), NOW)
        assert (error.value.reason, folder.files()) == ("revived", before)


def test_another_pair_key(cloud: Folder) -> None:
    other = replace(SECOND.environments["edge"], pair=b"x" * 32)
    made = replace(later(SECOND), environments={**SECOND.environments, "edge": other})
    refused(cloud, signed(made), "pinned")


def test_a_first_document_that_contradicts_a_pinned_peer(tmp_path: Path) -> None:
    """An older home, with peers pinned one by one, is shown a document of an attacker's at its upgrade."""
    folder = empty(tmp_path)
    pin_peer(folder, public("edge", 2))
    before = folder.files()
    for made in (document("cloud", "edge"), document("cloud")):
        with pytest.raises(TrustRefusedError) as error:
            pin_document(folder, signed(made), NOW)
        assert (error.value.reason, folder.files()) == ("pinned", before)
    good = replace(document("cloud"), environments={"edge": environment_of(public("edge", 2), NOW)})
    assert pin_document(folder, signed(good), NOW).document == good


def test_a_pinned_file_that_was_edited(cloud: Folder) -> None:
    path = cloud.trust / "pinned.json"
    path.write_bytes(path.read_bytes().replace(b'"keyid":"sha256:', b'"keyid":"sha256:0', 1))
    with pytest.raises(NotVerifiableError):
        peer_identity(cloud, "edge", NOW)


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"format": True},
        {"suite": "X25519/HKDF_SHA256/AES_128_GCM"},
        {"version": 0},
        {"version": 2**53},
        {"expires": "2030-01-01"},
        {"roots": {"threshold": 0, "keys": []}},
        {"environments": []},
        {"environments": {"../up": {}}},
        {"extra": 1},
    ],
    ids=lambda change: next(iter(change)),
)
def test_another_form_under_a_genuine_signature(cloud: Folder, change: dict[str, object]) -> None:
    """A holder of the root key was made to sign what this version does not read; a downgrade among it."""
    from data_contracts.digest import digest_bytes
    from environments.encoding import encode
    from environments.signed import pre_authentication

    kind = "application/vnd.isthmus.trust.v1+json"
    payload = canonical(later(SECOND).to_json() | change) if change.get("version") != 2**53 else b'{"a":1e3}'
    sig = root(1).sign(pre_authentication(kind, payload))
    listed = [{"keyid": digest_bytes(root(1).public), "sig": encode(sig)}]
    raw = canonical({"payloadType": kind, "payload": encode(payload), "signatures": listed})
    refused(cloud, raw, "shape")


RAW = signed(later(SECOND))


@settings(max_examples=400, deadline=None)
@given(st.integers(0, len(RAW) - 1), st.integers(1, 255))
def test_no_byte_of_a_document_can_be_changed(position: int, mask: int) -> None:
    changed = bytearray(RAW)
    changed[position] ^= mask
    with pytest.raises(NotVerifiableError):
        open_document(bytes(changed), trusted=SECOND.roots)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 6), st.booleans(), st.booleans()), max_size=12))
def test_whatever_comes_in_whatever_order_versions_only_grow(offers: list[tuple[int, bool, bool]]) -> None:
    from environments.trust.update import accept

    pinned = None
    for version, genuine, forked in offers:
        made: TrustDocument = later(FIRST, version)
        made = replace(made, expires=made.expires + DAY) if forked else made
        before = pinned
        try:
            pinned = accept(signed(made, 1 if genuine else 7), pinned=pinned, now=NOW)
        except TrustRefusedError:
            continue
        assert genuine or before is None
        if before is not None:
            assert version > before.document.version or pinned.digest == before.digest
