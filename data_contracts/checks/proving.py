"""A plan for a contract: rules compiled, and each proved to be one that the engine takes.

A pattern with look-around, or a bound that is no value of the column, shows only when it is run. So every
rule runs once on a column of nulls (texts: one short text); one that the engine refuses is `not_evaluated`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from data_contracts.arrow import column_type
from data_contracts.checks.compiling import compile_rules
from data_contracts.checks.conforming import ContractShape
from data_contracts.checks.hashes import hash_keys, keys_of
from data_contracts.checks.nested import Flat
from data_contracts.checks.plan import CheckPlan
from data_contracts.checks.recency import recency_rules
from data_contracts.checks.rules import Rule
from data_contracts.errors import UsageError
from data_contracts.measure import Reading
from data_contracts.model import Column, Contract, SchemaObject

if TYPE_CHECKING:
    import polars as pl

__all__ = ["compile_plan"]


def compile_plan(
    contract: Contract,
    *,
    side: str | None = None,
    references: Mapping[str, Reading] | None = None,
    now: datetime | None = None,
    key: Callable[[int], bytes] | None = None,
) -> CheckPlan:
    """Compile a contract's rules.

    Args:
        contract: a contract with one data object, or of a model.
        side: for a model's contract, `inputs` (default) or `outputs`; else the object's name, where there
            are several.
        references: rows of other assets by object name, for foreign keys; a key into an asset that is not
            here is `not_evaluated`. Picklable (`Files`) where the plan travels.
        now: the moment to judge freshness, latency and retention at, with a time zone; without it these
            service levels are not looked at.
        key: gives the random bytes that seed hashes; `secrets.token_bytes` by default.

    Raises:
        UsageError: the contract has not exactly one data object, or none of that name.
    """
    import secrets

    item = _object(contract, side)
    shape = ContractShape(item)
    timed = () if now is None else tuple(recency_rules(contract, item, dict(shape.nodes), now))
    rules = tuple(
        rule if contract.acknowledgement(rule.id) is None else replace(rule, acknowledged=True)
        for rule in _proved((*compile_rules(item), *timed), shape)
    )
    return CheckPlan(
        contract.reference, shape, rules, (key or secrets.token_bytes)(32), dict(references or {})
    )


def _object(contract: Contract, side: str | None) -> SchemaObject:
    if contract.model is not None or side is None:
        return contract.outputs if side == "outputs" else contract.object
    for item in contract.objects:
        if item.name == side:
            return item
    raise UsageError(f"{contract.reference} has no object {side}")


def _proved(rules: Sequence[Rule], shape: ContractShape) -> tuple[Rule, ...]:
    """Return the rules, each that the engine does not take refused."""
    samples: dict[str, pl.Series] = {}
    for column in shape.item.columns:
        samples[column.name] = _sample(column)
    flat = Flat(shape.nodes, samples, 1)
    return _sound(list(rules), flat)


def _sound(rules: list[Rule], flat: Flat) -> tuple[Rule, ...]:
    """Run rules together, and halve what fails until it is one rule."""
    if not rules or _run(rules, flat):
        return tuple(rules)
    if len(rules) == 1:
        return (rules[0].refuse(),)
    middle = len(rules) // 2
    return _sound(rules[:middle], flat) + _sound(rules[middle:], flat)


def _run(rules: list[Rule], flat: Flat) -> bool:
    import polars as pl

    by_level: dict[str, tuple[dict[str, None], list[pl.Expr]]] = {}
    try:
        for rule in rules:
            if rule.streaming is None or not rule.columns or getattr(rule.measure, "only_nulls", False):
                _look(rule, flat)
                continue
            paths, expressions = by_level.setdefault(flat.level(rule.columns[0]), ({}, []))
            paths.update(dict.fromkeys(rule.columns))
            expressions.extend(rule.streaming.expressions())
        for paths, expressions in by_level.values():
            named = [expression.alias(str(at)) for at, expression in enumerate(expressions)]
            flat.frame(paths).select(named)
    except (pl.exceptions.PolarsError, ArithmeticError, AttributeError, KeyError, TypeError, ValueError):
        return False  # What was written is no value, pattern or path of this column.
    return True


def _look(rule: Rule, flat: Flat) -> None:
    if rule.keyed is not None:
        hash_keys(keys_of(flat.frame(rule.columns), rule.keyed.key())[0], 0)
    elif rule.reference is not None:
        flat.frame(rule.columns)


def _sample(column: Column) -> pl.Series:
    import polars as pl
    import pyarrow as pa

    try:
        kind: Any = column_type(column)
    except UsageError:
        return pl.Series(column.name, [None])
    if kind == pa.string():
        return pl.Series(column.name, ["x"])
    made: Any = pl.from_arrow(pa.nulls(1, kind))
    return made.alias(column.name) if isinstance(made, pl.Series) else pl.Series(column.name, [None])
