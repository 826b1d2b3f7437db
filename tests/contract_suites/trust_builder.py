"""Trust documents for tests: real keys, made once for a test run, and a fixed day."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from environments.identity import PublicIdentity
from environments.identity.keyring import new_generation, public_of
from environments.identity.signers import FileSigner
from environments.trust import Roots, TrustDocument
from environments.trust.changing import environment_of, first_document
from environments.trust.envelope import sign_document

NOW = dt.datetime(2026, 11, 24, 3, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Folder:
    """The places of an environment's folder that trust uses."""

    root: Path

    @property
    def name(self) -> str:
        return self.root.name

    @property
    def keys(self) -> Path:
        return self.root / "keys"

    @property
    def peers(self) -> Path:
        return self.root / "peers"

    @property
    def trust(self) -> Path:
        return self.root / "trust"

    def files(self) -> dict[str, bytes]:
        """Return the content of every file, locks left out."""
        paths = (path for path in self.root.rglob("*") if path.is_file() and path.name != ".lock")
        return {str(path): path.read_bytes() for path in paths}


@cache
def root(number: int) -> FileSigner:
    return FileSigner(bytes([number]) * 32)


@cache
def public(name: str, generation: int = 1) -> PublicIdentity:
    assert generation >= 1
    return public_of(name, new_generation(), name.encode().ljust(32, b"."))


def roots(threshold: int, *numbers: int) -> Roots:
    return Roots(threshold, tuple(root(number).public for number in numbers))


def document(*names: str, by: Roots | None = None) -> TrustDocument:
    named = [environment_of(public(name), NOW) for name in names or ("cloud", "edge")]
    return first_document(by or roots(1, 1), named, NOW)


def signed(made: TrustDocument, *numbers: int) -> bytes:
    return sign_document(made, [root(number) for number in numbers or (1,)])


def later(made: TrustDocument, version: int | None = None) -> TrustDocument:
    return replace(made, version=version or made.version + 1)
