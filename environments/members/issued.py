"""The invitations that this home has issued: what became of each, on disk before anything follows from it.

    HOME/members/invitations/NONCE.json

Invariants:
1. An invitation is `open`, then `bound` to one answer, then `used`; or `withdrawn`, as long as no trust
   document names its environment. Nothing leads back.
2. Every change is made under one lock, and is durable before it is told: of two admissions at once, one binds
   and the other finds it bound.
3. Of one environment there is one invitation that is not withdrawn.

Example:
    >>> invitations.bind(nonce, answer.digest).state
    'bound'
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from data_contracts.digest import is_digest
from data_contracts.errors import ConflictError, UsageError
from environments.home import Home
from environments.locking import held
from environments.members.record import damaged, is_nonce, read_record, read_time, write_record, write_time
from environments.members.refusal import JoiningRefusedError
from environments.private import make_private
from environments.ref import check_name

__all__ = ["Invitations", "Issued", "State"]

State = Literal["open", "bound", "used", "withdrawn"]
_STATES = ("open", "bound", "used", "withdrawn")
_KEYS = {"name", "inviter", "nonce", "invitation", "issued", "expires", "api", "state", "answer"}


@dataclass(frozen=True)
class Issued:
    """One invitation, as the home that issued it knows it.

    Attributes:
        name: the environment that is invited.
        inviter: the environment that signed.
        nonce: the invitation's name.
        invitation: the digest of its file.
        issued: when.
        expires: from when on it counts no more.
        api: the address that it tells; empty for none.
        state: what became of it.
        answer: the digest of the answer that it is bound to; empty before.
    """

    name: str
    inviter: str
    nonce: str
    invitation: str
    issued: dt.datetime
    expires: dt.datetime
    api: str
    state: State = "open"
    answer: str = ""

    def shown(self, now: dt.datetime) -> str:
        """Return the state in a word: `expired` where it is open no more by its end."""
        return "expired" if self.state == "open" and now >= self.expires else self.state

    def check(self, name: str, invitation: str, answer: str, now: dt.datetime) -> None:
        """Return if an answer may be admitted now; the same one again may, as long as nothing was withdrawn.

        Args:
            name: the environment that answers.
            invitation: the digest of the file that it answers.
            answer: the answer's digest.
            now: the time.

        Raises:
            JoiningRefusedError: `name`, `foreign`, `withdrawn`, `used` or `expired`.
        """
        if name != self.name:
            raise JoiningRefusedError(
                "name",
                f"this answer is of {name}, and the invitation is for {self.name}",
                remedy=f"invite {name}, or have the invitation answered by {self.name}",
            )
        if invitation != self.invitation:
            raise JoiningRefusedError(
                "foreign",
                f"this answer is to another file than the invitation of {self.name} that was written here",
                remedy="somebody may have exchanged the invitation on its way: withdraw it, carry a new one",
            )
        if self.state == "withdrawn":
            raise JoiningRefusedError(
                "withdrawn",
                f"the invitation of {self.name} was withdrawn",
                remedy=f"if it shall join: `isthmus env invite {self.name}`",
            )
        if self.state != "open" and answer != self.answer:
            raise JoiningRefusedError(
                "used",
                f"the invitation of {self.name} was used: another answer to it was admitted",
                remedy="find out who made this one; an environment joins once",
            )
        if self.shown(now) == "expired":
            raise JoiningRefusedError(
                "expired",
                f"the invitation of {self.name} expired at {write_time(self.expires)}",
                remedy=f"`isthmus env invite {self.name}` writes a new one",
            )

    def to_record(self) -> dict[str, Any]:
        """Return it as it stands on disk."""
        return vars(self) | {"issued": write_time(self.issued), "expires": write_time(self.expires)}

    @classmethod
    def from_record(cls, path: Path) -> Issued:
        """Read one.

        Raises:
            FileNotFoundError: there is no such file.
            NotVerifiableError: it is not what we wrote.
        """
        read = read_record(path, _KEYS)
        answered = read["answer"] == "" or is_digest(read["answer"])
        right = read["state"] in _STATES and answered and is_digest(read["invitation"])
        if not right or not is_nonce(read["nonce"]) or not isinstance(read["api"], str):
            raise damaged(path)
        check_name(read["name"], str(path))
        check_name(read["inviter"], str(path))
        try:
            times = {"issued": read_time(read["issued"]), "expires": read_time(read["expires"])}
        except (TypeError, ValueError):
            raise damaged(path) from None
        return cls(**{key: read[key] for key in _KEYS} | times)


class Invitations:
    """The invitations of one home."""

    def __init__(self, home: Home) -> None:
        """Name them; nothing is touched."""
        self._folder = home.members / "invitations"
        self._lock = home.members / ".lock"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold all of them."""
        make_private(self._folder)
        with held(self._lock, "the invitations of this home"):
            yield

    def _file(self, nonce: str) -> Path:
        return self._folder / f"{nonce}.json"

    def all(self) -> tuple[Issued, ...]:
        """Return all that were ever issued, oldest first.

        Raises:
            NotVerifiableError: a file was changed.
        """
        if not self._folder.is_dir():
            return ()
        found = [Issued.from_record(path) for path in sorted(self._folder.glob("*.json"))]
        return tuple(sorted(found, key=lambda one: (one.issued, one.nonce)))

    def standing(self, environment: str) -> Issued | None:
        """Return the invitation of an environment that was not withdrawn; None where there is none."""
        return next((one for one in self.all() if one.name == environment and one.state != "withdrawn"), None)

    def find(self, nonce: str) -> Issued:
        """Return an invitation by its nonce.

        Raises:
            JoiningRefusedError: this home never issued it.
        """
        try:
            return Issued.from_record(self._file(nonce))
        except FileNotFoundError:
            raise JoiningRefusedError(
                "foreign",
                "this home issued no such invitation",
                remedy="admit the answer in the home that wrote the invitation (`isthmus env list` there)",
            ) from None

    def add(self, issued: Issued, now: dt.datetime) -> None:
        """Keep a new one; one of the same environment that nobody answered in time makes way.

        Raises:
            UsageError: the environment has one that counts, or has joined.
        """
        with self.locked():
            before = self.standing(issued.name)
            if before is not None and before.shown(now) != "expired":
                raise UsageError(
                    f"{issued.name}: {_STANDS[before.state]}",
                    remedy=f"`isthmus env withdraw {issued.name}` takes back one that nobody was admitted by",
                )
            if before is not None:
                self._write(replace(before, state="withdrawn"))
            self._write(issued)

    def bind(self, nonce: str, answer: str) -> Issued:
        """Bind an invitation to the one answer that is admitted; for a caller who holds the lock.

        Raises:
            ConflictError: another answer was admitted meanwhile.
            JoiningRefusedError: it was withdrawn meanwhile.
        """
        before = self.find(nonce)
        if before.state == "withdrawn":
            raise JoiningRefusedError("withdrawn", f"the invitation of {before.name} was withdrawn meanwhile")
        if before.state != "open":
            if before.answer != answer:
                raise ConflictError(
                    f"another answer to the invitation of {before.name} was admitted meanwhile",
                    remedy="`isthmus env list` shows which; if it is not the right one, revoke its keys",
                )
            return before
        return self._write(replace(before, state="bound", answer=answer))

    def use(self, nonce: str) -> Issued:
        """Say that the answer which it is bound to was admitted; for a caller who holds the lock."""
        return self._write(replace(self.find(nonce), state="used"))

    def withdraw(self, environment: str, named: Callable[[], bool]) -> Issued:
        """Take back the invitation of an environment.

        Args:
            environment: whose.
            named: whether a trust document names the environment; asked under the lock.

        Raises:
            UsageError: there is none, or an answer to it was admitted.
        """
        with self.locked():
            before = self.standing(environment)
            if before is None:
                raise UsageError(f"{environment}: no invitation to withdraw", remedy="see `isthmus env list`")
            if before.state == "used" or (before.state == "bound" and named()):
                raise UsageError(
                    f"{environment}: it has joined",
                    remedy=f"`isthmus keys revoke --env {environment} KEY_ID` ends what its keys may do",
                )
            return self._write(replace(before, state="withdrawn"))

    def _write(self, issued: Issued) -> Issued:
        write_record(self._file(issued.nonce), issued.to_record())
        return issued


_STANDS = {
    "open": "an invitation of it counts already",
    "bound": "an answer to its invitation is being admitted",
    "used": "it has joined",
}
