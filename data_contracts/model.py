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

from data_contracts.digest import digest_json
from data_contracts.errors import UsageError
from data_contracts.labels import Classification, Labels, join
from data_contracts.terms import BoundaryTerms

__all__ = ["Column", "Contract", "ModelTerms", "ParityTerms", "QualityRule", "SchemaObject"]


@dataclass(frozen=True)
class QualityRule:
    """One item of a `quality` list (ODCS v3.1, data quality).

    Attributes:
        id: stable in the contract; the item's own `id` or `name`, else made from column and metric.
        kind: `library`, `sql`, `custom` or `text`.
        column: the column it stands under, or None where it stands under the object.
        metric: of a library rule.
        operator: such as `mustBeLessThan`; None where the kind has none.
        bound: the operator's operand: a number, or two for the `Between` operators.
        unit: `rows` or `percent`.
        arguments: of a library rule.
        engine: of a custom rule.
        implementation: of a custom rule; the query of an sql rule.
    """

    id: str
    kind: str
    column: str | None
    metric: str | None = None
    operator: str | None = None
    bound: Any = None
    unit: str = "rows"
    arguments: Mapping[str, Any] = field(default_factory=dict)
    engine: str | None = None
    implementation: Any = None


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

    @property
    def labels(self) -> Labels:
        """The column's own labels."""
        return Labels(self.classification, self.categories)


@dataclass(frozen=True)
class SchemaObject:
    """One table (or one side of a model): its columns, and the rules about all of it."""

    name: str
    columns: tuple[Column, ...]
    rules: tuple[QualityRule, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns, in order."""
        return tuple(column.name for column in self.columns)

    @property
    def primary_key(self) -> tuple[str, ...]:
        """The names of the columns of the primary key, in the key's order."""
        parts = sorted((c.primary_key, i) for i, c in enumerate(self.columns) if c.primary_key)
        return tuple(self.columns[index].name for _, index in parts)

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
    """

    id: str
    version: str
    name: str
    status: str
    objects: tuple[SchemaObject, ...]
    terms: BoundaryTerms | None
    model: ModelTerms | None
    document: dict[str, Any] = field(repr=False)

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

    def _side(self, name: str) -> SchemaObject:
        for item in self.objects:
            if self.model is not None and item.name == name:
                return item
        raise UsageError(f"{self.reference} is no model contract")
