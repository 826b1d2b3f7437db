"""The rows that share their key with another row, for the data's owner: exact, in two passes before the last.

A hash only says which keys may repeat; what is flagged are rows whose key, by value, more than one row has.
Of rows that share a key all are told, the first as well, as they are counted.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from data_contracts.checks.hashes import Hashes, contains, hash_keys, keys_of
from data_contracts.checks.partial import merge
from data_contracts.checks.plan import CheckPlan
from data_contracts.checks.rules import Rule
from data_contracts.measure import KeySpec, Reading

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

__all__ = ["broken_keys", "repeated_keys", "rows_with"]

_ROW = "row"


def repeated_keys(plan: CheckPlan, read: Reading, failed: Collection[str]) -> Mapping[str, pl.DataFrame]:
    """Return, by the id of each failed rule on a key, the keys that more than one row has."""
    import polars as pl

    asked = tuple(rule for rule in plan.unique_rules if rule.id in failed)
    if not asked:
        return {}
    turn = replace(plan, rules=asked)
    states = merge(turn.partial(table, position=at) for at, table in enumerate(read(turn.columns))).states
    again = {name: state.repeated.hashes for name, state in states.items() if isinstance(state, Hashes)}
    found: dict[str, list[pl.DataFrame]] = {name: [] for name in again}
    for table in read(turn.columns):
        for rule in asked:
            keys = _keys(turn, rule, table) if rule.id in again else None
            if keys is not None:
                found[rule.id].append(keys.filter(contains(again[rule.id], hash_keys(keys, plan.seed))))
    return {name: _shared(pl.concat(frames)) for name, frames in found.items() if frames}


def _keys(plan: CheckPlan, rule: Rule, table: pa.Table) -> pl.DataFrame | None:
    flat = plan.flat(rule, table)
    return (
        None if flat is None or rule.keyed is None else keys_of(flat.frame(rule.columns), rule.keyed.key())[0]
    )


def _shared(keys: pl.DataFrame) -> pl.DataFrame:
    return keys.filter(keys.is_duplicated()).unique()


def broken_keys(plan: CheckPlan, table: pa.Table, repeated: Mapping[str, pl.DataFrame]) -> dict[str, Any]:
    """Return, by rule, a numpy array of flags, one for each row of a part: it shares its key.

    Args:
        plan: the plan.
        table: the rows of one part.
        repeated: of `repeated_keys`.
    """
    import numpy as np

    found: dict[str, Any] = {}
    for rule in plan.unique_rules:
        flat = plan.flat(rule, table) if rule.id in repeated else None
        if flat is None or rule.keyed is None:
            continue
        spec = rule.keyed.key()
        rows = rows_with(flat.frame(rule.columns), spec, repeated[rule.id])
        node = plan.shape.nodes.get(rule.columns[0])
        broken = np.zeros(table.num_rows, dtype=bool)
        broken[flat.owners("" if node is None else node.level)[rows]] = True
        found[rule.id] = broken
    return found


def rows_with(frame: pl.DataFrame, spec: KeySpec, among: pl.DataFrame) -> Any:  # noqa: ANN401 - numpy ships no type here
    """Return the places of the frame's rows whose key stands among those of `among` (`k0`, `k1`, …)."""
    import polars as pl

    counted = frame.with_row_index(_ROW)
    chosen = counted if spec.where is None else counted.filter(spec.where)
    keys = chosen.select(pl.col(_ROW), *(value.alias(f"k{at}") for at, value in enumerate(spec.values)))
    names = among.columns
    return keys.join(among, on=names, how="semi", nulls_equal=spec.null_is_value)[_ROW].to_numpy()
