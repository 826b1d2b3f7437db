"""Signed documents of each released form stay readable for ever: kept here, and verified again.

Write them anew (only for a new format, beside the old ones):
`python tests/unit/environments/boundary/test_signed_goldens.py FOLDER`.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
from pathlib import Path

import pytest

from data_contracts.digest import digest_bytes
from data_contracts.errors import NotVerifiableError
from data_contracts.labels import Classification, Labels
from environments.boundary.crossing import CrossingRequest
from environments.boundary.envelope import MANIFEST, RECEIPT, open_statement
from environments.boundary.manifest import Manifest, open_manifest, seal_manifest
from environments.boundary.receipt import Receipt, open_receipt, seal_receipt
from environments.boundary.result import GateRule
from environments.identity import Identity, PublicIdentity
from environments.identity.keys import _public_of
from environments.ledger import Head
from environments.ledger.entry import head_payload

GOLDENS = Path(__file__).parent / "goldens"


def identity(name: str) -> Identity:
    seed = digest_bytes(name.encode())[7:39].encode()
    secrets = {"signing": seed, "wrap_mlkem": seed * 2, "wrap_x25519": seed, "pair": seed}
    return Identity(name, _public_of(name, secrets), secrets, seed)


def head(name: str) -> Head:
    digest = digest_bytes(b"entry")
    return Head(
        name, 7, digest, identity(name).sign(head_payload(name, 7, digest)), {3: digest_bytes(b"three")}
    )


def manifest() -> Manifest:
    issued = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)
    return Manifest(
        source="onprem",
        request=CrossingRequest("visits", digest_bytes(b"v"), "cloud", "model-training", "run-1/sync-1"),
        contract="clinic.visits@1.0.0",
        contract_digest=digest_bytes(b"contract"),
        arrival="clinic.visits.cloud.model-training@1.0.0",
        arrival_digest=digest_bytes(b"arrival"),
        decision=digest_bytes(b"decision"),
        labels=Labels(Classification.CONFIDENTIAL, frozenset({"health"})),
        kind="data",
        version=digest_bytes(b"version"),
        rows=300,
        size=4096,
        chunks=1,
        contents=digest_bytes(b"contents"),
        contents_size=200,
        key=bytes(range(256)),
        issued=issued,
        expires=issued + dt.timedelta(days=7),
        ledger=head("onprem"),
        witnessed=0,
    )


def receipt() -> Receipt:
    return Receipt(
        crossing=manifest().crossing,
        source="onprem",
        destination="cloud",
        name="visits",
        manifest=digest_bytes(b"manifest"),
        outcome="broken",
        rules=(GateRule("age.maximum", "unexpected_values", 3),),
        version=digest_bytes(b"version"),
        contract=digest_bytes(b"arrival"),
        received="2026-11-23T12:00:00Z",
        ledger=head("cloud"),
        witnessed=7,
    )


def public(name: str) -> PublicIdentity:
    return PublicIdentity.from_json(json.loads((GOLDENS / f"{name}.identity.json").read_bytes()))


def test_the_manifest_of_format_1_is_read_as_it_was_written() -> None:
    raw = (GOLDENS / "manifest-v1.json").read_bytes()
    assert open_manifest(raw, public("onprem")) == (
        manifest(),
        "sha256:77b98e6b8b6449ee9678bc9110a757219a17edf22d36a68b21c15519c036d903",
    )


def test_the_receipt_of_format_1_is_read_as_it_was_written() -> None:
    raw = (GOLDENS / "receipt-v1.json").read_bytes()
    assert open_receipt(raw, public("cloud")) == (
        receipt(),
        "sha256:38c259e6b0f1b21cc7c888fa4781004417f3775348050195d0f8e0c25043836a",
    )


def test_writing_gives_the_same_bytes() -> None:
    assert seal_manifest(manifest(), identity("onprem")) == (GOLDENS / "manifest-v1.json").read_bytes()
    assert seal_receipt(receipt(), identity("cloud")) == (GOLDENS / "receipt-v1.json").read_bytes()


def test_one_kind_of_statement_is_not_another() -> None:
    with pytest.raises(NotVerifiableError, match="another type"):
        open_statement((GOLDENS / "receipt-v1.json").read_bytes(), public("cloud"), predicate_type=MANIFEST)
    with pytest.raises(NotVerifiableError, match="another type"):
        open_statement((GOLDENS / "manifest-v1.json").read_bytes(), public("onprem"), predicate_type=RECEIPT)


def test_every_byte_of_the_manifest_counts() -> None:
    raw, key = (GOLDENS / "manifest-v1.json").read_bytes(), public("onprem")
    for position in range(len(raw)):
        changed = bytearray(raw)
        changed[position] ^= 1
        with pytest.raises(NotVerifiableError):
            open_manifest(bytes(changed), key)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("onprem", "cloud"):
        (folder / f"{name}.identity.json").write_text(json.dumps(identity(name).public.to_json()))
    (folder / "manifest-v1.json").write_bytes(seal_manifest(manifest(), identity("onprem")))
    (folder / "receipt-v1.json").write_bytes(seal_receipt(receipt(), identity("cloud")))
