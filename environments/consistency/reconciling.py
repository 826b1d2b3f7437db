"""Reconciling one side: what it says, what it finds, and what it may lawfully put right.

Repairs only end what was begun, or remove what is over: a receipt that lies there is read (`settle`), a
commit that nobody recorded is recorded and answered (`ingress`), leftovers of settled crossings and of dead
writers go. Each is the gate's own step or a removal under the same lock, so that a repair may be killed and
run again.

Invariants:
1. No version is written, replaced or removed. What one ledger says and the other denies is left as it is.
2. A repair that is refused changes nothing else: the others go on, and it is told.

Example:
    >>> found = find(cloud, {"onprem": told})
    >>> [each.done for each in repair(cloud, found)]
    [True]
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from data_contracts.errors import DefectError, IsthmusError, NotVerifiableError
from environments.boundary import EnvironmentContext, ingress, settle
from environments.boundary.fetched import stale_fetched
from environments.boundary.looking import clear_over, stale_work
from environments.boundary.recall import settle_recall
from environments.consistency.account import Account, open_account, read_accounts, seal_account
from environments.consistency.comparing import compare
from environments.consistency.examining import examine
from environments.consistency.findings import Finding
from environments.ledger import read_entries
from environments.stores import LocalStore

__all__ = ["ACTIONS", "find", "repair", "tell"]

ACTIONS = ("sweep", "work", "ingress", "clear", "recall", "settle")
"""Every repair, in the order in which they are made: the last one needs what peers did before."""
_PEER = "ask its operator; nothing of what it says is used"


def tell(env: EnvironmentContext, peers: Iterable[str]) -> dict[str, Any]:
    """Return this side's signed account for each of the peers.

    Raises:
        NotVerifiableError: the ledger does not read.
    """
    accounts = read_accounts(read_entries(env.folder.ledger))
    return {peer: seal_account(env, peer, accounts.get(peer, Account())) for peer in peers}


def find(
    env: EnvironmentContext, told: Mapping[str, Mapping[str, Any]], *, every_byte: bool = False
) -> tuple[Finding, ...]:
    """Return what does not agree: on this side, and with each peer that told something.

    Args:
        env: the environment.
        told: the peers' accounts, as they came.
        every_byte: whether the bytes of every version are read.

    Raises:
        NotVerifiableError: the own ledger does not read.
        UnreachableError: the disk refuses.
    """
    accounts = read_accounts(read_entries(env.folder.ledger))
    found = list(examine(env, accounts, every_byte=every_byte))
    for peer, statement in sorted(told.items()):
        try:
            theirs = open_account(env, peer, statement)
        except NotVerifiableError as error:
            found.append(
                Finding(env.name, "altered", f"the account of {peer}", peer, f"{error}", untouched=_PEER)
            )
            continue
        found += compare(env.name, peer, accounts.get(peer, Account()), theirs)
    once = {(each.about, each.action or each.what): each for each in reversed(found)}
    return tuple(sorted(once.values()))


def repair(
    env: EnvironmentContext, found: Iterable[Finding], actions: Iterable[str] = ACTIONS
) -> tuple[Finding, ...]:
    """Do what may lawfully be done about each finding of this side, and return them as they are then.

    Args:
        env: the environment.
        found: what was found on its side.
        actions: the repairs that are made now; a destination answers before its source reads the answer.
    """
    return tuple(_repaired(env, each) if each.action in actions else each for each in found)


def _repaired(env: EnvironmentContext, finding: Finding) -> Finding:
    try:
        _act(env, finding)
    except IsthmusError as error:
        return replace(finding, repair="", untouched=f"it was tried, and refused: {error}")
    return replace(finding, done=True)


def _act(env: EnvironmentContext, finding: Finding) -> None:
    match finding.action:
        case "settle":
            settle(env, finding.peer, finding.about)
        case "ingress":
            ingress(env, finding.peer, finding.about)
            if env.ledger.find("ingress", crossing=finding.about, outcome="permitted") is None:
                raise NotVerifiableError(
                    "the receipt of this commit is kept here, and the ledger lost its entry"
                )
        case "clear":
            clear_over(env, finding.peer, finding.about)
        case "recall":
            settle_recall(env, finding.peer, finding.about)
        case "work":
            stale_work(env, clear=True)
            stale_fetched(env, clear=True)
        case "sweep" if isinstance(env.store, LocalStore):
            env.store.abandoned(clear=True)
        case _:
            raise DefectError("a finding with a repair that nobody knows")
