"""The arrival contract: what must hold at the destination after the obligations were done.

Invariants:
1. A pure function of contract, destination and purpose: source and destination compute it apart and agree.
2. It promises nothing about a column that does not arrive, nor names it.
3. For every contract and obligation, input that keeps the contract gives output that keeps this one.
4. It has no boundary terms: what arrived crosses no further until a contract of its own says so.

Its id is `SOURCEID.DESTINATION.PURPOSE`, its version the source's (design §4).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from data_contracts.destination import Destination
from data_contracts.errors import DeniedError
from data_contracts.loading import contract_from_document
from data_contracts.model import Contract, QualityRule, SchemaObject
from data_contracts.obligations import OBLIGATIONS, Keeps
from data_contracts.terms import CrossingTerms

__all__ = ["arrival_id", "project"]

_KEPT = ("apiVersion", "kind", "version", "status", "name")
_OBJECT_KEPT = (
    "name",
    "businessName",
    "description",
    "physicalType",
    "logicalType",
    "dataGranularityDescription",
)
_KEY = ("primaryKey", "primaryKeyPosition")


def arrival_id(contract: Contract, destination: Destination, purpose: str) -> str:
    """Return the id of the arrival contract."""
    return f"{contract.id}.{destination.environment}.{purpose}"


def project(contract: Contract, destination: Destination, purpose: str) -> Contract:
    """Return the arrival contract.

    Raises:
        DeniedError: no term of the contract lets it cross there for that purpose.
    """
    terms = contract.terms.select(destination, purpose) if contract.terms is not None else None
    if terms is None:
        raise DeniedError(
            f"no crossing of {contract.reference} to {destination.environment} is for {purpose}",
            remedy="ask the owner of the contract for boundary terms",
        )
    document = {key: contract.document[key] for key in _KEPT if key in contract.document}
    document["id"] = arrival_id(contract, destination, purpose)
    if contract.model is not None:
        document["schema"] = contract.document["schema"]
        document["customProperties"] = [
            item for item in contract.document["customProperties"] if item["property"] == "isthmusModel"
        ]
    else:
        document["schema"] = [_object(contract.document["schema"][0], contract.object, terms)]
    return contract_from_document(document, file=f"{document['id']} (arrival contract)")


def _object(declared: Mapping[str, Any], item: SchemaObject, terms: CrossingTerms) -> dict[str, Any]:
    result = {key: declared[key] for key in _OBJECT_KEPT if key in declared}
    properties: list[dict[str, Any]] = []
    values = _columns_that(item, terms, {Keeps.VALUES})
    for column, said in zip(item.columns, declared["properties"], strict=True):
        treatment = terms.columns.get(column.name)
        if treatment is None:
            continue
        obligation = OBLIGATIONS[treatment.obligation]
        arrived = obligation.arrival(treatment.parameters, column, said)
        if arrived is not None:
            properties.append(_rules_kept(arrived, column.rules, item, values))
    if not set(item.primary_key) <= _columns_that(item, terms, {Keeps.VALUES, Keeps.EQUALITY}):
        # A part of a key is no key; that its columns are never null still holds.
        properties = [{k: v for k, v in entry.items() if k not in _KEY} for entry in properties]
    result["properties"] = properties
    equal = _columns_that(item, terms, {Keeps.VALUES, Keeps.EQUALITY})
    rules = [
        raw
        for raw, rule in zip(declared.get("quality") or [], item.rules, strict=True)
        if _still_holds(rule, item, values, equal)
    ]
    if rules:
        result["quality"] = rules
    return result


def _columns_that(item: SchemaObject, terms: CrossingTerms, kept: set[Keeps]) -> frozenset[str]:
    return frozenset(
        name
        for name in item.names
        if name in terms.columns and OBLIGATIONS[terms.columns[name].obligation].keeps in kept
    )


def _rules_kept(
    arrived: dict[str, Any], rules: Iterable[QualityRule], item: SchemaObject, values: frozenset[str]
) -> dict[str, Any]:
    """Leave out a kept column's rules that look at columns which did not arrive as they were."""
    if arrived.get("name") not in values or "quality" not in arrived:
        return arrived
    pairs = zip(arrived["quality"], rules, strict=True)
    kept = [raw for raw, rule in pairs if _still_holds(rule, item, values, values)]
    rest = {key: value for key, value in arrived.items() if key != "quality"}
    return {**rest, "quality": kept} if kept else rest


def _still_holds(
    rule: QualityRule, item: SchemaObject, values: frozenset[str], equal: frozenset[str]
) -> bool:
    """Whether a rule says the same of the output: every column that it looks at arrived for it."""
    if rule.kind == "library" and rule.metric == "duplicateValues":
        return set(rule.arguments.get("properties", [rule.column])) <= equal
    if rule.kind == "library":
        return rule.column is None or rule.column in values
    words = set(re.findall(r"\w+", str(rule.implementation)))
    gone = set(item.names) - values
    # A name that is no single word (`birth date`) is looked for as it is.
    return not any(name in words or name in str(rule.implementation) for name in gone)
