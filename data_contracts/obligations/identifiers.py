"""What pseudonyms and random codes share: 16 bytes in the place of each value, equal for equal values.

Invariants:
1. The domain is what makes two of them equal: the destination, the purpose and the column, or, where the
   terms say `joinable: GROUP`, the group alone; and always the kind of the values.
2. A value without a canonical form (a NaN) is counted and refused.
3. The proof computes each distinct value's 16 bytes again and compares every row. It also gathers keyed
   hashes of originals and outputs, so that over the whole asset neither is found among the other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from data_contracts.arrow import Values, array_of, compute, kind_of
from data_contracts.labels import Classification, Labels
from data_contracts.model import Column
from data_contracts.obligations.base import Context, Evidence, ObligationBrokenError, rewritten
from data_contracts.obligations.canonical import column_bytes, python_values, value_bytes
from data_contracts.obligations.hashes import Runs, keyed_hashes
from data_contracts.obligations.keyed import WIDTH

__all__ = ["arrived", "bytes_of", "complaints", "domain", "is_group", "lowered", "original_hashes", "proved"]

_GROUP = re.compile(r"[a-z][a-z0-9]*([_-][a-z0-9]+)*")
_MAX_NAME = 63
_LOOKED_AT = 4096
_REFUSED = {"": "a column without a type", "boolean": "truth: two values, told apart by counting"}


def complaints(name: str, parameters: Mapping[str, Any], column: Column) -> list[tuple[str, str]]:
    """At most `joinable`, on a column whose values have one form each."""
    found = []
    if set(parameters) - {"joinable"}:
        found.append((f"`{name}` takes `joinable` and nothing else", "{} or {joinable: GROUP}"))
    if not is_group(parameters.get("joinable", "group")):
        found.append(("`joinable` names no group", "a name, such as patients"))
    kind = kind_of(column)
    if kind in _REFUSED:
        found.append((f"`{name}` of {_REFUSED[kind]}", "another obligation, or a column that identifies"))
    return found


def is_group(name: object) -> bool:
    """Whether it can be the name of a joinable group."""
    return isinstance(name, str) and len(name) <= _MAX_NAME and _GROUP.fullmatch(name) is not None


def domain(word: str, parameters: Mapping[str, Any], column: Column, context: Context) -> list[str]:
    """Return what keeps the results of different domains apart."""
    kind = kind_of(column)
    if "joinable" in parameters:
        return [word, "joinable", parameters["joinable"], kind]
    return [word, "separate", context.destination, context.purpose, column.name, kind]


def lowered(labels: Labels, category: str) -> Labels:
    """Return at most confidential, and no direct identifier any more, but what `category` names."""
    categories = labels.categories - {"direct-identifier"} | {category}
    return Labels(min(labels.classification, Classification.CONFIDENTIAL), categories)


def arrived(column: Column, declared: Mapping[str, Any], labels: Labels) -> dict[str, Any]:
    """16 bytes; required, unique and key columns stay so, since equality is kept."""
    changes: dict[str, Any] = {"logicalType": "string", "physicalType": f"binary({WIDTH})"}
    for key in ("unique", "primaryKey", "primaryKeyPosition"):
        if key in declared:
            changes[key] = declared[key]
    return rewritten(column, declared, labels, changes)


def bytes_of(values: Values, rule: str) -> Values:
    """Return the canonical bytes of each value.

    Raises:
        ObligationBrokenError: some value has none.
    """
    made = column_bytes(values)
    lost = made.null_count - values.null_count
    if lost:
        raise ObligationBrokenError(rule, lost)
    return made


def proved(
    source: Values,
    output: Values | None,
    expected: Callable[[Sequence[bytes]], Values],
    key: bytes,
) -> Evidence:
    """Count rows whose output is not what `expected` gives for the source's value, null for null.

    `expected` takes the canonical bytes of distinct values, and gives as many, binary.
    """
    import pyarrow as pa

    if output is None or len(output) != len(source) or output.type != pa.binary():
        return Evidence(outside=max(len(source), 1))
    # Not `column_bytes`: the bytes come from Python's own values here, one distinct value after the other.
    encoded: Any = source.dictionary_encode() if _repeats(source) else None
    held: Values = source if encoded is None else encoded.dictionary
    forms = _forms(held)
    present = [form for form in forms if form is not None]
    wanted = expected(present)
    if len(present) < len(forms):
        given = iter(wanted.to_pylist())
        wanted = array_of([None if form is None else next(given) for form in forms], pa.binary())
    wanted = wanted if encoded is None else wanted.take(encoded.indices)
    return Evidence(
        outside=_outside(source, wanted, output),
        originals=keyed_hashes(
            held.drop_null().cast(pa.binary()) if _is_text(held) else array_of(present, pa.binary()), key
        ),
        outputs=keyed_hashes(output.drop_null(), key),
    )


def _outside(source: Values, wanted: Values, output: Values) -> int:
    """Count rows whose output is not what is wanted; null is wanted for null, and nothing for no form."""
    if wanted.null_count == source.null_count and wanted.equals(output):
        return 0
    pc = compute()
    same = pc.fill_null(pc.equal(wanted, output), fill_value=False)
    right = pc.or_(same, pc.and_(pc.is_null(source), pc.is_null(output)))
    return len(source) - int(pc.sum(right).as_py() or 0)


def _repeats(values: Values) -> bool:
    """Whether the first values repeat: then finding the distinct ones costs less than hashing all."""
    import pyarrow as pa

    if pa.types.is_nested(values.type):
        return False  # Arrow cannot tell them apart
    seen = values.slice(0, _LOOKED_AT)
    return 2 * int(compute().count_distinct(seen, mode="all").as_py()) <= len(seen)


def _forms(values: Values) -> list[bytes | None]:
    """Return the canonical bytes of each value; a text's are its own."""
    if _is_text(values):
        found: list[bytes | None] = values.cast("binary").to_pylist()
        return found
    return [value_bytes(value) for value in python_values(values)]


def _is_text(values: Values) -> bool:
    from pyarrow import types

    return bool(types.is_string(values.type) or types.is_binary(values.type))


def original_hashes(values: Values, key: bytes) -> Runs:
    """Return the keyed hashes of the originals, as the bytes in which they could pose as a pseudonym."""
    return keyed_hashes(column_bytes(values).drop_null(), key)
