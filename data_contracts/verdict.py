"""Verdicts: counts, rule ids and reason codes. Never a value from the data.

Invariants:
1. A verdict is an allow list of fields; there is none that could hold a value of a row.
2. It succeeds only if every rule does. A rule that was not evaluated has failed.
3. `reason` is one of `Reason`, and None exactly where the rule succeeds; but a rule that was not evaluated,
   which the contract's owner acknowledged by name and date, succeeds with reason `acknowledged`.
4. `severity` and `dimension` are the contract's own words, for people. No severity makes a failure less.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

__all__ = ["Reason", "RuleResult", "Verdict"]


class Reason(StrEnum):
    """Why a rule failed, or succeeded without being evaluated."""

    UNEXPECTED_VALUES = "unexpected_values"
    MISSING_VALUES = "missing_values"
    UNREADABLE_VALUES = "unreadable_values"
    DUPLICATE_VALUES = "duplicate_values"
    OUT_OF_BOUNDS = "out_of_bounds"
    COLUMN_MISSING = "column_missing"
    COLUMN_UNDECLARED = "column_undeclared"
    WRONG_TYPE = "wrong_type"
    REFERENCE_MISSING = "reference_missing"
    NOT_EVALUATED = "not_evaluated"
    ACKNOWLEDGED = "acknowledged"


_NO_SHARE = frozenset(
    {Reason.OUT_OF_BOUNDS, Reason.COLUMN_MISSING, Reason.COLUMN_UNDECLARED, Reason.WRONG_TYPE}
    | {Reason.NOT_EVALUATED, Reason.ACKNOWLEDGED}
)


@dataclass(frozen=True)
class RuleResult:
    """What one rule found.

    Attributes:
        id: the rule's stable id, such as `age.maximum`.
        column: the column it is about, or None where it is about the asset.
        rule: its kind, such as `maximum`, `required`, `invalidValues`, `custom`.
        success: whether the data keeps it.
        element_count: rows looked at.
        missing_count: rows with no value there.
        unexpected_count: rows that break it; for a rule on a number of rows, 0 or 1.
        reason: why it failed; None where it did not.
        severity: what the contract says a failure weighs: `error`, `warning`, `info`, or a word of its own.
        dimension: of data quality, such as `completeness`; None where the contract says none.
    """

    id: str
    column: str | None
    rule: str
    success: bool
    element_count: int
    missing_count: int
    unexpected_count: int
    reason: Reason | None = None
    severity: str = "error"
    dimension: str | None = None

    @property
    def unexpected_percent(self) -> float | None:
        """Rows that break it among those with a value, in percent; None where that says nothing.

        It says nothing of a rule on a number of rows, and where no row has a value. For missing values all
        rows count. (As `unexpected_percent` and `missing_percent` of Great Expectations.)
        """
        values = self.element_count - (0 if self.reason == Reason.MISSING_VALUES else self.missing_count)
        if values <= 0 or self.reason in _NO_SHARE or self.unexpected_count > values:
            return None
        return 100.0 * self.unexpected_count / values

    def to_json(self) -> dict[str, Any]:
        """Return the fields in the shape that `isthmus check --json` promises.

        What the contract says of severity and dimension is told only where it says something.
        """
        told: dict[str, Any] = {
            "id": self.id,
            "column": self.column,
            "rule": self.rule,
            "success": self.success,
            "element_count": self.element_count,
            "missing_count": self.missing_count,
            "unexpected_count": self.unexpected_count,
            "unexpected_percent": self.unexpected_percent,
            "reason": None if self.reason is None else self.reason.value,
        }
        if self.severity != "error":
            told["severity"] = self.severity
        if self.dimension is not None:
            told["dimension"] = self.dimension
        return told


@dataclass(frozen=True)
class Verdict:
    """The answer to one contract check.

    Attributes:
        rows: rows looked at.
        rules: every rule of the contract, in the contract's order.
    """

    rows: int
    rules: tuple[RuleResult, ...]

    @property
    def success(self) -> bool:
        """Whether every rule succeeded; a verdict without rules is none."""
        return bool(self.rules) and all(rule.success for rule in self.rules)

    @property
    def failed(self) -> tuple[RuleResult, ...]:
        """The rules that failed, in the contract's order."""
        return tuple(rule for rule in self.rules if not rule.success)

    def with_results(self, results: tuple[RuleResult, ...]) -> Verdict:
        """Return a verdict in which `results` stand in the place of the rules with their ids."""
        found = {result.id: result for result in results}
        rules = tuple(found.pop(rule.id, rule) for rule in self.rules)
        return replace(self, rules=rules + tuple(found.values()))

    def to_json(self) -> dict[str, Any]:
        """Return the verdict in the shape that `isthmus check --json` promises."""
        return {
            "success": self.success,
            "rows": self.rows,
            "rules": [rule.to_json() for rule in self.rules],
        }
