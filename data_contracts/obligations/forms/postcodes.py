"""`generalise: {zip: 3}`: the first three digits of a ZIP code of the United States.

Areas of 20,000 people or fewer are written `000` (45 CFR 164.514(b)(2)(i)(B)); which those are stands, with
its source, in `data/zip3_restricted.toml`. Taken are `19104`, `19104-1234` and `191041234`, as text: a number
has lost its leading zeros, and a shorter code is no ZIP code. What is in another form has no word.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from data_contracts.arrow import Values, array_of, binary_width, kind_of
from data_contracts.model import Column
from data_contracts.obligations.forms.form import words_right

__all__ = ["RESTRICTED_PREFIXES", "PostCode"]

_LIST = Path(__file__).resolve().parents[1] / "data" / "zip3_restricted.toml"
_CODE = r"^[0-9]{5}(?:-?[0-9]{4})?$"
_SMALL = "000"
_DIGITS = "0123456789"

RESTRICTED_PREFIXES: frozenset[str] = frozenset(tomllib.loads(_LIST.read_text(encoding="utf-8"))["prefixes"])
"""Three-digit areas of 20,000 people or fewer."""


class PostCode:
    """ZIP codes by their first three digits."""

    key = "zip"

    def complaints(self, parameters: Mapping[str, Any], column: Column) -> list[tuple[str, str]]:
        """`zip: 3`, on a column of text."""
        found = []
        digits = parameters["zip"]
        if set(parameters) != {"zip"} or not isinstance(digits, int) or digits != 3:  # noqa: PLR2004 - the rule's
            found.append(("`zip` is 3 and stands alone", "{zip: 3}"))
        if kind_of(column) != "string" or binary_width(column) is not None:
            found.append(("a column that holds no text has no ZIP code", "a string column"))
        return found

    def promise(self, parameters: Mapping[str, Any], column: Column) -> dict[str, Any]:  # noqa: ARG002
        """Three digits, and none of the restricted areas."""
        return {"logicalTypeOptions": {"pattern": _pattern(), "minLength": 3, "maxLength": 3}}

    def words(self, parameters: Mapping[str, Any], values: Values) -> Values:  # noqa: ARG002 - the protocol's
        """Return each code's area."""
        import polars as pl
        import pyarrow as pa

        code = pl.col("v")
        area = code.str.head(3)
        small = area.is_in(sorted(RESTRICTED_PREFIXES))
        word = pl.when(small).then(pl.lit(_SMALL)).otherwise(area)
        frame = pl.Series("v", pl.from_arrow(values)).to_frame()
        return frame.select(w=pl.when(code.str.contains(_CODE)).then(word))["w"].to_arrow().cast(pa.string())

    def right(self, parameters: Mapping[str, Any], source: Values, output: Values) -> Values:  # noqa: ARG002
        """Read each distinct code again, digit by digit."""
        import pyarrow as pa

        encoded: Any = source.dictionary_encode()
        words = [_word(code) for code in encoded.dictionary.to_pylist()]
        return words_right(source, output, array_of(words, pa.string()).take(encoded.indices))


def _word(code: str) -> str | None:
    if re.fullmatch(_CODE.removeprefix("^").removesuffix("$"), code) is None:
        return None
    return _SMALL if code[:3] in RESTRICTED_PREFIXES else code[:3]


@cache
def _pattern() -> str:
    """Return a pattern of all areas but the restricted ones; the engine's syntax has no look-ahead."""
    small = sorted(RESTRICTED_PREFIXES)
    branches = []
    for first in _DIGITS:
        seconds = {area[1] for area in small if area[0] == first}
        free = "".join(digit for digit in _DIGITS if digit not in seconds)
        branches.append(f"{first}[{free}][0-9]")
        for second in sorted(seconds):
            gone = {area[2] for area in small if area[:2] == first + second}
            left = "".join(digit for digit in _DIGITS if digit not in gone)
            branches.append(f"{first}{second}[{left}]")
    return f"^(?:{'|'.join(branches)})$"
