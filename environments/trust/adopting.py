"""Taking a trust document over: pinned, and said in the environment's own record.

Invariants:
1. The entry is written after the document is pinned and the newest key acts: so the ledger's head is signed
   by a key that counts, before the old one is revoked anywhere.
2. Doing it again writes what a kill left out, and nothing else. The first document of all is no change, and
   leaves no entry.

Example:
    >>> adopt_document(folder, raw, now).document.version
    2
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Protocol

from environments.identity import load_identity
from environments.ledger import Ledger
from environments.trust.envelope import SignedTrust
from environments.trust.pins import TrustFolder, pin_document

__all__ = ["RecordedFolder", "adopt_document"]


class RecordedFolder(TrustFolder, Protocol):
    """The places of an environment's folder that this uses (`EnvironmentFolder` has them)."""

    @property
    def ledger(self) -> Path:
        """The append-only record."""


def adopt_document(folder: RecordedFolder, raw: bytes, now: dt.datetime) -> SignedTrust:
    """Pin a document if it may follow the pinned one, and record that it was.

    Raises:
        TrustRefusedError: it may not; nothing was changed.
        NotVerifiableError: the ledger does not verify; the document is pinned.
        UnreachableError: the disk, or what holds the signing key, refuses.
    """
    taken = pin_document(folder, raw, now)
    if taken.document.version == 1:
        return taken
    ledger = Ledger(folder.ledger, load_identity(folder), clock=lambda: now)
    if ledger.find("trust", document=taken.digest) is None:
        body = {
            "document": taken.digest,
            "version": taken.document.version,
            "signers": sorted(taken.signers),
        }
        ledger.append("trust", body)
    return taken
