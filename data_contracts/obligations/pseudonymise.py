"""`pseudonymise`: a keyed pseudonym in the place of each value.

Invariants:
1. A pseudonym is the first 16 bytes of HMAC-SHA-256 (FIPS 198-1) under the source's key, over a prefix
   that names destination, purpose and column, and the value's canonical bytes. Equal values have equal
   pseudonyms for one destination and purpose, and unrelated ones for any other.
2. Without a key there is no pseudonym: a plain hash of an identifier can be reversed by trying all.
3. The output is pseudonymised, not anonymous: it is derived from the identifier, and whoever has the
   key can recompute it (45 CFR 164.514(c) does not accept it as a re-identification code).
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any

from data_contracts.arrow import Values, array_of, compute, kind_of
from data_contracts.errors import UsageError
from data_contracts.labels import Classification, Labels
from data_contracts.model import Column
from data_contracts.obligations.base import Context, Evidence, Keeps, rewritten
from data_contracts.obligations.hashes import keyed_hashes

__all__ = ["MIN_KEY", "WIDTH", "Pseudonymise"]

WIDTH = 16
MIN_KEY = 32
_KINDS = {"string", "integer", "date"}


class Pseudonymise:
    """A 128-bit keyed pseudonym for each value."""

    name = "pseudonymise"
    keeps = Keeps.EQUALITY

    def complaints(self, parameters: Mapping[str, Any], column: Column) -> list[tuple[str, str]]:
        """No parameters for now; a kind of value that has one canonical form."""
        found = [("`pseudonymise` takes no parameters", "{}")] if parameters else []
        if kind_of(column) not in _KINDS:
            found.append(("a column of this type has no pseudonym", "a string, integer or date"))
        return found

    def labels(self, labels: Labels) -> Labels:
        """A pseudonym is at most confidential, and is no direct identifier any more."""
        categories = labels.categories - {"direct-identifier"} | {"pseudonym"}
        return Labels(min(labels.classification, Classification.CONFIDENTIAL), categories)

    def arrival(
        self,
        parameters: Mapping[str, Any],  # noqa: ARG002 - the protocol's
        column: Column,
        declared: Mapping[str, Any],
    ) -> dict[str, Any]:
        """16 bytes; required, unique and key columns stay so, since equality is kept."""
        changes: dict[str, Any] = {"logicalType": "string", "physicalType": f"binary({WIDTH})"}
        for key in ("unique", "primaryKey", "primaryKeyPosition"):
            if key in declared:
                changes[key] = declared[key]
        return rewritten(column, declared, self.labels(column.labels), changes)

    def transform(
        self,
        parameters: Mapping[str, Any],  # noqa: ARG002 - the protocol's
        column: Column,
        values: Values,
        context: Context,
    ) -> Values:
        """Return 16 bytes for each value; each distinct value is computed once.

        Raises:
            UsageError: there is no key, or a short one.
        """
        import pyarrow as pa

        if context.key is None or len(context.key) < MIN_KEY:
            raise UsageError(
                f"{column.name}.pseudonymise: no pseudonym key of at least {MIN_KEY} bytes",
                remedy="pass the source environment's own key; a plain hash is refused",
            )
        encoded: Any = values.dictionary_encode()
        prefix, key = context.domain(column.name), context.key
        made = [
            hmac.digest(key, prefix + canonical_bytes(value), "sha256")[:WIDTH]
            for value in encoded.dictionary.to_pylist()
        ]
        return array_of(made, pa.binary()).take(encoded.indices)

    def prove(
        self,
        parameters: Mapping[str, Any],  # noqa: ARG002 - the protocol's
        column: Column,  # noqa: ARG002
        source: Values,
        output: Values | None,
        key: bytes,
    ) -> Evidence:
        """Count rows that are no pseudonym; hash originals and outputs, which must be disjoint."""
        import pyarrow as pa

        pc = compute()

        if output is None or len(output) != len(source) or output.type != pa.binary():
            return Evidence(outside=max(len(source), 1))
        wrong = pc.or_kleene(
            pc.xor(pc.is_null(source), pc.is_null(output)),
            pc.fill_null(pc.not_equal(pc.binary_length(output), WIDTH), fill_value=False),
        )
        distinct = source.unique().drop_null().to_pylist()
        originals = array_of([form for value in distinct for form in forms(value)], pa.binary())
        return Evidence(
            outside=int(pc.sum(wrong).as_py() or 0),
            originals=keyed_hashes(originals, key),
            outputs=keyed_hashes(output.unique().drop_null(), key),
        )


def canonical_bytes(value: object) -> bytes:
    """Return the value with a tag of its type: 7 and "7" have different pseudonyms."""
    return f"{type(value).__name__}:{value}".encode()


def forms(value: object) -> list[bytes]:
    """Return the byte strings in which an original could pose as a pseudonym.

    That is its text, cut or padded to the width of a pseudonym, and, for an integer, its bytes.
    """
    text = str(value).encode()
    found = {text, text[:WIDTH].ljust(WIDTH, b"\x00"), text.rjust(WIDTH)[:WIDTH], text.ljust(WIDTH)[:WIDTH]}
    found |= {text.rjust(WIDTH, b"0")[:WIDTH], text.rjust(WIDTH, b"\x00")[:WIDTH]}
    if isinstance(value, int):
        for order in ("big", "little"):
            found.add(value.to_bytes(WIDTH, order, signed=True))
    return sorted(found)
