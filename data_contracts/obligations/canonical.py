"""A value as the bytes that stand for it: what pseudonyms, codes and offsets are computed from.

Invariants:
1. Equal values of one kind have equal bytes, and different values different ones. The kind itself goes into
   the key (`keyed.subkey`), so that 7 and "7" have nothing in common.
2. The bytes do not depend on how the data was stored: partition, dictionary, width of an integer.
3. What has no one form (a NaN, an infinite number) is None here, and whoever asks refuses it.

Text is its UTF-8, bytes are themselves, an integer is its decimal digits; a date is the days, a timestamp
the microseconds since 1970-01-01, a time the microseconds since midnight, in decimal digits; a decimal is
written with its scale. A float, an object and an array are RFC 8785 JSON, so 12345.0 is `12345`.

Example:
    >>> import pyarrow as pa
    >>> column_bytes(pa.array([7, None])).to_pylist()
    [b'7', None]
"""

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal
from typing import Any

from data_contracts.arrow import Values, array_of
from data_contracts.digest import canonical
from data_contracts.errors import DataBreaksContractError

__all__ = ["column_bytes", "python_values", "value_bytes", "whole_numbers"]

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)
_MIDNIGHT = dt.datetime(1970, 1, 1)  # noqa: DTZ001 - the difference of two local times
_MAX_EXACT = 2**53 - 1


def value_bytes(value: Any) -> bytes | None:  # noqa: ANN401 - a value of any column
    """Return the bytes of one Python value; None for one that has no such form (null, NaN, infinity)."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return str(value).encode()
    if isinstance(value, dt.datetime):
        since = value - (_EPOCH if value.tzinfo is not None else _MIDNIGHT)
        return str(since // _MICROSECOND).encode()
    if isinstance(value, dt.date):
        return str((value - _MIDNIGHT.date()).days).encode()
    if isinstance(value, dt.time):
        return str((dt.datetime.combine(_MIDNIGHT.date(), value) - _MIDNIGHT) // _MICROSECOND).encode()
    if value is None or not _has_form(value):
        return None
    return canonical(_plain(value))


def _has_form(value: Any) -> bool:  # noqa: ANN401 - as above
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(_has_form(item) for item in value.values())
    return all(_has_form(item) for item in value) if isinstance(value, list) else True


def _plain(value: Any) -> Any:  # noqa: ANN401 - as above
    """Return the value as JSON has it; what JSON lacks becomes its own bytes' text, under its type's name."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    exact = isinstance(value, int) and abs(value) <= _MAX_EXACT
    if value is None or isinstance(value, str | bool | float) or exact:
        return value
    inner = value_bytes(value) or b""
    return {type(value).__name__: inner.hex() if isinstance(value, bytes) else inner.decode()}


def column_bytes(values: Values) -> Values:
    """Return the bytes of each value as a binary array; null where a value is null or has no such form.

    Text, bytes, whole numbers, dates and times take one native expression; of the rest each distinct value
    is looked at once where Arrow can tell values apart, else each row.

    Raises:
        DataBreaksContractError: an object or array holds a date outside of the years 1 to 9999.
    """
    import polars as pl
    import pyarrow as pa
    from pyarrow import types

    values = whole_numbers(values)
    if types.is_string(values.type) or types.is_binary(values.type):
        return values.cast(pa.binary())
    if types.is_integer(values.type):
        return pl.Series(pl.from_arrow(values)).cast(pl.String).to_arrow().cast(pa.binary())
    if types.is_nested(values.type):
        return array_of([value_bytes(item) for item in python_values(values)], pa.binary())
    encoded: Any = values.dictionary_encode()
    made = [value_bytes(item) for item in encoded.dictionary.to_pylist()]
    return array_of(made, pa.binary()).take(encoded.indices)


def whole_numbers(values: Values) -> Values:
    """Return dates, timestamps and times as the whole numbers that they are stored as; others as they are."""
    import pyarrow as pa
    from pyarrow import types

    if types.is_date32(values.type):
        return values.view(pa.int32())
    if types.is_timestamp(values.type) or types.is_time64(values.type):
        return values.view(pa.int64())
    return values


def python_values(values: Values) -> list[Any]:
    """Return the values of an array as Python has them.

    Raises:
        DataBreaksContractError: Python has no such date.
    """
    try:
        found: list[Any] = whole_numbers(values).to_pylist()
    except (OverflowError, ValueError):
        raise DataBreaksContractError("dates outside of the years 1 to 9999 in an object or array") from None
    return found
