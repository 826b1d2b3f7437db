"""What the texts of a column can be read as: a type stands only while every value can be read as it.

Invariants:
1. A type is tried by the very reading that a contract with it would use (`data_contracts.parsing`).
2. Digits are never lost: a column with a leading zero, or with more digits than a float keeps, is text.
3. Two readings of one date (day before month, month before day) are none: the column stays text.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from data_contracts.model import Column
from data_contracts.parsing import parse_column

if TYPE_CHECKING:
    import polars as pl

__all__ = ["TextType", "TextTypes"]

_LOSES = r"^[+-]?0[0-9]|^\+|^[+-]?[0-9]{19,}$"
_LOSES_AS_FLOAT = r"^[+-]?[0-9]{16,}$"
_MARKS = frozenset("/.-:")
_ISO_MARKS = {"date": "-", "timestamp": "-:", "time": ":"}


@dataclass(frozen=True)
class TextType:
    """A logical type with its options."""

    kind: str
    format: str = ""
    timezone: bool = False

    def fits(self, text: str) -> bool:
        """Whether a text has what each of this type has: a look that spares most columns most readings."""
        if self.kind == "boolean":
            return True
        marks = set(self.format or _ISO_MARKS.get(self.kind, "")) & _MARKS
        return marks <= set(text) and any(map(str.isdigit, text))

    @property
    def options(self) -> dict[str, object]:
        """The `logicalTypeOptions`."""
        zone: dict[str, object] = {"timezone": True} if self.timezone else {}
        return zone | ({"format": self.format} if self.format else {})


_NUMBERS = (TextType("boolean"), TextType("integer"), TextType("number"))
_ISO = (TextType("date"), TextType("timestamp"), TextType("timestamp", timezone=True), TextType("time"))
_DATES = tuple(
    TextType("date", form)
    for form in ("yyyy/MM/dd", "dd/MM/yyyy", "MM/dd/yyyy", "dd.MM.yyyy", "dd-MM-yyyy", "MM-dd-yyyy")
)
_TIMES = tuple(
    TextType("timestamp", f"{form} {clock}")
    for form in ("yyyy-MM-dd", "yyyy/MM/dd", "dd/MM/yyyy", "MM/dd/yyyy", "dd.MM.yyyy")
    for clock in ("HH:mm", "HH:mm:ss")
)


@dataclass
class TextTypes:
    """The types that still stand, the narrowest first."""

    standing: list[TextType] = field(default_factory=lambda: list(_NUMBERS + _ISO + _DATES + _TIMES))

    @property
    def dated(self) -> bool:
        """Whether the texts can be dates."""
        return any(kind.kind in {"date", "timestamp"} for kind in self.standing)

    @property
    def plain_dates(self) -> bool:
        """Whether the texts can be dates without a time of day."""
        return any(kind.kind == "date" for kind in self.standing)

    @property
    def numeric(self) -> bool:
        """Whether the texts can be numbers."""
        return any(kind.kind in {"integer", "number"} for kind in self.standing)

    def see(self, name: str, texts: pl.Series) -> None:
        """Strike every type as which one of the texts cannot be read."""
        self.standing = [kind for kind in self.standing if kind.fits(texts[0])]
        if not self.standing:
            return
        if self.numeric:
            self._guard(texts)
        arrow = texts.to_arrow()
        self.standing = [kind for kind in self.standing if not _broken(name, kind, arrow)]

    def _guard(self, texts: pl.Series) -> None:
        loses = bool(texts.str.contains(_LOSES).any())
        as_float = loses or bool(texts.str.contains(_LOSES_AS_FLOAT).any())
        gone = {"integer"} if loses else set[str]()
        gone |= {"number"} if as_float else set()
        self.standing = [kind for kind in self.standing if kind.kind not in gone]

    def best(self, *, json: bool = False) -> TextType:
        """Return the type to draft; text where none stands or a date can be read in two ways.

        In JSON, which has numbers and booleans of its own, texts are texts, or dates in the form of ISO 8601.
        """
        found = [kind for kind in self.standing if kind.format and not json]
        plain = [kind for kind in self.standing if not kind.format and not (json and kind in _NUMBERS)]
        if plain:
            return plain[0]
        return found[0] if len(found) == 1 else TextType("string")


def _broken(name: str, kind: TextType, texts: object) -> bool:
    column = Column(name, kind.kind, options=kind.options)
    _, broken = parse_column(column, texts)
    return bool(broken.true_count)
