"""A part of the data as columns of known types, or a reason code for each column that is not sound.

Invariants:
1. A column is taken only once, in a type that `arrow.accepts` takes, cast without loss.
2. Text is checked to be UTF-8 before any engine reads it: a file's footer does not prove that.
3. Only columns that a rule reads are looked at.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from data_contracts.arrow import Values, accepts, column_type
from data_contracts.checks.nested import Node, nodes_of
from data_contracts.errors import UsageError
from data_contracts.model import Column, SchemaObject
from data_contracts.verdict import Reason

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["ContractShape", "FileShape", "Shape", "Sound", "conform"]


class Shape(Protocol):
    """Which columns data has, and in which types."""

    @property
    def names(self) -> tuple[str, ...]:
        """The columns of the table."""

    @property
    def takes_dictionaries(self) -> bool:
        """Whether text may come as a dictionary column."""

    @property
    def nodes(self) -> Mapping[str, Node]:
        """The paths, where something is nested."""

    def taken(self, name: str, values: Values) -> Values | Reason:
        """Return the column in its own type, or why it is not."""

    def undeclared(self, names: Iterable[str]) -> frozenset[str]:
        """Return the columns that should not be there, or are there twice."""


@dataclass(frozen=True)
class ContractShape:
    """The columns of one schema object of a contract."""

    item: SchemaObject

    @property
    def names(self) -> tuple[str, ...]:
        """The contract's columns."""
        return self.item.names

    @property
    def takes_dictionaries(self) -> bool:
        """Yes: what counts is the contract's type."""
        return True

    @cached_property
    def _columns(self) -> dict[str, Column]:
        return {column.name: column for column in self.item.columns}

    @cached_property
    def nodes(self) -> Mapping[str, Node]:
        """Every path of the contract; of two with one path, the first."""
        found: dict[str, Node] = {}
        for node in nodes_of(self.item.columns):
            found.setdefault(node.path, node)
        return found

    def undeclared(self, names: Iterable[str]) -> frozenset[str]:
        """Return names that the contract lacks, and names that stand twice."""
        counts = Counter(names)
        return frozenset(name for name, count in counts.items() if count > 1 or name not in self._columns)

    def taken(self, name: str, values: Values) -> Values | Reason:
        """Return the column in the contract's type."""
        import pyarrow as pa

        column = self._columns[name]
        if not accepts(column, values.type):
            return Reason.WRONG_TYPE
        if not _valid(values):
            return Reason.UNREADABLE_VALUES
        try:
            wanted: Values = column_type(column)
        except UsageError:
            return values  # An object or array without declared children: its type is all that is promised.
        if values.type == wanted or (wanted == pa.string() and _is_text(values)):
            return values
        try:
            return values.cast(wanted, safe=True)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            return Reason.WRONG_TYPE


@dataclass(frozen=True)
class FileShape:
    """The columns as a file has them: what a suite of expectations without a contract is run on."""

    schema: pa.Schema

    @property
    def names(self) -> tuple[str, ...]:
        """The file's columns."""
        return tuple(self.schema.names)

    @property
    def takes_dictionaries(self) -> bool:
        """No: what counts is the file's own type."""
        return False

    @property
    def nodes(self) -> Mapping[str, Node]:
        """Nothing: expectations name columns, not paths."""
        return {}

    def undeclared(self, names: Iterable[str]) -> frozenset[str]:
        """Return names that only this part has; a suite may be about the columns themselves."""
        counts = Counter(names)
        own = Counter(self.schema.names)
        return frozenset(name for name, count in counts.items() if count != own[name])

    def taken(self, name: str, values: Values) -> Values | Reason:
        """Return the column if it has the type that the plan was made for."""
        if not values.type.equals(self.schema.field(name).type):
            return Reason.WRONG_TYPE
        return values if _valid(values) else Reason.UNREADABLE_VALUES


@dataclass(frozen=True)
class Sound:
    """The sound columns of a part.

    Attributes:
        values: those columns, as Arrow has them: texts may be a dictionary's.
        nulls: how many nulls each sound column has.
        reasons: why each other column is not sound.
    """

    values: dict[str, Values]
    nulls: dict[str, int]
    reasons: dict[str, Reason]


def conform(shape: Shape, table: pa.Table, looked_at: Iterable[str]) -> Sound:
    """Return those columns that are sound, and why the others are not."""
    counts = Counter(table.column_names)
    sound = Sound({}, {}, {})
    for name in looked_at:
        if counts[name] != 1:
            sound.reasons[name] = Reason.COLUMN_MISSING
            continue
        found = shape.taken(name, table.column(name))
        if isinstance(found, Reason):
            sound.reasons[name] = found
            continue
        sound.nulls[name] = int(found.null_count)
        sound.values[name] = found
    return sound


def _is_text(values: Values) -> bool:
    """Whether it is text as it stands, or a dictionary of it without a null among its entries."""
    from pyarrow import types

    if types.is_dictionary(values.type) and types.is_string(values.type.value_type):
        return not any(chunk.dictionary.null_count for chunk in values.chunks)
    return bool(types.is_large_string(values.type))


def _valid(values: Values) -> bool:
    """Whether every value is one of its type: text is UTF-8, offsets are in their place."""
    import pyarrow as pa
    from pyarrow import types

    try:
        values.validate()
        if types.is_string(values.type) or types.is_large_string(values.type):
            if all(_ascii(chunk) for chunk in values.chunks):
                return True
        elif types.is_primitive(values.type) and not types.is_time(values.type):
            return True
        values.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _ascii(chunk: Values) -> bool:
    """Whether all text lies in its buffer and is ASCII: a fifth of the cost of decoding UTF-8."""
    import numpy as np
    from pyarrow import types

    _, offsets, data = chunk.buffers()
    if not len(chunk):
        return True
    if offsets is None or data is None:
        return False
    wide = np.int64 if types.is_large_string(chunk.type) else np.int32
    at: Any = np.frombuffer(offsets, dtype=wide)[chunk.offset : chunk.offset + len(chunk) + 1]
    first, last = int(at[0]), int(at[-1])
    if first < 0 or last > data.size or bool((at[1:] < at[:-1]).any()):
        return False
    text = np.frombuffer(data, dtype=np.uint8)[first:last]
    return not text.size or int(text.max()) < 128  # noqa: PLR2004 - the first byte that is not ASCII
