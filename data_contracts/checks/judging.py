"""From merged states to results: what each rule's measure says of all parts together.

Invariants:
1. A column that is not sound in some part fails every rule that reads it, with that reason.
2. What was not evaluated has failed, unless the contract's owner acknowledged that rule by name.
3. Of a finding, the verdict takes counts and the reason.
"""

from __future__ import annotations

from typing import Any

from data_contracts.checks.hashes import Hashes
from data_contracts.checks.partial import Partial, Unevaluated
from data_contracts.checks.rules import COLUMNS_RULE, Rule
from data_contracts.measure import Finding, KeyCounts, Measure
from data_contracts.verdict import Reason, RuleResult

__all__ = ["found_alone", "not_evaluated", "pending", "result_of"]


def not_evaluated(rows: int) -> Finding:
    """Return the finding of a rule that nothing evaluated."""
    return Finding(False, rows, 0, 0, Reason.NOT_EVALUATED)


def found_alone(rule: Rule, partial: Partial, rows: int) -> Finding:
    """Return what the first pass says of one rule.

    Args:
        rule: the rule.
        partial: of all parts.
        rows: at the rule's level.
    """
    if rule.id == COLUMNS_RULE and rule.measure is None:
        count = len(partial.undeclared)
        return Finding(not count, rows, 0, count, Reason.COLUMN_UNDECLARED if count else None)
    if rule.refused is not None or rule.measure is None:
        return not_evaluated(rows)
    if rule.id in partial.structural:
        return _structural(rule, partial, rows)
    return _own(rule, partial.states.get(rule.id), rows)


def result_of(rule: Rule, found: Finding) -> RuleResult:
    """Return what a verdict tells of a finding: counts and a reason code."""
    acknowledged = rule.acknowledged and found.reason is Reason.NOT_EVALUATED
    return RuleResult(
        rule.id,
        rule.column,
        rule.word,
        found.success or acknowledged,
        found.element_count,
        found.missing_count,
        found.unexpected_count,
        Reason.ACKNOWLEDGED if acknowledged else None if found.success else found.reason,
        rule.severity,
        rule.dimension,
    )


def pending(rule: Rule, partial: Partial) -> Measure | None:
    """Return the measure of the rule's next pass, or None where it needs none."""
    state = partial.states.get(rule.id)
    if (
        rule.streaming is None
        or state is None
        or isinstance(state, Unevaluated)
        or rule.id in partial.structural
    ):
        return None
    return rule.streaming.second(state)


def _structural(rule: Rule, partial: Partial, rows: int) -> Finding:
    """Count what sound parts showed, and for `type` the rows of the others."""
    found = partial.structural[rule.id]
    state = partial.states.get(rule.id)
    missing = int(getattr(state, "missing", 0))
    broken = int(getattr(state, "unexpected", 0)) + (found.rows if rule.word == "type" else 0)
    return Finding(False, rows, missing, broken, found.reason)


def _own(rule: Rule, state: Any, rows: int) -> Finding:  # noqa: ANN401 - a state, or None
    if state is None or isinstance(state, Unevaluated):
        return not_evaluated(rows)
    if rule.streaming is not None and rule.streaming.second(state) is None:
        return rule.streaming.judge(state, rows)
    if rule.keyed is not None and isinstance(state, Hashes):
        found = state.repeated
        distinct = state.keyed - found.rows + len(found.hashes)
        return rule.keyed.judge_keys(KeyCounts(state.rows, state.keyed, distinct, found.rows), rows)
    return not_evaluated(rows)
