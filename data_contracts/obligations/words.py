"""Originals that turn up as words in another column: an identifier treated in its own, and kept in a note.

Invariants:
1. Watched are columns that are pseudonymised or coded, and those that are dropped or masked because they are
   confidential, restricted or direct identifiers: their texts and whole numbers of 8 characters or more.
   Shorter ones occur by chance in every text.
2. Looked at is every text that crosses as it is, also inside of objects and arrays: each word, and each run
   of up to six words. A word is letters and digits; what stands between is not looked at, nor is upper or
   lower case: `a.meier@example.org` is found in `mail=A.Meier@example.org,`.
3. It is a comparison over the whole asset: the original of one row in the note of another is found. Partials
   hold keyed hashes, and merge in any order.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from data_contracts.arrow import Values, kind_of
from data_contracts.labels import Classification
from data_contracts.model import Contract
from data_contracts.obligations.hashes import shared, union
from data_contracts.terms import CrossingTerms

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["WordsPartial", "merge_words", "spoken", "watched", "words_partial"]

_SHORTEST = 8
_LONGEST_RUN = 6
_WORD = re.compile(r"[^\W_]+")
_ALWAYS = {"pseudonymise", "code"}
_IF_SENSITIVE = {"drop", "mask"}
_IDENTIFIER = "direct-identifier"


@dataclass(frozen=True)
class WordsPartial:
    """What some partitions showed.

    Attributes:
        originals: keyed hashes of the originals, by watched column (numpy uint64).
        words: keyed hashes of the words that cross.
    """

    originals: Mapping[str, Any] = field(default_factory=dict)
    words: Any = None


def watched(contract: Contract, terms: CrossingTerms) -> tuple[str, ...]:
    """Return the columns whose originals may turn up nowhere; none where no text crosses as it is."""
    kept = [contract.object.column(name) for name, said in terms.columns.items() if said.obligation == "keep"]
    if all(kind_of(column) not in {"string", "object", "array", ""} for column in kept):
        return ()
    found = []
    for column in contract.object.columns:
        said = terms.columns.get(column.name)
        sensitive = column.classification >= Classification.CONFIDENTIAL or _IDENTIFIER in column.categories
        treated = said is not None and (
            said.obligation in _ALWAYS or (said.obligation in _IF_SENSITIVE and sensitive)
        )
        if treated and kind_of(column) in {"string", "integer"}:
            found.append(column.name)
    return tuple(found)


def words_partial(
    terms: CrossingTerms, originals: Mapping[str, Values], output: pa.Table, key: bytes
) -> WordsPartial:
    """Return the hashes of one partition: `originals` are the watched columns of all its rows."""
    if not originals:
        return WordsPartial()
    said = {name: _hashes(_long(_texts(values)), key) for name, values in originals.items()}
    kept = [name for name in output.column_names if name in terms.columns]
    kept = [name for name in kept if terms.columns[name].obligation == "keep"]
    cells = [cell for name in kept for chunk in output.column(name).chunks for cell in _cells(chunk)]
    return WordsPartial(said, _hashes((word for cell in cells for word in _runs(cell)), key))


def merge_words(left: WordsPartial, right: WordsPartial) -> WordsPartial:
    """Return what both showed."""
    names = {**left.originals, **right.originals}
    originals = {name: union(left.originals.get(name), right.originals.get(name)) for name in names}
    return WordsPartial(originals, union(left.words, right.words))


def spoken(partial: WordsPartial, column: str) -> int:
    """Return how many of a column's originals occur as words in a text that crosses."""
    if column not in partial.originals or partial.words is None:
        return 0
    return shared(partial.originals[column], partial.words)


def _texts(values: Values) -> list[str]:
    return [str(item) for item in values.unique().drop_null().to_pylist()]


def _long(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        if len(text) >= _SHORTEST:
            yield text.lower() if _one_word(text) else " ".join(_WORD.findall(text.casefold())[:_LONGEST_RUN])


def _cells(values: Values) -> Iterator[str]:
    """Give each distinct text of a column, those inside of objects and arrays too."""
    from pyarrow import types

    if types.is_struct(values.type):
        for inner in values.flatten():
            yield from _cells(inner)
    elif types.is_list(values.type) or types.is_large_list(values.type):
        yield from _cells(values.flatten())
    elif types.is_string(values.type) or types.is_large_string(values.type):
        yield from values.unique().drop_null().to_pylist()


def _one_word(text: str) -> bool:
    """Whether a text is plainly one word, as most codes are: they are looked at four times as fast."""
    return text.isascii() and text.isalnum()


def _runs(cell: str) -> Iterator[str]:
    if _one_word(cell):
        yield cell.lower()
        return
    parts = _WORD.findall(cell.casefold())
    for at in range(len(parts)):
        for end in range(at + 1, min(at + _LONGEST_RUN, len(parts)) + 1):
            yield " ".join(parts[at:end])


def _hashes(words: Iterable[str], key: bytes) -> Any:  # noqa: ANN401 - a numpy array of uint64
    import numpy as np

    made = [
        hashlib.blake2b(word.encode(), digest_size=8, key=key[:64]).digest() for word in set(words) - {""}
    ]
    return np.sort(np.frombuffer(b"".join(made), dtype=np.uint64))
