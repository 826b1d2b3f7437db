"""What a home that joined another machine's system knows of it.

    HOME/members/joined.json

Invariants:
1. A home joins once, with one environment: what is written here is followed, never replaced by another's.
2. It is `waiting` from the moment that it takes an invitation up, and `member` when the admission was taken.

Example:
    >>> read_membership(home).state
    'waiting'
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from data_contracts.digest import is_digest
from environments.home import Home
from environments.members.record import damaged, is_nonce, read_record, write_record
from environments.ref import check_name

__all__ = ["CREDENTIAL", "Membership", "read_membership", "write_membership"]

CREDENTIAL = "joined"
"""The file in HOME/secrets that holds the credential of the other machine's API."""
_FILE = "joined.json"
_KEYS = {"name", "inviter", "nonce", "invitation", "api", "state"}


@dataclass(frozen=True)
class Membership:
    """One home's membership.

    Attributes:
        name: the one environment that lives here.
        inviter: the environment that invited it.
        nonce: the invitation's.
        invitation: the digest of its file.
        api: where the API answers; empty for a site without a link.
        state: whether it was admitted.
    """

    name: str
    inviter: str
    nonce: str
    invitation: str
    api: str
    state: Literal["waiting", "member"]


def read_membership(home: Home) -> Membership | None:
    """Return a home's membership; None for a home that joined nobody, or that was never made.

    Raises:
        NotVerifiableError: its file is not ours alone, or not what we wrote.
    """
    path = home.members / _FILE
    try:
        read = read_record(path, _KEYS)
    except FileNotFoundError:
        return None
    known = is_nonce(read["nonce"]) and is_digest(read["invitation"])
    if not known or read["state"] not in ("waiting", "member") or not isinstance(read["api"], str):
        raise damaged(path)
    check_name(read["name"], str(path))
    check_name(read["inviter"], str(path))
    return Membership(**{key: read[key] for key in _KEYS})


def write_membership(home: Home, membership: Membership) -> None:
    """Keep a home's membership, in one durable step."""
    write_record(home.members / _FILE, vars(membership))
