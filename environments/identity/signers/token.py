"""A signer whose key lies in a PKCS#11 token: a smart card, an HSM, SoftHSM.

Invariants:
1. The private key is made in the token, marked sensitive and not extractable, and never leaves it.
2. The PIN lies in a private file that the declaration names; it stands in no declaration, log or error.
3. Every signature is verified under the public key that is declared before it is given out: a token that
   was exchanged signs nothing in our name.

Needs the extra `hsm` (python-pkcs11) and the token's module.

Example:
    >>> key = TokenKey(Path("/usr/lib/softhsm/libsofthsm2.so"), "isthmus", "root-a", Path("pin"), public)
    >>> len(TokenSigner(key).sign(b"payload"))
    64
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from data_contracts.errors import NotVerifiableError, UnreachableError, UsageError
from environments.encoding import decode, encode
from environments.private import read_private

__all__ = ["TokenKey", "TokenSigner", "make_token_key"]

_KEY = 32
_ED25519 = "1.3.101.112"  # RFC 8410
_FIELDS = {"module", "token", "label", "pin_file", "public"}


@dataclass(frozen=True)
class TokenKey:
    """Where a key lies.

    Attributes:
        module: the token's PKCS#11 library.
        token: the token's label.
        label: the key's label.
        pin_file: a private file that holds the PIN.
        public: the public key, 32 bytes raw.
    """

    module: Path
    token: str
    label: str
    pin_file: Path
    public: bytes = field(repr=False)

    def to_json(self) -> dict[str, Any]:
        """Return the declaration: paths and labels, no secret."""
        return {
            "module": str(self.module),
            "token": self.token,
            "label": self.label,
            "pin_file": str(self.pin_file),
            "public": encode(self.public),
        }

    @classmethod
    def from_json(cls, value: object) -> TokenKey:
        """Read a declaration strictly.

        Raises:
            NotVerifiableError: it is none.
        """
        if not isinstance(value, Mapping) or set(value) != _FIELDS:
            raise NotVerifiableError("a key in a token: not exactly the fields that belong there")
        if not all(isinstance(one, str) and one for one in value.values()):
            raise NotVerifiableError("a key in a token: every field is a text")
        public = decode(value["public"], what="a token's public key", length=_KEY)
        return cls(Path(value["module"]), value["token"], value["label"], Path(value["pin_file"]), public)


def _pin(path: Path) -> str:
    try:
        return read_private(path).decode("utf-8").strip()
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file", remedy="write the token's PIN there, mode 600") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path}: not text", remedy="write the token's PIN there") from None


@contextmanager
def _session(module: Path, token: str, pin_file: Path, *, write: bool = False) -> Iterator[Any]:
    """Open the token, logged in.

    Raises:
        UnreachableError: no library, no token, or it does not let us in.
    """
    try:
        import pkcs11
    except ImportError:
        raise UnreachableError(
            "python-pkcs11 is not installed", remedy="pip install 'isthmus-hybrid[hsm]'"
        ) from None
    pin = _pin(pin_file)
    try:
        # A library is initialised once in a process, and again in a child: it forgets over a fork.
        opened = pkcs11.lib(str(module)).get_token(token_label=token)
        with opened.open(user_pin=pin, rw=write) as session:
            yield session
    except (pkcs11.PKCS11Error, RuntimeError) as error:
        raise UnreachableError(
            f"the token {token}: {type(error).__name__}",
            remedy=f"look at the token with pkcs11-tool --module {module} -L, and at its PIN file {pin_file}",
        ) from None


def _raw(point: bytes) -> bytes:
    """Return an Ed25519 public key from CKA_EC_POINT: raw, or as a DER OCTET STRING (both exist)."""
    return point[-_KEY:]


def make_token_key(module: Path, token: str, label: str, pin_file: Path) -> TokenKey:
    """Make an Ed25519 key inside a token; it can sign and can never be read out.

    Raises:
        UsageError: the token holds a key of that label.
        UnreachableError: the token cannot be used.
    """
    with _session(module, token, pin_file, write=True) as session:
        from pkcs11 import Attribute, KeyType, ObjectClass
        from pkcs11.util.ec import encode_named_curve_parameters

        wanted = {Attribute.CLASS: ObjectClass.PRIVATE_KEY, Attribute.LABEL: label}
        if list(session.get_objects(wanted)):
            raise UsageError(f"the token {token} holds a key {label} already", remedy="name another label")
        parameters = session.create_domain_parameters(
            KeyType.EC_EDWARDS, {Attribute.EC_PARAMS: encode_named_curve_parameters(_ED25519)},
            local=True,
        )  # fmt: skip
        hidden = {Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False}
        public, _private = parameters.generate_keypair(
            id=os.urandom(16), label=label, store=True, private_template=hidden
        )
        return TokenKey(module, token, label, pin_file, _raw(bytes(public[Attribute.EC_POINT])))


@dataclass(frozen=True)
class TokenSigner:
    """Signs inside a token; each signature is a session of its own, so that a card may be pulled out."""

    key: TokenKey

    @property
    def public(self) -> bytes:
        """The public key, 32 bytes raw, as declared."""
        return self.key.public

    def sign(self, payload: bytes) -> bytes:
        """Return the signature of `payload`, 64 bytes.

        Raises:
            UnreachableError: the token cannot be used, or has no such key.
            NotVerifiableError: the token holds another key under that label.
        """
        with _session(self.key.module, self.key.token, self.key.pin_file) as session:
            from pkcs11 import KeyType, Mechanism, ObjectClass

            private = session.get_key(
                object_class=ObjectClass.PRIVATE_KEY, key_type=KeyType.EC_EDWARDS, label=self.key.label
            )
            signature = bytes(private.sign(payload, mechanism=Mechanism.EDDSA))
        try:
            Ed25519PublicKey.from_public_bytes(self.key.public).verify(signature, payload)
        except (InvalidSignature, ValueError):
            raise NotVerifiableError(
                f"the token {self.key.token} holds another key {self.key.label} than the one declared",
                remedy="find out who changed the token; nothing was signed",
            ) from None
        return signature
