"""What every signed document here has in common: strict JSON, one form, and the bytes a signature covers.

Invariants:
1. A duplicate key, NaN, or a number that is no integer refuses the document.
2. A document has one form, RFC 8785, so no bit of it can be changed without changing what it says.
3. A signature covers the payload's type beside the payload (DSSE): what was signed for one use is of no
   other use.

Sources: DSSE v1.0.2 (secure-systems-lab/dsse), RFC 8785.

Example:
    >>> strict_json(b'{"a": 1}', "a note"), is_canonical({"a": 1}, b'{"a":1}')
    ({'a': 1}, True)
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

from data_contracts.digest import canonical
from data_contracts.errors import NotVerifiableError

__all__ = ["is_canonical", "pre_authentication", "strict_json"]


def _refuse_number(_text: str) -> NoReturn:
    raise ValueError


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError
    return result


def strict_json(raw: bytes, what: str) -> Any:  # noqa: ANN401 - any JSON value
    """Parse JSON in which every key stands once and every number is an integer.

    Raises:
        NotVerifiableError: it is anything else.
    """
    try:
        return json.loads(
            raw.decode("utf-8"),
            object_pairs_hook=_once,
            parse_float=_refuse_number,
            parse_constant=_refuse_number,
        )
    except (ValueError, RecursionError):
        raise NotVerifiableError(f"{what}: not the strict JSON that belongs there") from None


def is_canonical(value: Any, raw: bytes) -> bool:  # noqa: ANN401 - any JSON value
    """Whether `raw` is the one form of `value`."""
    try:
        return canonical(value) == raw
    except ValueError:
        # An integer beyond 2**53, or half a surrogate pair: no RFC 8785 form at all.
        return False


def pre_authentication(kind: str, payload: bytes) -> bytes:
    """Return DSSE's pre-authentication encoding: what a signature over `payload` covers."""
    name = kind.encode()
    return b"DSSEv1 %d %s %d %s" % (len(name), name, len(payload), payload)
