"""A signer whose key lies in AWS KMS: an Ed25519 key (`ECC_NIST_EDWARDS25519`) that never leaves the service.

Invariants:
1. Requests go where the declaration says, over TLS (but to this machine itself), signed with the keys of a
   private file; words of the process's environment, proxies and redirections change nothing.
2. Every signature is verified under the public key that is declared before it is given out: a key that was
   exchanged signs nothing in our name.
3. Of what the service says when it refuses, only the kind is repeated.
4. KMS signs at most 4,096 bytes of a message itself (`RAW`, which plain Ed25519 demands). What is longer is
   refused here: a digest in its place would be another signature.

Unproven against Amazon's own service: tested with a double that checks each request strictly, and its
signature by another implementation.

Example:
    >>> key = find_kms_key("alias/isthmus-cloud", region, credentials)
    >>> len(KmsSigner(key).sign(b"payload"))
    64
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from data_contracts.errors import NotVerifiableError, UnreachableError, UsageError
from environments.encoding import decode, encode
from environments.identity.signers.sigv4 import Asked, signed_headers
from environments.objects.credentials import S3_KEYS, read_credentials

__all__ = ["KMS_LIMIT", "KmsKey", "KmsSigner", "find_kms_key"]

KMS_LIMIT = 4096
"""Bytes that KMS signs at once."""
_KEY = 32
_ALGORITHM = "ED25519_SHA_512"
_MAX_ANSWER = 64 * 1024
_FIELDS = {"kms", "region", "endpoint", "credentials", "public"}
_NAME = re.compile(
    r"(?:arn:[a-z0-9-]+:kms:[a-z0-9-]+:[0-9]{12}:)?(?:alias/[A-Za-z0-9/_-]{1,250}|(?:key/)?[a-z0-9-]{1,64})"
)
_REGION = re.compile(r"[a-z0-9-]{1,40}")
_ENDPOINT = re.compile(r"https://[A-Za-z0-9.-]+(?::[0-9]{1,5})?|http://(?:127\.0\.0\.1|localhost):[0-9]{1,5}")
_KIND = re.compile(r"(?:[A-Za-z0-9.]*#)?([A-Za-z]{1,60})")


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


@dataclass(frozen=True)
class KmsKey:
    """Where a key lies.

    Attributes:
        kms: the key's id, alias or ARN.
        region: of the service.
        credentials: a private file with `access_key_id`, `secret_access_key` and perhaps `session_token`.
        public: the public key, 32 bytes raw.
        endpoint: the server; empty for Amazon's in that region.
    """

    kms: str
    region: str
    credentials: Path
    public: bytes = field(repr=False)
    endpoint: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the declaration: names and paths, no secret."""
        return {
            "kms": self.kms,
            "region": self.region,
            "endpoint": self.endpoint,
            "credentials": str(self.credentials),
            "public": encode(self.public),
        }

    @classmethod
    def from_json(cls, value: object) -> KmsKey:
        """Read a declaration strictly.

        Raises:
            NotVerifiableError: it is none.
        """
        if not isinstance(value, Mapping) or set(value) != _FIELDS:
            raise NotVerifiableError("a key in KMS: not exactly the fields that belong there")
        if not all(isinstance(one, str) for one in value.values()):
            raise NotVerifiableError("a key in KMS: every field is a text")
        public = decode(value["public"], what="a KMS key's public key", length=_KEY)
        place = (value["kms"], value["region"], value["endpoint"])
        try:
            _check(*place)
        except UsageError as error:
            raise NotVerifiableError(str(error), remedy=error.remedy) from None
        return cls(value["kms"], value["region"], Path(value["credentials"]), public, value["endpoint"])


def _check(kms: str, region: str, endpoint: str) -> None:
    if not _NAME.fullmatch(kms):
        raise UsageError("a key in KMS: not its id, alias or ARN", remedy="such as alias/isthmus-cloud")
    if not _REGION.fullmatch(region):
        raise UsageError("a key in KMS: not a region", remedy="such as eu-central-1")
    if endpoint and not _ENDPOINT.fullmatch(endpoint):
        raise UsageError("a key in KMS: not a server", remedy="https://HOST[:PORT]")


def find_kms_key(
    kms: str,
    region: str,
    credentials: Path,
    endpoint: str = "",
    *,
    clock: Callable[[], dt.datetime] = _now,
) -> KmsKey:
    """Ask KMS for the public key of a key that was made there, and return its declaration.

    Raises:
        UsageError: a name, a region or an endpoint is none, or it is no Ed25519 key for signatures.
        UnreachableError: KMS cannot be reached, or refuses.
        NotVerifiableError: its answer is not what it should be, or others can read the credentials.
    """
    _check(kms, region, endpoint)
    unknown = KmsKey(kms, region, credentials.absolute(), b"", endpoint)
    answer = _call(unknown, "GetPublicKey", {"KeyId": kms}, clock())
    if answer.get("KeySpec") != "ECC_NIST_EDWARDS25519" or answer.get("KeyUsage") != "SIGN_VERIFY":
        raise UsageError(
            f"{kms}: no Ed25519 key for signatures",
            remedy="make one of key spec ECC_NIST_EDWARDS25519 and usage SIGN_VERIFY",
        )
    try:
        public = load_der_public_key(_bytes(answer.get("PublicKey")))
    except (ValueError, UnsupportedAlgorithm):
        public = None
    if not isinstance(public, Ed25519PublicKey):
        raise NotVerifiableError(f"{kms}: KMS shows something else than an Ed25519 key")
    return KmsKey(kms, region, credentials.absolute(), public.public_bytes_raw(), endpoint)


@dataclass(frozen=True)
class KmsSigner:
    """Signs in KMS; each signature is one request."""

    key: KmsKey
    clock: Callable[[], dt.datetime] = field(default=_now, repr=False)

    @property
    def public(self) -> bytes:
        """The public key, 32 bytes raw, as declared."""
        return self.key.public

    def sign(self, payload: bytes) -> bytes:
        """Return the signature of `payload`, 64 bytes.

        Raises:
            UsageError: it is longer than KMS signs at once.
            UnreachableError: KMS cannot be reached, or refuses.
            NotVerifiableError: KMS holds another key under that name, or answers what it should not.
        """
        if len(payload) > KMS_LIMIT:
            raise UsageError(
                f"KMS signs at most {KMS_LIMIT} bytes at once, and this is {len(payload)}",
                remedy="let this environment sign with a key in a file or in a token",
            )
        asked = {
            "KeyId": self.key.kms,
            "Message": base64.b64encode(payload).decode("ascii"),
            "MessageType": "RAW",
            "SigningAlgorithm": _ALGORITHM,
        }
        answer = _call(self.key, "Sign", asked, self.clock())
        signature = _bytes(answer.get("Signature"))
        if answer.get("SigningAlgorithm") != _ALGORITHM:
            raise NotVerifiableError("KMS: signed by another algorithm than was asked for")
        try:
            Ed25519PublicKey.from_public_bytes(self.key.public).verify(signature, payload)
        except (InvalidSignature, ValueError):
            raise NotVerifiableError(
                f"KMS holds another key {self.key.kms} than the one declared",
                remedy="find out who changed the key or its alias; nothing was signed",
            ) from None
        return signature


def _bytes(value: object) -> bytes:
    try:
        return base64.b64decode(value, validate=True) if isinstance(value, str) else b""
    except binascii.Error:
        return b""


def _call(key: KmsKey, operation: str, asked: Mapping[str, str], now: dt.datetime) -> Mapping[str, Any]:
    import httpx

    url = key.endpoint or f"https://kms.{key.region}.amazonaws.com"
    body = json.dumps(asked).encode("ascii")
    to = Asked(httpx.URL(url).netloc.decode("ascii"), key.region, "kms", f"TrentService.{operation}")
    headers = signed_headers(to, body, read_credentials(key.credentials, S3_KEYS), now)
    try:
        with (
            httpx.Client(trust_env=False, timeout=httpx.Timeout(30.0, connect=10.0)) as client,
            client.stream("POST", f"{url}/", content=body, headers=headers) as response,
        ):
            raw = b""
            for part in response.iter_raw():
                raw += part
                if len(raw) > _MAX_ANSWER:
                    raise NotVerifiableError("KMS: an answer that does not end")
            status = response.status_code
    except httpx.HTTPError as error:
        raise UnreachableError(
            f"KMS at {to.host}: {type(error).__name__}", remedy="look whether it can be reached from here"
        ) from None
    try:
        answer = json.loads(raw)
    except (ValueError, RecursionError):
        answer = None
    if status != httpx.codes.OK:
        raise _refusal(key, status, answer)
    if not isinstance(answer, dict):
        raise NotVerifiableError("KMS: an answer that is none of it")
    return answer


def _refusal(key: KmsKey, status: int, answer: object) -> UnreachableError:
    said = answer.get("__type") if isinstance(answer, dict) else None
    kind = _KIND.fullmatch(said) if isinstance(said, str) else None
    return UnreachableError(
        f"KMS refuses to use the key {key.kms}: {kind[1] if kind else f'status {status}'}",
        remedy="look at the file of credentials, this machine's clock, the key's state, and that the policy "
        "grants kms:Sign and kms:GetPublicKey",
    )
