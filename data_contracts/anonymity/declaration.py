r"""`isthmusAnonymity`: a contract says that its data is made anonymous, from what, and along which levels.

It stands in the contract of the *anonymous* version, so that its digest, its labels and whoever receives it
are bound to it:

    customProperties:
      - property: isthmusAnonymity
        value:
          version: 1
          madeFrom: [bank.credit-clients]
          k: 10
          maxSuppressed: 0.05
          quasiIdentifiers:
            age: {bands: [[20, 25, 30, 35, 40, 50, 60], [20, 30, 40, 60], [20, 40]], least: 1}
            education: {table: "1;higher;*\n2;higher;*\n3;school;*\n4;other;*\n"}
            birth_date: {dates: [month, year, decade]}
            zip: {prefix: [4, 3, 2]}
            sex: {}
          sensitive: {default_next_month: {distinct: 2}}

`{}` has two levels, the value and `*`, which every other one begins and ends with; `least` forbids finer
ones.

Invariants:
1. The whole declaration stands in the document, tables included: the contract's digest covers every label.
2. Every column that the contract calls a quasi-identifier is named, and no direct identifier is in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from data_contracts.anonymity.arxfile import parse_table
from data_contracts.anonymity.hierarchy import Bands, Hierarchy, Star
from data_contracts.anonymity.parts import DateParts, Prefix
from data_contracts.anonymity.requirement import Diversity, Requirement
from data_contracts.arrow import kind_of
from data_contracts.errors import UsageError
from data_contracts.model import Column, Contract

__all__ = ["PROPERTY", "Declaration", "declaration_of", "declaration_problems", "hierarchy_of"]

PROPERTY = "isthmusAnonymity"
_FORMS = ("bands", "table", "dates", "prefix")
Complaint = tuple[tuple[str, ...], str, str]
"""Where inside the value, what is wrong, what is expected."""


@dataclass(frozen=True)
class Declaration:
    """How an anonymous version is made, and what it must reach.

    Attributes:
        made_from: ids of the contracts whose data it may be made from.
        requirement: k, quasi-identifiers and diversity.
        hierarchies: by quasi-identifier.
        least: the finest level of a quasi-identifier that may be chosen; 0 where it is not named.
        max_suppressed: the largest share of rows that may be left out.
    """

    made_from: tuple[str, ...]
    requirement: Requirement
    hierarchies: Mapping[str, Hierarchy]
    least: Mapping[str, int]
    max_suppressed: float

    def complaints_about(self, source: Contract) -> list[str]:
        """Return what keeps data of `source` from being made anonymous so."""
        columns = {column.name: column for column in source.object.columns}
        found = []
        if source.id not in self.made_from:
            found.append(f"{source.id} is not among the contracts that it is made from")
        for name in self.requirement.columns:
            if name not in columns:
                found.append(f"{source.id} has no column {name}")
            elif name in self.hierarchies:
                wrong = self.hierarchies[name].complaints(kind_of(columns[name]))
                found += [f"{name}: {message}" for message, _ in wrong]
        return found


def declaration_of(contract: Contract) -> Declaration:
    """Return the declaration of a contract that was loaded.

    Raises:
        UsageError: the contract has none.
    """
    for item in contract.document.get("customProperties") or []:
        if item["property"] == PROPERTY:
            return _read(item["value"])
    raise UsageError(
        f"{contract.reference} does not say how its data is made anonymous",
        remedy=f"give it a customProperty `{PROPERTY}` (docs/guides/bank.md)",
    )


def hierarchy_of(value: Mapping[str, Any]) -> Hierarchy:
    """Return the hierarchy that one quasi-identifier's entry declares.

    Raises:
        UsageError: a table that is no CSV.
    """
    if "bands" in value:
        return Bands(tuple(tuple(bounds) for bounds in value["bands"]))
    if "table" in value:
        return parse_table(value["table"])
    if "dates" in value:
        return DateParts(tuple(value["dates"]))
    if "prefix" in value:
        return Prefix(tuple(value["prefix"]))
    return Star()


def declaration_problems(value: Mapping[str, Any], columns: tuple[Column, ...]) -> list[Complaint]:
    """Return everything wrong with the value beyond its JSON Schema, for the contract's own columns."""
    found: list[Complaint] = []
    known = {column.name: column for column in columns}
    for name, entry in value["quasiIdentifiers"].items():
        found += _entry_problems(name, entry, known.get(name))
    for name in value.get("sensitive", {}):
        if name not in known:
            found.append((("sensitive", name), "no such column", "a column of the schema object"))
    for name, column in known.items():
        if "quasi-identifier" in column.categories and name not in value["quasiIdentifiers"]:
            place = ("quasiIdentifiers",)
            found.append((place, f"column {name} is called a quasi-identifier and not named", "all of them"))
        if "direct-identifier" in column.categories:
            found.append(((), f"column {name} is a direct identifier", "an anonymous version without it"))
    if not found:
        found += [((), *complaint) for complaint in _read(value).requirement.complaints()]
    return found


def _entry_problems(name: str, entry: Mapping[str, Any], column: Column | None) -> list[Complaint]:
    place = ("quasiIdentifiers", name)
    if column is None:
        return [(place, "no such column", "a column of the schema object")]
    found: list[Complaint] = []
    if kind_of(column) != "string":
        found.append((place, "a generalised column is text", "logicalType: string"))
    if len([form for form in _FORMS if form in entry]) > 1:
        return [*found, (place, "more than one hierarchy", f"at most one of {', '.join(_FORMS)}")]
    try:
        hierarchy = hierarchy_of(entry)
    except UsageError as error:
        return [*found, (place, str(error), error.remedy)]
    found += [(place, *complaint) for complaint in hierarchy.complaints(None)]
    if entry.get("least", 0) >= hierarchy.levels:
        found.append(((*place, "least"), "beyond the last level", f"at most {hierarchy.levels - 1}"))
    return found


def _read(value: Mapping[str, Any]) -> Declaration:
    # By name: a contract that a store kept has its keys in another order, and must give the same levels.
    entries: dict[str, Mapping[str, Any]] = dict(sorted(value["quasiIdentifiers"].items()))
    sensitive = {
        name: Diversity(said.get("distinct", 1), float(said.get("entropy", 1.0)))
        for name, said in sorted(value.get("sensitive", {}).items())
    }
    return Declaration(
        tuple(value["madeFrom"]),
        Requirement(value["k"], tuple(entries), sensitive),
        {name: hierarchy_of(entry) for name, entry in entries.items()},
        {name: entry.get("least", 0) for name, entry in entries.items()},
        float(value.get("maxSuppressed", 0.0)),
    )
