"""Expectations that only a Python library can judge: JSON, JSON Schema, dates that dateutil reads, strptime.

They are the libraries that GX uses, asked once for each distinct text of a part. Where GX's whole answer
is an exception because of one value (a text that is no JSON, for a schema), the rule is `not_evaluated`
here too.

Each judge is a plain function of a text: true, false, or `None` for an exception of GX.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from data_contracts.measure import Finding, OnePass, PartView
from data_contracts.suites.columns import ColumnType, value
from data_contracts.suites.measures.rows import row_finding
from data_contracts.suites.row_conditions import RowCondition
from data_contracts.verdict import Reason

if TYPE_CHECKING:
    import polars as pl

__all__ = ["TextsMeasure", "TextsState"]

Judge = Callable[[str], bool | None]


def _json(_argument: Any) -> Judge:  # noqa: ANN401 - each judge has its own argument
    def judge(text: str) -> bool:
        try:
            json.loads(text)
        except (ValueError, RecursionError):
            return False
        return True

    return judge


def _schema(schema: Any) -> Judge:  # noqa: ANN401 - JSON
    from jsonschema import ValidationError, validators
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    # A registry of its own: a schema that refers elsewhere must not make anybody fetch it.
    validator = validators.validator_for(schema)(schema, registry=Registry())

    def judge(text: str) -> bool | None:
        try:
            return next(validator.iter_errors(json.loads(text)), None) is None
        except ValidationError:
            return False
        except (ValueError, RecursionError, Unresolvable, TypeError, OverflowError):
            return None

    return judge


def _date(_argument: Any) -> Judge:  # noqa: ANN401 - none
    from dateutil.parser import parse

    default = datetime(2000, 1, 1)  # noqa: DTZ001 - fills in what a text leaves out; never today

    def judge(text: str) -> bool | None:
        try:
            parse(text, default=default)
        except (ValueError, OverflowError):
            return False
        except (TypeError, ArithmeticError, AttributeError, IndexError):
            return None
        return True

    return judge


def _strptime(layout: Any) -> Judge:  # noqa: ANN401 - text
    def judge(text: str) -> bool | None:
        try:
            datetime.strptime(text, layout)  # noqa: DTZ007 - whether it can be read is all that is asked
        except ValueError:
            return False
        return True

    return judge


_JUDGES: dict[str, Callable[[Any], Judge]] = {
    "json": _json,
    "schema": _schema,
    "date": _date,
    "strptime": _strptime,
}


@dataclass(frozen=True)
class TextsState:
    """Rows, those without a value, those that break it, and those at which GX would raise."""

    rows: int = 0
    missing: int = 0
    unexpected: int = 0
    raised: int = 0

    def merge(self, other: TextsState) -> TextsState:
        """Return the sums."""
        return TextsState(
            self.rows + other.rows,
            self.missing + other.missing,
            self.unexpected + other.unexpected,
            self.raised + other.raised,
        )


@dataclass(frozen=True)
class TextsMeasure(OnePass):
    """Counts the texts that a judge does not take.

    Attributes:
        column: a column of text.
        judge_name: `json`, `schema`, `date` or `strptime`.
        argument: of the judge: JSON Schema as text, or a layout.
        mostly: the share of texts that it must take.
        condition: which rows it is about; None is all.
    """

    column: ColumnType
    judge_name: str
    argument: str = ""
    mostly: float = 1.0
    condition: RowCondition | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The column, and the condition's."""
        names = () if self.condition is None else self.condition.names
        return tuple(dict.fromkeys((self.column.name, *names)))

    def expressions(self) -> tuple[pl.Expr, ...]:
        """Return none: no engine has these judges."""
        return ()

    def _judge(self) -> Judge:
        argument = json.loads(self.argument) if self.judge_name == "schema" else self.argument
        return _JUDGES[self.judge_name](argument)

    def state(self, answers: tuple[Any, ...], part: PartView) -> TextsState:
        """Return the counts of a part."""
        del answers
        import polars as pl

        frame = part.frame if self.condition is None else part.frame.filter(self.condition.expression())
        texts = (
            frame.lazy().select(value(self.column).alias("found")).group_by("found").agg(pl.len()).collect()
        )
        judge, missing, unexpected, raised = self._judge(), 0, 0, 0
        for text, count in texts.iter_rows():
            if text is None:
                missing += count
                continue
            taken = judge(text)
            unexpected += 0 if taken else count
            raised += count if taken is None else 0
        return TextsState(frame.height, missing, unexpected, raised)

    def judge(self, state: TextsState, rows: int) -> Finding:
        """Judge the counts."""
        del rows
        if state.raised:
            return Finding(False, state.rows, state.missing, 0, Reason.NOT_EVALUATED)
        return row_finding(state.rows, state.missing, state.unexpected, self.mostly)

    def unexpected(self) -> pl.Expr:
        """Return what is true (never null) in rows that break it, whatever `mostly` forgives."""
        import polars as pl

        judge = self._judge()

        def flags(texts: pl.Series) -> pl.Series:
            known = {text: not judge(text) for text in texts.unique().to_list() if text is not None}
            return pl.Series([known.get(text, False) for text in texts.to_list()], dtype=pl.Boolean)

        broken = value(self.column).map_batches(flags, return_dtype=pl.Boolean)
        return broken if self.condition is None else broken & self.condition.expression()

    def broken(self) -> pl.Expr | None:
        """Return the rows that break it; none where some may."""
        return self.unexpected() if self.mostly == 1 else None
