"""The rows that break rules, for the data's owner: which rules each row breaks, part by part.

Rules on single rows only. A key that repeats, a number of rows or an aggregate has no single row to
blame; of a rule with a tolerance the rows that break it are told all the same, where the rule failed.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from data_contracts.checks.plan import CheckPlan
from data_contracts.checks.rules import Rule

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

__all__ = ["broken_rules"]


def broken_rules(plan: CheckPlan, table: pa.Table, failed: Collection[str]) -> dict[str, Any]:
    """Return, by the id of each failed rule that single rows break, a numpy array of flags: one for each row.

    Args:
        plan: the plan.
        table: the rows of one part.
        failed: ids of the rules that failed.
    """
    import numpy as np

    found: dict[str, Any] = {}
    for rule in plan.rules:
        test = _test(rule) if rule.id in failed else None
        flat = None if test is None else plan.flat(rule, table)
        if test is None or flat is None:
            continue
        flags = flat.frame(rule.columns).select(test.alias("broken"))["broken"].to_numpy()
        node = plan.shape.nodes.get(rule.columns[0]) if rule.columns else None
        broken = np.zeros(table.num_rows, dtype=bool)
        broken[flat.owners("" if node is None else node.level)[flags]] = True
        found[rule.id] = broken
    return found


def _test(rule: Rule) -> pl.Expr | None:
    if rule.streaming is None or not rule.columns:
        return None
    unexpected = getattr(rule.measure, "unexpected", None)
    return unexpected() if callable(unexpected) else rule.streaming.broken()
