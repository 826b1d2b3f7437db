"""What a contract says, in short phrases of plain English, for pages and terminals.

Invariant: words come from the contract alone. Bounds and lists of valid values are the contract's own text;
examples of values (`examples`) are never shown, since some author took them from the data.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from data_contracts.arrow import kind_of
from data_contracts.model import Column, Contract, QualityRule, Relationship, SchemaObject
from data_contracts.terms import CrossingDeclaration, Selector, Treatment

__all__ = ["column_rows", "crossing_lines", "promises", "selector_words", "type_words"]

_OPERATORS = {
    "mustBe": "exactly {}",
    "mustNotBe": "any number but {}",
    "mustBeGreaterThan": "more than {}",
    "mustBeGreaterOrEqualTo": "at least {}",
    "mustBeLessThan": "fewer than {}",
    "mustBeLessOrEqualTo": "at most {}",
    "mustBeBetween": "{} to {}",
    "mustNotBeBetween": "not {} to {}",
}
_METRICS = {
    "nullValues": "without a value",
    "missingValues": "with a value that stands for none",
    "invalidValues": "with an invalid value",
    "duplicateValues": "with a repeated value",
}
_OPTIONS = {
    "minimum": "at least {}",
    "maximum": "at most {}",
    "exclusiveMinimum": "more than {}",
    "exclusiveMaximum": "less than {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minItems": "at least {} items",
    "maxItems": "at most {} items",
    "minProperties": "at least {} properties",
    "maxProperties": "at most {} properties",
    "multipleOf": "a multiple of {}",
    "pattern": "matches `{}`",
    "format": "format {}",
}
_MAX_LISTED = 12


def type_words(column: Column) -> str:
    """Return the column's type as a person writes it."""
    kind = kind_of(column) or "no type"
    if kind == "array" and column.children:
        return f"array of {type_words(column.children[0])}"
    return f"{kind} ({column.physical_type})" if column.physical_type else kind


def column_rows(item: SchemaObject) -> Iterator[tuple[str, str, str, str, str]]:
    """Yield (path, type, classification and categories, promises, description) of every column."""
    for column in item.columns:
        yield from _rows(column, column.name)


def _rows(column: Column, path: str) -> Iterator[tuple[str, str, str, str, str]]:
    labels = ", ".join([column.classification.word, *sorted(column.categories)])
    yield path, type_words(column), labels, "; ".join(promises(column)), column.description
    for child in column.children:
        inner = f"{path}[]" if column.logical_type == "array" else f"{path}.{child.name}"
        yield from _rows(child, inner)


def promises(thing: Column | SchemaObject) -> Iterator[str]:
    """Yield what a column, or an object as a whole, promises."""
    if isinstance(thing, SchemaObject):
        if thing.primary_key:
            yield f"primary key: {', '.join(thing.primary_key)}"
        if thing.partition_key:
            yield f"partitioned by {', '.join(thing.partition_key)}"
    else:
        yield from _column_promises(thing)
    yield from (_leads(key) for key in thing.relationships)
    yield from (_rule(rule) for rule in thing.rules)


def _column_promises(column: Column) -> Iterator[str]:
    if column.required or column.primary_key:
        yield "never null"
    if column.unique:
        yield "unique"
    for word, value in column.options.items():
        template = _OPTIONS.get(word)
        yield template.format(value) if template else f"{word} {_listed(value)}"
    if column.missing_tokens:
        yield f"in text files {_listed(list(column.missing_tokens))} stands for no value"


def _leads(key: Relationship) -> str:
    where = f" of {key.file}" if key.file else ""
    return f"{', '.join(key.columns)} is found in {key.to_object} ({', '.join(key.to_columns)}){where}"


def _rule(rule: QualityRule) -> str:
    notes = [word for word in (rule.dimension, None if rule.severity == "error" else rule.severity) if word]
    if rule.acknowledged is not None:
        notes.append(f"not evaluated here; acknowledged on {rule.acknowledged.isoformat()}")
    tail = f" ({', '.join(notes)})" if notes else ""
    return f"{rule.id}: {_said(rule)}{tail}"


def _said(rule: QualityRule) -> str:
    if rule.kind == "text":
        return rule.description or "prose"
    limit = _limit(rule)
    if rule.kind == "sql":
        return f"the query `{' '.join(str(rule.query).split())}` gives {limit}"
    if rule.kind == "custom":
        said = rule.implementation
        what = said.get("type") or said.get("expectation_type") if isinstance(said, dict) else None
        return f"{rule.engine}: {what or 'a rule of its own'}"
    if rule.metric == "rowCount":
        return f"{limit} rows"
    share = "percent of rows" if rule.unit == "percent" else "rows"
    among = [f"{word} {_listed(value)}" for word, value in rule.arguments.items()]
    return f"{limit} {share} {_METRICS.get(str(rule.metric), str(rule.metric))}" + (
        f" ({'; '.join(among)})" if among else ""
    )


def _limit(rule: QualityRule) -> str:
    bound = rule.bound if isinstance(rule.bound, list) else [rule.bound]
    if rule.kind == "library" and (rule.operator, rule.bound) == ("mustBe", 0):
        return "no"
    return _OPERATORS.get(str(rule.operator), "{}").format(*bound)


def _listed(value: Any) -> str:  # noqa: ANN401 - an argument of any type
    if not isinstance(value, list):
        return f"`{value}`"
    shown = ", ".join(f"`{item}`" for item in value[:_MAX_LISTED])
    return f"{shown} and {len(value) - _MAX_LISTED} more" if len(value) > _MAX_LISTED else shown


def selector_words(selector: Selector) -> str:
    """Return whom a selector is about."""
    if selector.environment is not None:
        return selector.environment
    words = ["every environment"]
    if selector.kind is not None:
        words.append(f"of kind {selector.kind}")
    if selector.jurisdiction is not None:
        words.append(f"in {selector.jurisdiction}")
    return " ".join(words)


def crossing_lines(crossing: CrossingDeclaration, contract: Contract) -> Iterator[tuple[str, str]]:
    """Yield (column, what happens to it) for every column of the contract, those that stay included."""
    if contract.model is not None:
        yield "the model", "crosses whole"
        return
    for name in contract.object.names:
        yield name, _treated(crossing.columns.get(name))


def _treated(treatment: Treatment | None) -> str:
    if treatment is None:
        return "stays (not named)"
    words = {"keep": "crosses as it is", "drop": "stays (dropped)"}
    if treatment.obligation in words:
        return words[treatment.obligation]
    told = ", ".join(f"{key} {_plain(value)}" for key, value in treatment.parameters.items())
    return f"{treatment.obligation} ({told})" if told else treatment.obligation


def _plain(value: Any) -> str:  # noqa: ANN401 - a parameter of any type
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
