"""The rows whose foreign key has no counterpart, for the data's owner: exact, compared by value.

A row with a null in its key refers to nothing and is not told. Of a key whose other side was not given, or
cannot be compared with, nothing was evaluated: no row is to blame.

Example::

    lost = lost_keys(plan, read, {"ward.foreignKey"})
    flags = broken_references(plan, table, lost)["ward.foreignKey"]
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from data_contracts.checks.expectations_keys import rows_with
from data_contracts.checks.plan import CheckPlan
from data_contracts.checks.references import UnresolvableError, unmatched_keys
from data_contracts.checks.whole import referring
from data_contracts.checks.workspace import Workspace
from data_contracts.measure import Reading

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

__all__ = ["broken_references", "lost_keys"]


def lost_keys(plan: CheckPlan, read: Reading, failed: Collection[str]) -> Mapping[str, pl.DataFrame]:
    """Return, by the id of each failed foreign key, its keys that stand nowhere in the other asset."""
    import polars as pl

    found: dict[str, pl.DataFrame] = {}
    for rule in plan.rules:
        key = rule.reference if rule.id in failed else None
        other = None if key is None else plan.references.get(key.to_object)
        if key is None or other is None:
            continue
        with Workspace() as work:
            try:
                left = list(unmatched_keys(key, referring(plan, rule, key, read), other, plan.seed, work))
            except UnresolvableError:
                continue
        if left:
            found[rule.id] = pl.concat(left).drop("rows")
    return found


def broken_references(plan: CheckPlan, table: pa.Table, lost: Mapping[str, pl.DataFrame]) -> dict[str, Any]:
    """Return, by rule, a numpy array of flags, one for each row of a part: what it refers to is not there.

    Args:
        plan: the plan.
        table: the rows of one part.
        lost: of `lost_keys`.
    """
    import numpy as np

    found: dict[str, Any] = {}
    for rule in plan.rules:
        key = rule.reference if rule.id in lost else None
        flat = None if key is None else plan.flat(rule, table)
        if key is None or flat is None:
            continue
        node = plan.shape.nodes.get(key.columns[0])
        broken = np.zeros(table.num_rows, dtype=bool)
        places = rows_with(flat.frame(key.columns), key.key(), lost[rule.id])
        broken[flat.owners("" if node is None else node.level)[places]] = True
        found[rule.id] = broken
    return found
