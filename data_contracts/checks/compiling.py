"""A schema object to its rules, in the order in which a person reads the contract."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from data_contracts.arrow import kind_of
from data_contracts.checks.formats import FORMATS
from data_contracts.checks.keyrules import UniqueKey
from data_contracts.checks.nested import Node, nodes_of
from data_contracts.checks.references import ReferenceKey
from data_contracts.checks.rowrules import MISSING_WORDS, RowCount, RowRule
from data_contracts.checks.rules import COLUMNS_RULE, Limit, Rule
from data_contracts.loading import unevaluated
from data_contracts.model import QualityRule, Relationship, SchemaObject
from data_contracts.sandbox.sql import sql_measures
from data_contracts.verdict import Reason

__all__ = ["compile_rules"]

_ORDERED = {"integer", "number", "date", "timestamp", "time"}
_OPTIONS = {
    "minimum": _ORDERED,
    "maximum": _ORDERED,
    "exclusiveMinimum": _ORDERED,
    "exclusiveMaximum": _ORDERED,
    "multipleOf": {"integer", "number"},
    "minLength": {"string"},
    "maxLength": {"string"},
    "pattern": {"string"},
    "minItems": {"array"},
    "maxItems": {"array"},
    "uniqueItems": {"array"},
    "minProperties": {"object"},
    "maxProperties": {"object"},
    "required": {"object"},
}
_CHILDREN = {"uniqueItems", "minProperties", "maxProperties", "required"}


@dataclass(frozen=True)
class _Object:
    item: SchemaObject
    nodes: dict[str, Node]


def compile_rules(item: SchemaObject) -> tuple[Rule, ...]:
    """Return every rule of the object."""
    made = _Object(item, {})
    rules = [Rule(COLUMNS_RULE, None, "columns")]
    every = list(nodes_of(item.columns))
    for node in every:
        made.nodes.setdefault(node.path, node)
    key = item.primary_key
    for node in every:
        alone = node.parent is None and key == (node.column.name,)
        found = [*_schema_rules(node, alone=alone), *(_quality(made, rule) for rule in node.column.rules)]
        # Two places with one path (a column `a.b` beside an object `a`) cannot be told apart.
        rules.extend(found if made.nodes[node.path] is node else [rule.refuse() for rule in found])
        rules.extend(map(_reference, node.column.relationships))
    if len(key) > 1:
        rules.append(_unique("schema.primaryKey", None, "primaryKey", key))
    rules.extend(_quality(made, rule) for rule in item.rules)
    rules.extend(map(_reference, item.relationships))
    return tuple(rules)


def _schema_rules(node: Node, *, alone: bool) -> Iterator[Rule]:
    path, column = node.path, node.column
    yield _row(node, "type", None, Reason.WRONG_TYPE)
    if column.required or column.primary_key:
        yield _row(node, "required", None, Reason.MISSING_VALUES)
    if column.unique or alone:
        yield _unique(f"{path}.unique", path, "unique", (path,))
    for word, operand in column.options.items():
        yield from _option(node, word, operand)


def _row(node: Node, word: str, operand: Any, reason: Reason = Reason.UNEXPECTED_VALUES) -> Rule:  # noqa: ANN401
    parent = None if node.item else node.parent
    measure = RowRule(node.path, node.column, word, operand, None, reason, parent)
    return Rule(f"{node.path}.{word}", node.path, word, measure)


def _option(node: Node, word: str, operand: Any) -> Iterator[Rule]:  # noqa: ANN401 - a JSON value
    kind, identity = kind_of(node.column), f"{node.path}.{word}"
    refused = Rule(identity, node.path, word, refused=Reason.NOT_EVALUATED)
    if word == "format":
        # Of other types it is part of the type: `PATH.type` and the reading of text see to it.
        if kind == "string" and operand not in FORMATS:
            yield refused
        elif kind == "string" and FORMATS[operand] is not None:
            yield replace(_row(node, "pattern", FORMATS[operand]), id=identity)
    elif word in {"timezone", "defaultTimezone"}:
        if kind == "time" and word == "timezone" and operand:
            yield refused  # Arrow has no time of day with a zone.
    elif kind not in _OPTIONS.get(word, ()) or (word in _CHILDREN and not node.column.children):
        yield refused
    elif word != "uniqueItems" or operand:
        yield _row(node, "requiredProperties" if word == "required" else word, operand)


def _unique(identity: str, path: str | None, word: str, columns: tuple[str, ...]) -> Rule:
    return Rule(identity, path, word, UniqueKey(columns))


def _reference(key: Relationship) -> Rule:
    path = key.columns[0] if len(key.columns) == 1 else None
    measure = ReferenceKey(key.columns, key.to_object, key.to_columns, key.file)
    return Rule(key.id, path, "foreignKey", measure, acknowledged=key.acknowledged is not None)


def _quality(made: _Object, rule: QualityRule) -> Rule:
    """Return a quality rule compiled, with what the contract says of it for people."""
    bare = Rule(
        rule.id,
        rule.column,
        str(rule.metric or rule.kind),
        refused=Reason.NOT_EVALUATED,
        severity=rule.severity,
        dimension=rule.dimension,
        acknowledged=rule.acknowledged is not None,
    )
    if rule.kind == "library":
        return _library(made, rule, bare)
    if unevaluated(rule) is not None:
        return bare
    if rule.kind == "sql":
        return replace(bare, measure=sql_measures(made.item)[rule.id], refused=None)
    from data_contracts.checks.expectations import custom_rule  # fifty modules, for contracts that need them

    return custom_rule(rule, made.item, bare)


def _library(made: _Object, rule: QualityRule, bare: Rule) -> Rule:
    metric = str(rule.metric)
    limit = Limit(str(rule.operator), rule.bound, percent=rule.unit == "percent")
    measure: RowCount | UniqueKey | RowRule
    if metric == "rowCount":
        measure = RowCount(limit)
    elif metric == "duplicateValues":
        named = rule.arguments.get("properties", () if rule.column is None else (rule.column,))
        measure = UniqueKey(tuple(_placed(made, rule.column, name) for name in named), limit)
    else:
        node = made.nodes.get(str(rule.column))
        if node is None:
            return bare
        reason = Reason.MISSING_VALUES if metric in MISSING_WORDS else Reason.UNEXPECTED_VALUES
        parent = None if node.item else node.parent
        measure = RowRule(node.path, node.column, metric, dict(rule.arguments) or None, limit, reason, parent)
    return replace(bare, measure=measure, refused=None, tolerant=not limit.admits_none)


def _placed(made: _Object, path: str | None, name: str) -> str:
    """Return the path of a property that a rule names: beside the rule's own, or from the top."""
    node = made.nodes.get(path or "")
    beside = "" if node is None or node.parent is None else f"{node.parent}.{name}"
    return beside if beside in made.nodes else name
