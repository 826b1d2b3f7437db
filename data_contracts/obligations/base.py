"""What an obligation is: one column in, its lawful form out, and the proof that it was done.

A new obligation is one small file with a class that keeps these duties, and passes
`tests/contract_suites/obligation_suite.py`:

1. `complaints` finds everything wrong with the parameters while the contract is read.
2. `transform` is a function of the value, the parameters and the context: the same value gives the same
   result in every partition, null stays null, and rows keep their order and number.
3. A value that the obligation cannot take is counted and refused (`ObligationBrokenError`), never
   let through and never silently nulled.
4. `arrival` says what the output keeps: for input that keeps the contract, output keeps `arrival`.
5. `prove` looks at the decoded output and trusts nothing that `transform` said. Where the output is a
   function of a secret, `prove` computes it again by other code; without the secret nothing is proved.
6. What an obligation needs beside its column (other columns of the row, a key, a table of codes) comes with
   the context. It opens no file, reads no clock and draws no randomness by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol

from data_contracts.arrow import Values
from data_contracts.errors import DataBreaksContractError
from data_contracts.labels import Classification, Labels
from data_contracts.model import Column

__all__ = [
    "CodeTable",
    "ColumnAlone",
    "Context",
    "Evidence",
    "Keeps",
    "Obligation",
    "ObligationBrokenError",
    "one_step_less",
    "rewritten",
]


class ObligationBrokenError(DataBreaksContractError):
    """Values that an obligation cannot take.

    Attributes:
        rule: the rule's id, such as `age.generalise`.
        count: rows with such a value.
    """

    def __init__(self, rule: str, count: int) -> None:
        """Say which rule and how many rows; never which values."""
        super().__init__(
            f"{rule}: {count} values outside what the obligation takes",
            remedy="give the column a rule that the data keeps (a minimum), or widen the obligation",
        )
        self.rule = rule
        self.count = count


class Keeps(Enum):
    """What survives of a column: decides which rules about several columns still hold."""

    VALUES = "values"
    EQUALITY = "equality"
    NOTHING = "nothing"


class CodeTable(Protocol):
    """Random codes of one environment, each with the value that it stands for.

    The same value in one domain has one code, for ever, whoever asks and in whatever process.
    """

    def assign(self, domain: bytes, values: Sequence[bytes]) -> list[bytes]:
        """Return the code of each value, drawing one for each value that has none yet; 16 bytes each."""
        ...

    def find(self, domain: bytes, values: Sequence[bytes]) -> list[bytes | None]:
        """Return the code of each value; None for a value that has none. Nothing is drawn."""
        ...


@dataclass(frozen=True)
class Context:
    """What an obligation may depend on besides value and parameters.

    Attributes:
        destination: name of the environment that receives.
        purpose: what for.
        key: the source's pseudonym key, which never crosses; None where the source has none.
        codes: the source's table of random codes; None where there is none.
        beside: the columns that the obligation's `beside` names, row by row with its own.
    """

    destination: str
    purpose: str
    key: bytes | None = field(default=None, repr=False)
    codes: CodeTable | None = field(default=None, repr=False)
    beside: Mapping[str, Values] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Evidence:
    """What one partition of the output showed.

    Attributes:
        outside: rows whose output is not what the obligation guarantees.
        originals: keyed 64-bit hashes of the originals, where they must not reappear (`hashes.Runs`).
        outputs: the same of the outputs.
    """

    outside: int
    originals: Any = None
    outputs: Any = None


class Obligation(Protocol):
    """The interface; see the module's text for the duties."""

    @property
    def name(self) -> str:
        """The word in contracts."""
        ...

    @property
    def keeps(self) -> Keeps:
        """What survives of the column."""
        ...

    def complaints(self, parameters: Mapping[str, Any], column: Column) -> list[tuple[str, str]]:
        """Return (what is wrong, what is expected) of the parameters for this column."""
        ...

    def labels(self, labels: Labels) -> Labels:
        """Return the labels of the output."""
        ...

    def arrival(
        self, parameters: Mapping[str, Any], column: Column, declared: Mapping[str, Any]
    ) -> dict[str, Any] | None:
        """Return the ODCS property that the output keeps, made from the declared one; None: no column."""
        ...

    def beside(self, parameters: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the names of the source's other columns that it looks at."""
        ...

    def transform(
        self, parameters: Mapping[str, Any], column: Column, values: Values, context: Context
    ) -> Values | None:
        """Return the output column, in the Arrow type of `arrival`; None: no column.

        Raises:
            ObligationBrokenError: some values are outside what the obligation takes.
        """
        ...

    def prove(
        self,
        parameters: Mapping[str, Any],
        column: Column,
        source: Values,
        output: Values | None,
        context: Context,
        key: bytes,
    ) -> Evidence:
        """Compare the decoded output (None: no such column) with the source; `key` keys the hashes.

        A context without the secret that the output depends on proves nothing: every row is outside.
        """
        ...


class ColumnAlone:
    """The part of most obligations: nothing beside the column itself."""

    def beside(self, parameters: Mapping[str, Any]) -> tuple[str, ...]:  # noqa: ARG002 - the protocol's
        """No other column."""
        return ()


def one_step_less(labels: Labels) -> Labels:
    """Return the labels of a coarser value: one step less sensitive, never less than internal, same kinds."""
    lowered = max(Classification.INTERNAL, labels.classification - 1)
    return Labels(Classification(min(labels.classification, lowered)), labels.categories)


_DESCRIPTIVE = ("name", "businessName", "description")


def rewritten(
    column: Column, declared: Mapping[str, Any], labels: Labels, changes: Mapping[str, Any]
) -> dict[str, Any]:
    """Return a property that says about an output column only what still holds.

    Names and descriptions stay; examples, transform logic and physical names (which may hold values, or
    tell of the source's systems) do not. `changes` adds keys.
    """
    result = {key: declared[key] for key in _DESCRIPTIVE if key in declared}
    result["required"] = column.required or column.primary_key > 0
    result["classification"] = labels.classification.word
    result.update(changes)
    if labels.categories:
        own = {"property": "isthmusCategories", "value": sorted(labels.categories)}
        result["customProperties"] = [*result.get("customProperties", []), own]
    return result
