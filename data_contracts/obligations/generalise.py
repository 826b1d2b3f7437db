"""`generalise`: a coarser word in the place of each value.

Invariants:
1. The declaration names one form: `bands`, `table`, `date` or `zip` (`forms`).
2. Null stays null. A value that the form has no word for breaks `COLUMN.generalise`.
3. Nothing finer than the word survives: the output is text, and each row's is the word of its own value.

Example, in the terms:
    columns: {age: {generalise: {bands: [0, 18, 65]}}, birth: {generalise: {date: year, earliest: 1936}}}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from data_contracts.arrow import Values, compute
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
from data_contracts.obligations.forms import FORMS, Form, bands_of

__all__ = ["Generalise", "bands_of"]

_EXAMPLES = "{bands: [0, 18, 65]}, {table: …, level: 1}, {date: year} or {zip: 3}"


class Generalise(ColumnAlone):
    """A value becomes a coarser word."""

    name = "generalise"
    keeps = Keeps.NOTHING

    def complaints(self, parameters: Mapping[str, Any], column: Column) -> list[tuple[str, str]]:
        """One form, and what the form itself says."""
        if "file" in parameters:
            return [("a file beside no contract file", "`table`, or a contract that is read from its folder")]
        named = [form for key, form in FORMS.items() if key in parameters]
        if len(named) != 1:
            return [("`generalise` takes one of " + ", ".join(FORMS), _EXAMPLES)]
        return named[0].complaints(parameters, column)

    def labels(self, labels: Labels) -> Labels:
        """A verified coarser word is one step less than the value, and never less than internal."""
        return one_step_less(labels)

    def arrival(
        self, parameters: Mapping[str, Any], column: Column, declared: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Text, and what the form promises of it."""
        changes = {"logicalType": "string", **_form(parameters).promise(parameters, column)}
        return rewritten(column, declared, self.labels(column.labels), changes)

    def transform(
        self,
        parameters: Mapping[str, Any],
        column: Column,
        values: Values,
        context: Context,  # noqa: ARG002 - the protocol's
    ) -> Values:
        """Return each value's word.

        Raises:
            ObligationBrokenError: some value has none.
        """
        words = _form(parameters).words(parameters, values)
        lost = words.null_count - values.null_count
        if lost:
            raise ObligationBrokenError(f"{column.name}.generalise", lost)
        return words

    def prove(
        self,
        parameters: Mapping[str, Any],
        column: Column,  # noqa: ARG002 - the protocol's
        source: Values,
        output: Values | None,
        context: Context,  # noqa: ARG002
        key: bytes,  # noqa: ARG002
    ) -> Evidence:
        """Count rows that hold another text than the word of the source's value."""
        import pyarrow as pa

        if output is None or len(output) != len(source) or output.type != pa.string():
            return Evidence(outside=max(len(source), 1))
        right = _form(parameters).right(parameters, source, output)
        return Evidence(outside=len(source) - int(compute().sum(right).as_py() or 0))


def _form(parameters: Mapping[str, Any]) -> Form:
    return next(form for key, form in FORMS.items() if key in parameters)
