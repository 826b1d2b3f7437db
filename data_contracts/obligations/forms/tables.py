r"""`generalise: {table: "11th;Secondary\nMasters;Higher\n", level: 1}`: the label that a hierarchy has.

The table is ARX's CSV form: each value, its labels from the finest to the coarsest, separated by semicolons.
It stands in the contract, or in a file of the contract's own folder (`file: education.csv`, with the
`digest:` of its bytes), which is written into the contract while it is read: both sides of a crossing then
have the same words, and the contract's digest covers them.

A value that the table does not name has no label.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from data_contracts.anonymity import TOP, Table, parse_table
from data_contracts.arrow import Values, array_of, compute, kind_of
from data_contracts.errors import UsageError
from data_contracts.model import Column
from data_contracts.obligations.forms.form import words_right

__all__ = ["TableLevel"]

_KINDS = {"string", "integer"}


@lru_cache(maxsize=64)
def _parsed(text: str) -> Table:
    return parse_table(text)


class TableLevel:
    """Values by their labels at one level of a hierarchy."""

    key = "table"

    def complaints(self, parameters: Mapping[str, Any], column: Column) -> list[tuple[str, str]]:
        """A sound table, one of its levels, and a column whose values have one text each."""
        if not isinstance(parameters["table"], str):
            return [("`table` is no text", "VALUE;LABEL;… on each line")]
        try:
            table = _parsed(parameters["table"])
        except UsageError as error:
            return [(str(error), error.remedy)]
        found = list(table.complaints(None))
        if set(parameters) != {"table", "level"}:
            found.append(("`table` takes `level` and nothing else", '{table: "VALUE;LABEL", level: 1}'))
        level, levels = parameters.get("level"), table.levels
        between = isinstance(level, int) and not isinstance(level, bool) and 1 <= level <= levels - 2
        if not found and not between:
            expected = f"1 to {levels - 2}; for `{TOP}` say drop" if levels > 2 else "a table with labels"  # noqa: PLR2004 - the value, the labels, `*`
            found.append(("`level` is none between the values and `*`", expected))
        if kind_of(column) not in _KINDS:
            found.append(("a column of this type has no table", "a string or integer column"))
        return found

    def promise(self, parameters: Mapping[str, Any], column: Column) -> dict[str, Any]:
        """One of the labels of that level."""
        rule = {
            "name": f"{column.name}.labels",
            "type": "library",
            "metric": "invalidValues",
            "arguments": {"validValues": sorted(set(self._labels(parameters).values()))},
            "mustBe": 0,
        }
        return {"quality": [rule]}

    def words(self, parameters: Mapping[str, Any], values: Values) -> Values:
        """Return each value's label."""
        import polars as pl
        import pyarrow as pa

        text = pl.Series(pl.from_arrow(values)).cast(pl.String)
        made = text.replace_strict(self._labels(parameters), default=None, return_dtype=pl.String)
        return made.to_arrow().cast(pa.string())

    def right(self, parameters: Mapping[str, Any], source: Values, output: Values) -> Values:
        """Find each value in the table's column of values, and take the label that stands beside it."""
        import pyarrow as pa

        table, level = _parsed(parameters["table"]), parameters["level"]
        names = array_of([row[0] for row in table.rows], pa.string())
        labels = array_of([row[level] for row in table.rows], pa.string())
        places = compute().index_in(source.cast(pa.string()), value_set=names)
        return words_right(source, output, labels.take(places))

    def _labels(self, parameters: Mapping[str, Any]) -> Mapping[str, str]:
        return _parsed(parameters["table"]).mapping(parameters["level"])
