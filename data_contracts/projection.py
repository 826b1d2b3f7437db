"""The arrival contract: what must hold at the destination after the obligations were done.

Invariants:
1. A pure function of contract, destination and purpose: source and destination compute it apart and agree.
2. It promises nothing about a column that does not arrive, nor names it.
3. For every contract and obligation, input that keeps the contract gives output that keeps this one.
4. It has no boundary terms: what arrived crosses no further until a contract of its own says so.
5. Where rows stay behind (`rows:`, `anonymity:`), it promises only what holds of fewer rows, and of the
   condition what ODCS can say of one column that arrived as it was: null, bounds, listed values. The rest of
   the condition is proved at egress, row by row, and cannot be checked again where its columns never arrive.
6. A count that `minimumCell` names is null or at least so much: both sides check it as a bound of the column.
7. A rule that nothing evaluates is kept, under its id, with the acknowledgement that it had.

Its id is `SOURCEID.DESTINATION.PURPOSE`, its version the source's (design §4).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from data_contracts.destination import Destination
from data_contracts.errors import DeniedError
from data_contracts.loading import contract_from_document, rule_ids
from data_contracts.model import Column, Contract, QualityRule, SchemaObject
from data_contracts.obligations import OBLIGATIONS, Keeps
from data_contracts.subsets import holds_of_fewer_rows, with_condition
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
_PART_KEPT = (
    "name",
    "businessName",
    "description",
    "logicalType",
    "logicalTypeOptions",
    "physicalType",
    "required",
    "unique",
)
_PART_OWN = ("isthmusCategories", "isthmusMissing")
_KEY = ("primaryKey", "primaryKeyPosition")


def arrival_id(contract: Contract, destination: Destination, purpose: str) -> str:
    """Return the id of the arrival contract."""
    return f"{contract.id}.{destination.environment}.{purpose}"


_MOST_KNOWN = 64
_known: dict[tuple[str, Destination, str], Contract] = {}
"""What was projected: reading a contract costs 40 ms, and each step of a crossing asks for the same one."""


def project(contract: Contract, destination: Destination, purpose: str) -> Contract:
    """Return the arrival contract; of one contract digest, destination and purpose it is computed once.

    Raises:
        DeniedError: no term of the contract lets it cross there for that purpose.
    """
    key = (contract.digest, destination, purpose)
    found = _known.get(key)
    if found is None:
        found = _project(contract, destination, purpose)
        if len(_known) >= _MOST_KNOWN:
            _known.clear()
        _known[key] = found
    return found


def _project(contract: Contract, destination: Destination, purpose: str) -> Contract:
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
    arrival = contract_from_document(document, file=f"{document['id']} (arrival contract)")
    kept = _acknowledged(contract, rule_ids(arrival.objects, ()))
    if not kept or contract.model is not None:
        return arrival
    document["customProperties"] = [{"property": "isthmusAcknowledged", "value": kept}]
    return contract_from_document(document, file=f"{document['id']} (arrival contract)")


def _acknowledged(contract: Contract, there: frozenset[str]) -> list[dict[str, str]]:
    """Return the acknowledgements of rules that are still there."""
    return [
        {"rule": entry.rule, "by": entry.by, "date": entry.date.isoformat(), "reason": entry.reason}
        for entry in contract.acknowledged
        if entry.rule in there
    ]


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
            arrived = _rules_kept(arrived, column, item, terms, values)
            if terms.rows is not None and column.name in values:
                arrived = with_condition(arrived, column, terms.rows)
            properties.append(_no_small_cell(arrived, terms))
    if not set(item.primary_key) <= _columns_that(item, terms, {Keeps.VALUES, Keeps.EQUALITY}):
        # A part of a key is no key; that its columns are never null still holds.
        properties = [{k: v for k, v in entry.items() if k not in _KEY} for entry in properties]
    result["properties"] = properties
    equal = _columns_that(item, terms, {Keeps.VALUES, Keeps.EQUALITY})
    rules = [
        _named(raw, rule)
        for raw, rule in zip(declared.get("quality") or [], item.rules, strict=True)
        if _still_holds(rule, item, values, equal) and _holds_of_what_crosses(rule, terms)
    ]
    if rules:
        result["quality"] = rules
    return result


def _no_small_cell(arrived: dict[str, Any], terms: CrossingTerms) -> dict[str, Any]:
    if terms.minimum_cell is None or arrived["name"] not in terms.minimum_cell.columns:
        return arrived
    options = dict(arrived.get("logicalTypeOptions", {}))
    options["minimum"] = max(options.get("minimum", terms.minimum_cell.least), terms.minimum_cell.least)
    return {**arrived, "logicalTypeOptions": options}


def _columns_that(item: SchemaObject, terms: CrossingTerms, kept: set[Keeps]) -> frozenset[str]:
    return frozenset(
        name
        for name in item.names
        if name in terms.columns and OBLIGATIONS[terms.columns[name].obligation].keeps in kept
    )


def _rules_kept(
    arrived: dict[str, Any],
    column: Column,
    item: SchemaObject,
    terms: CrossingTerms,
    values: frozenset[str],
) -> dict[str, Any]:
    """Leave out a kept column's rules that look at columns, or at rows, which did not arrive as they were."""
    if column.name not in values:
        return arrived
    pairs = zip(arrived.get("quality") or [], column.rules, strict=True)
    kept = [
        _named(raw, rule)
        for raw, rule in pairs
        if _still_holds(rule, item, values, values) and _holds_of_what_crosses(rule, terms)
    ]
    rest = {key: value for key, value in arrived.items() if key != "quality"}
    inner = _inside(rest, column, terms)
    return {**rest, **inner, "quality": kept} if kept else {**rest, **inner}


def _inside(said: Mapping[str, Any], column: Column, terms: CrossingTerms) -> dict[str, Any]:
    """Return `properties` and `items` of a nested column that was kept, with what still holds of them."""
    result: dict[str, Any] = {}
    if said.get("properties"):
        pairs = zip(said["properties"], column.children, strict=True)
        result["properties"] = [_part(entry, child, terms) for entry, child in pairs]
    if isinstance(said.get("items"), Mapping):
        result["items"] = _part(said["items"], column.children[0], terms)
    return result


def _part(said: Mapping[str, Any], column: Column, terms: CrossingTerms) -> dict[str, Any]:
    """Return one part of a nested column: no example, no word of the source's systems, no foreign key."""
    result = {key: said[key] for key in _PART_KEPT if key in said}
    result["classification"] = column.classification.word
    pairs = zip(said.get("quality") or [], column.rules, strict=True)
    rules = [_named(raw, rule) for raw, rule in pairs if _holds_of_what_crosses(rule, terms)]
    if rules:
        result["quality"] = rules
    own = [item for item in said.get("customProperties") or [] if item["property"] in _PART_OWN]
    if own:
        result["customProperties"] = own
    return {**result, **_inside(said, column, terms)}


def _holds_of_what_crosses(rule: QualityRule, terms: CrossingTerms) -> bool:
    whole = terms.rows is None and terms.anonymity is None
    return whole or holds_of_fewer_rows(rule)


def _named(raw: Mapping[str, Any], rule: QualityRule) -> dict[str, Any]:
    """Return the rule under the id and in the dialect that it has in the source."""
    said = dict(raw)
    if not (raw.get("id") or raw.get("name")):
        said["name"] = rule.id
    custom = [item for item in raw.get("customProperties", []) if item["property"] != "isthmusDialect"]
    if rule.kind == "sql" and rule.dialect not in {None, "duckdb"}:
        custom.append({"property": "isthmusDialect", "value": rule.dialect})
    if custom or "customProperties" in raw:
        said["customProperties"] = custom
    return said


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
