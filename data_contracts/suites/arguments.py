"""Arguments of an expectation, read as GX reads them.

GX's arguments are pydantic models that convert: a bound `5` becomes a float, the text `2020-01-31` a date,
`2020-01-31T08:00:00` a moment. What is plain is read here; whatever is not (`"5"`, a suite parameter, a
`mostly` as text) raises `Unfamiliar`, and GX's own engine reads it.

One thing is not converted: a whole number stays whole. GX makes floats of bounds, so that it cannot tell
9007199254740993 from its neighbour; here bounds are compared exactly.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from data_contracts.suites.columns import ColumnType
from data_contracts.suites.wanted import Unfamiliar, Wanted

__all__ = ["NO_BOUNDS", "Arguments", "Bounds", "is_number", "on_bound"]

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}"
    r"(:[0-9]{2}(\.[0-9]{3}|\.[0-9]{6})?)?(Z|[+-][0-9]{2}:[0-9]{2})?"
)
_GENERAL = {"result_format", "catch_exceptions", "meta", "notes", "description", "severity", "batch_id"}


def is_number(value: object) -> bool:
    """Whether it is a finite number of JSON; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


@dataclass(frozen=True)
class Bounds:
    """`min_value` and `max_value`, each of which may be missing, and whether they are outside themselves."""

    low: Any = None
    high: Any = None
    strict_low: bool = False
    strict_high: bool = False

    @property
    def given(self) -> tuple[Any, ...]:
        """The bounds that there are."""
        return tuple(bound for bound in (self.low, self.high) if bound is not None)

    def holds(self, value: Any) -> bool:  # noqa: ANN401 - whatever compares with the bounds
        """Whether the value is inside."""
        above = self.low is None or (value > self.low if self.strict_low else value >= self.low)
        below = self.high is None or (value < self.high if self.strict_high else value <= self.high)
        return bool(above and below)


NO_BOUNDS = Bounds()
_ROUNDING = 1e-12


def on_bound(found: float, bounds: Bounds) -> float:
    """Return the bound that a computed number is on, but for rounding; else the number.

    Authors copy bounds from what GX computed, with its last digits rounded in its own order of adding. A
    number as near as that is on the bound: inside, or with a strict one outside.
    """
    near = (bound for bound in bounds.given if math.isclose(found, bound, rel_tol=_ROUNDING, abs_tol=0))
    return next(near, found)


@dataclass(frozen=True)
class Arguments:
    """The arguments of one expectation, and the columns of the asset that it is for."""

    wanted: Wanted
    columns: Mapping[str, ColumnType]

    def get(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 - JSON
        """Return an argument as written."""
        return self.wanted.kwargs.get(name, default)

    def column(self, *kinds: str, name: str = "column") -> ColumnType:
        """Return the column that an argument names, if it is of one of the kinds (or none is named).

        Raises:
            Unfamiliar: it is none of them, or there is no such column.
        """
        found = self.columns.get(self.get(name)) if isinstance(self.get(name), str) else None
        if found is None or (kinds and found.kind not in kinds):
            raise Unfamiliar(name)
        return found

    def column_list(self) -> tuple[ColumnType, ...]:
        """Return the columns of `column_list`: at least two, each once.

        Raises:
            Unfamiliar: it is something else.
        """
        names = self.get("column_list")
        if not isinstance(names, list) or len(names) < 2:  # noqa: PLR2004 - GX's own least number
            raise Unfamiliar("column_list")
        if not all(isinstance(name, str) and name in self.columns for name in names) or len(
            set(names)
        ) != len(names):
            raise Unfamiliar("column_list")
        return tuple(self.columns[name] for name in names)

    def mostly(self) -> float:
        """Return `mostly`, 1 where it is not said."""
        found = self.get("mostly", 1)
        if not is_number(found) or not 0 <= found <= 1:
            raise Unfamiliar("mostly")
        return float(found)

    def flag(self, name: str, *, default: bool = False, null: bool = False) -> bool:
        """Return a boolean; where `null` is true, null stands for false."""
        found = self.get(name, default)
        if found is None and null:
            return False
        if not isinstance(found, bool):
            raise Unfamiliar(name)
        return found

    def number(self, name: str, default: float | None = None) -> Any:  # noqa: ANN401 - int or float
        """Return a finite number."""
        found = self.get(name, default)
        if not is_number(found):
            raise Unfamiliar(name)
        return found

    def text(self, name: str) -> str:
        """Return text that is not empty."""
        found = self.get(name)
        if not isinstance(found, str) or not found:
            raise Unfamiliar(name)
        return found

    def choice(self, name: str, choices: tuple[str, ...]) -> str:
        """Return one of some words; the first where it is not said."""
        found = self.get(name, choices[0])
        if found not in choices:
            raise Unfamiliar(name)
        return str(found)

    def bounds(self, *kinds: type) -> Bounds:
        """Return the bounds, all of one of the kinds: `float` (any number), `date`, `datetime`, `int`."""
        low, high = _bound(self.get("min_value")), _bound(self.get("max_value"))
        found = Bounds(low, high, self.flag("strict_min"), self.flag("strict_max"))
        if not any(all(_is(bound, kind) for bound in found.given) for kind in kinds):
            raise Unfamiliar("min_value")
        return found

    @property
    def conditional(self) -> bool:
        """Whether it is about some rows only."""
        return self.get("row_condition") is not None

    def unknown(self, known: frozenset[str]) -> list[str]:
        """Return the arguments that the expectation does not have."""
        return sorted(set(self.wanted.kwargs) - known - _GENERAL)


def _bound(value: object) -> Any:  # noqa: ANN401 - a number, a date or a moment
    if value is None or is_number(value):
        return value
    if isinstance(value, str):
        try:
            if _DATE.fullmatch(value):
                return date.fromisoformat(value)
            if _MOMENT.fullmatch(value):
                return datetime.fromisoformat(value)
        except ValueError:
            pass
    raise Unfamiliar("min_value")


def _is(value: object, kind: type) -> bool:
    if kind is float:
        return is_number(value)
    if kind is int:
        return isinstance(value, int)
    if kind is date:
        return isinstance(value, date) and not isinstance(value, datetime)
    return isinstance(value, kind)
