"""A home that joined another machine's: whether it was admitted, and whether that machine's API answers."""

from __future__ import annotations

from data_contracts.errors import IsthmusError
from environments.embedded.api import read_api
from environments.embedded.client import Client
from environments.embedded.doctor.finding import Finding
from environments.home import Home
from environments.members import Membership

__all__ = ["check_joined"]


def check_joined(home: Home, joined: Membership) -> Finding:
    """Ask the API that this home joined."""
    if joined.state == "waiting":
        what = f"{joined.name}: waits to be admitted by {joined.inviter}"
        return Finding("ports", "warning", what, "`isthmus env admit` there, `isthmus env complete` here")
    if not joined.api:
        return Finding("ports", "ok", f"{joined.name}: joined without an API; crossings go on a disk")
    try:
        Client(read_api(home), timeout=5.0).get("/admin/version")
    except IsthmusError as error:
        remedy = (
            "look at the link and at `isthmus status` on the machine of the API; the worker goes on asking"
        )
        return Finding("ports", "error", f"{joined.name}: {error}", remedy)
    return Finding("ports", "ok", f"{joined.api}, on another machine, answers")
