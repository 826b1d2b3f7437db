"""What a form of `generalise` is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from data_contracts.arrow import Values
from data_contracts.model import Column

__all__ = ["Form", "words_right"]


class Form(Protocol):
    """One way from a value to a coarser word."""

    @property
    def key(self) -> str:
        """The parameter that names it."""
        ...

    def complaints(self, parameters: Mapping[str, Any], column: Column) -> list[tuple[str, str]]:
        """Return (what is wrong, what is expected) of the parameters for this column."""
        ...

    def promise(self, parameters: Mapping[str, Any], column: Column) -> dict[str, Any]:
        """Return what ODCS can say of the words: options, or a quality rule."""
        ...

    def words(self, parameters: Mapping[str, Any], values: Values) -> Values:
        """Return each value's word as text; null for null, and for a value that has none."""
        ...

    def right(self, parameters: Mapping[str, Any], source: Values, output: Values) -> Values:
        """Return, for each row, whether the output is the source's word; found by other code than `words`."""
        ...


def words_right(source: Values, output: Values, wanted: Values) -> Values:
    """Return, for each row, whether the output is the wanted text, or null for null."""
    from data_contracts.arrow import compute

    pc = compute()
    same = pc.fill_null(pc.equal(wanted, output), fill_value=False)
    return pc.or_(same, pc.and_(pc.is_null(source), pc.is_null(output)))
