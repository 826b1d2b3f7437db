"""What a contract promises beyond types: quality rules, foreign keys, and who stands for what is not checked.

Invariants:
1. `column` is a path: `age`, `address.street` inside an object, `tags[]` for the items of an array.
2. An acknowledgement waives one reason only, `not_evaluated`, of one rule by name. A rule that was
   evaluated and failed has failed, whoever acknowledged it.
3. `severity` and `dimension` are for people: a failed rule fails the verdict whatever they say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

__all__ = ["Acknowledgement", "QualityRule", "Relationship"]


@dataclass(frozen=True)
class QualityRule:
    """One item of a `quality` list (ODCS v3.1, data quality).

    Attributes:
        id: stable in the contract; the item's own `id` or `name`, else made from column and metric.
        kind: `library`, `sql`, `custom` or `text`.
        column: the path of the column it stands under, or None where it stands under the object.
        metric: of a library rule.
        operator: such as `mustBeLessThan`; None where the kind has none.
        bound: the operator's operand: a number, or two for the `Between` operators.
        unit: `rows` or `percent`.
        arguments: of a library rule.
        engine: of a custom rule.
        implementation: of a custom rule; the query of an sql rule.
        dimension: such as `completeness`; None where none is written.
        severity: `error` where none is written.
        query: of an sql rule, as written, placeholders and all.
        dialect: of an sql rule: `duckdb`, or the type of the server whose SQL it is.
        acknowledged: the day on which the owner acknowledged that nothing here evaluates it.
        description: for people.
    """

    id: str
    kind: str
    column: str | None
    metric: str | None = None
    operator: str | None = None
    bound: Any = None
    unit: str = "rows"
    arguments: Mapping[str, Any] = field(default_factory=dict)
    engine: str | None = None
    implementation: Any = None
    dimension: str | None = None
    severity: str = "error"
    query: str | None = None
    dialect: str | None = None
    acknowledged: date | None = None
    description: str = ""


@dataclass(frozen=True)
class Relationship:
    """A foreign key: every value of `columns` that is not null stands in `to_columns` of another object.

    Attributes:
        id: the rule's id: `COLUMN.foreignKey`, or `schema.foreignKey` where the object declares it.
        columns: paths of this object's columns, in the key's order.
        to_object: the name of the other object; where it is in another file, as the reference writes it.
        to_columns: its columns, pairwise with `columns`.
        file: the other contract's file or address, as written; None for an object of this contract.
        acknowledged: as for a quality rule.
    """

    id: str
    columns: tuple[str, ...]
    to_object: str
    to_columns: tuple[str, ...]
    file: str | None = None
    acknowledged: date | None = None


@dataclass(frozen=True)
class Acknowledgement:
    """`isthmusAcknowledged`: the owner knows that nothing here evaluates this rule, and stands for it.

    Attributes:
        rule: the rule's id.
        by: who.
        date: when.
        reason: why it may be so.
    """

    rule: str
    by: str
    date: date
    reason: str
