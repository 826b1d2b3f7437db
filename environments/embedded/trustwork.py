"""What an operator does with keys and trust in an embedded home: rotate, revoke, update, upgrade.

Invariants:
1. The authority's folder is opened here; each environment's folder only by a child of its own, and what
   passes between them is public keys and signed documents.
2. A document is issued before any environment is told; one that could not be told is named, and takes it at
   the next `isthmus up`, or by `isthmus trust update`.
3. Where the root keys that lie here are not enough, nothing is issued: a proposal goes to the holders.

Example:
    >>> rotate(home, "cloud", now=now).version
    2
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from data_contracts.errors import IsthmusError, UsageError
from environments.embedded.forks import ask_all
from environments.home import EnvironmentFolder, Home

if TYPE_CHECKING:
    from environments.identity.signers import KmsKey, TokenKey
    from environments.trust import Authority, Roots, SignedTrust, TrustDocument

__all__ = [
    "Spread",
    "authority",
    "change_roots",
    "issue",
    "newest_here",
    "pinned_by",
    "revoke",
    "rotate",
    "take",
]


@dataclass(frozen=True)
class Spread:
    """What came of a change.

    Attributes:
        version: of the document that was made.
        digest: its digest.
        pinned: environments that have it now.
        failed: what the others said, by name.
        proposal: the document as it waits for more signatures; None where it was issued.
    """

    version: int
    digest: str
    pinned: tuple[str, ...] = ()
    failed: dict[str, str] = field(default_factory=dict)
    proposal: bytes | None = None


def authority(home: Home) -> Authority:
    """Name where this home's trust documents are issued.

    Raises:
        UsageError: in another home: this one joined it.
    """
    from environments.members import read_membership
    from environments.trust import Authority

    joined = read_membership(home.check())
    if joined is not None:
        raise UsageError(
            f"this home joined another machine's as {joined.name}: trust documents are issued there",
            remedy="do it there; then `isthmus trust export` there, and `isthmus trust update FILE` here",
        )
    return Authority(home.secrets / "trust")


def newest_here(home: Home) -> SignedTrust:
    """Return the newest document that this home has: what it issued, or what its environment has pinned.

    Raises:
        UsageError: there is none yet.
    """
    from environments.members import read_membership
    from environments.trust import open_document

    joined = read_membership(home.check())
    if joined is None:
        return authority(home).need()
    raw = ask_all({joined.name: partial(_pinned, home.environment(joined.name))})[joined.name]
    if isinstance(raw, IsthmusError):
        raise raw
    return open_document(str(raw).encode("ascii"), trusted=None)


def _pinned(folder: EnvironmentFolder) -> str:
    from environments.trust import load_pinned

    pinned = load_pinned(folder.check())
    if pinned is None:
        raise UsageError("no trust document is pinned here yet", remedy="run `isthmus env join` again")
    return pinned.raw.decode("ascii")


def _pin(folder: EnvironmentFolder, raw: str, now: str) -> int:
    from environments.trust import adopt_document

    return adopt_document(folder, raw.encode("ascii"), dt.datetime.fromisoformat(now)).document.version


def _new_keys(folder: EnvironmentFolder, token: TokenKey | KmsKey | None) -> dict[str, Any]:
    """Return keys that are not named yet: those of a rotation that was not finished, or fresh ones."""
    from environments.identity import add_generation, pending

    waiting = pending(folder.check()) if token is None else None
    return (waiting or add_generation(folder, token)).to_json()


def _version(folder: EnvironmentFolder) -> list[Any]:
    from environments.trust import load_pinned

    pinned = load_pinned(folder.check())
    return [pinned.document.version, pinned.digest] if pinned else [0, ""]


def _made(home: Home) -> dict[str, EnvironmentFolder]:
    paths = sorted(path for path in home.environments.iterdir() if path.is_dir())
    return {path.name: home.environment(path.name) for path in paths}


def _spread(home: Home, issued: SignedTrust, now: dt.datetime) -> Spread:
    raw, time = issued.raw.decode("ascii"), now.isoformat()
    told = ask_all({name: partial(_pin, folder, raw, time) for name, folder in _made(home).items()})
    failed = {name: str(answer) for name, answer in told.items() if isinstance(answer, IsthmusError)}
    pinned = tuple(name for name in told if name not in failed)
    return Spread(issued.document.version, issued.digest, pinned, failed)


def issue(home: Home, document: TrustDocument, now: dt.datetime) -> Spread:
    """Issue a next version and pin it everywhere here, or return it as a proposal for the root keys' holders.

    Raises:
        TrustRefusedError: it may not follow what was issued before; nothing was changed.
    """
    from environments.trust import Unsigned

    issued = authority(home).issue(document, now)
    if isinstance(issued, Unsigned):
        return Spread(document.version, document.digest, proposal=issued.raw)
    return _spread(home, issued, now)


def rotate(
    home: Home,
    name: str,
    *,
    now: dt.datetime,
    overlap: dt.timedelta | None = None,
    token: TokenKey | KmsKey | None = None,
) -> Spread:
    """Give an environment new keys beside the old ones; the old ones count on for `overlap`.

    Raises:
        UsageError: no such environment, or no trust document yet.
        UnreachableError: it was never made here.
    """
    from environments.identity import PublicIdentity
    from environments.trust.changing import OVERLAP, rotated

    document = authority(home).need().document
    if name not in document.environments:
        raise UsageError(f"{name}: the trust document names no such environment")
    answer = ask_all({name: partial(_new_keys, home.environment(name), token)})[name]
    if isinstance(answer, IsthmusError):
        raise answer
    public = PublicIdentity.from_json(answer)
    overlap = OVERLAP if overlap is None else overlap
    return issue(home, rotated(document, public, now, overlap=overlap), now)


def revoke(home: Home, name: str, key_id: str, *, now: dt.datetime) -> Spread:
    """Let a key of an environment or requester count no more, for ever.

    Raises:
        UsageError: no such key, or no trust document yet.
    """
    from environments.trust.changing import revoked

    return issue(home, revoked(authority(home).need().document, name, key_id, now), now)


def change_roots(home: Home, roots: Roots, *, now: dt.datetime) -> Spread:
    """Let other root keys sign from the next document on; the old and the new ones sign this one."""
    from environments.trust.changing import with_roots

    return issue(home, with_roots(authority(home).need().document, roots, now), now)


def take(home: Home, raw: bytes, *, now: dt.datetime) -> Spread:
    """Issue a document that came back with its signatures, and pin it everywhere here.

    In a home that joined another, nothing is issued: its environment pins what follows its own pinned one.

    Raises:
        TrustRefusedError: it may not follow what was issued before; nothing was changed.
    """
    from environments.members import read_membership
    from environments.trust import accept

    if read_membership(home.check()) is not None:
        return _spread(home, accept(raw, pinned=newest_here(home), now=now), now)
    return _spread(home, authority(home).take(raw, now), now)


def pinned_by(home: Home) -> dict[str, tuple[int, str]]:
    """Return version and digest of what each environment has pinned; (0, "") where none or damaged."""
    told = ask_all({name: partial(_version, folder) for name, folder in _made(home).items()})
    return {
        name: (0, "") if isinstance(answer, IsthmusError) else (int(answer[0]), str(answer[1]))
        for name, answer in told.items()
    }
