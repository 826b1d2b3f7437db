"""How a step says that data broke its contract, or that a crossing was refused.

Both carry rule ids, reasons and counts, and nothing else: their text reaches the control plane.

Example:
    >>> str(ContractBroken("tests", [BrokenRule("age.maximum", "unexpected_values", 3)]))
    'tests: breaks its contract: age.maximum (unexpected_values, 3)'
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from data_contracts.errors import DataBreaksContractError, DeniedError, UsageError
from data_contracts.verdict import Verdict

__all__ = ["BrokenRule", "ContractBroken", "CrossingDenied", "broken_rules"]


@dataclass(frozen=True)
class BrokenRule:
    """One rule that decided, in the shape that `isthmus sync --json` promises.

    Attributes:
        id: the rule's stable id.
        reason: a reason code, or one sentence for people.
        unexpected_count: rows that break it; 0 where the rule is not about rows.
    """

    id: str
    reason: str
    unexpected_count: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return the rule as a JSON object."""
        return {"id": self.id, "reason": self.reason, "unexpected_count": self.unexpected_count}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> BrokenRule:
        """Read what `to_json` wrote.

        Raises:
            UsageError: it is something else.
        """
        rule, reason, count = value.get("id"), value.get("reason"), value.get("unexpected_count")
        if not isinstance(rule, str) or not isinstance(reason, str) or not isinstance(count, int):
            raise UsageError("not a rule: id, reason and unexpected_count are needed")
        return cls(rule, reason, count)

    def __str__(self) -> str:
        """Render as `id (reason, count)`."""
        return f"{self.id} ({self.reason}{f', {self.unexpected_count}' if self.unexpected_count else ''})"


def broken_rules(verdict: Verdict) -> tuple[BrokenRule, ...]:
    """Return the rules that failed in a verdict."""
    return tuple(
        BrokenRule(
            rule.id, "not_evaluated" if rule.reason is None else rule.reason.value, rule.unexpected_count
        )
        for rule in verdict.failed
    )


class ContractBroken(DataBreaksContractError):  # noqa: N818 - an outcome by name, as in the design
    """Data breaks its contract.

    Attributes:
        what: the asset, by name.
        rules: the rules that it breaks.
    """

    def __init__(self, what: str, rules: Iterable[BrokenRule]) -> None:
        """Keep the rules and put all of them into the text."""
        self.what, self.rules = what, tuple(rules)
        super().__init__(
            f"{what}: breaks its contract: {', '.join(map(str, self.rules)) or 'rules unknown'}",
            remedy="look at the rules with `isthmus check`; set the rows aside, or repair what made them",
        )


class CrossingDenied(DeniedError):  # noqa: N818 - an outcome by name, as in the design
    """Terms or policy deny a crossing.

    Attributes:
        what: the crossing, for people.
        rules: the rules that deny it.
    """

    def __init__(self, what: str, rules: Iterable[BrokenRule]) -> None:
        """Keep the rules and put all of them into the text."""
        self.what, self.rules = what, tuple(rules)
        super().__init__(
            f"{what}: denied: {', '.join(map(str, self.rules)) or 'rules unknown'}",
            remedy="the owner of contract or environment decides; `isthmus plan` shows the terms",
        )
