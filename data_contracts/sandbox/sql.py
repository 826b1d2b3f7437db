"""`sql` rules: one SELECT over the asset as its only table, by DuckDB, in the sandbox.

Invariants:
1. The query runs in a child that has no file, no network and no secret; rows are sent to it, and one number
   comes back. What it may contain is an allow list (`work.sqltree`).
2. The number is compared with the contract's operator here. Whatever else happens (a refusal, a limit, a
   crash, another shape of answer, null, another server's dialect) is `not_evaluated`, and so a failure.
3. The rows are sent once for all `sql` rules of an object, and only the columns that one of them reads.
4. A number is compared as it is written: 0.1 is 0.1, whether the query made a DOUBLE or a DECIMAL of it.

Example::

    measures = sql_measures(contract.object)
    finding = measures["age.sql"].evaluate(Asset(reading, rows=100))
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from data_contracts.measure import Asset, Finding, Reading
from data_contracts.model import Column, QualityRule, SchemaObject
from data_contracts.sandbox.limits import GIB, Limits
from data_contracts.sandbox.placeholders import fill
from data_contracts.sandbox.running import Child, SandboxError
from data_contracts.verdict import Reason

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["SqlLimits", "SqlMeasure", "SqlSession", "evaluate_sql", "refused_queries", "sql_measures"]

DIALECT = "duckdb"
_WORK = "data_contracts.sandbox.work.query:Query"
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,4})?")


@dataclass(frozen=True)
class SqlLimits:
    """What the rules of one object may use.

    Attributes:
        memory_bytes: of DuckDB; what does not fit goes to files in the child's private folder.
        temporary_bytes: of those files together.
        seconds: for each query, besides `rows_per_second`.
        rows_per_second: a second more for so many rows of the asset.
    """

    memory_bytes: int = GIB
    temporary_bytes: int = 4 * GIB
    seconds: float = 30.0
    rows_per_second: int = 500_000

    def of(self, rows: int) -> Limits:
        """Return the child's limits for an asset of so many rows."""
        wall = self.seconds + rows / self.rows_per_second
        return Limits(
            memory_bytes=self.memory_bytes + GIB,
            cpu_seconds=int(2 * wall),
            wall_seconds=wall,
            file_bytes=self.temporary_bytes,
        )


class SqlSession:
    """One child with the asset's rows, for all queries on it; a context manager."""

    def __init__(self, table: str, names: Sequence[str], queries: Sequence[str], limits: SqlLimits) -> None:
        """Name the table, its columns, and every query that may be asked."""
        self._table, self._names, self._queries, self._limits = table, list(names), list(queries), limits
        self._child: Child | None = None

    def close(self) -> None:
        """End the child."""
        if self._child is not None:
            self._child.close()
            self._child = None

    def number(self, query: str, asset: Asset) -> Decimal:
        """Return the query's answer.

        Raises:
            SandboxError: it has none; `code` says why.
        """
        if self._child is not None:
            try:
                return self._ask(self._child, query)
            except SandboxError as error:
                # Another query may have used up this child: a fresh one decides.
                if error.code == "refused":
                    raise
                self.close()
        try:
            return self._ask(self._opened(asset), query)
        except SandboxError as error:
            if error.code != "refused":
                self.close()
            raise

    def _opened(self, asset: Asset) -> Child:
        """Start a child and send it the rows."""
        limits = self._limits
        child = self._child = Child(_WORK, limits.of(asset.rows), write=True)
        opening = {
            "do": "open",
            "table": self._table,
            "memory": limits.memory_bytes,
            "temporary": limits.temporary_bytes,
        }
        child.call(opening)
        asked: set[str] = set()
        for query in self._queries:
            answer = child.call({"do": "prepare", "query": query, "names": self._names})
            found = answer.get("columns", ()) if isinstance(answer, dict) else ()
            asked.update(name for name in found if name in self._names)
        # Nothing can be run; `_ask` will say so, over a table without rows.
        columns = [name for name in self._names if name in asked] or self._names[:1]
        child.call({"do": "load"}, _chosen(asset.read(columns), columns))
        return child

    def _ask(self, child: Child, query: str) -> Decimal:
        answer = child.call({"do": "run", "query": query})
        number = answer.get("number") if isinstance(answer, dict) else None
        if not isinstance(number, str) or not _NUMBER.fullmatch(number):
            raise SandboxError("refused")
        return Decimal(number)


def _chosen(tables: Iterator[pa.Table], columns: list[str]) -> Iterator[pa.Table]:
    """Give every part the same columns in the same order; a part that has others is none of this asset."""
    schema = None
    for table in tables:
        if any(table.column_names.count(name) != 1 for name in columns):
            raise SandboxError("refused")
        part = table.select(columns).replace_schema_metadata(None)
        schema = part.schema if schema is None else schema
        if part.schema != schema:
            raise SandboxError("refused")
        yield part


@dataclass(frozen=True)
class SqlMeasure:
    """A `WholeMeasure`: one query and what its number must be.

    Attributes:
        query: with all names filled in.
        operator: ODCS's word.
        bound: a number, or two.
        table: the object's name.
        names: all columns of the asset.
        siblings: the queries of all `sql` rules of the object.
        limits: what they may use.
    """

    query: str
    operator: str
    bound: Any
    table: str
    names: tuple[str, ...]
    siblings: tuple[str, ...]
    limits: SqlLimits = field(default_factory=SqlLimits)

    @property
    def columns(self) -> tuple[str, ...] | None:
        """Which it reads is known to the child only: any."""
        return None

    def evaluate(self, asset: Asset) -> Finding:
        """Evaluate it; all rules of the object share one child through `asset.shared`."""
        key = ("sql", self.table, self.siblings)
        session = asset.shared.get(key)
        if session is None:
            session = asset.shared[key] = SqlSession(self.table, self.names, self.siblings, self.limits)
        try:
            number = session.number(self.query, asset)
        except SandboxError as error:
            return Finding(False, asset.rows, 0, 0, Reason.NOT_EVALUATED, observed=error.code)
        kept = holds(self.operator, self.bound, number)
        reason = None if kept else Reason.OUT_OF_BOUNDS
        return Finding(kept, asset.rows, 0, int(not kept), reason, observed=str(number))


def sql_measures(item: SchemaObject, limits: SqlLimits | None = None) -> Mapping[str, SqlMeasure]:
    """Return the measures of an object's `sql` rules by rule id; rules in another dialect have none."""
    found = [
        rule for rule in _rules(item) if rule.kind == "sql" and rule.dialect == DIALECT and rule.operator
    ]
    queries = {rule.id: fill(str(rule.query), table=item.name, column=rule.column) for rule in found}
    siblings = tuple(queries.values())
    used = limits or SqlLimits()
    return {
        rule.id: SqlMeasure(
            queries[rule.id], str(rule.operator), rule.bound, item.name, item.names, siblings, used
        )
        for rule in found
    }


def refused_queries(item: SchemaObject) -> dict[str, str]:
    """Return, by rule id, why a query of the object would be refused; no row of any asset is needed.

    What shows only when it is run (a column that is not there, another shape of answer) is not told.
    """
    measures = sql_measures(item)
    if not measures:
        return {}
    found: dict[str, str] = {}
    limits = SqlLimits()
    child = Child(_WORK, limits.of(0), write=True)
    try:
        opening = {"do": "open", "table": item.name, "memory": limits.memory_bytes}
        child.call(opening | {"temporary": limits.temporary_bytes})
        for identity, measure in measures.items():
            answer = child.call({"do": "prepare", "query": measure.query, "names": list(measure.names)})
            if isinstance(answer, dict) and answer.get("refused"):
                found[identity] = str(answer["refused"])
    except SandboxError as error:
        # It ended on one of these: a check would get no answer here either.
        return dict.fromkeys(measures, error.code) | found
    finally:
        child.close()
    return found


def evaluate_sql(
    rule: QualityRule, item: SchemaObject, read: Reading, *, rows: int, limits: SqlLimits | None = None
) -> Finding:
    """Evaluate one rule by itself, in a child of its own.

    Args:
        rule: of kind `sql`.
        item: the object that it stands under: its name is the table's.
        read: reads the asset.
        rows: of the asset; the limits grow with them.
        limits: what it may use.
    """
    measure = sql_measures(item, limits).get(rule.id)
    if measure is None:
        return Finding(False, rows, 0, 0, Reason.NOT_EVALUATED, observed="dialect")
    asset = Asset(read, rows)
    try:
        return measure.evaluate(asset)
    finally:
        for session in asset.shared.values():
            session.close()


def _rules(item: SchemaObject) -> Iterator[QualityRule]:
    yield from item.rules
    for column in item.columns:
        yield from _column_rules(column)


def _column_rules(column: Column) -> Iterator[QualityRule]:
    yield from column.rules
    for child in column.children:
        yield from _column_rules(child)


def holds(operator: str, bound: Any, number: Decimal) -> bool:  # noqa: ANN401 - a number or two
    """Whether a number keeps an operator; both sides are what was written, not what a float makes of it."""
    limits = bound if isinstance(bound, list) else [bound, bound]
    low, high = (Decimal(repr(limit)) for limit in limits)
    outcomes = {
        "mustBe": number == low,
        "mustNotBe": number != low,
        "mustBeGreaterThan": number > low,
        "mustBeGreaterOrEqualTo": number >= low,
        "mustBeLessThan": number < high,
        "mustBeLessOrEqualTo": number <= high,
        "mustBeBetween": low <= number <= high,
        "mustNotBeBetween": not low <= number <= high,
    }
    return outcomes[operator]
