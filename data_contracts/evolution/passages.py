"""Which crossings contracts make possible, and which of them were not possible before.

Invariants:
1. A passage is what `policy.decide` permits for some source: terms, clearance and both sides' own rules.
   What it does not permit is no passage, whatever the terms say.
2. A passage was possible before only if one passage of before covers it: from each of its sources, each of
   its columns in the same form, no fewer conditions on rows, no less anonymity. Everything else has opened.
3. A new version with the same terms opens nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from data_contracts.destination import ANY, ANYBODY, Destination, TransferRule
from data_contracts.digest import canonical
from data_contracts.labels import Classification
from data_contracts.model import Contract
from data_contracts.policy import CrossingRequest, decide, select_terms
from data_contracts.terms import AnonymityTerms, CrossingTerms, Selector

__all__ = ["Opening", "Passage", "opened", "passages", "sides_named"]

MODEL = "(the whole model)"
_ANYTHING = (TransferRule((ANY,), (ANY,), (ANY,)),)


@dataclass(frozen=True)
class Passage:
    """One contract's way to one destination for one purpose.

    Attributes:
        contract: the id.
        version: of the contract.
        destination: the environment's name.
        purpose: what for.
        sources: the environments from which it is permitted, sorted.
        columns: each column that arrives, with its form (the obligation, as RFC 8785 JSON).
        conditions: what every row must meet, each in a canonical form, sorted; none lets all cross.
        anonymity: what the output must reach, as JSON; None asks nothing.
        cells: for each column of counts, the smallest that may cross.
    """

    contract: str
    version: str
    destination: str
    purpose: str
    sources: tuple[str, ...]
    columns: Mapping[str, str]
    conditions: tuple[str, ...] = ()
    anonymity: Mapping[str, Any] | None = None
    cells: Mapping[str, int] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """What people acknowledge it by: `CONTRACT:DESTINATION:PURPOSE`."""
        return f"{self.contract}:{self.destination}:{self.purpose}"

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {
            "contract": self.contract,
            "version": self.version,
            "destination": self.destination,
            "purpose": self.purpose,
            "sources": list(self.sources),
            "columns": dict(self.columns),
            "conditions": list(self.conditions),
            "anonymity": None if self.anonymity is None else dict(self.anonymity),
            "cells": dict(self.cells),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Passage:
        """Read what `to_json` wrote.

        Raises:
            KeyError, TypeError: it did not write this.
        """
        names = ("contract", "version", "destination", "purpose")
        return cls(
            **{name: str(value[name]) for name in names},
            sources=tuple(map(str, value["sources"])),
            columns={str(name): str(form) for name, form in value["columns"].items()},
            conditions=tuple(map(str, value["conditions"])),
            anonymity=value["anonymity"],
            cells={str(name): int(least) for name, least in value["cells"].items()},
        )


@dataclass(frozen=True)
class Opening:
    """A passage that was not possible before, and in what it is new."""

    passage: Passage
    reasons: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {"crossing": self.passage.id, "reasons": list(self.reasons)}


def passages(contracts: Iterable[Contract], sides: Sequence[Destination]) -> tuple[Passage, ...]:
    """Return every passage between these sides, by id and version."""
    found = (passage for contract in contracts for passage in _of(contract, sides))
    return tuple(sorted(found, key=lambda passage: (passage.id, passage.version)))


def _of(contract: Contract, sides: Sequence[Destination]) -> Iterator[Passage]:
    if contract.terms is None:
        return
    purposes = sorted({word for crossing in contract.terms.crossings for word in crossing.purposes})
    for destination in sides:
        for purpose in purposes:
            terms = select_terms(contract, destination, purpose)
            sources = tuple(sorted(_sources(contract, destination, purpose, sides)))
            if terms is not None and sources:
                yield _passage(contract, terms, sources)


def _sources(
    contract: Contract, destination: Destination, purpose: str, sides: Sequence[Destination]
) -> Iterator[str]:
    for source in sides:
        if source.environment == destination.environment:
            continue
        # Whoever may ask for it: a passage is there for everybody who keeps the contract.
        ends = (
            replace(source, egress=_asked(source.egress)),
            replace(destination, ingress=_asked(destination.ingress)),
        )
        request = CrossingRequest(contract, *ends, purpose, contract.labels)
        if decide(request).permitted:
            yield source.environment


def _asked(rules: tuple[TransferRule, ...]) -> tuple[TransferRule, ...]:
    return tuple(replace(rule, requesters=ANYBODY) for rule in rules)


def _passage(contract: Contract, terms: CrossingTerms, sources: tuple[str, ...]) -> Passage:
    columns = {
        name: canonical({said.obligation: dict(said.parameters)}).decode()
        for name, said in terms.columns.items()
        if said.obligation != "drop"
    }
    return Passage(
        contract.id,
        contract.version,
        terms.destination,
        terms.purpose,
        sources,
        columns if contract.model is None else {MODEL: "whole"},
        () if terms.rows is None else tuple(sorted(map(repr, terms.rows.conjuncts))),
        None if terms.anonymity is None else _anonymity(terms.anonymity),
        {}
        if terms.minimum_cell is None
        else dict.fromkeys(terms.minimum_cell.columns, terms.minimum_cell.least),
    )


def _anonymity(terms: AnonymityTerms) -> dict[str, Any]:
    return {
        "k": terms.k,
        "quasiIdentifiers": sorted(terms.quasi_identifiers),
        "sensitive": dict(sorted(terms.sensitive.items())),
    }


def opened(before: Iterable[Passage], now: Iterable[Passage]) -> tuple[Opening, ...]:
    """Return what is possible now and was not before; one entry for each crossing's id."""
    known = list(before)
    found: dict[str, Opening] = {}
    for passage in now:
        alike = [old for old in known if old.id == passage.id]
        complaints = [tuple(_new_in(old, passage)) for old in alike]
        if not alike:
            found[passage.id] = Opening(passage, ("nothing could cross there for this purpose",))
        elif all(complaints):
            found[passage.id] = Opening(passage, min(complaints, key=len))
    return tuple(found[key] for key in sorted(found))


def _new_in(old: Passage, new: Passage) -> Iterator[str]:
    """Say what of `new` is not in `old`; nothing where it is covered."""
    yield from (f"from {name}" for name in new.sources if name not in old.sources)
    for name, form in new.columns.items():
        was = old.columns.get(name)
        if was is None:
            yield f"column {name}, which did not cross"
        elif was != form:
            yield f"column {name} as {form}, which crossed as {was}"
    if not set(old.conditions) <= set(new.conditions):
        yield "rows that did not meet the condition of before"
    if old.anonymity is not None and not _as_anonymous(old.anonymity, new.anonymity):
        yield "rows that are less anonymous than before"
    for name, least in old.cells.items():
        if name in new.columns and new.cells.get(name, 0) < least:
            yield f"counts of {name} that are smaller than before"


def _as_anonymous(old: Mapping[str, Any], new: Mapping[str, Any] | None) -> bool:
    if new is None or new["k"] < old["k"]:
        return False
    if not set(old["quasiIdentifiers"]) <= set(new["quasiIdentifiers"]):
        return False
    return all(new["sensitive"].get(name, 0) >= least for name, least in old["sensitive"].items())


def sides_named(contracts: Iterable[Contract], sides: Sequence[Destination]) -> tuple[Destination, ...]:
    """Return the sides, and one stand-in for each selector of the contracts that matches none of them.

    A stand-in is cleared for everything and lets everything in: of an environment that is not known here,
    only the contract's own terms can be judged, so nothing of them is hidden.
    """
    known = list(sides)
    if len(known) < 2:  # noqa: PLR2004 - a crossing has two sides
        known.append(_stand_in(Selector(environment="(elsewhere)")))
    for contract in contracts:
        for crossing in contract.terms.crossings if contract.terms is not None else ():
            if not any(crossing.to.matches(side) for side in known):
                known.append(_stand_in(crossing.to))
    return tuple(known)


def _stand_in(selector: Selector) -> Destination:
    made = Destination(
        selector.environment or "",
        selector.kind or "cloud",
        selector.jurisdiction or "ZZ",
        Classification.RESTRICTED,
        egress=_ANYTHING,
        ingress=_ANYTHING,
    )
    conditions = [f"{word}={value}" for word, value in vars(selector).items() if value is not None]
    return made if selector.environment else replace(made, environment=f"(any {' '.join(conditions)})")
