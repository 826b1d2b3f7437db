"""Schema objects and their columns, nested ones included."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from data_contracts.errors import Problem, UsageError
from data_contracts.labels import Classification
from data_contracts.loading.keys import key_problems
from data_contracts.loading.options import option_problems
from data_contracts.loading.own import Path, own_properties
from data_contracts.loading.quality import quality_rules, unevaluated
from data_contracts.model import Column, QualityRule, SchemaObject
from data_contracts.yamlsource import Source

__all__ = ["schema_objects"]

_OWN = frozenset({"isthmusMissing", "isthmusCategories", "isthmusIdentifier"})


def schema_objects(source: Source, *, dialect: str) -> tuple[tuple[SchemaObject, ...], list[Problem]]:
    """Return every schema object of the document, and what is wrong beyond ODCS's own schema.

    Args:
        source: the document.
        dialect: whose SQL a rule's query is where the rule does not say.
    """
    reader = _Reader(source, dialect, [])
    items = source.data.get("schema") or []
    objects = tuple(reader.object(("schema", index), item) for index, item in enumerate(items))
    seen: set[str] = set()
    for index, item in enumerate(objects):
        if item.name in seen:
            place = ("schema", index, "name")
            reader.problems.append(source.problem(place, "a second object of this name", "each name once"))
        seen.add(item.name)
    return objects, reader.problems


class _Reader:
    def __init__(self, source: Source, dialect: str, problems: list[Problem]) -> None:
        self.source, self.dialect, self.problems = source, dialect, problems

    def object(self, path: Path, item: Mapping[str, Any]) -> SchemaObject:
        columns = self._columns(path, item, "")
        names = frozenset(column.name for column in columns)
        rules = self._quality(path, item, None, names)
        self._own(path, item, frozenset())
        built = SchemaObject(
            item["name"],
            columns,
            rules,
            id=item.get("id") or "",
            description=item.get("description") or "",
        )
        self.problems.extend(self._rule_problems(path, built))
        self.problems.extend(key_problems(self.source, path, built))
        return built

    def _own(self, path: Path, item: Mapping[str, Any], known: frozenset[str]) -> dict[str, tuple[Path, Any]]:
        listed = item.get("customProperties") or []
        own, found = own_properties(self.source, (*path, "customProperties"), listed, known)
        self.problems.extend(found)
        return own

    def _quality(
        self, path: Path, item: Mapping[str, Any], column: str | None, names: frozenset[str]
    ) -> tuple[QualityRule, ...]:
        rules, found = quality_rules(
            self.source,
            (*path, "quality"),
            item.get("quality") or [],
            column=column,
            columns=names,
            dialect=self.dialect,
        )
        self.problems.extend(found)
        return rules

    def _columns(self, path: Path, item: Mapping[str, Any], prefix: str) -> tuple[Column, ...]:
        declared = item.get("properties") or []
        names = frozenset(f"{prefix}{entry['name']}" for entry in declared)
        columns: list[Column] = []
        seen: set[str] = set()
        for index, entry in enumerate(declared):
            place = (*path, "properties", index)
            column = self._column(place, entry, f"{prefix}{entry['name']}", names)
            if column.name in seen:
                message = "a second column of this name"
                self.problems.append(self.source.problem((*place, "name"), message, "each name once"))
            seen.add(column.name)
            columns.append(column)
        return tuple(columns)

    def _column(self, path: Path, item: Mapping[str, Any], name: str, names: frozenset[str]) -> Column:
        """Read one property; `name` is its path in the object."""
        own = self._own(path, item, _OWN)
        column = Column(
            name=item.get("name", "item"),
            logical_type=item.get("logicalType") or "",
            physical_type=item.get("physicalType") or "",
            required=bool(item.get("required")),
            unique=bool(item.get("unique")),
            primary_key=max(1, item.get("primaryKeyPosition", 1)) if item.get("primaryKey") else 0,
            classification=self._classification(path, item),
            categories=frozenset(own["isthmusCategories"][1] if "isthmusCategories" in own else ()),
            options=item.get("logicalTypeOptions") or {},
            missing_tokens=tuple(own["isthmusMissing"][1]["tokens"] if "isthmusMissing" in own else ()),
            rules=self._quality(path, item, name, names),
            children=self._children(path, item, name),
            partition_key=max(1, item.get("partitionKeyPosition", 1)) if item.get("partitioned") else 0,
            physical_name=item.get("physicalName") or "",
            description=item.get("description") or "",
            identifier=own["isthmusIdentifier"][1] if "isthmusIdentifier" in own else "",
        )
        self.problems.extend(option_problems(self.source, path, column))
        self.problems.extend(self._shape_problems(path, item, column))
        return column

    def _children(self, path: Path, item: Mapping[str, Any], name: str) -> tuple[Column, ...]:
        inner = item.get("items")
        if isinstance(inner, Mapping):
            return (self._column((*path, "items"), inner, f"{name}[]", frozenset()),)
        return self._columns(path, item, f"{name}.")

    def _shape_problems(self, path: Path, item: Mapping[str, Any], column: Column) -> Iterator[Problem]:
        """Find properties of what is no object, items of what is no list, and keys inside of a column."""
        for key, kind in (("properties", "object"), ("items", "array")):
            if item.get(key) and column.logical_type not in {kind, ""}:
                message = f"{key} of a column that is {column.logical_type}"
                yield self.source.problem((*path, key), message, f"logicalType: {kind}")
        for key in ("primaryKey", "partitioned"):
            if item.get(key) and len(path) > 4:  # noqa: PLR2004 - schema, its index, properties, its index
                message = f"{key} inside of a column: only a column of the object can be a part of a key"
                yield self.source.problem((*path, key), message, severity="warning")

    def _classification(self, path: Path, item: Mapping[str, Any]) -> Classification:
        """Return the classification; none, and a word that is none of ours, is restricted (fail closed)."""
        try:
            return Classification.parse(item.get("classification"))
        except UsageError:
            message = "no classification" if "classification" not in item else "not a classification of ours"
            expected = "public, internal, confidential or restricted (taken as restricted)"
            place = (*path, "classification")
            self.problems.append(self.source.problem(place, message, expected, severity="warning"))
            return Classification.RESTRICTED

    def _rule_problems(self, path: Path, item: SchemaObject) -> Iterator[Problem]:
        """Find two rules of one object with one id, and rules that nothing here evaluates (a warning)."""
        placed = list(_placed(path, item))
        seen = {identity for _, identity, _ in placed if identity}
        folded = Counter(name.casefold() for name in item.names)
        twins = ", ".join(name for name in dict.fromkeys(item.names) if folded[name.casefold()] > 1)
        for place, _, rule in placed:
            if rule is None:
                continue
            if rule.id in seen:
                message = f"a second rule {rule.id}"
                yield self.source.problem(place, message, "a name or id of its own for each rule")
            seen.add(rule.id)
            reason = unevaluated(rule)
            if reason is not None:
                message = f"rule {rule.id} will fail as not_evaluated: {reason}"
                yield self.source.problem(place, message, severity="warning")
            elif rule.kind == "sql" and twins:
                message = f"rule {rule.id} will fail as not_evaluated if it reads {twins}: one name in SQL"
                yield self.source.problem(place, message, severity="warning")


def _placed(path: Path, item: SchemaObject) -> Iterator[tuple[Path, str, QualityRule | None]]:
    """Yield (place, id, rule) of every rule, those that types and options make first of their column."""
    for index, rule in enumerate(item.rules):
        yield (*path, "quality", index), "", rule
    for at, column in enumerate(item.columns):
        yield from _placed_in((*path, "properties", at), column.name, column)


def _placed_in(path: Path, name: str, column: Column) -> Iterator[tuple[Path, str, QualityRule | None]]:
    for word in ("type", "required", "unique", *column.options):
        yield path, f"{name}.{word}", None
    for index, rule in enumerate(column.rules):
        yield (*path, "quality", index), "", rule
    if column.logical_type == "array" and len(column.children) == 1:
        yield from _placed_in((*path, "items"), f"{name}[]", column.children[0])
        return
    for at, child in enumerate(column.children):
        yield from _placed_in((*path, "properties", at), f"{name}.{child.name}", child)
