"""The rows that break rules, for the data's owner: which rules each row breaks, part by part.

Rules on single rows only (keys: `expectations_keys`). A number of rows or an aggregate has no single row to
blame; of a rule with a tolerance the rows that break it are told all the same, where the rule failed. What
needs several passes (outliers) is looked at again in as many.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from data_contracts.checks.partial import merge
from data_contracts.checks.plan import CheckPlan
from data_contracts.measure import Measure, Reading

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

__all__ = ["broken_rules", "row_tests"]


def row_tests(plan: CheckPlan, read: Reading, failed: Collection[str]) -> Mapping[str, Measure]:
    """Return, by the id of each failed rule that single rows break, the measure that says which."""
    found: dict[str, Measure] = {}
    left = replace(plan, rules=tuple(rule for rule in plan.rules if rule.id in failed and rule.streaming))
    turn: CheckPlan | None = left if left.rules else None
    while turn is not None:
        found |= {rule.id: rule.streaming for rule in turn.rules if rule.streaming is not None}
        parts = [turn.partial(table, position=at) for at, table in enumerate(read(turn.columns))]
        turn = turn.following(merge(parts)) if parts else None
    return {rule: measure for rule, measure in found.items() if _test(measure) is not None}


def broken_rules(plan: CheckPlan, table: pa.Table, tests: Mapping[str, Measure]) -> dict[str, Any]:
    """Return, by rule, a numpy array of flags, one for each row: it breaks the rule.

    Args:
        plan: the plan.
        table: the rows of one part.
        tests: of `row_tests`.
    """
    import numpy as np

    found: dict[str, Any] = {}
    for rule in plan.rules:
        test = _test(tests[rule.id]) if rule.id in tests else None
        flat = None if test is None else plan.flat(replace(rule, measure=tests[rule.id]), table)
        if test is None or flat is None:
            continue
        columns = tests[rule.id].columns
        flags = flat.frame(columns).select(test.alias("broken"))["broken"].to_numpy()
        node = plan.shape.nodes.get(columns[0])
        broken = np.zeros(table.num_rows, dtype=bool)
        broken[flat.owners("" if node is None else node.level)[flags]] = True
        found[rule.id] = broken
    return found


def _test(measure: Measure) -> pl.Expr | None:
    if not measure.columns:
        return None
    unexpected = getattr(measure, "unexpected", None)
    return unexpected() if callable(unexpected) else measure.broken()
