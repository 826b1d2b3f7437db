"""The check plan: a contract's rules, ready to look at any part of the data.

Invariants:
1. `partial` sees one part and gives counts; `verdict` sees only merged counts. So the verdict is the same
   for every partitioning of the same rows.
2. A plan pickles, and works the same in every process that has the same versions.
3. What a plan cannot evaluate has failed; it is named in the verdict.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from data_contracts.arrow import Values, array_of
from data_contracts.checks.compiling import compile_rules
from data_contracts.checks.conforming import conform, undeclared
from data_contracts.checks.expressions import missing, unexpected
from data_contracts.checks.partial import Partial, Tally
from data_contracts.checks.rules import Rule, Scope
from data_contracts.checks.uniqueness import duplicate_rows, hash_keys
from data_contracts.errors import DefectError
from data_contracts.model import Contract, SchemaObject
from data_contracts.verdict import Reason, RuleResult, Verdict

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

__all__ = ["CheckPlan", "compile_plan"]

_COUNTED = {Scope.TYPE, Scope.MISSING, Scope.ROW}


@dataclass(frozen=True)
class CheckPlan:
    """One schema object's rules.

    Attributes:
        reference: `id@version` of the contract.
        item: the schema object.
        rules: in the contract's order.
        key: 32 bytes that seed the hashes of this run.
    """

    reference: str
    item: SchemaObject
    rules: tuple[Rule, ...]
    key: bytes = field(repr=False)

    @property
    def fingerprint(self) -> str:
        """Tells partials of this plan from those of others, without telling the key."""
        return hashlib.blake2b(self.reference.encode(), key=self.key, digest_size=16).hexdigest()

    @property
    def seed(self) -> int:
        """The seed of the hashes."""
        return int.from_bytes(self.key[:8], "big")

    @property
    def whole_asset_rules(self) -> tuple[Rule, ...]:
        """The rules that one part cannot answer: Great Expectations runs them on the whole asset."""
        return tuple(rule for rule in self.rules if rule.scope is Scope.ASSET)

    @property
    def unique_rules(self) -> tuple[Rule, ...]:
        """The rules on keys that must not repeat."""
        return tuple(rule for rule in self.rules if rule.scope is Scope.UNIQUE)

    def frame(self, table: pa.Table) -> tuple[pl.DataFrame, dict[str, Reason]]:
        """Return the part's sound columns, and why the others are not."""
        import polars as pl

        sound, reasons = conform(self.item.columns, table)
        frame = pl.from_arrow(sound)
        if not isinstance(frame, pl.DataFrame):
            raise DefectError("a table without columns is no frame")
        return frame, reasons

    def partial(self, table: pa.Table) -> Partial:
        """Look at one part of the data."""
        frame, reasons = self.frame(table)
        tallies = {rule.id: self._structural(rule, table, reasons) for rule in self.rules}
        sound = [r for r in self.rules if r.scope in _COUNTED and tallies[r.id].structural is None]
        tallies |= self._counts(frame, sound)
        hashes = {
            rule.id: (hash_keys(frame, rule.columns, self.seed),)
            for rule in self.unique_rules
            if tallies[rule.id].structural is None
        }
        return Partial(self.fingerprint, table.num_rows, tallies, hashes)

    def _structural(self, rule: Rule, table: pa.Table, reasons: dict[str, Reason]) -> Tally:
        """Return what the table's columns alone say about a rule."""
        if rule.scope is Scope.COLUMNS:
            return Tally(unexpected=undeclared(self.item.columns, table))
        names = rule.columns or (() if rule.column is None else (rule.column,))
        found = next((reasons[name] for name in names if name in reasons), None)
        broken = 0
        if found is not None and rule.scope is Scope.TYPE:
            broken = table.num_rows
        return Tally(unexpected=broken, structural=found)

    def _counts(self, frame: pl.DataFrame, rules: list[Rule]) -> dict[str, Tally]:

        wanted: list[pl.Expr] = []
        for index, rule in enumerate(rules):
            column = self.item.column(str(rule.column))
            wanted.append(missing(rule, column).sum().alias(f"m{index}"))
            wanted.append(unexpected(rule, column).sum().alias(f"u{index}"))
        counts = frame.select(wanted).row(0, named=True) if wanted else {}
        return {
            rule.id: Tally(int(counts[f"m{index}"] or 0), int(counts[f"u{index}"] or 0))
            for index, rule in enumerate(rules)
        }

    def verdict(self, partial: Partial) -> Verdict:
        """Judge merged partials. Rules on the whole asset stand as `not_evaluated` (see `check_whole`).

        Raises:
            DefectError: the partial is another plan's.
        """
        if partial.plan != self.fingerprint:
            raise DefectError("a partial of another plan")
        return Verdict(partial.rows, tuple(self.judge(rule, partial) for rule in self.rules))

    def judge(self, rule: Rule, partial: Partial, *, duplicates: int | None = None) -> RuleResult:
        """Judge one rule; `duplicates` replaces the count by hashes with the exact one."""
        tally = partial.tallies.get(rule.id, Tally(structural=Reason.NOT_EVALUATED))
        if rule.scope in {Scope.REFUSED, Scope.ASSET}:
            tally = replace(tally, structural=Reason.NOT_EVALUATED)
        count = tally.unexpected
        if rule.scope is Scope.UNIQUE and tally.structural is None:
            count = duplicate_rows(partial.hashes.get(rule.id, ())) if duplicates is None else duplicates
        measured = partial.rows if rule.scope is Scope.ROWS else count
        holds = rule.limit.holds(measured, partial.rows) if rule.limit is not None else not count
        if rule.scope is Scope.ROWS:
            count = int(not holds)
        success = holds and tally.structural is None
        reason = None if success else tally.structural or rule.reason
        return RuleResult(
            rule.id, rule.column, rule.word, success, partial.rows, tally.missing, count, reason
        )

    def violations(self, table: pa.Table) -> Values:
        """Return one flag per row (a boolean array): it breaks some rule that a single row can break.

        A table that lacks a column, or has one too many or of the wrong type, is broken in every row. Rules
        on many rows (keys that repeat, row counts, tolerances, whole-asset rules) flag none.
        """
        import polars as pl
        import pyarrow as pa

        frame, reasons = self.frame(table)
        if reasons or undeclared(self.item.columns, table):
            return array_of([True] * table.num_rows, pa.bool_())
        rules = [rule for rule in self.rules if rule.row_level and rule.scope in _COUNTED]
        tests = [unexpected(rule, self.item.column(str(rule.column))) for rule in rules]
        if not tests or not table.num_rows:
            return array_of([False] * table.num_rows, pa.bool_())
        broken: Values = frame.select(pl.any_horizontal(tests).alias("broken"))["broken"].to_arrow()
        return broken.cast(pa.bool_())


def compile_plan(
    contract: Contract, *, side: str | None = None, key: Callable[[int], bytes] | None = None
) -> CheckPlan:
    """Compile a contract's rules.

    Args:
        contract: a contract with one data object, or of a model.
        side: for a model's contract, `inputs` (default) or `outputs`.
        key: gives the random bytes that seed hashes; `secrets.token_bytes` by default.

    Raises:
        UsageError: the contract has not exactly one data object.
    """
    import secrets

    item = contract.outputs if side == "outputs" else contract.object
    plan = CheckPlan(contract.reference, item, compile_rules(item), (key or secrets.token_bytes)(32))
    return replace(plan, rules=tuple(_proved(plan, rule) for rule in plan.rules))


def _proved(plan: CheckPlan, rule: Rule) -> Rule:
    """Return the rule if the engine takes it, else the same rule refused.

    A pattern with look-around or a bound that is no value of the column shows only when it is run.
    """
    import polars as pl

    if rule.scope not in _COUNTED:
        return rule
    column = plan.item.column(str(rule.column))
    try:
        sample: dict[str, Any] = {column.name: _sample(plan, column.name)}
        pl.DataFrame(sample).select(missing(rule, column), unexpected(rule, column).alias("__broken"))
    except (pl.exceptions.PolarsError, TypeError, ValueError, KeyError):
        return replace(rule, scope=Scope.REFUSED, reason=Reason.NOT_EVALUATED)
    return rule


def _sample(plan: CheckPlan, name: str) -> pl.Series:
    import polars as pl
    import pyarrow as pa

    from data_contracts.arrow import column_type, kind_of
    from data_contracts.errors import UsageError

    column = plan.item.column(name)
    if kind_of(column) == "string" and column_type(column) == pa.string():
        return pl.Series(name, ["x"])
    try:
        kind: Values = column_type(column)
        empty: Values = pa.nulls(1, kind)
    except UsageError:
        return pl.Series(name, [None])
    made = pl.from_arrow(empty)
    return made.alias(name) if isinstance(made, pl.Series) else pl.Series(name, [None])
