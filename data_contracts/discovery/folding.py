"""One spelling for words: no case, no accents, no punctuation; for names of columns and for values alike.

Example:
    >>> fold("Straße Nº 5")
    'strasse no 5'
    >>> letters("Müller-Lüdenscheidt")
    'mullerludenscheidt'
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

__all__ = ["fold", "letters", "letters_of", "tokens"]

_SPELLED = {"ß": "ss", "ł": "l", "ø": "o", "đ": "d", "\u0131": "i", "æ": "ae", "œ": "oe", "å": "a"}
_TABLE = str.maketrans(_SPELLED)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_WORD = re.compile(r"[^\W\d_]+|\d+")
_NO_LETTER = re.compile(r"[\W\d_]+")


def fold(text: str) -> str:
    """Return the text in lower case without accents."""
    plain = unicodedata.normalize("NFKD", text.lower().translate(_TABLE))
    return unicodedata.normalize("NFC", "".join(c for c in plain if not unicodedata.combining(c)))


def letters(text: str) -> str:
    """Return the folded text's letters alone."""
    return _NO_LETTER.sub("", fold(text))


def tokens(name: str) -> list[str]:
    """Return the words of a column's name: `customerEmail_2` is customer, email, 2."""
    return _WORD.findall(fold(_CAMEL.sub(" ", name)))


def letters_of(values: pl.Series) -> pl.Series:
    """Return `letters` of every value, by the engine's own loops."""
    import polars as pl

    spelled = pl.select(
        pl.lit(values).str.to_lowercase().str.replace_many(list(_SPELLED), list(_SPELLED.values()))
    ).to_series()
    return spelled.str.normalize("NFKD").str.replace_all(r"[^\p{L}]", "").str.normalize("NFC")
