"""What the three steps of a crossing answer: outcome words, rule ids, reasons and counts. No values.

Outcomes (design §4): `permitted`; `denied` by terms or policy; `broken`, the data breaks its contract;
`failed`, anything else. A step returns the first three; the last is an error that it raises.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from data_contracts.errors import NotVerifiableError
from data_contracts.policy import DecisionRule
from data_contracts.verdict import RuleResult
from environments.boundary.crossing import Member

__all__ = [
    "CrossingFailedError",
    "EgressResult",
    "GateRule",
    "IngressResult",
    "Outcome",
    "SettleResult",
    "denied_rules",
    "failed_rules",
]

Outcome = Literal["permitted", "denied", "broken", "failed"]


@dataclass(frozen=True)
class GateRule:
    """One rule that spoke against the crossing.

    Attributes:
        id: of the rule, in the contract or in the policy.
        reason: a reason code or a sentence of ours; never a value from the data.
        unexpected_count: rows that break it; 0 where the rule is not about rows.
    """

    id: str
    reason: str
    unexpected_count: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return the rule in the shape that `isthmus sync --json` promises."""
        return {"id": self.id, "reason": self.reason, "unexpected_count": self.unexpected_count}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> GateRule:
        """Read what `to_json` wrote."""
        return cls(str(value["id"]), str(value["reason"]), int(value["unexpected_count"]))


def denied_rules(rules: Iterable[DecisionRule]) -> tuple[GateRule, ...]:
    """Return a decision's denials as gate rules."""
    return tuple(GateRule(rule.id, rule.reason) for rule in rules)


def failed_rules(rules: Iterable[RuleResult]) -> tuple[GateRule, ...]:
    """Return a verdict's failures as gate rules."""
    return tuple(GateRule(rule.id, str(rule.reason), rule.unexpected_count) for rule in rules)


@dataclass(frozen=True)
class EgressResult:
    """What the source's side did.

    Attributes:
        crossing: the id.
        outcome: `permitted`, `denied` or `broken`.
        rules: those that spoke against it.
        size: bytes that lie in the transit for it; 0 unless permitted.
        manifest: digest of the signed statement; empty unless permitted.
        arrival: the arrival contract's `id@version`; empty unless permitted.
        version: what the destination will hold; empty unless permitted.
        rows: of a rehearsal: how many would cross.
        not_before: when it can go, where its boundary holds it back (rules `window`, `budget`); else None.
    """

    crossing: str
    outcome: Outcome
    rules: tuple[GateRule, ...] = ()
    size: int = 0
    manifest: str = ""
    arrival: str = ""
    version: str = ""
    rows: int = 0
    not_before: dt.datetime | None = None


@dataclass(frozen=True)
class IngressResult:
    """What the destination's side did.

    Attributes:
        crossing: the id.
        outcome: `permitted`, `denied` or `broken`.
        rules: those that spoke against it.
        name: the asset's name at the destination.
        version: of the committed asset; empty unless permitted.
        contract: the contract that it carries there; empty unless permitted.
        receipt: digest of the signed receipt; empty where the boundary holds it back: no answer yet.
        not_before: when it can go, where its boundary holds it back; else None.
        members: what was committed, one by one; of a set that was committed before, none where its manifest
            names none.
    """

    crossing: str
    outcome: Outcome
    name: str
    rules: tuple[GateRule, ...] = ()
    version: str = ""
    contract: str = ""
    receipt: str = ""
    not_before: dt.datetime | None = None
    members: tuple[Member, ...] = ()


@dataclass(frozen=True)
class SettleResult:
    """What the source read in the destination's receipt.

    Attributes:
        crossing: the id.
        outcome: the destination's.
        rules: those that spoke against it there.
        version: what the destination says it committed; empty unless permitted.
        receipt: digest of the signed receipt.
    """

    crossing: str
    outcome: Outcome
    rules: tuple[GateRule, ...]
    version: str
    receipt: str


class CrossingFailedError(NotVerifiableError):
    """The crossing was refused because something about it does not verify.

    Attributes:
        crossing: the id.
        rule: the id of the check that refused it, as the ledger names it.
    """

    def __init__(self, crossing: str, rule: str, message: str, *, remedy: str = "") -> None:
        """Keep the crossing, the check, the message and the remedy."""
        super().__init__(message, remedy=remedy)
        self.crossing = crossing
        self.rule = rule

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle: an error raised in a Dask worker reaches the step whole."""
        return (_rebuilt, (self.crossing, self.rule, str(self), self.remedy))


def _rebuilt(crossing: str, rule: str, message: str, remedy: str) -> CrossingFailedError:
    return CrossingFailedError(crossing, rule, message, remedy=remedy)
