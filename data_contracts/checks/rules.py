"""Rules as plain data: what a contract's promises compile to. Nothing here knows an engine.

Invariants:
1. Every promise of the contract is exactly one rule here; what cannot be evaluated is a rule of scope
   `refused`, and fails.
2. Ids are stable: `COLUMN.WORD` for what the schema says, the item's own id or name for quality rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from data_contracts.verdict import Reason

__all__ = ["COLUMNS_RULE", "Limit", "Rule", "Scope"]

COLUMNS_RULE = "schema.columns"


class Scope(Enum):
    """What a rule must see, and so when it is evaluated."""

    COLUMNS = "columns"
    TYPE = "type"
    MISSING = "missing"
    ROW = "row"
    ROWS = "rows"
    UNIQUE = "unique"
    ASSET = "asset"
    REFUSED = "refused"


@dataclass(frozen=True)
class Limit:
    """An ODCS operator over a number of rows, or over the percentage that they are of all rows."""

    operator: str
    bound: Any
    percent: bool = False

    def holds(self, count: int, rows: int) -> bool:
        """Whether `count` of `rows` keeps it; of no rows, 0 percent."""
        # 100 * count / rows, compared by cross-multiplying: exact for integers.
        value, scale = (100 * count, rows or 1) if self.percent else (count, 1)
        low, high = self.bound if isinstance(self.bound, list) else (self.bound, self.bound)
        low, high = low * scale, high * scale
        outcomes = {
            "mustBe": value == low,
            "mustNotBe": value != low,
            "mustBeGreaterThan": value > low,
            "mustBeGreaterOrEqualTo": value >= low,
            "mustBeLessThan": value < high,
            "mustBeLessOrEqualTo": value <= high,
            "mustBeBetween": low <= value <= high,
            "mustNotBeBetween": not low <= value <= high,
        }
        return bool(outcomes[self.operator])

    @property
    def admits_none(self) -> bool:
        """Whether it is kept only where no row at all breaks the rule."""
        first = self.bound[0] if isinstance(self.bound, list) else self.bound
        last = self.bound[1] if isinstance(self.bound, list) else self.bound
        if self.operator == "mustBeLessThan":
            return bool(0 < first <= (0 if self.percent else 1))
        return self.operator in {"mustBe", "mustBeLessOrEqualTo", "mustBeBetween"} and first <= 0 == last


@dataclass(frozen=True)
class Rule:
    """One compiled rule.

    Attributes:
        id: stable; what verdicts and denials name.
        column: the column, or None where it is about the asset.
        word: its kind, as verdicts show it: `maximum`, `required`, `invalidValues`, `custom`.
        scope: what it must see.
        operand: what a value is compared with; for `ROW` and `MISSING` scopes.
        columns: the columns whose values together must not repeat; for scope `UNIQUE`.
        limit: how many rows may break it; None is none.
        reason: why it failed, where it fails.
        arguments: of a `custom` rule: the expectation's type and kwargs.
    """

    id: str
    column: str | None
    word: str
    scope: Scope
    operand: Any = None
    columns: tuple[str, ...] = ()
    limit: Limit | None = None
    reason: Reason = Reason.UNEXPECTED_VALUES
    arguments: Mapping[str, Any] = field(default_factory=dict)

    @property
    def row_level(self) -> bool:
        """Whether a single row can be said to break it."""
        if self.scope in {Scope.COLUMNS, Scope.TYPE}:
            return True
        tolerant = self.limit is not None and not self.limit.admits_none
        return self.scope in {Scope.ROW, Scope.MISSING} and not tolerant
