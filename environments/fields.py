"""Reading the fields of a declaration, so that every mistake is found and none stops the search.

Invariants:
1. A wrong value becomes a problem with file, line and what was expected, and reading goes on with a
   stand-in; whoever has problems at the end uses nothing of what was read.
2. An unknown key is a problem, with the nearest known one as a hint.

Example:
    >>> from data_contracts.yamlsource import parse_yaml
    >>> fields = Fields(parse_yaml(b"threads: many", file="cloud.yaml"))
    >>> fields.integer(("threads",), low=1, high=64, default=1)
    1
    >>> str(fields.problems[0])
    "cloud.yaml:1:10: threads: 'many' is no whole number; expected a whole number from 1 to 64"
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from data_contracts.errors import Problem
from data_contracts.yamlsource import Key, Source

__all__ = ["Fields", "Path", "nearest", "shown"]

Path = tuple[Key, ...]
_SHOWN = 40
_SIZE = re.compile(r"(?P<number>[1-9][0-9]{0,8}) ?(?P<unit>MiB|GiB|MB|GB)")
_UNITS = {"MiB": 1024**2, "GiB": 1024**3, "MB": 1000**2, "GB": 1000**3}


def shown(value: object) -> str:
    """Return a value of a declaration as a message shows it: short, and on one line."""
    text = repr(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def nearest(word: str, known: Collection[str]) -> str | None:
    """Return which of the known words was probably meant; None where none is near."""
    from difflib import get_close_matches  # only where something is wrong

    return next(iter(get_close_matches(word, known, 1)), None)


@dataclass
class Fields:
    """One document's values by path, and the problems met so far."""

    source: Source
    problems: list[Problem] = field(default_factory=list)

    def get(self, path: Path) -> Any:  # noqa: ANN401 - any JSON value
        """Return the value at a path; None where there is none."""
        value = self.source.data
        for key in path:
            try:
                value = value[key]
            except (TypeError, KeyError, IndexError):
                return None
        return value

    def complain(self, path: Path, message: str, expected: str = "") -> None:
        """Note a problem at a path."""
        self.problems.append(self.source.problem(path, message, expected))

    def mapping(
        self, path: Path, known: Collection[str], required: Collection[str] = ()
    ) -> Mapping[str, Any]:
        """Read a mapping of known keys; absent is empty."""
        value = self.get(path)
        if value is None and not required:
            return {}
        if not isinstance(value, Mapping):
            self.complain(path, f"{shown(value)} is no mapping", f"keys among: {', '.join(known)}")
            return {}
        for key in value:
            if key not in known:
                near = nearest(str(key), known)
                hint = f"{near!r}" if near else "one of: " + ", ".join(known)
                self.complain((*path, key), "an unknown key", hint)
        for key in required:
            if value.get(key) is None:
                self.complain(path, f"{key!r} is missing", f"a value for {key!r}")
        return value

    def items(self, path: Path, what: str) -> Sequence[Any]:
        """Read a list; absent is empty."""
        value = self.get(path)
        if value is None:
            return ()
        if not isinstance(value, list):
            self.complain(path, f"{shown(value)} is no list", f"a list of {what}")
            return ()
        return value

    def text(self, path: Path, pattern: str, expected: str, default: str = "") -> str:
        """Read a text of a form; absent gives the default."""
        value = self.get(path)
        if value is None:
            return default
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            self.complain(path, f"{shown(value)} is not of the form", expected)
            return default
        return value

    def texts(self, path: Path, pattern: str, expected: str) -> tuple[str, ...]:
        """Read a list of texts of a form, each once."""
        found: list[str] = []
        for index in range(len(self.items(path, expected))):
            text = self.text((*path, index), pattern, expected)
            if text and text in found:
                self.complain((*path, index), f"{text!r} stands here twice", "each once")
            elif text:
                found.append(text)
        return tuple(found)

    def choice(self, path: Path, options: Sequence[str], default: str) -> str:
        """Read one of a few words; absent gives the default."""
        value = self.get(path)
        if value is None:
            return default
        if value not in options:
            self.complain(path, f"{shown(value)} is none of the words", "one of: " + ", ".join(options))
            return default
        return str(value)

    def integer(self, path: Path, *, low: int, high: int, default: int) -> int:
        """Read a whole number within bounds; absent gives the default."""
        value = self.get(path)
        if value is None:
            return default
        expected = f"a whole number from {low} to {high}"
        if not isinstance(value, int) or isinstance(value, bool):
            self.complain(path, f"{shown(value)} is no whole number", expected)
            return default
        if not low <= value <= high:
            self.complain(path, f"{value} is out of bounds", expected)
            return default
        return value

    def number(self, path: Path, expected: str) -> float | int | None:
        """Read a finite number; None where it is absent or none."""
        value = self.get(path)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            self.complain(path, f"{shown(value)} is no number", expected)
            return None
        return value

    def amount(self, path: Path) -> Decimal:
        """Read a price: exact as written, zero or more; absent is zero."""
        value = self.number(path, "an amount, zero or more")
        if value is not None and value < 0:
            self.complain(path, f"{value} is negative", "an amount, zero or more")
            return Decimal(0)
        return Decimal(str(value or 0))

    def size(self, path: Path, *, default: int) -> int:
        """Read a number of bytes with its unit; absent gives the default."""
        value = self.get(path)
        match = _SIZE.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            if value is not None:
                self.complain(path, f"{shown(value)} is no size", "a size with its unit, such as 512 MiB")
            return default
        return int(match["number"]) * _UNITS[match["unit"]]
