"""Rules as plain data: what a contract's promises compile to.

Invariants:
1. Every promise of the contract is exactly one rule here; what cannot be evaluated is a rule without a
   measure, and fails as `not_evaluated` (unless its owner acknowledged that, by name and date).
2. Ids are stable: `PATH.WORD` for what the schema says, the item's own id or name for quality rules.
3. A failed rule fails the verdict, whatever its severity: severity and dimension are for people.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, cast

from data_contracts.checks.references import ReferenceKey
from data_contracts.measure import KeyMeasure, Measure, WholeMeasure
from data_contracts.verdict import Reason

__all__ = ["COLUMNS_RULE", "AnyMeasure", "Limit", "Rule"]

COLUMNS_RULE = "schema.columns"
AnyMeasure = Measure | KeyMeasure | WholeMeasure | ReferenceKey


@dataclass(frozen=True)
class Limit:
    """An ODCS operator over a number of rows, or over the percentage that they are of all rows."""

    operator: str
    bound: Any
    percent: bool = False

    def holds(self, count: int, rows: int) -> bool:
        """Whether `count` of `rows` keeps it; of no rows, 0 percent.

        Exact: 24.99 is the number that its digits say, not the nearest binary fraction.
        """
        value = Fraction(100 * count, rows or 1) if self.percent else Fraction(count)
        low, high = self._bounds
        outcomes = {
            "mustBe": value == low,
            "mustNotBe": value != low,
            "mustBeGreaterThan": value > low,
            "mustBeGreaterOrEqualTo": value >= low,
            "mustBeLessThan": value < low,
            "mustBeLessOrEqualTo": value <= low,
            "mustBeBetween": low <= value <= high,
            "mustNotBeBetween": not low <= value <= high,
        }
        return outcomes[self.operator]

    @property
    def admits_none(self) -> bool:
        """Whether it is kept only where no row at all breaks the rule."""
        low, high = self._bounds
        if self.operator == "mustBeLessThan":
            return 0 < low <= (0 if self.percent else 1)
        if self.operator in {"mustBe", "mustBeLessOrEqualTo"}:
            return low == 0
        return self.operator == "mustBeBetween" and low <= 0 == high

    @property
    def _bounds(self) -> tuple[Fraction, Fraction]:
        pair = self.bound if isinstance(self.bound, list | tuple) else (self.bound, self.bound)
        return Fraction(repr(pair[0])), Fraction(repr(pair[1]))


@dataclass(frozen=True)
class Rule:
    """One compiled rule.

    Attributes:
        id: stable; what verdicts and denials name.
        column: the path of the column, or None where it is about the asset.
        word: its kind, as verdicts show it: `maximum`, `required`, `invalidValues`, `custom`.
        measure: how it looks at the data; None for `schema.columns`, and where `refused` says why not.
        refused: why nothing here evaluates it; None where something does.
        tolerant: some rows may break it, so no single row can be blamed.
        severity: for people: `error`, `warning`, `info`, or the contract's own word.
        dimension: for people, such as `completeness`.
        acknowledged: the owner knows that nothing evaluates it, and stands for it.
    """

    id: str
    column: str | None
    word: str
    measure: AnyMeasure | None = None
    refused: Reason | None = None
    tolerant: bool = False
    severity: str = "error"
    dimension: str | None = None
    acknowledged: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """The paths that it reads; for a rule on the whole asset, those that it names."""
        if self.measure is None:
            return ()
        return self.measure.columns or ()

    # A protocol's own `isinstance` takes microseconds; over a hundred thousand columns that is minutes.

    @property
    def streaming(self) -> Measure | None:
        """The measure, where it streams."""
        return cast("Measure", self.measure) if hasattr(self.measure, "expressions") else None

    @property
    def keyed(self) -> KeyMeasure | None:
        """The measure, where it is about keys."""
        return cast("KeyMeasure", self.measure) if hasattr(self.measure, "judge_keys") else None

    @property
    def whole(self) -> WholeMeasure | None:
        """The measure, where it needs the whole asset."""
        return cast("WholeMeasure", self.measure) if hasattr(self.measure, "evaluate") else None

    @property
    def reference(self) -> ReferenceKey | None:
        """The measure, where it is a foreign key."""
        found = self.measure
        return found if isinstance(found, ReferenceKey) else None

    @property
    def row_level(self) -> bool:
        """Whether a single row can be said to break it."""
        measure = self.streaming
        return not self.tolerant and measure is not None and measure.broken() is not None

    def refuse(self) -> Rule:
        """Return the same rule, not evaluated."""
        return replace(self, measure=None, refused=Reason.NOT_EVALUATED)
