"""`pseudonymise`: a keyed pseudonym in the place of each value.

Invariants:
1. A pseudonym is the first 16 bytes of HMAC-SHA-256 (FIPS 198-1) of the value's canonical bytes, under a key
   that is itself derived from the source's key for destination, purpose, column and kind (`keyed`). Equal
   values have equal pseudonyms for one destination and purpose, and unrelated ones for any other. With
   `joinable: GROUP` they are equal wherever the source's contracts declare that group.
2. Without a key there is no pseudonym: a plain hash of an identifier can be reversed by trying all.
3. The output is pseudonymised, not anonymous: it is derived from the identifier, and whoever has the
   key can recompute it (45 CFR 164.514(c) does not accept it as a re-identification code).

Example, in the terms:
    columns: {subject_id: {pseudonymise: {joinable: patients}}}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from data_contracts.arrow import Values
from data_contracts.errors import UsageError
from data_contracts.labels import Labels
from data_contracts.model import Column
from data_contracts.obligations import identifiers
from data_contracts.obligations.base import ColumnAlone, Context, Evidence, Keeps
from data_contracts.obligations.keyed import WIDTH, pseudonyms, pseudonyms_again, subkey

__all__ = ["MIN_KEY", "WIDTH", "Pseudonymise"]

MIN_KEY = 32
_DOMAIN = "isthmus-pseudonym-1"


class Pseudonymise(ColumnAlone):
    """A 128-bit keyed pseudonym for each value."""

    name = "pseudonymise"
    keeps = Keeps.EQUALITY

    def complaints(self, parameters: Mapping[str, Any], column: Column) -> list[tuple[str, str]]:
        """At most `joinable`, on a kind of value that has one canonical form."""
        return identifiers.complaints(self.name, parameters, column)

    def labels(self, labels: Labels) -> Labels:
        """A pseudonym is at most confidential, and is no direct identifier any more."""
        return identifiers.lowered(labels, "pseudonym")

    def arrival(
        self,
        parameters: Mapping[str, Any],  # noqa: ARG002 - the protocol's
        column: Column,
        declared: Mapping[str, Any],
    ) -> dict[str, Any]:
        """16 bytes; required, unique and key columns stay so, since equality is kept."""
        return identifiers.arrived(column, declared, self.labels(column.labels))

    def transform(
        self, parameters: Mapping[str, Any], column: Column, values: Values, context: Context
    ) -> Values:
        """Return 16 bytes for each value.

        Raises:
            UsageError: there is no key, or a short one.
            ObligationBrokenError: some value has no canonical form.
        """
        key = context.key
        if key is None or len(key) < MIN_KEY:
            raise UsageError(
                f"{column.name}.pseudonymise: no pseudonym key of at least {MIN_KEY} bytes",
                remedy="pass the source environment's own key; a plain hash is refused",
            )
        made = identifiers.bytes_of(values, f"{column.name}.pseudonymise")
        return pseudonyms(made, subkey(key, identifiers.domain(_DOMAIN, parameters, column, context)))

    def prove(
        self,
        parameters: Mapping[str, Any],
        column: Column,
        source: Values,
        output: Values | None,
        context: Context,
        key: bytes,
    ) -> Evidence:
        """Compute every pseudonym again, by the standard library, and compare each row."""
        if context.key is None:
            return Evidence(outside=max(len(source), 1))
        own = subkey(context.key, identifiers.domain(_DOMAIN, parameters, column, context))
        return identifiers.proved(source, output, lambda forms: pseudonyms_again(forms, own), key)

    def matching(
        self,
        parameters: Mapping[str, Any],
        column: Column,
        context: Context,
        values: Values,
        asked: frozenset[bytes],
    ) -> dict[bytes, Any]:
        """Return pseudonym to original for those of `asked` that stand for one of `values`.

        For whoever may turn pseudonyms back, at the source (`isthmus reidentify`).
        """
        made = self.transform(parameters, column, values, context)
        import pyarrow as pa

        from data_contracts.arrow import array_of, compute

        mask = compute().is_in(made, value_set=array_of(sorted(asked), pa.binary()))
        pairs = zip(made.filter(mask).to_pylist(), values.filter(mask).to_pylist(), strict=True)
        return {found: value for found, value in pairs if found is not None}
