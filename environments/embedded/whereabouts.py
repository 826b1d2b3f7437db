"""What lives where: every environment that is declared, invited or known, and how this home stands to it.

Example:
    >>> [(one.name, one.state) for one in whereabouts(home, site, now)]
    [('cloud', 'joined'), ('edge', 'invited'), ('onprem', 'here')]
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from data_contracts.errors import UsageError
from environments.embedded.trustwork import newest_here
from environments.home import Home
from environments.members import Invitations, environments_here, read_membership
from environments.members.record import write_time
from environments.site import Site

__all__ = ["Whereabouts", "whereabouts"]

_STATES = {"open": "invited", "expired": "expired", "bound": "being-admitted", "used": "joined"}


@dataclass(frozen=True)
class Whereabouts:
    """One environment, as this home knows it.

    Attributes:
        name: the environment.
        state: `here`, and `waiting` until it is admitted elsewhere; `undone`: lives here, once `isthmus up`
            has made it; `invited`, `expired`, `being-admitted` or `joined`: on another machine, by an
            invitation of this home; `elsewhere`: on another machine; `unknown`: declared to be on another
            one, and nobody has its keys.
        declared: whether the site declares it.
        trusted: whether the trust document names its keys.
        expires: when its invitation ends.
        answer: the digest of the answer that was admitted.
    """

    name: str
    state: str
    declared: bool
    trusted: bool
    expires: dt.datetime | None = None
    answer: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return vars(self) | {"expires": write_time(self.expires) if self.expires else None}


def whereabouts(home: Home, site: Site, now: dt.datetime) -> list[Whereabouts]:
    """Return all of them, by name.

    Raises:
        UnreachableError: there is no such home.
    """
    joined = read_membership(home.check())
    invitations = {one.name: one for one in Invitations(home).all() if one.state != "withdrawn"}
    try:
        trusted = set(newest_here(home).document.environments)
    except UsageError:  # none was issued yet
        trusted = set()
    here = set(environments_here(home, site.profiles))
    found = []
    for name in sorted({*site.profiles, *invitations, *trusted}):
        invitation = invitations.get(name)
        if name in here:
            made = home.environment(name).root.exists()
            state = (
                "waiting"
                if joined is not None and joined.state == "waiting"
                else "here"
                if made
                else "undone"
            )
        elif invitation is not None:
            state = _STATES[invitation.shown(now)]
        else:
            state = "elsewhere" if name in trusted else "unknown"
        told = (invitation.expires, invitation.answer) if invitation is not None else (None, "")
        found.append(Whereabouts(name, state, name in site.profiles, name in trusted, *told))
    return found
