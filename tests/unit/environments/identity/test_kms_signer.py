"""A key in AWS KMS, against a strict double of it: the signer's suite, what is refused, and a crossing."""

from __future__ import annotations

import base64
import datetime as dt
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[3] / "contract_suites"))
from boundary_world import World, rows
from kms_server import REGION, Answer, KmsServer, running_kms
from signer_suite import SignerSuite

from data_contracts.errors import IsthmusError, NotVerifiableError, UnreachableError, UsageError
from environments.boundary import egress
from environments.identity import add_generation, let_act, load_identity
from environments.identity.signers import KMS_LIMIT, KmsKey, KmsSigner, Signer, find_kms_key

NOW = dt.datetime.now(dt.UTC)


@pytest.fixture
def server() -> Iterator[KmsServer]:
    with running_kms() as running:
        yield running


@pytest.fixture
def key(server: KmsServer, tmp_path: Path) -> KmsKey:
    return find_kms_key(server.make_key(), REGION, server.credentials(tmp_path), server.url)


class TestKmsSigner(SignerSuite):
    LIMIT = KMS_LIMIT

    @pytest.fixture
    def signer(self, key: KmsKey) -> Signer:
        return KmsSigner(key)

    @pytest.fixture
    def another(self, server: KmsServer, key: KmsKey) -> Signer:
        return KmsSigner(find_kms_key(server.make_key("alias/other"), REGION, key.credentials, server.url))

    def test_two_of_two_root_keys(self, signer: Signer, another: Signer) -> None:
        """A trust document is longer than KMS signs: an environment's key may lie there, a root key not."""
        from trust_builder import document

        from environments.trust.envelope import sign_document
        from environments.trust.members import Roots

        with pytest.raises(UsageError, match="at most 4096"):
            sign_document(document(by=Roots(2, (signer.public, another.public))), [signer, another])


def test_a_declaration_survives_json_and_names_no_secret(key: KmsKey, server: KmsServer) -> None:
    assert KmsKey.from_json(key.to_json()) == key
    assert server.secret not in json.dumps(key.to_json()) + repr(key) + repr(KmsSigner(key))


@pytest.mark.parametrize("size", [KMS_LIMIT, KMS_LIMIT + 1])
def test_the_limit_is_kms_own(key: KmsKey, size: int) -> None:
    if size <= KMS_LIMIT:
        assert len(KmsSigner(key).sign(b"p" * size)) == 64
        return
    with pytest.raises(UsageError, match="at most 4096"):
        KmsSigner(key).sign(b"p" * size)


def test_a_session_token_is_sent_and_signed(server: KmsServer, tmp_path: Path) -> None:
    server.token = "session/token=="
    key = find_kms_key(server.make_key(), REGION, server.credentials(tmp_path), server.url)
    assert len(KmsSigner(key).sign(b"payload")) == 64
    server.token = "another"
    with pytest.raises(UnreachableError, match="UnrecognizedClient"):
        KmsSigner(key).sign(b"payload")


def test_who_is_not_the_user_is_refused(key: KmsKey, server: KmsServer, tmp_path: Path) -> None:
    for changes, kind in (
        ({"secret_access_key": "wrong"}, "InvalidSignature"),
        ({"access_key_id": "AKIDOTHER"}, "UnrecognizedClient"),
    ):
        server.credentials(tmp_path, **changes)
        with pytest.raises(UnreachableError, match=kind) as caught:
            KmsSigner(key).sign(b"payload")
        assert server.secret[:4] not in str(caught.value) + caught.value.remedy
    server.credentials(tmp_path)
    late = KmsSigner(key, clock=lambda: NOW - dt.timedelta(hours=1))
    with pytest.raises(UnreachableError, match="RequestExpired"):
        late.sign(b"payload")
    for wrong, said in (
        (replace(key, kms="alias/none"), "NotFoundException"),
        (replace(key, endpoint="http://127.0.0.1:9"), "ConnectError"),
    ):
        with pytest.raises(UnreachableError, match=said):
            KmsSigner(wrong).sign(b"payload")
    (tmp_path / "kms.credentials.toml").chmod(0o644)
    with pytest.raises(NotVerifiableError):
        KmsSigner(key).sign(b"payload")


@pytest.mark.attack
def test_another_key_under_the_alias_signs_nothing(key: KmsKey, server: KmsServer) -> None:
    server.make_key()
    with pytest.raises(NotVerifiableError, match="another key"):
        KmsSigner(key).sign(b"payload")


def _changed(**changes: object) -> Callable[[Answer], Answer]:
    return lambda answer: (answer[0], answer[1] | changes)


@pytest.mark.attack
@pytest.mark.parametrize(
    "lie",
    [
        _changed(Signature=base64.b64encode(b"\0" * 64).decode()),
        _changed(Signature="no base64"),
        _changed(Signature=None),
        _changed(SigningAlgorithm="ED25519_PH_SHA_512"),
        _changed(filler="x" * 100_000),
        lambda _: (200, []),
        lambda _: (302, {}),
        lambda _: (500, {"__type": "<script>"}),
    ],
)
def test_a_lying_service_signs_nothing(
    key: KmsKey, server: KmsServer, lie: Callable[[Answer], Answer]
) -> None:
    server.lie = lie
    with pytest.raises(IsthmusError) as caught:
        KmsSigner(key).sign(b"payload")
    assert isinstance(caught.value, (NotVerifiableError, UnreachableError))
    assert "script" not in str(caught.value)


@pytest.mark.parametrize(
    "facts", [{"KeySpec": "ECC_NIST_P256"}, {"KeyUsage": "KEY_AGREEMENT"}, {"PublicKey": "AAAA"}]
)
def test_a_key_of_another_kind_is_refused(server: KmsServer, tmp_path: Path, facts: dict[str, str]) -> None:
    name = server.make_key()
    server.lie = _changed(**facts)
    with pytest.raises((UsageError, NotVerifiableError)):
        find_kms_key(name, REGION, server.credentials(tmp_path), server.url)


@pytest.mark.parametrize(
    "change",
    [
        {"kms": "a b"},
        {"region": "../x"},
        {"endpoint": "http://kms.example.org"},
        {"endpoint": "https://u:p@example.org"},
        {"public": "AAAA"},
        {"more": "x"},
    ],
)
def test_a_declaration_that_is_none_is_refused(key: KmsKey, change: dict[str, str]) -> None:
    with pytest.raises(NotVerifiableError):
        KmsKey.from_json(key.to_json() | change)


def test_words_of_the_environment_change_nothing(key: KmsKey, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"):
        monkeypatch.setenv(name, "other")
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "AWS_ENDPOINT_URL"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert len(KmsSigner(key).sign(b"payload")) == 64


def test_an_environment_sends_under_a_key_in_kms(key: KmsKey, server: KmsServer, tmp_path: Path) -> None:
    world = World(tmp_path / "world")
    folder = world.folder("onprem")
    fresh = add_generation(folder, key)
    assert let_act(folder, {fresh.key_id})
    assert load_identity(folder).public.signing == key.public
    before = len(server.kinds)
    sent = egress(world.env("onprem"), world.request(world.add(rows())))
    assert sent.outcome == "permitted"
    assert len(server.kinds) > before, "nothing was signed there"
    assert set(server.kinds) == {"ok"}
    assert server.secret.encode() not in (folder.keys / "identity.key").read_bytes()
