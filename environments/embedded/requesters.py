"""Requesters of this home: who may ask, the keys that lie here, and signing in their names.

    HOME/secrets/requesters/user/NAME.key      people's keys: what is typed here is signed with
    HOME/secrets/requesters/service/NAME.key   services' keys: what `isthmus deploy` registers is signed with
    HOME/secrets/requesters/deploys/           what those signed, so that a deploy again changes nothing

Invariants:
1. A requester is made with a key in one step of the trust document; the private key lies here alone, or was
   made elsewhere and never comes here.
2. Which key signs is never guessed: it is named, or it is the only user's key that lies here.
3. A signature says what is asked and until when; what it is worth, each environment's document says.

Example:
    >>> sign_with(home, None, "sync", "covid_tests", now, asks)
    'eyJwYXlsb2Fk…'
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from data_contracts.errors import NotVerifiableError, UsageError
from environments.embedded.trustwork import Spread, authority, issue
from environments.private import make_private, read_private, write_private
from environments.ref import check_name

if TYPE_CHECKING:
    from environments.home import Home
    from environments.identity.signers import Signer
    from environments.trust import Permission, TrustDocument
    from environments.trust.requests import Action

__all__ = [
    "Kind",
    "add",
    "allow",
    "deploy_token",
    "has_key",
    "requester_here",
    "revoke_all",
    "sign_with",
    "signer_of",
]

Kind = Literal["user", "service"]
_KINDS: tuple[Kind, ...] = ("user", "service")
_UNSET = "isthmus requester list"


def _folder(home: Home, kind: Kind) -> Path:
    return home.secrets / "requesters" / kind


def add(
    home: Home, name: str, kind: Kind, may: Permission, *, now: dt.datetime, public: bytes | None = None
) -> Spread:
    """Make a requester: a key of its own here, or the public key of one made elsewhere, and what it may ask.

    Raises:
        UsageError: the name is an environment's or nobody's, or has a key that counts.
    """
    from data_contracts.destination import UNATTRIBUTED
    from environments.identity.signers import load_file_signer, make_file_signer
    from environments.trust import Requester
    from environments.trust.changing import with_requester
    from environments.trust.keys import KEY_LIFETIME, SigningKey, Window

    check_name(name, "the requester")
    document = authority(home).need().document
    _check_environments(document, may)
    before = document.requesters.get(name)
    if name == UNATTRIBUTED or name in document.environments:
        raise UsageError(f"{name}: cannot be a requester's name: it is nobody's, or an environment's")
    if before is not None and any(key.window.accepts(now) for key in before.keys):
        raise UsageError(
            f"{name}: has a key that counts already",
            remedy=f"`isthmus requester allow {name}` changes what it may ask; for a new one, revoke first",
        )
    if public is None:
        path = _folder(home, kind) / f"{name}.key"
        make_private(path.parent)
        if before is not None and path.exists():
            path.unlink()  # its keys were revoked, or have ended
        public = (load_file_signer(path) if path.exists() else make_file_signer(path)).public
    begins = now.replace(microsecond=0)
    key = SigningKey(public, Window(begins, begins + KEY_LIFETIME))
    keys = (*(before.keys if before else ()), key)
    return issue(home, with_requester(document, Requester(name, kind, keys, may), now), now)


def _check_environments(document: TrustDocument, may: Permission) -> None:
    """Tell a typing error: an environment that the trust document does not name."""
    named = {*may.environments, *may.destinations, *may.approves} - {"*"}
    unknown = sorted(named - set(document.environments))
    if unknown:
        raise UsageError(
            f"no environment is named {', '.join(unknown)}",
            remedy=f"the trust document names: {', '.join(sorted(document.environments))}",
        )


def allow(home: Home, name: str, may: Permission, *, now: dt.datetime) -> Spread:
    """Let a requester ask for this, in place of what it could ask before; its keys stay.

    Raises:
        UsageError: no such requester.
    """
    from environments.trust.changing import with_requester

    document = authority(home).need().document
    _check_environments(document, may)
    if name not in document.requesters:
        raise UsageError(
            f"{name}: no such requester", remedy=f"`{_UNSET}` shows them; `isthmus requester add`"
        )
    return issue(home, with_requester(document, replace(document.requesters[name], may=may), now), now)


def revoke_all(home: Home, name: str, *, now: dt.datetime) -> Spread:
    """Let no key of a requester count any more, for ever.

    Raises:
        UsageError: no such requester, or none of its keys counts.
    """
    from environments.trust.changing import revoked

    before = authority(home).need().document
    known = before.requesters.get(name)
    counting = [key.key_id for key in known.keys if key.window.revoked is None] if known else []
    if not counting:
        raise UsageError(f"{name}: no requester with a key to revoke", remedy=f"`{_UNSET}` shows them")
    document = before
    for key_id in counting:
        document = revoked(document, name, key_id, now)
    return issue(home, replace(document, version=before.version + 1), now)


def requester_here(home: Home, name: str | None) -> str | None:
    """Return whose key signs what is typed here: the one that is named, or the only user's; None for nobody.

    Raises:
        UsageError: no key of that name lies here; or several lie here, and none is named.
    """
    folder = _folder(home, "user")
    here = sorted(path.stem for path in folder.glob("*.key")) if folder.is_dir() else []
    if name is not None:
        if not has_key(home, check_name(name, "--as")):
            raise UsageError(
                f"{name}: no key of this requester lies in this home", remedy=f"`{_UNSET}` shows them"
            )
        return name
    if len(here) > 1:
        raise UsageError(
            "keys of several requesters lie in this home", remedy=f"say --as, one of: {', '.join(here)}"
        )
    return here[0] if here else None


def has_key(home: Home, name: str) -> bool:
    """Whether a requester's key lies here."""
    return any((_folder(home, kind) / f"{name}.key").exists() for kind in _KINDS)


def signer_of(home: Home, name: str) -> Signer:
    """Return the signer of a requester whose key lies here.

    Raises:
        UsageError: it does not.
    """
    from environments.identity.signers import load_file_signer

    for kind in _KINDS:
        path = _folder(home, kind) / f"{name}.key"
        if path.exists():
            return load_file_signer(path)
    raise UsageError(f"{name}: no key of this requester lies in this home", remedy=f"`{_UNSET}` shows them")


def sign_with(
    home: Home,
    name: str | None,
    action: Action,
    subject: str,
    now: dt.datetime,
    asks: str | None = None,
    *,
    lasts: dt.timedelta | None = None,
) -> str | None:
    """Return a signed request as a token; None where nobody's key signs here.

    Raises:
        UsageError: as `requester_here`.
    """
    from environments.trust.requests import NOTHING_MORE, new_request, sign_request
    from environments.trust.tokens import write_token

    who = requester_here(home, name)
    if who is None:
        return None
    statement = new_request(who, action, subject, now, asks or NOTHING_MORE, lasts=lasts)
    return write_token(sign_request(statement, signer_of(home, who)))


def deploy_token(home: Home, requester: str, pipeline: str, now: dt.datetime) -> str:
    """Return what a service key signs for a deployed pipeline: as before, until half its life is over.

    Raises:
        UsageError: no key of this requester lies here.
    """
    from environments.trust.requests import attribute, new_request, sign_request
    from environments.trust.tokens import write_token

    newest = authority(home).newest()
    path = home.secrets / "requesters" / "deploys" / f"{check_name(requester, 'the requester')}.{pipeline}"
    try:
        kept = read_private(path)
        later = now + dt.timedelta(days=183)
        found = attribute(kept, newest.document if newest else None, now=now, used=())
        if found.statement is not None and found.statement.expires > later:
            return write_token(kept)
    except (FileNotFoundError, NotVerifiableError):
        pass  # signed anew
    statement = new_request(requester, "deploy", pipeline, now)
    raw = sign_request(statement, signer_of(home, requester))
    make_private(path.parent)
    write_private(path, raw)
    return write_token(raw)
