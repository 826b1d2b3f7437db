"""Sample rows of a contract: these must pass, these must fail, and by which rules.

They stand in a file beside the contract, `NAME.samples.yaml` beside `NAME.odcs.yaml`:

    contract: clinic.readings
    pass:
      - name: two readings
        rows:
          - {reading_id: 1, patient_id: P0001, age: 40, ward: north}
          - {reading_id: 2, patient_id: P0002, age: 0, ward: day}
    fail:
      - name: older than anybody
        like: two readings            # the rows of that sample …
        change: [{row: 1, age: 121}]  # … with these cells changed
        rules: [age.maximum]          # exactly these must fail
    accepted:                         # mutations that no sample can notice, each with its reason
      - {mutation: "age.minimum: 0 is -1", reason: ages are counted from birth}

Invariants:
1. A cell is JSON: a day, a moment or a time is text in ISO 8601. What is no value of its column's type makes
   the column one of another type, as a careless writer's file would.
2. A column that a row does not name is null there; one under `absent: [COLUMN]` is not in the table at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from data_contracts.arrow import Values, column_type
from data_contracts.errors import DeclarationError, Problem, UsageError
from data_contracts.model import Column, SchemaObject
from data_contracts.standard.validation import own_problems
from data_contracts.yamlsource import Source

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Sample", "Samples", "read_samples", "table_of"]

Rows = tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class Sample:
    """Some rows, and the ids of exactly the rules that must fail; none for rows that must pass.

    `absent` are columns of the contract that the table lacks.
    """

    name: str
    rows: Rows
    failing: frozenset[str] = frozenset()
    absent: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Samples:
    """All samples of one contract, and the mutations that their author accepts, with the reason of each."""

    contract: str
    samples: tuple[Sample, ...]
    accepted: Mapping[str, str]


def read_samples(source: Source) -> Samples:
    """Read a samples file.

    Raises:
        DeclarationError: it is none; every problem, with lines.
    """
    problems = own_problems("isthmus-samples-v1.schema.json", source)
    if problems:
        raise DeclarationError(problems)
    rows: dict[str, Rows] = {}
    found: list[Sample] = []
    for kind in ("pass", "fail"):
        for index, item in enumerate(source.data.get(kind, [])):
            place = (kind, index)
            if item["name"] in rows:
                problems.append(source.problem((*place, "name"), "a second sample of this name", "once"))
            made = _rows(source, place, item, rows, problems)
            rows[item["name"]] = made
            failing, absent = (frozenset(item.get(key, ())) for key in ("rules", "absent"))
            found.append(Sample(item["name"], made, failing, absent))
    if problems:
        raise DeclarationError(problems)
    accepted = {item["mutation"]: item["reason"] for item in source.data.get("accepted", [])}
    return Samples(source.data["contract"], tuple(found), accepted)


def _rows(
    source: Source,
    place: tuple[str | int, ...],
    item: Mapping[str, Any],
    known: Mapping[str, Rows],
    problems: list[Problem],
) -> Rows:
    if "rows" in item:
        return tuple(item["rows"])
    base = known.get(item["like"])
    if base is None:
        problems.append(source.problem((*place, "like"), "no sample of this name above", "its name"))
        return ()
    rows = [dict(row) for row in base]
    for index, change in enumerate(item.get("change", [])):
        if change["row"] >= len(rows):
            where = (*place, "change", index, "row")
            problems.append(source.problem(where, "no such row", f"0 to {len(rows) - 1}"))
            continue
        rows[change["row"]].update({key: value for key, value in change.items() if key != "row"})
    return tuple(rows)


def table_of(
    rows: Iterable[Mapping[str, Any]], item: SchemaObject, absent: frozenset[str] = frozenset()
) -> pa.Table:
    """Return the rows as a table: columns in the contract's types where all their cells are values of it."""
    import pyarrow as pa

    listed = list(rows)
    named = {name for row in listed for name in row}
    columns = {column.name: column for column in item.columns}
    order = [name for name in columns if name not in absent] + sorted(named - set(columns))
    arrays = {name: _array([row.get(name) for row in listed], columns.get(name)) for name in order}
    return pa.table(arrays)


def _array(cells: Sequence[Any], column: Column | None) -> Values:
    import pyarrow as pa

    if column is not None:
        try:
            wanted = column_type(column)
            return pa.array([_cell(cell, wanted) for cell in cells], wanted)
        except (UsageError, ValueError, TypeError, ArithmeticError, OverflowError, pa.ArrowException):
            pass  # Cells of another type: the column is what they are, and its type rule says so.
    try:
        return pa.array(cells)
    except (pa.ArrowException, TypeError):
        return pa.array([None if cell is None else str(cell) for cell in cells], pa.string())


def _cell(cell: Any, wanted: Values) -> Any:  # noqa: ANN401 - a JSON value, and a value of the type
    from pyarrow import types

    if cell is None:
        return None
    if types.is_struct(wanted):
        fields = {field.name: field.type for field in wanted}
        if not isinstance(cell, Mapping) or set(cell) - set(fields):
            raise TypeError
        return {name: _cell(cell.get(name), kind) for name, kind in fields.items()}
    if types.is_list(wanted):
        if not isinstance(cell, list):
            raise TypeError
        return [_cell(inner, wanted.value_type) for inner in cell]
    for test, form, read in _FORMS:
        if getattr(types, test)(wanted):
            if not isinstance(cell, form) or (isinstance(cell, bool) and form is not bool):
                raise TypeError
            return read(cell)
    raise TypeError


_FORMS: tuple[tuple[str, Any, Callable[[Any], Any]], ...] = (
    ("is_boolean", bool, bool),
    ("is_integer", int, int),
    ("is_floating", (int, float), float),
    ("is_decimal", (int, float, str), lambda cell: Decimal(str(cell))),
    ("is_date32", str, date.fromisoformat),
    ("is_timestamp", str, datetime.fromisoformat),
    ("is_time64", str, time.fromisoformat),
    ("is_binary", str, bytes.fromhex),
    ("is_string", str, str),
)
