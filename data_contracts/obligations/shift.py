"""`shift`: dates and timestamps moved by whole days, by as many for all of one subject.

Invariants:
1. A subject's offset is computed with the source's key from the subject's column alone: `days` at most, in
   either direction, and never none. Intervals inside a subject stay exactly as they are, also between two
   columns that are shifted by the same subject and `days`.
2. Offsets are separate for each destination and purpose, unless `joinable: GROUP` says otherwise: then tables
   that declare the group shift a subject alike.
3. A day is 24 hours. A timestamp with a time zone is a point in time and moves by 24 hours a day, so its
   local clock may differ by the hour of a summer time; one without moves by its calendar and keeps its clock.
4. A row with a date and no subject, and a date that would leave what the type can hold, break `COLUMN.shift`.

A shifted date still says something (the season, where `days` is small), and all its elements but the year
are identifiers under 45 CFR 164.514(b)(2)(i)(C): this is no way to Safe Harbor.

Example, in the terms:
    columns: {visit: {shift: {subject: subject_id, days: 180}}, subject_id: {pseudonymise: {}}}
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from data_contracts.arrow import Values, compute, kind_of
from data_contracts.errors import UsageError
from data_contracts.labels import Labels
from data_contracts.model import Column
from data_contracts.obligations import identifiers
from data_contracts.obligations.base import (
    Context,
    Evidence,
    Keeps,
    ObligationBrokenError,
    one_step_less,
    rewritten,
)
from data_contracts.obligations.canonical import python_values, value_bytes, whole_numbers
from data_contracts.obligations.keyed import pseudonym, pseudonyms, subkey
from data_contracts.obligations.pseudonymise import MIN_KEY

__all__ = ["Shift"]

_DOMAIN = "isthmus-shift-1"
_MAX_DAYS = 36500
_MICROSECONDS = 86_400_000_000
_BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
_ZONE = ("timezone", "defaultTimezone")
_DATES = range(-(2**31), 2**31)
_TIMES = range(-(2**63), 2**63)


class Shift:
    """Dates moved, each subject's by one offset."""

    name = "shift"
    keeps = Keeps.NOTHING

    def complaints(self, parameters: Mapping[str, Any], column: Column) -> list[tuple[str, str]]:
        """A subject, a number of days, on a column of dates."""
        found = []
        if not {"subject", "days"} <= set(parameters) <= {"subject", "days", "joinable"}:
            found.append(
                ("`shift` takes `subject`, `days` and perhaps `joinable`", "{subject: ID, days: 180}")
            )
        if not isinstance(parameters.get("subject", ""), str) or parameters.get("subject") == column.name:
            found.append(("`subject` names no other column", "the column that says whose date it is"))
        days = parameters.get("days", 1)
        if not isinstance(days, int) or isinstance(days, bool) or not 1 <= days <= _MAX_DAYS:
            found.append(("`days` is no number of days", f"1 to {_MAX_DAYS}"))
        if not identifiers.is_group(parameters.get("joinable", "group")):
            found.append(("`joinable` names no group", "a name, such as patients"))
        if kind_of(column) not in {"date", "timestamp"}:
            found.append(("a column that holds no dates is not shifted", "a date or timestamp column"))
        return found

    def labels(self, labels: Labels) -> Labels:
        """One step less sensitive, and of the same kinds."""
        return one_step_less(labels)

    def arrival(
        self, parameters: Mapping[str, Any], column: Column, declared: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The same type, with bounds as much wider."""
        options = {key: column.options[key] for key in _ZONE if key in column.options}
        for key in _BOUNDS:
            days = parameters["days"] * (-1 if key.endswith("inimum") else 1)
            bound = _moved(column.options.get(key), days, kind_of(column))
            if bound is not None:
                options[key] = bound
        changes: dict[str, Any] = {"logicalType": kind_of(column)}
        if options:
            changes["logicalTypeOptions"] = options
        return rewritten(column, declared, self.labels(column.labels), changes)

    def beside(self, parameters: Mapping[str, Any]) -> tuple[str, ...]:
        """The subject's column."""
        subject = parameters.get("subject")
        return (subject,) if isinstance(subject, str) else ()

    def transform(
        self, parameters: Mapping[str, Any], column: Column, values: Values, context: Context
    ) -> Values:
        """Return each date, moved.

        Raises:
            UsageError: there is no key, or a short one.
            ObligationBrokenError: a date has no subject, or would leave the type.
        """
        import numpy as np
        import polars as pl
        import pyarrow as pa

        if context.key is None or len(context.key) < MIN_KEY:
            raise UsageError(
                f"{column.name}.shift: no key of at least {MIN_KEY} bytes",
                remedy="pass the source environment's own key",
            )
        pc, rule = compute(), f"{column.name}.shift"
        subjects = context.beside[parameters["subject"]]
        drawn = pseudonyms(identifiers.bytes_of(subjects, rule), self._key(parameters, subjects, context))
        raw = b"".join(item or bytes(16) for item in drawn.to_pylist())
        words = np.frombuffer(raw, dtype=">u8")[::2]
        days = parameters["days"]
        steps = (words % np.uint64(2 * days)).astype(np.int64) - days
        offsets: Any = np.where(steps < 0, steps, steps + 1)
        unit = 1 if pa.types.is_date32(values.type) else _MICROSECONDS
        numbers = pc.cast(whole_numbers(values), pa.int64())
        lost = pc.and_(pc.is_valid(values), pc.is_null(subjects))
        held = _DATES if unit == 1 else _TIMES
        margin = days * unit
        far = pc.or_(pc.less(numbers, held[0] + margin), pc.greater(numbers, held[-1] - margin))
        broken = int(pc.sum(pc.or_(lost, pc.fill_null(far, fill_value=False))).as_py() or 0)
        if broken:
            raise ObligationBrokenError(rule, broken)
        # Not `pyarrow.array`: it imports pandas (`arrow.array_of`).
        moved = pc.add(numbers, pl.Series(offsets * unit, dtype=pl.Int64).to_arrow())
        return moved.cast(pa.int32()).view(values.type) if unit == 1 else moved.view(values.type)

    def prove(
        self,
        parameters: Mapping[str, Any],
        column: Column,  # noqa: ARG002 - the protocol's
        source: Values,
        output: Values | None,
        context: Context,
        key: bytes,  # noqa: ARG002
    ) -> Evidence:
        """Compute each distinct subject's offset again, in Python's own integers, and compare each row."""
        import polars as pl
        import pyarrow as pa

        if context.key is None or output is None or len(output) != len(source) or output.type != source.type:
            return Evidence(outside=max(len(source), 1))
        pc = compute()
        subjects = context.beside[parameters["subject"]]
        own = self._key(parameters, subjects, context)
        unit = 1 if pa.types.is_date32(source.type) else _MICROSECONDS
        nested = pa.types.is_nested(subjects.type)
        encoded: Any = subjects if nested else subjects.dictionary_encode()
        distinct = python_values(subjects if nested else encoded.dictionary)
        offsets: list[int | None] = []
        for value in distinct:
            form = value_bytes(value)
            offsets.append(None if form is None else unit * _offset(pseudonym(form, own), parameters["days"]))
        by_row: Any = pl.Series(offsets, dtype=pl.Int64).to_arrow()
        by_row = by_row if nested else by_row.take(encoded.indices)
        before, after = (pc.cast(whole_numbers(side), pa.int64()) for side in (source, output))
        same = pc.fill_null(pc.equal(pc.subtract(after, before), by_row), fill_value=False)
        right = pc.or_(same, pc.and_(pc.is_null(source), pc.is_null(output)))
        return Evidence(outside=len(source) - int(pc.sum(right).as_py() or 0))

    def _key(self, parameters: Mapping[str, Any], subjects: Values, context: Context) -> bytes:
        days = str(parameters["days"])
        if "joinable" in parameters:
            domain = [_DOMAIN, "joinable", parameters["joinable"], str(subjects.type), days]
        else:
            domain = [_DOMAIN, "separate", context.destination, context.purpose, str(subjects.type), days]
        return subkey(context.key or b"", domain)


def _offset(drawn: bytes, days: int) -> int:
    """Return -days … -1 or 1 … days; 64 bits leave no bias that anyone could see."""
    step = int.from_bytes(drawn[:8], "big") % (2 * days) - days
    return step if step < 0 else step + 1


def _moved(bound: object, days: int, kind: str) -> str | None:
    """Return a declared bound, moved; None where there is none, or it leaves the calendar."""
    if not isinstance(bound, str):
        return None
    read = dt.date.fromisoformat if kind == "date" else dt.datetime.fromisoformat
    try:
        return (read(bound) + dt.timedelta(days=days)).isoformat()
    except OverflowError:
        return None
