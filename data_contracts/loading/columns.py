"""Schema objects and their columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, time
from typing import Any

from data_contracts.arrow import kind_of
from data_contracts.errors import Problem, UsageError
from data_contracts.labels import Classification
from data_contracts.loading.quality import quality_rules, unevaluated
from data_contracts.loading.terms import own_properties
from data_contracts.model import Column, QualityRule, SchemaObject
from data_contracts.yamlsource import Source

__all__ = ["schema_objects"]

Path = tuple[str | int, ...]
_OWN = frozenset({"isthmusMissing", "isthmusCategories"})
_BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
_READERS = {"date": date.fromisoformat, "timestamp": datetime.fromisoformat, "time": time.fromisoformat}


def schema_objects(source: Source) -> tuple[tuple[SchemaObject, ...], list[Problem]]:
    """Return every schema object of the document, and what is wrong beyond ODCS's own schema."""
    objects: list[SchemaObject] = []
    problems: list[Problem] = []
    for index, item in enumerate(source.data.get("schema", [])):
        built, found = _object(source, ("schema", index), item)
        objects.append(built)
        problems.extend(found)
    return tuple(objects), problems


def _object(source: Source, path: Path, item: Mapping[str, Any]) -> tuple[SchemaObject, list[Problem]]:
    columns, problems = _columns(source, path, item)
    names = frozenset(column.name for column in columns)
    rules, found = quality_rules(
        source, (*path, "quality"), item.get("quality") or [], column=None, columns=names
    )
    problems.extend(found)
    _, found = own_properties(
        source, (*path, "customProperties"), item.get("customProperties") or [], frozenset()
    )
    problems.extend(found)
    built = SchemaObject(item["name"], columns, rules)
    problems.extend(_rule_problems(source, path, built))
    return built, problems


def _rule_problems(source: Source, path: Path, item: SchemaObject) -> Iterator[Problem]:
    """Two rules of one object with one id; rules that nothing here evaluates (a warning)."""
    seen = {f"{column.name}.{word}" for column in item.columns for word in _derived(column)}
    for place, rule in _placed_rules(path, item):
        if rule.id in seen:
            yield source.problem(place, f"a second rule {rule.id}", "a name or id of its own for each rule")
        seen.add(rule.id)
        reason = unevaluated(rule)
        if reason is not None:
            message = f"rule {rule.id} will fail as not_evaluated: {reason}"
            yield source.problem(place, message, severity="warning")


def _derived(column: Column) -> Iterator[str]:
    """Words of the rules that a check makes from the column itself."""
    yield from ("type", "required", "unique")
    yield from column.options


def _placed_rules(path: Path, item: SchemaObject) -> Iterator[tuple[Path, QualityRule]]:
    for index, rule in enumerate(item.rules):
        yield (*path, "quality", index), rule
    for at, column in enumerate(item.columns):
        for index, rule in enumerate(column.rules):
            yield (*path, "properties", at, "quality", index), rule


def _columns(source: Source, path: Path, item: Mapping[str, Any]) -> tuple[tuple[Column, ...], list[Problem]]:
    columns: list[Column] = []
    problems: list[Problem] = []
    declared = item.get("properties") or []
    names = frozenset(str(entry["name"]) for entry in declared)
    for index, entry in enumerate(declared):
        place = (*path, "properties", index)
        column, found = _column(source, place, entry, names)
        if any(column.name == other.name for other in columns):
            problems.append(
                source.problem((*place, "name"), "a second column of this name", "each name once")
            )
        columns.append(column)
        problems.extend(found)
    return tuple(columns), problems


def _column(
    source: Source, path: Path, item: Mapping[str, Any], names: frozenset[str]
) -> tuple[Column, list[Problem]]:
    name = item.get("name", "item")
    rules, problems = quality_rules(
        source, (*path, "quality"), item.get("quality") or [], column=name, columns=names
    )
    own, found = own_properties(source, (*path, "customProperties"), item.get("customProperties") or [], _OWN)
    problems.extend(found)
    children, found = _children(source, path, item)
    problems.extend(found)
    classification, found = _classification(source, path, item)
    problems.extend(found)
    position = item.get("primaryKeyPosition", 1)
    column = Column(
        name=name,
        logical_type=item.get("logicalType") or "",
        physical_type=item.get("physicalType") or "",
        required=bool(item.get("required")),
        unique=bool(item.get("unique")),
        primary_key=max(1, position) if item.get("primaryKey") else 0,
        classification=classification,
        categories=frozenset(own["isthmusCategories"][1] if "isthmusCategories" in own else ()),
        options=item.get("logicalTypeOptions") or {},
        missing_tokens=tuple(own["isthmusMissing"][1]["tokens"] if "isthmusMissing" in own else ()),
        rules=rules,
        children=children,
    )
    problems.extend(_option_problems(source, path, column))
    return column, problems


def _children(
    source: Source, path: Path, item: Mapping[str, Any]
) -> tuple[tuple[Column, ...], list[Problem]]:
    if isinstance(item.get("items"), Mapping):
        column, problems = _column(source, (*path, "items"), item["items"], frozenset())
        return (column,), problems
    return _columns(source, path, item)


def _classification(
    source: Source, path: Path, item: Mapping[str, Any]
) -> tuple[Classification, list[Problem]]:
    """Return the classification; none, and a word that is none of ours, is restricted (fail closed)."""
    try:
        return Classification.parse(item.get("classification")), []
    except UsageError:
        message = "no classification" if "classification" not in item else "not a classification of ours"
        expected = "public, internal, confidential or restricted (taken as restricted)"
        place = (*path, "classification")
        return Classification.RESTRICTED, [source.problem(place, message, expected, severity="warning")]


def _option_problems(source: Source, path: Path, column: Column) -> Iterator[Problem]:
    """Bounds that cannot be read as the column's type, and options that this type does not have."""
    kind = kind_of(column)
    place = (*path, "logicalTypeOptions")
    for key in _BOUNDS:
        bound = column.options.get(key)
        if bound is None:
            continue
        if kind in _READERS:
            try:
                read = _READERS[kind](bound)
            except (TypeError, ValueError):
                yield source.problem((*place, key), f"not a {kind}", "ISO 8601")
                continue
            zoned = getattr(read, "tzinfo", None) is not None
            if zoned and not column.options.get("timezone"):
                yield source.problem((*place, key), "a time zone on a column without one", "timezone: true")
        elif kind in {"integer", "number"} and (
            isinstance(bound, bool) or not isinstance(bound, int | float)
        ):
            yield source.problem((*place, key), "not a number", "a number")
