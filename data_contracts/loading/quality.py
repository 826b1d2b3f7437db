"""`quality` lists: each item as a `QualityRule`, with what is wrong beyond ODCS's own schema."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from data_contracts.errors import Problem
from data_contracts.loading.own import Path, own_properties
from data_contracts.model import QualityRule
from data_contracts.yamlsource import Source

__all__ = ["quality_rules", "unevaluated"]

_OWN = frozenset({"isthmusDialect"})
_SEVERITIES = ("error", "warning", "info")
_DUCKDB = "duckdb"
_ELSEWHERE = "its query is in the SQL of {}, which only that server runs"
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
    dialect: str
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
    dialect: str = _DUCKDB,
) -> tuple[tuple[QualityRule, ...], list[Problem]]:
    """Return the rules of one `quality` list that stands at `path`, and every problem in it.

    Args:
        source: the document.
        path: where the list stands.
        items: the list.
        column: the path of the column that it is about; None for the object.
        columns: the paths of the columns beside it.
        dialect: whose SQL a query is where the rule does not say.
    """
    reader = _Reader(source, column, columns, dialect, [])
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
    listed = item.get("customProperties") or []
    own, found = own_properties(reader.source, (*path, "customProperties"), listed, _OWN)
    reader.problems.extend(found)
    dialect = own["isthmusDialect"][1] if "isthmusDialect" in own else reader.dialect
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
        dimension=item.get("dimension"),
        severity=str(item.get("severity") or "error").lower(),
        query=item.get("query"),
        dialect=dialect if kind == "sql" else None,
        description=item.get("description") or "",
    )
    complaints = {"library": _library_complaints, "sql": _sql_complaints}.get(kind)
    for key, message, expected in complaints(reader, rule) if complaints else ():
        reader.complain((*path, key) if key in item else path, message, expected)
    if "isthmusDialect" in own and kind != "sql":
        reader.complain(own["isthmusDialect"][0], "a dialect of a rule without a query", "type: sql")
    if rule.severity not in _SEVERITIES:
        message = "a severity that nobody here knows; a failed rule fails whatever it is"
        problem = reader.source.problem(
            (*path, "severity"), message, ", ".join(_SEVERITIES), severity="warning"
        )
        reader.problems.append(problem)
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


def _sql_complaints(reader: _Reader, rule: QualityRule) -> Iterator[tuple[str, str, str]]:  # noqa: ARG001 - as its siblings
    """Yield (key, what is wrong, what is expected)."""
    if not (rule.query or "").strip():
        yield "query", "an empty query", "one SELECT that gives one number"
    if rule.operator in {"mustBe", "mustNotBe"} and not _is_number(rule.bound):
        yield str(rule.operator), "a number is compared with something else", "a number"
    if rule.operator is not None and "Between" in rule.operator and rule.bound[0] > rule.bound[1]:
        yield rule.operator, "the greater number stands first", "the smaller number first"


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
        if rule.operator is None:
            return "nothing says what the query's number must be"
        return None if rule.dialect == _DUCKDB else _ELSEWHERE.format(rule.dialect)
    if rule.kind == "custom" and rule.engine != "great-expectations":
        return f"there is no engine {rule.engine} here"
    return None
