"""`quality` lists: each item as a `QualityRule`, with what is wrong beyond ODCS's own schema."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from data_contracts.errors import Problem
from data_contracts.model import QualityRule
from data_contracts.yamlsource import Source

__all__ = ["quality_rules", "unevaluated"]

Path = tuple[str | int, ...]
_OPERATORS = (
    "mustBe",
    "mustNotBe",
    "mustBeGreaterThan",
    "mustBeGreaterOrEqualTo",
    "mustBeLessThan",
    "mustBeLessOrEqualTo",
    "mustBeBetween",
    "mustNotBeBetween",
)
_ARGUMENTS = {
    "nullValues": set[str](),
    "missingValues": {"missingValues"},
    "invalidValues": {"validValues", "pattern"},
    "duplicateValues": {"properties"},
    "rowCount": set[str](),
}
_OBJECT_METRICS = {"rowCount", "duplicateValues"}
_UNITS = {"rows", "percent"}
_GX = {"great-expectations", "greatexpectations", "great_expectations", "gx"}


@dataclass
class _Reader:
    source: Source
    column: str | None
    columns: frozenset[str]
    problems: list[Problem]

    def complain(self, path: Path, message: str, expected: str = "") -> None:
        self.problems.append(self.source.problem(path, message, expected))


def quality_rules(
    source: Source,
    path: Path,
    items: list[Mapping[str, Any]],
    *,
    column: str | None,
    columns: frozenset[str],
) -> tuple[tuple[QualityRule, ...], list[Problem]]:
    """Return the rules of one `quality` list that stands at `path`, and every problem in it."""
    reader = _Reader(source, column, columns, [])
    rules = tuple(_rule(reader, (*path, index), item) for index, item in enumerate(items))
    return tuple(_numbered(rules, items)), reader.problems


def _numbered(rules: tuple[QualityRule, ...], items: list[Mapping[str, Any]]) -> Iterator[QualityRule]:
    """Number rules of one kind that their author gave no name: `age.sql`, `age.sql-2`."""
    seen: Counter[str] = Counter()
    for rule, item in zip(rules, items, strict=True):
        seen[rule.id] += 1
        nameless = not (item.get("id") or item.get("name"))
        again = nameless and seen[rule.id] > 1
        yield replace(rule, id=f"{rule.id}-{seen[rule.id]}") if again else rule


def _rule(reader: _Reader, path: Path, item: Mapping[str, Any]) -> QualityRule:
    kind = item.get("type") or "library"
    metric = item.get("metric")
    operator = next((word for word in _OPERATORS if word in item), None)
    rule = QualityRule(
        id=_identity(reader.column, kind, item),
        kind=kind,
        column=reader.column,
        metric=metric,
        operator=operator,
        bound=item.get(operator) if operator else None,
        unit=item.get("unit") or "rows",
        arguments=item.get("arguments") or {},
        engine=_engine(item.get("engine")),
        implementation=item.get("implementation", item.get("query")),
    )
    if kind == "library":
        for key, message, expected in _library_complaints(reader, rule):
            reader.complain((*path, key) if key in item else path, message, expected)
    return rule


def _identity(column: str | None, kind: str, item: Mapping[str, Any]) -> str:
    own = item.get("id") or item.get("name")
    if own:
        return str(own)
    word = str(item.get("metric") or kind)
    return word if column is None else f"{column}.{word}"


def _engine(word: str | None) -> str | None:
    return "great-expectations" if word is not None and word.lower() in _GX else word


def _library_complaints(reader: _Reader, rule: QualityRule) -> Iterator[tuple[str, str, str]]:
    """Yield (key, what is wrong, what is expected)."""
    if rule.metric not in _ARGUMENTS:
        return  # ODCS's own schema has complained.
    if rule.metric == "rowCount" and rule.column is not None:
        yield "metric", "rowCount is about the whole object", "the rule under the object's own quality"
    if rule.metric not in _OBJECT_METRICS and rule.column is None:
        yield "metric", f"{rule.metric} is about one column", "the rule under a property's own quality"
    if rule.unit not in _UNITS or (rule.metric == "rowCount" and rule.unit != "rows"):
        yield (
            "unit",
            "not a unit that this metric has",
            "rows" if rule.metric == "rowCount" else "rows or percent",
        )
    unknown = sorted(set(rule.arguments) - _ARGUMENTS[rule.metric])
    if unknown:
        yield "arguments", f"unknown arguments: {', '.join(unknown)}", ", ".join(_ARGUMENTS[rule.metric])
    if rule.metric == "invalidValues" and not rule.arguments:
        yield "arguments", "nothing says which values are valid", "validValues or pattern"
    bound = rule.bound
    if rule.operator in {"mustBe", "mustNotBe"} and not _is_number(bound):
        yield str(rule.operator), "a count is compared with something else", "a number"
    if rule.operator is not None and "Between" in rule.operator and bound[0] > bound[1]:
        yield rule.operator, "the greater number stands first", "the smaller number first"
    if rule.metric == "duplicateValues":
        yield from _key_complaints(reader, rule)


def _key_complaints(reader: _Reader, rule: QualityRule) -> Iterator[tuple[str, str, str]]:
    names = rule.arguments.get("properties", [] if rule.column is None else [rule.column])
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        yield "arguments", "nothing says which columns", "properties: a list of column names"
        return
    unknown = sorted(set(names) - reader.columns)
    if unknown:
        yield "arguments", f"no such column: {', '.join(unknown)}", "columns of this object"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def unevaluated(rule: QualityRule) -> str | None:
    """Return why nothing here can evaluate the rule, or None where something can.

    Such a rule is a warning of `contract lint`; in a check and at a crossing it has failed.
    """
    if rule.kind == "text":
        return "prose: only a person can evaluate it"
    if rule.kind == "sql":
        return "sql rules are not evaluated yet"
    if rule.kind == "custom" and rule.engine != "great-expectations":
        return f"there is no engine {rule.engine} here"
    return None
