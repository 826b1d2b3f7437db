"""What one pass over parts cannot say: later passes, keys compared by value, foreign keys, whole-asset rules.

Invariants:
1. A rule that the first pass has failed for its columns is not looked at again.
2. Keys are read again only where hashes repeat, and only rows with those hashes are compared.
3. Everything here reads only the columns that it needs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from data_contracts.checks.hashes import Hashes, Repeats, contains, hash_keys, keys_of
from data_contracts.checks.judging import not_evaluated
from data_contracts.checks.keytable import KeyTable
from data_contracts.checks.partial import Partial, merge
from data_contracts.checks.plan import CheckPlan
from data_contracts.checks.references import ReferenceKey, UnresolvableError, unmatched_rows
from data_contracts.checks.rules import Rule
from data_contracts.checks.workspace import Workspace
from data_contracts.errors import DefectError
from data_contracts.measure import Asset, Finding, KeyCounts, Reading
from data_contracts.verdict import Reason

if TYPE_CHECKING:
    import polars as pl

__all__ = ["referring", "whole_findings"]

_PASSES = 8


def whole_findings(plan: CheckPlan, read: Reading, partial: Partial, work: Workspace) -> dict[str, Finding]:
    """Return what later passes find, by rule id; rules that the first pass judges alone are not in it."""
    findings = _passes(plan, read, partial)
    findings |= _keys(plan, read, partial, work)
    for rule in plan.rules:
        if rule.id in partial.structural:
            continue
        if rule.reference is not None:
            findings[rule.id] = _reference(plan, rule, read, partial, work)
    asset = Asset(read, partial.rows)
    try:
        for rule in plan.whole_asset_rules:
            if rule.whole is not None and rule.id not in partial.structural:
                findings[rule.id] = rule.whole.evaluate(asset)
    finally:
        for held in asset.shared.values():
            # A child process of `sql` rules ends with the check that started it.
            if hasattr(held, "close"):
                held.close()
    return findings


def _passes(plan: CheckPlan, read: Reading, partial: Partial) -> dict[str, Finding]:
    findings: dict[str, Finding] = {}
    following = plan.following(partial)
    while following is not None:
        if following.turn > _PASSES:
            raise DefectError(f"a rule needs more than {_PASSES} passes")
        parts: list[Partial] = []
        first_row = 0
        for position, table in enumerate(read(following.columns)):
            parts.append(following.partial(table, position=position, first_row=first_row))
            first_row += table.num_rows
        merged = merge(parts)
        further = following.following(merged)
        waiting = {rule.id for rule in further.rules} if further is not None else set()
        for rule in following.rules:
            if rule.id not in waiting:
                findings[rule.id] = following.finding(rule, merged)
        following = further
    return findings


def _keys(plan: CheckPlan, read: Reading, partial: Partial, work: Workspace) -> dict[str, Finding]:
    """Judge keys; compare by value those whose hashes repeat, in one more pass for all rules."""
    states: dict[str, Hashes] = {}
    for rule in plan.unique_rules:
        state = partial.states.get(rule.id)
        if rule.id not in partial.structural and isinstance(state, Hashes):
            states[rule.id] = state
    again = {name: state.repeated for name, state in states.items()}
    asked = [rule for rule in plan.unique_rules if rule.id in again and again[rule.id].rows]
    tables = {rule.id: KeyTable(plan.seed, work) for rule in asked}
    if asked:
        columns = sorted({name for rule in asked for name in plan.tops(rule)})
        for table in read(columns):
            for rule in asked:
                flat = plan.flat(rule, table)
                if flat is None or rule.keyed is None:
                    continue
                keys = keys_of(flat.frame(rule.columns), rule.keyed.key())[0]
                tables[rule.id].add(keys.filter(contains(again[rule.id].hashes, hash_keys(keys, plan.seed))))
    findings: dict[str, Finding] = {}
    for rule in plan.unique_rules:
        if rule.id not in states or rule.keyed is None:
            continue
        counts = _counts(states[rule.id], again[rule.id], tables.get(rule.id))
        findings[rule.id] = rule.keyed.judge_keys(counts, plan.rows(rule, partial))
    return findings


def _counts(state: Hashes, again: Repeats, table: KeyTable | None) -> KeyCounts:
    import polars as pl

    distinct, repeated = state.keyed - again.rows, 0
    for _, found in table.buckets() if table is not None else ():
        distinct += found.height
        repeated += int(found.filter(pl.col("rows") > 1)["rows"].sum())
    return KeyCounts(state.rows, state.keyed, distinct, repeated)


def referring(plan: CheckPlan, rule: Rule, key: ReferenceKey, read: Reading) -> Iterator[pl.DataFrame]:
    """Yield the keys of a foreign key's own side, part by part; a row with a null in its key has none.

    Raises:
        UnresolvableError: a part lacks the columns.
    """
    for table in read(plan.tops(rule)):
        flat = plan.flat(rule, table)
        if flat is None:
            raise UnresolvableError
        yield keys_of(flat.frame(key.columns), key.key())[0]


def _reference(plan: CheckPlan, rule: Rule, read: Reading, partial: Partial, work: Workspace) -> Finding:
    rows = plan.rows(rule, partial)
    key = rule.reference
    if key is None:
        raise DefectError("only foreign keys refer to other assets")
    other = plan.references.get(key.to_object)
    if other is None:
        return not_evaluated(rows)
    keyed = 0

    def own() -> Iterator[pl.DataFrame]:
        nonlocal keyed
        for keys in referring(plan, rule, key, read):
            keyed += keys.height
            yield keys

    try:
        count = unmatched_rows(key, own(), other, plan.seed, work)
    except UnresolvableError:
        return not_evaluated(rows)
    reason = Reason.REFERENCE_MISSING if count else None
    return Finding(not count, rows, rows - keyed, count, reason)
