"""The contract as frozen types: what loading makes and everything else reads.

Invariants:
1. A `Contract` was loaded strictly; its `document` is the JSON value that it was read from, and its
   digest is over that document, so two contracts with one digest say the same.
2. A column without a classification is `restricted`.
3. A contract describes one data object, or (with `model`) one object `inputs` and one `outputs`.
   Others load, since the standard allows them, and cannot be checked or cross yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from data_contracts.agreements import Member, Role, Server, SlaProperty, Support
from data_contracts.digest import digest_json
from data_contracts.errors import UsageError
from data_contracts.labels import Classification, Labels, join
from data_contracts.promises import Acknowledgement, QualityRule, Relationship
from data_contracts.terms import BoundaryTerms

__all__ = [
    "Acknowledgement",
    "Column",
    "Contract",
    "ModelTerms",
    "ParityTerms",
    "QualityRule",
    "Relationship",
    "SchemaObject",
]


@dataclass(frozen=True)
class Column:
    """One property of a schema object.

    Attributes:
        name: the column's name in the data.
        logical_type: `string`, `integer`, `number`, `boolean`, `date`, `timestamp`, `time`, `object`,
            `array`; empty where the contract says none.
        physical_type: as written; `binary(16)` and `decimal(p,s)` matter to us.
        primary_key: its 1-based position in the primary key, 0 where it is no part of it.
        options: `logicalTypeOptions` as written.
        missing_tokens: texts that stand for "no value" in a text file (`isthmusMissing`).
        children: properties of an `object`, or the one item type of an `array`.
        relationships: foreign keys that this column alone is.
        partition_key: its 1-based position in the partition key, 0 where it is no part of it.
        physical_name: what the source's system calls it; empty where nothing is written.
        description: for people.
        identifier: which kind of identifier it holds (`isthmusIdentifier`); empty where nothing is written.
    """

    name: str
    logical_type: str = ""
    physical_type: str = ""
    required: bool = False
    unique: bool = False
    primary_key: int = 0
    classification: Classification = Classification.RESTRICTED
    categories: frozenset[str] = frozenset()
    options: Mapping[str, Any] = field(default_factory=dict)
    missing_tokens: tuple[str, ...] = ()
    rules: tuple[QualityRule, ...] = ()
    children: tuple[Column, ...] = ()
    relationships: tuple[Relationship, ...] = ()
    partition_key: int = 0
    physical_name: str = ""
    description: str = ""
    identifier: str = ""

    @property
    def labels(self) -> Labels:
        """The column's own labels."""
        return Labels(self.classification, self.categories)


@dataclass(frozen=True)
class SchemaObject:
    """One table (or one side of a model): its columns, and the rules about all of it.

    Attributes:
        name: the object's name.
        columns: in the contract's order.
        rules: quality rules that stand under the object.
        relationships: foreign keys that the object declares; those of columns stand with the columns.
        id: its stable id in the document; empty where none is written.
        description: for people.
    """

    name: str
    columns: tuple[Column, ...]
    rules: tuple[QualityRule, ...] = ()
    relationships: tuple[Relationship, ...] = ()
    id: str = ""
    description: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns, in order."""
        return tuple(column.name for column in self.columns)

    @property
    def primary_key(self) -> tuple[str, ...]:
        """The names of the columns of the primary key, in the key's order."""
        parts = sorted((c.primary_key, i) for i, c in enumerate(self.columns) if c.primary_key)
        return tuple(self.columns[index].name for _, index in parts)

    @property
    def partition_key(self) -> tuple[str, ...]:
        """The names of the columns that the data is partitioned by, in the key's order."""
        parts = sorted((c.partition_key, i) for i, c in enumerate(self.columns) if c.partition_key)
        return tuple(self.columns[index].name for _, index in parts)

    @property
    def foreign_keys(self) -> tuple[Relationship, ...]:
        """Every foreign key: the columns' own, then the object's."""
        return (*(key for column in self.columns for key in column.relationships), *self.relationships)

    def column(self, name: str) -> Column:
        """Return the column of that name.

        Raises:
            UsageError: there is none.
        """
        for column in self.columns:
            if column.name == name:
                return column
        raise UsageError(f"the contract's object {self.name} has no column {name}")


@dataclass(frozen=True)
class ParityTerms:
    """How a model's answers are compared with the trained model's: rows at least, and how near."""

    rows: int
    tolerance: float


@dataclass(frozen=True)
class ModelTerms:
    """`isthmusModel`: what a model file may be.

    Attributes:
        format: `onnx`.
        opset: the highest opset of the default ONNX domain that it may need.
        max_bytes: the largest size of the file.
        trained_on: ids of the contracts whose data it may have seen.
        parity: the comparison that it must pass wherever it arrives.
    """

    format: str
    opset: int
    max_bytes: int
    trained_on: tuple[str, ...]
    parity: ParityTerms


@dataclass(frozen=True)
class Contract:
    """One ODCS data contract.

    Attributes:
        id: such as `hospital.covid-tests`.
        version: `MAJOR.MINOR.PATCH`.
        name: for people; the id where the contract has none.
        status: as written, such as `active`.
        objects: every schema object.
        terms: None where nothing may cross.
        model: None for a contract of data.
        document: the JSON value that it was read from.
        sla: what is agreed about time and availability.
        servers: where the data is, as the contract says.
        roles: access roles.
        team: who answers for it.
        support: where to ask.
        acknowledged: rules that nothing here evaluates and the owner stands for.
        description: what it is for, for people.
    """

    id: str
    version: str
    name: str
    status: str
    objects: tuple[SchemaObject, ...]
    terms: BoundaryTerms | None
    model: ModelTerms | None
    document: dict[str, Any] = field(repr=False)
    sla: tuple[SlaProperty, ...] = ()
    servers: tuple[Server, ...] = ()
    roles: tuple[Role, ...] = ()
    team: tuple[Member, ...] = ()
    support: tuple[Support, ...] = ()
    acknowledged: tuple[Acknowledgement, ...] = ()
    description: str = ""

    @property
    def reference(self) -> str:
        """The contract as refs name it: `id@version`."""
        return f"{self.id}@{self.version}"

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of the document's RFC 8785 form."""
        return digest_json(self.document)

    @property
    def object(self) -> SchemaObject:
        """The one object that the contract's data has; for a model, its inputs.

        Raises:
            UsageError: there is none or there are several.
        """
        if self.model is not None:
            return self.inputs
        if len(self.objects) != 1:
            raise UsageError(
                f"{self.reference} has {len(self.objects)} schema objects",
                remedy="one contract for each table: leave one object in `schema`",
            )
        return self.objects[0]

    @property
    def inputs(self) -> SchemaObject:
        """What a model takes, one column for each named tensor."""
        return self._side("inputs")

    @property
    def outputs(self) -> SchemaObject:
        """What a model gives, one column for each named tensor."""
        return self._side("outputs")

    @property
    def labels(self) -> Labels:
        """The join of all columns' labels; without columns, the highest."""
        return join(*(column.labels for item in self.objects for column in item.columns))

    def acknowledgement(self, rule: str) -> Acknowledgement | None:
        """Return who acknowledged that nothing evaluates the rule of that id, or None."""
        return next((item for item in self.acknowledged if item.rule == rule), None)

    def _side(self, name: str) -> SchemaObject:
        for item in self.objects:
            if self.model is not None and item.name == name:
                return item
        raise UsageError(f"{self.reference} is no model contract")
