"""Which of the declared environments live in this home.

    HOME/members/here.json      those that `isthmus up --only` named; absent for all

Invariants:
1. A home that joined another machine's holds its one environment.
2. An environment that was invited lives elsewhere until the invitation is withdrawn, also when it has
   expired: whoever answered it may have made its keys.
3. A declared environment that neither says lives here.

Example:
    >>> environments_here(home, ["cloud", "edge", "onprem"])
    ('onprem',)
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from data_contracts.errors import UsageError
from environments.home import Home
from environments.members.issued import Invitations
from environments.members.member import read_membership
from environments.members.record import damaged, read_record, write_record

__all__ = ["check_here", "environments_here", "keep_only"]

_FILE = "here.json"


def keep_only(home: Home, names: Collection[str], declared: Collection[str]) -> None:
    """Remember that of the declared environments these alone live here.

    Raises:
        UsageError: one is not declared, was invited elsewhere, or this home joined another.
    """
    unknown = sorted(set(names) - set(declared))
    if unknown:
        known = ", ".join(sorted(declared))
        raise UsageError(f"no environment is named {unknown[0]!r}", remedy=f"the declared ones are: {known}")
    joined = read_membership(home)
    away = {one.name for one in Invitations(home).all() if one.state != "withdrawn"}
    elsewhere = sorted(set(names) & away if joined is None else set(names) - {joined.name})
    if elsewhere:
        raise UsageError(
            f"{elsewhere[0]}: lives on another machine", remedy="`isthmus env list` shows what lives where"
        )
    if joined is None:
        write_record(home.members / _FILE, {"environments": sorted(names)})


def _only(home: Home) -> frozenset[str] | None:
    path = home.members / _FILE
    try:
        listed = read_record(path, {"environments"})["environments"]
    except FileNotFoundError:
        return None
    if not isinstance(listed, list) or not all(isinstance(name, str) for name in listed):
        raise damaged(path)
    return frozenset(listed)


def environments_here(home: Home, declared: Iterable[str]) -> tuple[str, ...]:
    """Return which of the declared environments live in this home, sorted.

    Raises:
        UsageError: the site does not declare the environment with which this home joined.
        NotVerifiableError: a file that says so was changed.
    """
    names = sorted(declared)
    joined = read_membership(home)
    if joined is not None:
        if joined.name not in names:
            raise UsageError(
                f"this home is of {joined.name}, and the site declares no such environment",
                remedy="name the site whose files declare it (--site, ISTHMUS_SITE)",
            )
        return (joined.name,)
    away = {one.name for one in Invitations(home).all() if one.state != "withdrawn"}
    only = _only(home)
    return tuple(one for one in names if one not in away and (only is None or one in only))


def check_here(home: Home, declared: Iterable[str], environment: str) -> None:
    """Return if an environment lives in this home.

    Raises:
        UsageError: it lives on another machine.
    """
    here = environments_here(home, declared)
    if environment not in here:
        raise UsageError(
            f"{environment}: lives on another machine",
            remedy=f"do it there; here: {', '.join(here) or 'none'} (`isthmus env list`)",
        )
