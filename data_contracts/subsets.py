"""What holds of fewer rows: rules that survive it, and what a condition adds to the columns that arrive.

Invariants:
1. A rule is kept only if every part of data that keeps it keeps it too. A tolerance in percent, a least
   number of rows or a query may hold of all rows and not of some, so they are no promise of the output.
2. What a condition adds follows from it for every row that meets it. What ODCS cannot say (an `or` over
   columns, two columns compared, a column that does not arrive as it was) is proved at egress only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, time
from typing import Any

from data_contracts.conditions import Among, Compare, Condition, Constant, Missing, Negated, Node
from data_contracts.model import Column, QualityRule

__all__ = ["holds_of_fewer_rows", "with_condition"]

_LEAST = {">": "exclusiveMinimum", ">=": "minimum"}
_MOST = {"<": "exclusiveMaximum", "<=": "maximum"}
_LISTED = {"string", "integer", "boolean"}
_BOUNDED = {"integer", "number", "date", "timestamp", "timestamp-utc", "time"}
_EXACT = 2**53 - 1  # RFC 8785, section 3.2.2.3
_ROW_BY_ROW = ("expect_column_values_to_", "expect_column_value_lengths_to_", "expect_column_pair_values_")


def holds_of_fewer_rows(rule: QualityRule) -> bool:
    """Whether data that keeps the rule keeps it whichever of its rows are left out."""
    if rule.kind == "text":
        return True  # Nobody evaluates it, here or there: it fails, or its acknowledgement goes with it.
    if rule.kind == "custom":
        return _row_by_row(rule.implementation)
    if rule.kind != "library":
        return False
    low, high = rule.bound if isinstance(rule.bound, list) else (rule.bound, rule.bound)
    most = rule.operator in {"mustBeLessThan", "mustBeLessOrEqualTo"}
    most = most or (rule.operator == "mustBeBetween" and low <= 0)
    none = rule.operator == "mustBe" and high == 0
    if rule.unit == "percent":
        return none or (most and high == 0 and rule.operator != "mustBeLessThan")
    return none or most


def _row_by_row(implementation: object) -> bool:
    """Whether a Great Expectations expectation judges each row for itself, and all of them."""
    if not isinstance(implementation, Mapping):
        return False
    kind = str(implementation.get("type") or implementation.get("expectation_type") or "")
    arguments = implementation.get("kwargs") or {}
    plain = isinstance(arguments, Mapping) and arguments.get("mostly", 1) == 1
    return plain and kind.startswith(_ROW_BY_ROW)


def with_condition(said: dict[str, Any], column: Column, rows: Condition) -> dict[str, Any]:
    """Return the property of a column that arrives as it was, with what the condition adds to it."""
    result = dict(said)
    for node in rows.conjuncts:
        if _about(node) != column.name:
            continue
        result["required"] = True
        result = _bounded(result, node)
        values = list(_values(node))
        if values:
            rule = {
                "name": f"{column.name}.rows",
                "metric": "invalidValues",
                "arguments": {"validValues": values},
                "mustBe": 0,
            }
            others = [item for item in result.get("quality", []) if item.get("name") != rule["name"]]
            result["quality"] = [*others, rule]
    return result


def _about(node: Node) -> str | None:
    """Return the one column of a part that is never true where that column is null, or None."""
    if isinstance(node, Negated):
        inner = node.part
        return inner.column.column if isinstance(inner, Missing | Among) else None
    if isinstance(node, Among):
        return node.column.column
    if isinstance(node, Compare) and isinstance(node.right, Constant):
        return node.left.column
    return None


def _values(node: Node) -> Iterator[Any]:
    """Yield the only values that the column can hold, where the part lists them."""
    if isinstance(node, Among):
        constants = node.values
    elif isinstance(node, Compare) and node.operator == "=" and isinstance(node.right, Constant):
        constants = (node.right,)
    else:
        return
    if all(item.kind in _LISTED and _writable(item.value) for item in constants):
        yield from (item.value for item in constants)


def _writable(value: object) -> bool:
    return not isinstance(value, int) or abs(value) <= _EXACT


def _bounded(said: dict[str, Any], node: Node) -> dict[str, Any]:
    """Return the property with the part's bound among its options, where it is tighter than what is there."""
    if not isinstance(node, Compare) or not isinstance(node.right, Constant):
        return said
    word = _LEAST.get(node.operator) or _MOST.get(node.operator)
    value = node.right.value
    logical = {"timestamp-utc": "timestamp"}.get(node.right.kind, node.right.kind)
    if word is None or node.right.kind not in _BOUNDED or said.get("logicalType") != logical:
        return said
    if not _writable(value):
        return said
    written = value.isoformat() if isinstance(value, date | datetime | time) else value
    options = {**said.get("logicalTypeOptions", {})}
    if word in options and not _tighter(value, options[word], least=node.operator in _LEAST):
        return said
    options[word] = written
    return {**said, "logicalTypeOptions": options} if _some(options) else said


def _read(bound: Any, like: Any) -> Any:  # noqa: ANN401 - values of one type
    return type(like).fromisoformat(bound) if isinstance(bound, str) else bound


def _tighter(value: Any, there: Any, *, least: bool) -> bool:  # noqa: ANN401 - values of one type
    try:
        known = _read(there, value)
        return bool(value > known if least else value < known)
    except TypeError:
        return False  # One has a zone and one has none: what is there stays.


def _some(options: Mapping[str, Any]) -> bool:
    """Whether a value can lie between the bounds: an arrival contract that nothing keeps would not load."""
    try:
        return not any(
            _order(options[low]) > _order(options[high])
            or (_order(options[low]) == _order(options[high]) and (low, high) != ("minimum", "maximum"))
            for low in ("minimum", "exclusiveMinimum")
            for high in ("maximum", "exclusiveMaximum")
            if low in options and high in options
        )
    except (TypeError, ValueError):
        return False


def _order(bound: Any) -> Any:  # noqa: ANN401 - values of one type
    if not isinstance(bound, str):
        return bound
    return time.fromisoformat(bound) if bound[2:3] == ":" else datetime.fromisoformat(bound)
