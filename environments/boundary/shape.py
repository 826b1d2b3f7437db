"""Reading what a peer wrote: exact keys, exact types, no defaults.

A signature proves who said it, not that it makes sense: after the signature every field is still read as
if a hostile peer had written it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from data_contracts.digest import is_digest
from data_contracts.errors import NotVerifiableError, UsageError
from environments.ref import CONTRACT_REFERENCE, check_name

__all__ = ["Fields"]

_CONTRACT = re.compile(CONTRACT_REFERENCE)
_MAX_TEXT = 1024
_MAX_COUNT = 2**53 - 1


class Fields:
    """An object of a peer, opened field by field.

    Raises:
        NotVerifiableError: by every method, if the field is not exactly of its kind.
    """

    def __init__(self, value: object, keys: set[str], what: str) -> None:
        """Take an object that has exactly `keys`."""
        if not isinstance(value, Mapping) or set(value) != keys:
            raise NotVerifiableError(f"{what}: its fields are not the expected ones")
        self._value = value
        self._what = what

    def _refuse(self, key: str) -> NotVerifiableError:
        return NotVerifiableError(f"{self._what}: the field {key} is not what belongs there")

    def raw(self, key: str) -> Any:  # noqa: ANN401 - any JSON value
        """Return a field as it is, for a reader of its own."""
        return self._value[key]

    def text(self, key: str) -> str:
        """Return a short text."""
        value = self._value[key]
        if not isinstance(value, str) or len(value) > _MAX_TEXT:
            raise self._refuse(key)
        return value

    def name(self, key: str) -> str:
        """Return a name."""
        try:
            return check_name(self._value[key], key)
        except UsageError:
            raise self._refuse(key) from None

    def digest(self, key: str) -> str:
        """Return a digest."""
        value = self._value[key]
        if not isinstance(value, str) or not is_digest(value):
            raise self._refuse(key)
        return value

    def contract(self, key: str) -> str:
        """Return a contract's `id@version`."""
        value = self.text(key)
        if not _CONTRACT.fullmatch(value):
            raise self._refuse(key)
        return value

    def count(self, key: str, *, least: int = 0, most: int = _MAX_COUNT) -> int:
        """Return an integer between two bounds."""
        value = self._value[key]
        if type(value) is not int or not least <= value <= most:
            raise self._refuse(key)
        return value
