"""Two sides' accounts of their crossings, held against each other. Pure: nothing is read or written here.

Invariants:
1. What one side signed and the other denies is told, and never repaired: one of two ledgers is wrong, and no
   program knows which.
2. A crossing that is committed there and open here is half-done, and can be ended lawfully: the destination
   says again what it signed, and the source reads it.

Example:
    >>> compare("onprem", "cloud", mine, theirs)
    ()
"""

from __future__ import annotations

from environments.consistency.account import Account, Came, Sent
from environments.consistency.findings import Finding

__all__ = ["compare"]

_WITHDRAWN = "it was lawful when it was committed: ask the destination's operator to erase it if it must go"

_LEDGERS = "one of the two ledgers is wrong, and no program knows which: verify both, and compare backups"


def compare(own: str, peer: str, mine: Account, theirs: Account) -> tuple[Finding, ...]:
    """Return what does not agree, from `own`'s side: what it sent, and what it answered to."""
    found = []
    for crossing, sent in mine.sent.items():
        came = theirs.came.get(crossing)
        if came is None and sent.outcome == "permitted":
            what = f"{own} holds {peer}'s receipt for {sent.name}; {peer}'s ledger has no such arrival"
            found.append(Finding(own, "missing", crossing, peer, what, untouched=_LEDGERS))
        elif came is not None:
            found += _both(own, peer, crossing, sent, came)
    for crossing in theirs.came.keys() - mine.sent.keys():
        what = f"{peer} says that {theirs.came[crossing].name} came from {own}; {own}'s ledger never sent it"
        found.append(Finding(own, "extra", crossing, peer, what, untouched=_LEDGERS))
    for crossing, arrived in mine.came.items():
        asked = theirs.sent.get(crossing)
        if asked is not None and asked.outcome == "open" and arrived.manifest in asked.manifests:
            what = f"{arrived.name} is committed here, and {peer} has not read the receipt"
            again = "the receipt is sent again"
            found.append(Finding(own, "half-done", crossing, peer, what, repair=again, action="ingress"))
    return tuple(sorted(found))


def _both(own: str, peer: str, crossing: str, sent: Sent, came: Came) -> list[Finding]:
    same = (sent.name, sent.version) == (came.name, came.version) and came.manifest in sent.manifests
    if not same:
        what = f"{peer} committed something else than what {own} sent as {sent.name}"
        return [Finding(own, "altered", crossing, peer, what, untouched=_LEDGERS)]
    if sent.outcome == "open":
        what = f"{sent.name} is committed in {peer}, and {own} has not read the receipt"
        return [
            Finding(own, "half-done", crossing, peer, what, repair="the receipt is read", action="settle")
        ]
    if sent.outcome == "withdrawn":
        what = f"{own} took {sent.name} back, as its terms do not permit it any more; {peer} had committed it"
        return [Finding(own, "extra", crossing, peer, what, untouched=_WITHDRAWN)]
    if sent.outcome != "permitted":
        what = f"{own} was told that {peer} refused {sent.name}; {peer}'s ledger says that it was committed"
        return [Finding(own, "altered", crossing, peer, what, untouched=_LEDGERS)]
    return []
