"""`generalise: {date: year}`: the year, quarter, month or decade in the place of each date.

Written `2020`, `2020-Q2`, `2020-05` and `2020s`. A timestamp counts in the zone in which it is stored: UTC
where the column has a time zone, its own clock where it has none. Years outside of 1 to 9999 have no word.

`earliest: 1936` writes everything before that year as `before 1936`: the year of birth of a person of 90
tells his age, and 45 CFR 164.514(b)(2)(i)(C) lets no such year out.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from data_contracts.arrow import Values, kind_of
from data_contracts.model import Column
from data_contracts.obligations.forms.form import words_right

__all__ = ["DatePart"]

_PATTERNS = {
    "year": "[0-9]{4}",
    "quarter": "[0-9]{4}-Q[1-4]",
    "month": "[0-9]{4}-(?:0[1-9]|1[0-2])",
    "decade": "[0-9]{3}0s",
}
_FIRST, _LAST = 1, 9999


class DatePart:
    """Dates by a part of them."""

    key = "date"

    def complaints(self, parameters: Mapping[str, Any], column: Column) -> list[tuple[str, str]]:
        """A known part, perhaps the earliest year, on a column of dates."""
        found = []
        if set(parameters) - {"date", "earliest"}:
            found.append(("`date` takes `earliest` and nothing else", "{date: year, earliest: 1936}"))
        if not isinstance(parameters["date"], str) or parameters["date"] not in _PATTERNS:
            found.append(("no part of a date", ", ".join(_PATTERNS)))
        earliest = parameters.get("earliest", _FIRST)
        if not isinstance(earliest, int) or isinstance(earliest, bool) or not _FIRST <= earliest <= _LAST:
            found.append(("`earliest` is no year", f"a number from {_FIRST} to {_LAST}"))
        if kind_of(column) not in {"date", "timestamp"}:
            found.append(("a column that holds no dates has no part of one", "a date or timestamp column"))
        return found

    def promise(self, parameters: Mapping[str, Any], column: Column) -> dict[str, Any]:  # noqa: ARG002
        """Text in that form."""
        pattern = _PATTERNS[parameters["date"]]
        if "earliest" in parameters:
            pattern = f"{pattern}|{_before(parameters['earliest'])}"
        return {"logicalTypeOptions": {"pattern": f"^(?:{pattern})$"}}

    def words(self, parameters: Mapping[str, Any], values: Values) -> Values:
        """Return each date's part."""
        import polars as pl
        import pyarrow as pa

        date, year = pl.col("v").dt, pl.col("v").dt.year()
        word = year.cast(pl.String).str.zfill(4)
        if parameters["date"] == "decade":
            word = (year // 10 * 10).cast(pl.String).str.zfill(4) + "s"
        elif parameters["date"] == "quarter":
            word = word + "-Q" + date.quarter().cast(pl.String)
        elif parameters["date"] == "month":
            word = word + "-" + date.month().cast(pl.String).str.zfill(2)
        known: pl.Expr = pl.when(year.is_between(_FIRST, _LAST)).then(word)
        if "earliest" in parameters:
            before = pl.when(year.is_between(_FIRST, parameters["earliest"] - 1))
            known = before.then(pl.lit(_before(parameters["earliest"]))).otherwise(known)
        frame = pl.Series("v", pl.from_arrow(values)).to_frame()
        return frame.select(w=known)["w"].to_arrow().cast(pa.string())

    def right(self, parameters: Mapping[str, Any], source: Values, output: Values) -> Values:
        """Count the days of each distinct date by Python's calendar, and write its part again."""
        import pyarrow as pa

        from data_contracts.arrow import array_of

        per_day = 1 if pa.types.is_date32(source.type) else 86_400_000_000
        encoded: Any = source.view(pa.int32() if per_day == 1 else pa.int64()).dictionary_encode()
        words = [_word(number // per_day, parameters) for number in encoded.dictionary.to_pylist()]
        return words_right(source, output, array_of(words, pa.string()).take(encoded.indices))


def _before(earliest: int) -> str:
    return f"before {earliest:04d}"


def _word(days: int, parameters: Mapping[str, Any]) -> str | None:
    ordinal = days + dt.date(1970, 1, 1).toordinal()
    if not 1 <= ordinal <= dt.date.max.toordinal():
        return None
    date = dt.date.fromordinal(ordinal)
    if date.year < parameters.get("earliest", _FIRST):
        return _before(parameters["earliest"])
    words = {
        "year": f"{date.year:04d}",
        "quarter": f"{date.year:04d}-Q{(date.month + 2) // 3}",
        "month": f"{date.year:04d}-{date.month:02d}",
        "decade": f"{date.year // 10:03d}0s",
    }
    return words[parameters["date"]]
