"""`isthmusAcknowledged`: which rules the owner stands for although nothing here evaluates them.

Invariants:
1. Each entry names a rule of this contract, by its id, once; any other is an error.
2. An entry changes no rule but the one that it names, and waives one reason only: `not_evaluated`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from data_contracts.agreements import SlaProperty
from data_contracts.errors import Problem
from data_contracts.loading.own import Path
from data_contracts.model import Acknowledgement, Column, SchemaObject
from data_contracts.yamlsource import Source

__all__ = ["acknowledgements", "marked", "rule_ids"]


def acknowledgements(
    source: Source, path: Path, items: list[Mapping[str, Any]], known: frozenset[str]
) -> tuple[tuple[Acknowledgement, ...], list[Problem]]:
    """Return the entries, and what is wrong beyond their schema; `known` are the ids of all rules."""
    made: list[Acknowledgement] = []
    problems: list[Problem] = []
    for index, item in enumerate(items):
        place = (*path, index)
        if item["rule"] not in known:
            problems.append(
                source.problem(
                    (*place, "rule"), f"no rule {item['rule']}", "the id of a rule of this contract"
                )
            )
        if any(item["rule"] == other.rule for other in made):
            problems.append(
                source.problem((*place, "rule"), "the rule is acknowledged a second time", "each rule once")
            )
        try:
            day = date.fromisoformat(item["date"])
        except ValueError:
            problems.append(source.problem((*place, "date"), "not a day", "YYYY-MM-DD"))
            continue
        made.append(Acknowledgement(item["rule"], item["by"], day, item["reason"]))
    return tuple(made), problems


def rule_ids(objects: Iterable[SchemaObject], sla: Iterable[SlaProperty]) -> frozenset[str]:
    """Return the id of every rule: those that are written, and those that types, options and SLA make."""
    found: set[str] = {"schema.columns", "schema.primaryKey"}
    for agreed in sla:
        paths = [element.partition(".")[2] for element in agreed.elements]
        found.update(f"{path or 'sla'}.{agreed.property}" for path in paths or [""])
    for item in objects:
        found.update(rule.id for rule in item.rules)
        found.update(key.id for key in item.relationships)
        for column in item.columns:
            found.update(_column_ids(column, column.name))
    return frozenset(found)


def _column_ids(column: Column, path: str) -> set[str]:
    found = {f"{path}.{word}" for word in ("type", "required", "unique", *column.options)}
    found.update(rule.id for rule in column.rules)
    found.update(key.id for key in column.relationships)
    for child in column.children:
        inner = f"{path}[]" if column.logical_type == "array" else f"{path}.{child.name}"
        found |= _column_ids(child, inner)
    return found


def marked(item: SchemaObject, entries: tuple[Acknowledgement, ...]) -> SchemaObject:
    """Return the object with the day of acknowledgement on each rule that has one."""
    days = {entry.rule: entry.date for entry in entries}
    if not days:
        return item
    return replace(
        item,
        columns=tuple(_marked(column, days) for column in item.columns),
        rules=tuple(replace(rule, acknowledged=days.get(rule.id)) for rule in item.rules),
        relationships=tuple(replace(key, acknowledged=days.get(key.id)) for key in item.relationships),
    )


def _marked(column: Column, days: Mapping[str, date]) -> Column:
    return replace(
        column,
        rules=tuple(replace(rule, acknowledged=days.get(rule.id)) for rule in column.rules),
        relationships=tuple(replace(key, acknowledged=days.get(key.id)) for key in column.relationships),
        children=tuple(_marked(child, days) for child in column.children),
    )
