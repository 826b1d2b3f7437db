"""What an operator does where invitations are written: invite, admit, withdraw.

Invariants:
1. Nothing that an environment has is read here but by a child of its own: that of whoever signs.
2. An answer is admitted in this order: it verifies; it is of an invitation of this home that counts; a person
   says that its fingerprint is right; the invitation is bound to it, durably; the trust document names its
   keys; the admission is written. Cut off anywhere, the same answer is gone on with, and no other.
3. Where the root keys that lie here are not enough, the document goes to their holders first; the same
   command gives the admission once it was issued.

Example:
    >>> invite(home, site, Wish("cloud", url, lasts), now).name
    'cloud'
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from data_contracts.digest import digest_bytes
from data_contracts.errors import IsthmusError, UsageError
from environments.embedded.forks import ask_all
from environments.embedded.settings import load_settings, secret
from environments.embedded.trustwork import Spread, authority, issue
from environments.home import EnvironmentFolder, Home
from environments.joining import (
    Admission,
    Answer,
    Declared,
    Invitation,
    open_answer,
    seal_admission,
    seal_invitation,
)
from environments.joining.admission import names_keys, sealed_for
from environments.joining.letter import LONGEST, check_address
from environments.members import (
    Invitations,
    Issued,
    environments_here,
    read_membership,
)
from environments.site import Site
from environments.trust.changing import environment_of, with_environments

if TYPE_CHECKING:
    from environments.trust import SignedTrust

__all__ = ["Admitted", "Wish", "admit", "invite", "local_api", "withdraw"]

Confirm = Callable[[Answer], None]
"""Asks a person whether a fingerprint is right, and raises where it is not."""


@dataclass(frozen=True)
class Wish:
    """An invitation as an operator asks for it.

    Attributes:
        name: the environment.
        api: where the API answers; empty for a site without a link.
        lasts: how long it shall count.
        inviter: who signs; None for the first environment that lives here.
    """

    name: str
    api: str
    lasts: dt.timedelta
    inviter: str | None = None


@dataclass(frozen=True)
class Admitted:
    """What came of an admission.

    Attributes:
        answer: whose.
        version: of the trust document that names it.
        raw: the admission's file; None where the document waits for signatures.
        spread: what came of the document; None where it was issued before.
    """

    answer: Answer
    version: int
    raw: bytes | None
    spread: Spread | None


def local_api(home: Home) -> str:
    """Return the API's address on this machine itself.

    Raises:
        UsageError: none was ever bound.
    """
    settings = load_settings(home)
    if settings is None or settings.port is None:
        raise UsageError(
            "no API was started in this home yet", remedy="run `isthmus up` once, or say --api, or --no-api"
        )
    return f"http://127.0.0.1:{settings.port}/api"


def invite(home: Home, site: Site, wish: Wish, now: dt.datetime, keep: Callable[[bytes], object]) -> Issued:
    """Write an invitation: `keep` gets the file, and this home remembers that it was written.

    Raises:
        UsageError: the environment is not declared, lives here, is known, or was invited already.
        NotVerifiableError: the trust document has expired.
    """
    name, newest = wish.name, authority(home).need()
    profile = site.profile(name)
    newest.document.check_current(now)
    _newcomer(home, newest, name)
    if not dt.timedelta() < wish.lasts <= LONGEST:
        raise UsageError(f"an invitation counts for at most {LONGEST.days} days")
    issued = now.replace(microsecond=0)
    invitation = Invitation(
        name=name,
        inviter=_inviter(home, site, newest, wish),
        nonce=secrets.token_hex(16),
        issued=issued,
        expires=(issued + wish.lasts).replace(microsecond=0),
        declared=Declared.of(profile),
        api=check_address(wish.api) if wish.api else "",
        trust=newest.raw,
    )
    raw = _signed(home, invitation.inviter, invitation.to_json(), "invitation")
    kept = Issued(
        name,
        invitation.inviter,
        invitation.nonce,
        digest_bytes(raw),
        issued,
        invitation.expires,
        invitation.api,
    )
    # First here: a file of which nobody knows could be admitted by nobody, and block nothing.
    Invitations(home).add(kept, now)
    try:
        keep(raw)
    except BaseException:
        withdraw(home, name)
        raise
    return kept


def withdraw(home: Home, name: str) -> Issued:
    """Take back the invitation of an environment, as long as no trust document names its keys.

    Raises:
        UsageError: there is none, or it has joined.
    """

    def named() -> bool:
        newest = authority(home).newest()
        return newest is not None and name in newest.document.environments

    return Invitations(home.check()).withdraw(name, named)


def _newcomer(home: Home, newest: SignedTrust, name: str) -> None:
    """Refuse an environment that has keys here, or that is known."""
    if home.environment(name).root.exists():
        raise UsageError(
            f"{name}: lives in this home: its keys are here and never leave",
            remedy="declare the other machine's environment under a name of its own; before the first "
            "`isthmus up`, `--only` says what lives here",
        )
    if name in newest.document.environments:
        raise UsageError(
            f"{name}: has joined already, its keys are in the trust document",
            remedy="an environment that is made anew needs a name of its own",
        )
    if name in newest.document.requesters:
        raise UsageError(f"{name}: is a requester's name", remedy="give the environment another one")


def _inviter(home: Home, site: Site, newest: SignedTrust, wish: Wish) -> str:
    able = [
        name
        for name in environments_here(home, site.profiles)
        if name in newest.document.environments and home.environment(name).root.exists()
    ]
    if wish.inviter is not None and wish.inviter not in able:
        raise UsageError(
            f"{wish.inviter}: no environment of this home that could sign",
            remedy=f"say --by, one of: {', '.join(able) or 'none'}",
        )
    if not able:
        raise UsageError(
            "no environment lives in this home that could sign", remedy="run `isthmus up` once, then invite"
        )
    return wish.inviter or able[0]


def _seal(folder: EnvironmentFolder, statement: Mapping[str, Any], kind: str) -> str:
    """Sign a statement with the environment's acting key; runs in a child of its own."""
    from environments.identity.keys import load_keyring

    signer = load_keyring(folder.check()).acting.signer()
    raw = (
        seal_invitation(Invitation.from_json(statement), signer)
        if kind == "invitation"
        else seal_admission(Admission.from_json(statement), signer)
    )
    return raw.decode("ascii")


def _signed(home: Home, name: str, statement: Mapping[str, Any], kind: str) -> bytes:
    told = ask_all({name: partial(_seal, home.environment(name), statement, kind)})[name]
    if isinstance(told, IsthmusError):
        raise told
    return str(told).encode("ascii")


def admit(home: Home, raw: bytes, now: dt.datetime, confirm: Confirm) -> Admitted:
    """Admit the environment that answered an invitation of this home.

    Args:
        home: where the invitation was written.
        raw: the answer's file.
        now: the time.
        confirm: asks a person about the answer's fingerprint, and raises where it is not right.

    Raises:
        JoiningRefusedError: the answer does not verify, or its invitation does not count, or not for it.
        ConflictError: another answer to the same invitation was admitted at the same time.
        TrustRefusedError: the trust document may not follow what was issued before.
    """
    _not_joined(home)
    # (1) The answer, and the invitation that it is of.
    answer, invitations = open_answer(raw), Invitations(home)
    issued = invitations.find(answer.nonce)
    issued.check(answer.name, answer.invitation, answer.digest, now)
    # (2) Nothing that could fail for the answer's sake comes after the invitation is bound to it.
    newest = authority(home).need()
    if not names_keys(newest.document, answer.public):
        _newcomer(home, newest, answer.name)
        named = environment_of(answer.public, now, answer.dask_ca)
        with_environments(newest.document, {answer.name: named}, now)
    credential = b""
    if issued.api:
        plain = f"isthmus:{secret(home, 'api')}".encode()
        credential = answer.public.wrap(plain, info=sealed_for(answer, issued.api))
    # (3) A person.
    confirm(answer)
    # (4) The one answer.
    with invitations.locked():
        invitations.bind(answer.nonce, answer.digest)
        spread = _name(home, answer, now)
        if spread is not None and spread.proposal is not None:
            return Admitted(answer, spread.version, None, spread)
        trust = authority(home).need()
        admission = Admission(
            answer.name, issued.inviter, answer.nonce, answer.digest, issued.api, credential, trust.raw
        )
        done = _signed(home, issued.inviter, admission.to_json(), "admission")
        invitations.use(answer.nonce)
    return Admitted(answer, trust.document.version, done, spread)


def _name(home: Home, answer: Answer, now: dt.datetime) -> Spread | None:
    """Have the trust document name the keys of an answer; None where it does already."""
    newest = authority(home).need()
    if names_keys(newest.document, answer.public):
        return None
    named = environment_of(answer.public, now, answer.dask_ca)
    return issue(home, with_environments(newest.document, {answer.name: named}, now), now)


def _not_joined(home: Home) -> None:
    joined = read_membership(home.check())
    if joined is not None:
        raise UsageError(
            f"this home joined another machine's as {joined.name}",
            remedy="invitations are written, and answers admitted, where the trust document is issued",
        )
