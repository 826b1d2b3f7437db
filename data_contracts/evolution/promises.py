"""Which way a promise went: tighter, looser, the same, or another that cannot be compared."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any, Literal, TypeAlias

from data_contracts.agreements import SlaProperty
from data_contracts.model import QualityRule

__all__ = ["Direction", "option_direction", "rule_direction", "sla_direction"]

Direction: TypeAlias = Literal["tighter", "looser", "same", "other"]

_UPWARD = {"minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"}
_DOWNWARD = {"maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"}
_ABOVE = {"mustBeGreaterThan", "mustBeGreaterOrEqualTo"}
_BELOW = {"mustBeLessThan", "mustBeLessOrEqualTo"}
# ODCS leaves the unit `m` open; it is not here, so it is never compared with another.
_SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86400, "w": 604800, "mo": 2629800, "y": 31557600}
_LONGER_IS_BETTER = {"retention"}
_SHORTER_IS_BETTER = {"latency", "freshness"}


def option_direction(word: str, old: Any, new: Any) -> Direction:  # noqa: ANN401 - option values of any type
    """Compare one logical type option; None where it is not written."""
    if old == new and isinstance(old, bool) == isinstance(new, bool):
        return "same"
    if word in _UPWARD | _DOWNWARD | {"multipleOf", "pattern", "uniqueItems", "required"}:
        if old is None or (word == "uniqueItems" and new is True):
            return "tighter"
        if new is None or word == "uniqueItems":
            return "looser"
    if word in _UPWARD | _DOWNWARD:
        return _bounds(old, new, up=word in _UPWARD)
    if word == "multipleOf" and old and new:
        return "tighter" if new % old == 0 else "looser" if old % new == 0 else "other"
    if word == "required" and isinstance(old, list) and isinstance(new, list):
        return _lists(new, old)
    return "other"


def _bounds(old: Any, new: Any, *, up: bool) -> Direction:  # noqa: ANN401 - numbers, or moments as text
    try:
        before, after = _read(old), _read(new)
        higher = bool(after > before)
    except (TypeError, ValueError):
        return "other"
    if before == after:
        return "same"
    return "tighter" if higher is up else "looser"


def _read(bound: Any) -> Any:  # noqa: ANN401 - a value that can be compared with its like
    if not isinstance(bound, str):
        return bound
    if bound[2:3] == ":":
        return time.fromisoformat(bound)
    return datetime.fromisoformat(bound) if len(bound) > len("2000-01-01") else date.fromisoformat(bound)


def _lists(smaller: Any, larger: Any) -> Direction:  # noqa: ANN401 - two lists of JSON values
    """Compare two lists as sets: tighter where the first holds everything of the second and more."""
    first, second = ({repr(value) for value in values} for values in (smaller, larger))
    if first == second:
        return "same"
    return "tighter" if first > second else "looser" if first < second else "other"


def rule_direction(old: QualityRule, new: QualityRule) -> Direction:
    """Compare two quality rules of one id."""
    fixed = ("kind", "metric", "operator", "unit", "engine", "implementation", "dialect")
    if any(getattr(old, word) != getattr(new, word) for word in fixed):
        return "other"
    arguments = _arguments(old, new)
    bounds = _limits(old, new)
    if "other" in {arguments, bounds}:
        return "other"
    moved = {arguments, bounds} - {"same"}
    if not moved:
        return "same"
    return "other" if len(moved) > 1 else arguments if arguments != "same" else bounds


def _arguments(old: QualityRule, new: QualityRule) -> Direction:
    if old.arguments == new.arguments:
        return "same"
    keys = {"validValues", "missingValues"}
    same = {key: value for key, value in old.arguments.items() if key not in keys} == {
        key: value for key, value in new.arguments.items() if key not in keys
    }
    key = "validValues" if old.metric == "invalidValues" else "missingValues"
    before, after = old.arguments.get(key), new.arguments.get(key)
    if not same or not isinstance(before, list) or not isinstance(after, list) or not _counts_faults(old):
        return "other"
    # Fewer values are valid, or more count as missing: more rows are faults, so the promise is tighter.
    return _lists(before, after) if key == "validValues" else _lists(after, before)


def _counts_faults(rule: QualityRule) -> bool:
    return rule.operator in _BELOW or (rule.operator == "mustBe" and rule.bound == 0)


def _limits(old: QualityRule, new: QualityRule) -> Direction:
    if old.bound == new.bound:
        return "same"
    if old.operator in _ABOVE | _BELOW:
        return _bounds(old.bound, new.bound, up=old.operator in _ABOVE)
    if old.operator in {"mustBeBetween", "mustNotBeBetween"}:
        inside = old.bound[0] <= new.bound[0] and new.bound[1] <= old.bound[1]
        around = new.bound[0] <= old.bound[0] and old.bound[1] <= new.bound[1]
        narrower = inside if old.operator == "mustBeBetween" else around
        wider = around if old.operator == "mustBeBetween" else inside
        return "tighter" if narrower else "looser" if wider else "other"
    return "other"


def sla_direction(old: SlaProperty, new: SlaProperty) -> Direction:
    """Compare two agreements of one property and one element."""
    if (old.value, old.value_ext, old.unit) == (new.value, new.value_ext, new.unit):
        return "same"
    known = old.property in _LONGER_IS_BETTER | _SHORTER_IS_BETTER and old.value_ext == new.value_ext
    numbers = all(
        isinstance(item.value, int | float) and not isinstance(item.value, bool) and item.unit in _SECONDS
        for item in (old, new)
    )
    if not known or not numbers:
        return "other"
    before, after = (item.value * _SECONDS[item.unit] for item in (old, new))
    return _bounds(before, after, up=old.property in _LONGER_IS_BETTER)
