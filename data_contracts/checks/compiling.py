"""A schema object to its rules, in the order in which a person reads the contract."""

from __future__ import annotations

from collections.abc import Iterator

from data_contracts.arrow import kind_of
from data_contracts.checks.expectations import expectation
from data_contracts.checks.formats import FORMATS
from data_contracts.checks.rules import COLUMNS_RULE, Limit, Rule, Scope
from data_contracts.loading import unevaluated
from data_contracts.model import Column, QualityRule, SchemaObject
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
}
_TYPE_ONLY = {"timezone", "defaultTimezone"}
_METRIC_REASON = {
    "nullValues": Reason.MISSING_VALUES,
    "missingValues": Reason.MISSING_VALUES,
    "invalidValues": Reason.UNEXPECTED_VALUES,
    "duplicateValues": Reason.DUPLICATE_VALUES,
    "rowCount": Reason.OUT_OF_BOUNDS,
}
_METRIC_SCOPE = {
    "nullValues": Scope.MISSING,
    "missingValues": Scope.MISSING,
    "invalidValues": Scope.ROW,
    "duplicateValues": Scope.UNIQUE,
    "rowCount": Scope.ROWS,
}


def compile_rules(item: SchemaObject) -> tuple[Rule, ...]:
    """Return every rule of the object."""
    rules = [Rule(COLUMNS_RULE, None, "columns", Scope.COLUMNS, reason=Reason.COLUMN_UNDECLARED)]
    for column in item.columns:
        rules.extend(_column_rules(column, alone=item.primary_key == (column.name,)))
    if len(item.primary_key) > 1:
        rules.append(_unique("schema.primaryKey", None, "primaryKey", item.primary_key))
    rules.extend(_quality(rule) for rule in item.rules)
    return tuple(rules)


def _column_rules(column: Column, *, alone: bool) -> Iterator[Rule]:
    name = column.name
    yield Rule(f"{name}.type", name, "type", Scope.TYPE, operand=column, reason=Reason.WRONG_TYPE)
    if column.required or column.primary_key:
        yield Rule(f"{name}.required", name, "required", Scope.MISSING, reason=Reason.MISSING_VALUES)
    if column.unique or alone:
        yield _unique(f"{name}.unique", name, "unique", (name,))
    for word, operand in column.options.items():
        yield from _option(column, word, operand)
    yield from map(_quality, column.rules)


def _option(column: Column, word: str, operand: object) -> Iterator[Rule]:
    name, kind, identity = column.name, kind_of(column), f"{column.name}.{word}"
    if word in _TYPE_ONLY or (word == "format" and kind != "string"):
        return  # Part of the type: `COLUMN.type` and the reading of text see to it.
    if word == "format" and isinstance(operand, str):
        if operand not in FORMATS:
            yield Rule(identity, name, word, Scope.REFUSED, reason=Reason.NOT_EVALUATED)
        elif FORMATS[operand] is not None:
            yield Rule(identity, name, "pattern", Scope.ROW, operand=FORMATS[operand])
        return
    if kind in _OPTIONS.get(word, ()):
        yield Rule(identity, name, word, Scope.ROW, operand=operand)
    else:
        yield Rule(identity, name, word, Scope.REFUSED, reason=Reason.NOT_EVALUATED)


def _unique(identity: str, column: str | None, word: str, columns: tuple[str, ...]) -> Rule:
    return Rule(identity, column, word, Scope.UNIQUE, columns=columns, reason=Reason.DUPLICATE_VALUES)


def _quality(rule: QualityRule) -> Rule:
    if unevaluated(rule) is not None:
        return Rule(rule.id, rule.column, rule.kind, Scope.REFUSED, reason=Reason.NOT_EVALUATED)
    if rule.kind == "custom":
        wanted = expectation(rule)
        if wanted is None:
            return Rule(rule.id, rule.column, "custom", Scope.REFUSED, reason=Reason.NOT_EVALUATED)
        return Rule(rule.id, rule.column, "custom", Scope.ASSET, arguments=wanted)
    metric = str(rule.metric)
    columns: tuple[str, ...] = ()
    if metric == "duplicateValues":
        columns = tuple(rule.arguments.get("properties", () if rule.column is None else (rule.column,)))
    return Rule(
        rule.id,
        rule.column,
        metric,
        _METRIC_SCOPE[metric],
        operand=dict(rule.arguments) or None,
        columns=columns,
        limit=Limit(str(rule.operator), rule.bound, percent=rule.unit == "percent"),
        reason=_METRIC_REASON[metric],
    )
