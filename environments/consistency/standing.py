"""What a source's own ledger says of each asset and destination: what is there, and what was last asked.

Invariants:
1. A version counts as there because of a receipt that the destination signed, and of nothing else; and no
   more once it signed that it erased it.
2. Of two receipts the one counts that the destination wrote down later: its ledger's head says so, whatever
   the order in which they came home.
3. The same entries, all at once or some at a time, give the same standings.

Example:
    >>> standings = Standings({}, {}, origin=lambda crossing: None)
    >>> standings.take(entry)
    >>> standings.pairs["covid_tests", "cloud"].outcome
    'open'
"""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeAlias

from environments.ledger import Entry

__all__ = ["Open", "Pair", "Standing", "Standings"]

Pair: TypeAlias = "tuple[str, str]"


class Standing(NamedTuple):
    """One asset at one destination, as the source knows it; a tuple, since there are a hundred thousand.

    Attributes:
        there: the source's version of the newest receipt; empty where there is none.
        arrived: what the destination calls that version, whose bytes may have been transformed; empty where
            it came in a set, whose receipt names the set.
        received: when it says that it received it.
        receipt: the digest of the receipt.
        head: how far the destination's ledger reached in that receipt.
        asked: the source's version that was asked for last.
        crossing: the crossing that asked.
        outcome: `open` while there is no answer; `permitted`, `denied`, `broken`; `held` back by a limit
            of the boundary; `failed`, where the answer does not verify; `recalled`, once it was erased.
        rules: the rules that spoke against it, as the ledger has them.
        since: when the outcome was written down.
    """

    there: str = ""
    arrived: str = ""
    received: str = ""
    receipt: str = ""
    head: int = 0
    asked: str = ""
    crossing: str = ""
    outcome: str = ""
    rules: tuple[dict[str, Any], ...] = ()
    since: str = ""


@dataclass(frozen=True)
class Open:
    """A crossing that was sent and has no answer yet.

    Attributes:
        destination: where to.
        members: each asset and the source's version of it; several of a set.
        since: when it was sent.
    """

    destination: str
    members: tuple[tuple[str, str], ...]
    since: str

    @classmethod
    def of(cls, entry: Entry) -> Open:
        """Return what an entry of an egress says was sent."""
        body = entry.body
        alone = [(str(body["name"]), str(body["source_version"]))]
        members = [(str(name), str(version)) for name, version in body.get("members", ())]
        return cls(str(body["destination"]), tuple(members or alone), entry.time)


@dataclass(frozen=True)
class Standings:
    """All standings of one source, brought up to date entry by entry.

    Attributes:
        pairs: by asset and destination.
        crossings: those that are open, by id.
        origin: finds what was sent under a crossing that is open no more.
    """

    pairs: MutableMapping[Pair, Standing]
    crossings: MutableMapping[str, Open]
    origin: Callable[[str], Open | None]

    def take(self, entry: Entry) -> None:
        """Take the next entry of the ledger; one that is about something else changes nothing."""
        if "crossing" not in entry.body:
            return
        if entry.kind == "egress":
            self._asked(entry)
        elif entry.kind == "settle":
            self._answered(entry)
        elif entry.kind == "recall-answer":
            self._erased(entry)

    def _asked(self, entry: Entry) -> None:
        body = entry.body
        outcome, crossing = str(body["outcome"]), str(body["crossing"])
        sent = Open.of(entry)
        if outcome == "permitted":
            self.crossings[crossing] = sent
        elif outcome == "denied" and "not_before" not in body:
            self.crossings.pop(crossing, None)  # what had been sent under it was taken back
        if "not_before" in body:  # a limit of the boundary: it is asked again then
            outcome = "held"
        for name, version in sent.members:
            self.pairs[name, sent.destination] = self.pairs.get(
                (name, sent.destination), Standing()
            )._replace(
                asked=version,
                crossing=crossing,
                outcome="open" if outcome == "permitted" else outcome,
                rules=tuple(body["rules"]),
                since=entry.time,
            )

    def _answered(self, entry: Entry) -> None:
        body = entry.body
        outcome, crossing = str(body["outcome"]), str(body["crossing"])
        sent = self.crossings.get(crossing) or self.origin(crossing)
        if sent is None:
            return
        if outcome != "failed":
            self.crossings.pop(crossing, None)
        for name, version in sent.members:
            known = self.pairs.get((name, sent.destination), Standing())
            if outcome == "permitted" and int(body["peer_head"][0]) >= known.head:
                known = known._replace(
                    there=version,
                    arrived=str(body["version"]) if body["name"] == name else "",
                    received=str(body["received"]),
                    receipt=str(body["receipt"]),
                    head=int(body["peer_head"][0]),
                )
            if known.crossing == crossing:
                known = known._replace(outcome=outcome, rules=tuple(body["rules"]), since=entry.time)
            self.pairs[name, sent.destination] = known

    def _erased(self, entry: Entry) -> None:
        """Take a destination's word for what it erased, also of what it had not been known to have."""
        body = entry.body
        destination, recalled = str(body["destination"]), (str(body["name"]), str(body["source_version"]))
        stays = {(left["name"], left["version"]) for left in body["remaining"]}
        gone = {(str(name), str(version)) for name, version in body["erased"]} - stays
        for name in {name for name, _ in gone}:
            known = self.pairs.get((name, destination), Standing())
            # Of what came in a set the receipt does not say what it is called there.
            erased = (name, known.arrived) in gone if known.arrived else (name, known.there) == recalled
            if known.there and erased:
                known = known._replace(there="", arrived="", received="", receipt="")
                if known.outcome != "open":
                    known = known._replace(outcome="recalled", rules=(), since=entry.time)
                self.pairs[name, destination] = known
        if recalled[0] in {name for name, _ in gone}:
            self._never_mind(destination, recalled)

    def _never_mind(self, destination: str, recalled: tuple[str, str]) -> None:
        """Whatever receipt comes home of what was on its way, it was erased."""
        for crossing, sent in list(self.crossings.items()):
            if sent.destination == destination and recalled in sent.members:
                left = tuple(member for member in sent.members if member != recalled)
                self.crossings[crossing] = replace(sent, members=left)
                known = self.pairs[recalled[0], destination]
                if known.crossing == crossing:
                    self.pairs[recalled[0], destination] = known._replace(outcome="recalled")
