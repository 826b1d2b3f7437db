"""What an operator does on the machine that joins: take an invitation up, and the admission that follows.

Invariants:
1. A home that joins is new: it holds this one environment, and joins once.
2. The private keys are made here and stay here; the environment's folder is opened by a child of its own.
3. What the invitation and the admission must be is verified before anything is written; whoever is admitted
   says first that the fingerprint is the one that was read on the other machine.
4. Cut off anywhere, the same command goes on with the same keys.

Example:
    >>> join(home, site, raw, now).digest == admitted.answer.digest
    True
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from data_contracts.errors import IsthmusError, UsageError
from environments.embedded.forks import ask_all
from environments.home import EnvironmentFolder, Home
from environments.joining import (
    Answer,
    OpenedInvitation,
    new_answer,
    open_admission,
    open_answer,
    open_invitation,
    seal_answer,
)
from environments.joining.admission import sealed_for
from environments.members import (
    CREDENTIAL,
    JoiningRefusedError,
    Membership,
    read_membership,
    write_membership,
)
from environments.private import write_private
from environments.site import Site

__all__ = ["Joined", "Member", "complete", "join"]


@dataclass(frozen=True)
class Joined:
    """What came of an invitation.

    Attributes:
        answer: what goes back.
        raw: its file.
    """

    answer: Answer
    raw: bytes


@dataclass(frozen=True)
class Member:
    """What came of an admission.

    Attributes:
        name: the environment.
        version: of the trust document that is pinned now.
        api: where the API answers; empty for a site without a link.
    """

    name: str
    version: int
    api: str


def join(home: Home, site: Site, raw: bytes, now: dt.datetime) -> Joined:
    """Take an invitation up: make the environment's keys here, and return the answer.

    Raises:
        JoiningRefusedError: the invitation does not verify, or was used up here.
        UsageError: the site declares the environment otherwise, or the home is not a new one.
    """
    opened = open_invitation(raw, now)
    opened.invitation.declared.check(site.profile(opened.invitation.name))
    _may_join(home, opened)
    name = opened.invitation.name
    home.create()
    wish = opened.invitation
    if read_membership(home) is None:
        first = Membership(name, wish.inviter, wish.nonce, opened.digest, wish.api, "waiting")
        write_membership(home, first)
    made = _ask(home, name, partial(_answer, trust=wish.trust, nonce=wish.nonce, invitation=opened.digest))
    answer = str(made).encode("ascii")
    return Joined(open_answer(answer), answer)


def _may_join(home: Home, opened: OpenedInvitation) -> None:
    """Refuse a home that is not new, and was not waiting for this invitation."""
    if not (home.root / "STATE_VERSION").exists():
        return  # `create` looks at what stands there
    joined = read_membership(home.check())
    if joined is None:
        made = home.environments.is_dir() and any(home.environments.iterdir())
        if made or (home.system / "settings.json").exists():
            raise UsageError(
                f"{home.root}: holds a system of its own",
                remedy="join with a home of its own: name another --home",
            )
        return
    if joined.state == "member":
        raise JoiningRefusedError(
            "used",
            f"this home has joined already, as {joined.name}",
            remedy="a home joins once; an invitation is of one use",
        )
    if joined.invitation != opened.digest:
        raise UsageError(
            f"this home waits to be admitted as {joined.name}, by another invitation",
            remedy="have that one admitted, or join with a home of its own",
        )


def _ask(home: Home, name: str, question: Callable[[EnvironmentFolder], Any]) -> Any:  # noqa: ANN401 - JSON
    told = ask_all({name: partial(_reported, question, home.environment(name))})[name]
    if isinstance(told, IsthmusError):
        raise told
    if "refused" in told:
        reason, text, remedy = told["refused"]
        raise JoiningRefusedError(reason, text, remedy=remedy)
    return told["done"]


def _reported(question: Callable[[EnvironmentFolder], Any], folder: EnvironmentFolder) -> dict[str, Any]:
    """Keep the reason of a refusal on its way out of a child."""
    try:
        return {"done": question(folder)}
    except JoiningRefusedError as error:
        return {"refused": [error.reason, str(error), error.remedy]}


def _answer(folder: EnvironmentFolder, trust: bytes, nonce: str, invitation: str) -> str:
    """Make the keys, pin the invitation's trust document, and sign the answer; runs in a child of its own."""
    from environments.embedded.prepare import make_environment
    from environments.identity.keys import load_keyring
    from environments.trust import pin_document

    make_environment(folder)
    pin_document(folder, trust, dt.datetime.now(dt.UTC))
    return seal_answer(_own(folder, nonce, invitation), load_keyring(folder).acting.signer()).decode("ascii")


def _own(folder: EnvironmentFolder, nonce: str, invitation: str) -> Answer:
    """Return the answer of this environment's keys; the same whenever it is asked for."""
    from environments.identity import load_identity
    from environments.identity.dask_certificates import dask_fingerprint

    return new_answer(nonce, invitation, load_identity(folder).public, dask_fingerprint(folder))


def complete(home: Home, raw: bytes, now: dt.datetime, confirm: Callable[[Answer], None]) -> Member:
    """Take an admission: pin its trust document, keep its credential, and be a member.

    Args:
        home: which joined.
        raw: the admission's file.
        now: the time.
        confirm: asks a person about the answer's fingerprint, and raises where it is not right.

    Raises:
        UsageError: this home took no invitation up.
        JoiningRefusedError: the admission does not verify, or is for another answer.
    """
    joined = read_membership(home.check())
    if joined is None:
        raise UsageError("this home took no invitation up", remedy="`isthmus env join FILE` first")
    told = _ask(home, joined.name, partial(_examined, joined=joined, raw=raw, now=now))
    confirm(Answer.from_json(told["answer"]))
    taken = _ask(home, joined.name, partial(_taken, joined=joined, raw=raw, now=now))
    if taken["api"]:
        write_private(home.secrets / CREDENTIAL, str(taken["credential"]).encode("ascii"))
    write_membership(home, replace(joined, api=taken["api"], state="member"))
    return Member(joined.name, int(taken["version"]), str(taken["api"]))


def _examined(folder: EnvironmentFolder, joined: Membership, raw: bytes, now: dt.datetime) -> dict[str, Any]:
    """Verify an admission and write nothing; runs in a child of its own."""
    from environments.identity import load_identity
    from environments.trust import load_pinned

    pinned = load_pinned(folder.check())
    if pinned is None:
        raise UsageError("no trust document is pinned here", remedy="run `isthmus env join` again")
    answer = _own(folder, joined.nonce, joined.invitation)
    admission = open_admission(raw, pinned, answer, joined.inviter, now)
    credential = b""
    if admission.api:
        info = sealed_for(answer, admission.api)
        credential = load_identity(folder).unwrap(admission.credential, info=info)
    return {"answer": answer.to_json(), "api": admission.api, "credential": credential.decode("ascii")} | {
        "trust": admission.trust.decode("ascii")
    }


def _taken(folder: EnvironmentFolder, joined: Membership, raw: bytes, now: dt.datetime) -> dict[str, Any]:
    """Verify what was confirmed, and pin its trust document; runs in a child of its own."""
    from environments.trust import adopt_document

    found = _examined(folder, joined, raw, now)
    pinned = adopt_document(folder, str(found["trust"]).encode("ascii"), now)
    return {key: found[key] for key in ("api", "credential")} | {"version": pinned.document.version}
