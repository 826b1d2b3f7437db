"""Constants of conditions: text to a value of a column's type, exactly, or not at all.

Example:
    >>> read_constant("number", "18", "integer")
    18
    >>> read_constant("number", "17.5", "integer") is None
    True
"""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

__all__ = ["read_constant"]

_INTEGER = re.compile(r"[-+]?[0-9]+")
_FIXED = re.compile(r"[-+]?[0-9]*\.?[0-9]*")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(r"[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?")
_DECIMAL = re.compile(r"decimal\(([0-9]+),([0-9]+)\)")
_INT64 = range(-(2**63), 2**63)
_EXACT = 2**53
_MAX_DIGITS = 300


def read_constant(form: str, text: str, kind: str) -> Any:  # noqa: ANN401 - a value of the kind
    """Return the constant as a value of the kind, or None where it is none.

    Args:
        form: how it is written: `number`, `text` (in quotes) or `key` (`true`, `false`).
        text: without quotes.
        kind: see `conditions.parse_condition`.
    """
    if kind == "boolean":
        return {"true": True, "false": False}.get(text) if form == "key" else None
    if form == "key":
        return None
    if form == "number":
        return _number(text, kind)
    if kind == "string":
        return None if any("\ud800" <= character <= "\udfff" for character in text) else text
    try:
        return _moment(text, kind)
    except ValueError:
        return None


def _number(text: str, kind: str) -> Any:  # noqa: ANN401 - int, float or Decimal
    if len(text) > _MAX_DIGITS:
        return None
    whole = bool(_INTEGER.fullmatch(text))
    if kind == "integer":
        return int(text) if whole and int(text) in _INT64 else None
    if kind == "number":
        value = float(text)
        exact = not whole or abs(int(text)) <= _EXACT
        return value if math.isfinite(value) and exact else None
    sized = _DECIMAL.fullmatch(kind)
    if sized is None or not _FIXED.fullmatch(text):
        return None
    precision, scale = int(sized[1]), int(sized[2])
    decimal = Decimal(text)
    _, digits, exponent = decimal.as_tuple()
    if not isinstance(exponent, int) or -exponent > scale or len(digits) + exponent > precision - scale:
        return None
    return decimal


def _moment(text: str, kind: str) -> date | datetime | time | None:
    day, _, clock = text.partition("T") if "T" in text else text.partition(" ")
    if kind == "date":
        return date.fromisoformat(text) if _DATE.fullmatch(text) else None
    if kind == "time":
        return time.fromisoformat(text) if _TIME.fullmatch(text) else None
    if kind not in {"timestamp", "timestamp-utc"} or not _DATE.fullmatch(day):
        return None
    bare = re.sub(r"(Z|[-+][0-9]{2}:[0-9]{2})$", "", clock)
    if not _TIME.fullmatch(bare):
        return None
    moment = datetime.fromisoformat(text)
    if kind == "timestamp":
        return moment if moment.tzinfo is None else None
    return None if moment.tzinfo is None else moment.astimezone(UTC)
