"""`code`: a random code in the place of each value; the table of them stays at the source.

Invariants:
1. A code is 16 bytes drawn at random for one value in one domain (as a pseudonym's), once: the same value has
   the same code again for the same destination and purpose. It is not derived from anything about the
   subject and cannot be translated without the table (45 CFR 164.514(c)(1)).
2. The table comes with the context and is the environment's own; it never crosses (45 CFR 164.514(c)(2)).
3. What is proved is that every row holds the code that the table has for its value. That codes are random is
   so because the table draws them, not because anyone could see it of a column.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from data_contracts.arrow import Values, array_of
from data_contracts.digest import canonical
from data_contracts.errors import UsageError
from data_contracts.labels import Labels
from data_contracts.model import Column
from data_contracts.obligations import identifiers
from data_contracts.obligations.base import ColumnAlone, Context, Evidence, Keeps

__all__ = ["Code", "code_domain"]

_DOMAIN = "isthmus-code-1"


def code_domain(parameters: Mapping[str, Any], column: Column, context: Context) -> bytes:
    """Return the domain of a column's codes, as the table names it."""
    return canonical(identifiers.domain(_DOMAIN, parameters, column, context))


class Code(ColumnAlone):
    """A 128-bit random code for each value."""

    name = "code"
    keeps = Keeps.EQUALITY

    def complaints(self, parameters: Mapping[str, Any], column: Column) -> list[tuple[str, str]]:
        """At most `joinable`, on a kind of value that has one canonical form."""
        return identifiers.complaints(self.name, parameters, column)

    def labels(self, labels: Labels) -> Labels:
        """A code is at most confidential, and is no direct identifier any more."""
        return identifiers.lowered(labels, "random-code")

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
        """Return each value's code; a value that has none yet is given one.

        Raises:
            UsageError: there is no table.
            ObligationBrokenError: some value has no canonical form.
        """
        import pyarrow as pa

        if context.codes is None:
            raise UsageError(
                f"{column.name}.code: no table of codes",
                remedy="pass the source environment's own table; it is made at the first crossing",
            )
        encoded: Any = identifiers.bytes_of(values, f"{column.name}.code").dictionary_encode()
        domain = code_domain(parameters, column, context)
        made = context.codes.assign(domain, encoded.dictionary.to_pylist())
        return array_of(made, pa.binary()).take(encoded.indices)

    def prove(
        self,
        parameters: Mapping[str, Any],
        column: Column,
        source: Values,
        output: Values | None,
        context: Context,
        key: bytes,
    ) -> Evidence:
        """Look every value's code up again, and compare each row."""
        import pyarrow as pa

        if context.codes is None:
            return Evidence(outside=max(len(source), 1))
        table, domain = context.codes, code_domain(parameters, column, context)

        def found(forms: Sequence[bytes]) -> Values:
            return array_of(table.find(domain, forms), pa.binary())

        return identifiers.proved(source, output, found, key)
