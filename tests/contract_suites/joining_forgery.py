"""Forged files of a joining: what somebody on their way could make of genuine ones."""

from __future__ import annotations

import json
import secrets
from typing import Any

import pytest
from joining_world import JoiningWorld, Refused

from data_contracts.digest import canonical, digest_bytes
from environments.encoding import decode, encode
from environments.folder import EnvironmentFolder
from environments.identity.keys import load_keyring
from environments.identity.signers import FileSigner, Signer
from environments.signed import pre_authentication


def member(host: str) -> str:
    return host.replace("host", "member")


def refused(reason: str, code: int = 4) -> Any:
    return pytest.raises(Refused, check=lambda error: (error.reason, error.code) == (reason, code))


def payload(raw: bytes) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(decode(json.loads(raw)["payload"], what="a payload"))
    return read


def signed_anew(raw: bytes, signer: Signer, **changes: Any) -> bytes:
    """Return a file that says something else, under somebody's signature."""
    kind, said = json.loads(raw)["payloadType"], canonical(payload(raw) | changes)
    signature = encode(signer.sign(pre_authentication(kind, said)))
    named = {"keyid": digest_bytes(signer.public), "sig": signature}
    return canonical({"payloadType": kind, "payload": encode(said), "signatures": [named]})


def unsigned(raw: bytes, **changes: Any) -> bytes:
    """Return a file that says something else, under the signature that it had."""
    envelope = json.loads(raw)
    return canonical(envelope | {"payload": encode(canonical(payload(raw) | changes))})


def own_signer(world: JoiningWorld, home: str, name: str) -> Signer:
    folder = EnvironmentFolder(world.home(home) / "environments" / name)
    return load_keyring(folder).acting.signer()


def stranger() -> FileSigner:
    return FileSigner(secrets.token_bytes(32))
