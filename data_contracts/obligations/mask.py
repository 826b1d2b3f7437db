"""`mask`: the first and last characters of a text at most, and stars for the rest.

Invariants:
1. `{first: 0, last: 4}` keeps that many characters at the ends; every other one is hidden. The result is as
   long for every value (`length`, by default four stars between the ends), so it does not tell how long the
   value was; `length: same` declares that it may.
2. A value is masked only if at least as many characters are hidden as are shown. A shorter one breaks
   `COLUMN.mask`, and a column from which characters are kept declares a `minLength` that rules those out.
3. What is shown is of the value. A masked column keeps its categories, `direct-identifier` among them.

Example, in the terms:
    columns: {card: {mask: {last: 4}}, phone: {mask: {first: 3, length: 12}}}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from data_contracts.arrow import Values, array_of, binary_width, compute, kind_of
from data_contracts.labels import Labels
from data_contracts.model import Column
from data_contracts.obligations.base import (
    ColumnAlone,
    Context,
    Evidence,
    Keeps,
    ObligationBrokenError,
    one_step_less,
    rewritten,
)

__all__ = ["Mask"]

_STAR = "*"
_STARS = 4
_MAX_SHOWN, _MAX_LENGTH = 32, 128


class Mask(ColumnAlone):
    """A text with most of it hidden."""

    name = "mask"
    keeps = Keeps.NOTHING

    def complaints(self, parameters: Mapping[str, Any], column: Column) -> list[tuple[str, str]]:
        """Known parameters, on text long enough that more is hidden than shown."""
        found = []
        if set(parameters) - {"first", "last", "length"}:
            found.append(("`mask` takes `first`, `last` and `length`", "{last: 4}"))
        shown = [parameters.get("first", 0), parameters.get("last", 0)]
        if not all(_whole(number, 0, _MAX_SHOWN) for number in shown):
            return [*found, ("`first` and `last` are no numbers of characters", f"0 to {_MAX_SHOWN}")]
        least, length = sum(shown), parameters.get("length", "same")
        if length != "same" and not _whole(length, least + 1, _MAX_LENGTH):
            found.append(
                ("`length` leaves no room for a star", f"{least + 1} to {_MAX_LENGTH}, or the word same")
            )
        if kind_of(column) != "string" or binary_width(column) is not None:
            found.append(("a column that holds no text has no characters", "a string column"))
        declared = column.options.get("minLength", 0)
        if least and (not isinstance(declared, int) or declared < 2 * least):
            message = "values may be so short that more would be shown than hidden"
            found.append((message, f"logicalTypeOptions: {{minLength: {2 * least}}} or more on the column"))
        return found

    def labels(self, labels: Labels) -> Labels:
        """One step less sensitive, and of the same kinds."""
        return one_step_less(labels)

    def arrival(
        self, parameters: Mapping[str, Any], column: Column, declared: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Text of one length, with stars between the ends."""
        first, last, length = _shape(parameters)
        some = r"[\s\S]"
        stars = f"\\*{{{length - first - last}}}" if length else r"\*+"
        begin, end = (f"{some}{{{count}}}" if count else "" for count in (first, last))
        options: dict[str, Any] = {"pattern": f"^{begin}{stars}{end}$"}
        if not length and not first + last:
            options["pattern"] = r"^\**$"
        lengths = {"minLength": length, "maxLength": length} if length else column.options
        options |= {key: lengths[key] for key in ("minLength", "maxLength") if key in lengths}
        changes = {"logicalType": "string", "logicalTypeOptions": options}
        return rewritten(column, declared, self.labels(column.labels), changes)

    def transform(
        self,
        parameters: Mapping[str, Any],
        column: Column,
        values: Values,
        context: Context,  # noqa: ARG002 - the protocol's
    ) -> Values:
        """Return each value, masked.

        Raises:
            ObligationBrokenError: some value is too short.
        """
        import polars as pl
        import pyarrow as pa

        first, last, length = _shape(parameters)
        text = pl.Series("v", pl.from_arrow(values))
        lengths = text.str.len_chars()
        short = int((lengths < 2 * (first + last)).sum())
        if short:
            raise ObligationBrokenError(f"{column.name}.mask", short)
        value = pl.col("v").str
        if length:
            stars = pl.lit(_STAR * (length - first - last))
        else:
            longest: Any = lengths.max()
            whole = pl.lit(_STAR * (longest or 0))
            stars = whole.str.head(value.len_chars().cast(pl.Int64) - (first + last))
        ends = (value.head(first), stars, value.tail(last))
        made = text.to_frame().select(w=pl.concat_str(*ends, ignore_nulls=False))
        return made["w"].to_arrow().cast(pa.string())

    def prove(
        self,
        parameters: Mapping[str, Any],
        column: Column,  # noqa: ARG002 - the protocol's
        source: Values,
        output: Values | None,
        context: Context,  # noqa: ARG002
        key: bytes,  # noqa: ARG002
    ) -> Evidence:
        """Mask each distinct value again, by Python's own slices, and compare each row."""
        import pyarrow as pa

        if output is None or len(output) != len(source) or output.type != pa.string():
            return Evidence(outside=max(len(source), 1))
        pc = compute()
        encoded: Any = source.dictionary_encode()
        masked = [_masked(text, *_shape(parameters)) for text in encoded.dictionary.to_pylist()]
        wanted = array_of(masked, pa.string()).take(encoded.indices)
        same = pc.fill_null(pc.equal(wanted, output), fill_value=False)
        right = pc.or_(same, pc.and_(pc.is_null(source), pc.is_null(output)))
        return Evidence(outside=len(source) - int(pc.sum(right).as_py() or 0))


def _shape(parameters: Mapping[str, Any]) -> tuple[int, int, int]:
    """Return how many characters stay first and last, and the length of the result; 0 for the value's own."""
    first, last = parameters.get("first", 0), parameters.get("last", 0)
    length = parameters.get("length", first + last + _STARS)
    return first, last, 0 if length == "same" else length


def _masked(text: str, first: int, last: int, length: int) -> str | None:
    if len(text) < 2 * (first + last):
        return None
    hidden = (length or len(text)) - first - last
    return text[:first] + _STAR * hidden + text[len(text) - last :]


def _whole(number: object, low: int, high: int) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and low <= number <= high
