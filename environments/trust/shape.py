"""Reading the parts of a trust document strictly: exactly these keys, exactly this form.

Example:
    >>> stamp(moment("2026-11-24T03:00:00Z", "begins"))
    '2026-11-24T03:00:00Z'
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from data_contracts.errors import NotVerifiableError, UsageError
from environments.ref import check_name

__all__ = ["count", "exact", "items", "moment", "name", "stamp"]

_FORM = "%Y-%m-%dT%H:%M:%SZ"
_MOST = 10_000
_MOST_COUNT = 2**53


def exact(value: object, keys: set[str], what: str) -> Mapping[str, Any]:
    """Return `value` if it is an object of exactly these keys.

    Raises:
        NotVerifiableError: it is not.
    """
    if not isinstance(value, Mapping) or set(value) != keys:
        raise NotVerifiableError(f"{what}: not exactly the keys that belong there")
    return value


def items(value: object, what: str) -> list[Any]:
    """Return `value` if it is a list of a bounded length.

    Raises:
        NotVerifiableError: it is not.
    """
    if not isinstance(value, list) or len(value) > _MOST:
        raise NotVerifiableError(f"{what}: not a list of at most {_MOST}")
    return value


def name(value: object, what: str) -> str:
    """Return `value` if it is a name.

    Raises:
        NotVerifiableError: it is not.
    """
    try:
        return check_name(value, what)
    except UsageError as error:
        raise NotVerifiableError(str(error)) from None


def count(value: object, what: str, *, least: int = 1) -> int:
    """Return `value` if it is a whole number of at least `least`.

    Raises:
        NotVerifiableError: it is not.
    """
    if type(value) is not int or not least <= value < _MOST_COUNT:
        raise NotVerifiableError(f"{what}: not a whole number from {least}")
    return value


def stamp(time: dt.datetime) -> str:
    """Return a time in its one form, to the second, in UTC."""
    return time.astimezone(dt.UTC).strftime(_FORM)


def moment(value: object, what: str) -> dt.datetime:
    """Return the time that `value` writes in its one form.

    Raises:
        NotVerifiableError: it is no such text.
    """
    try:
        time = dt.datetime.strptime(value, _FORM).replace(tzinfo=dt.UTC) if isinstance(value, str) else None
    except ValueError:
        time = None
    if time is None or stamp(time) != value:
        raise NotVerifiableError(f"{what}: not a time in the form {_FORM}")
    return time
