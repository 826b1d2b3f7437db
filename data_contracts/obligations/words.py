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
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data_contracts.arrow import Values, kind_of
from data_contracts.buckets import BucketFile
from data_contracts.labels import Classification
from data_contracts.model import Contract
from data_contracts.obligations.hashes import Runs, distinct, put_aside, shared, union
from data_contracts.obligations.parquet.binary import binary_of, binary_parts
from data_contracts.terms import CrossingTerms

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

__all__ = ["WordsPartial", "merge_words", "spoken", "watched", "words_aside", "words_partial"]

_SHORTEST = 8
_LONGEST_RUN = 6
_LOOKED_AT = 1024
_MANY = 1 << 20
_BLOCK = 1 << 16
_LOWER, _LETTERS, _DIGITS = 0x20, 26, 10
"""The bit of a letter's lower case, and how many letters and digits of ASCII follow each other."""
_WORD = re.compile(r"[^\W_]+")
_ONE_WORD = r"\A[0-9A-Za-z]+\z"
"""What needs no look at its parts; of a regular expression's engine that knows no other end than the end."""
_ALWAYS = {"pseudonymise", "code"}
_IF_SENSITIVE = {"drop", "mask"}
_IDENTIFIER = "direct-identifier"


@dataclass(frozen=True)
class WordsPartial:
    """What some partitions showed.

    Attributes:
        originals: keyed hashes of the originals, by watched column.
        words: keyed hashes of the words that cross; where they are many, most of them once.
    """

    originals: Mapping[str, Runs] = field(default_factory=dict)
    words: Runs = ()


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
    said = {name: _originals(values, key) for name, values in originals.items()}
    kept = [name for name in output.column_names if name in terms.columns]
    kept = [name for name in kept if terms.columns[name].obligation == "keep"]
    texts = [text for name in kept for chunk in output.column(name).chunks for text in _texts(chunk)]
    return WordsPartial(said, tuple(run for text in texts for run in _words(text, key)))


def words_aside(partial: WordsPartial, folder: Path) -> WordsPartial:
    """Return the same, with its hashes in files of the folder."""
    originals = {name: put_aside(runs, folder) for name, runs in partial.originals.items()}
    return WordsPartial(originals, put_aside(partial.words, folder))


def merge_words(left: WordsPartial, right: WordsPartial) -> WordsPartial:
    """Return what both showed."""
    import numpy as np

    names = {**left.originals, **right.originals}
    originals = {n: union(left.originals.get(n), right.originals.get(n)) or () for n in names}
    words = left.words + right.words
    sizes = [0 if isinstance(run, BucketFile) else len(run) for run in words]
    if sum(sizes) > max(_MANY, 2 * max(sizes, default=0)):
        held = [run for run in words if not isinstance(run, BucketFile)]
        words = (*(run for run in words if isinstance(run, BucketFile)), distinct(np.concatenate(held)))
    return WordsPartial(originals, words)


def spoken(partial: WordsPartial, column: str) -> int:
    """Return how many of a column's originals occur as words in a text that crosses."""
    return shared(partial.originals.get(column, ()), partial.words)


def _originals(values: Values, key: bytes) -> Runs:
    import pyarrow as pa

    words, others = _told_apart(values.cast(pa.string()))
    words = words.filter(words.str.len_bytes() >= _SHORTEST)
    texts = others.filter(others.str.len_chars() >= _SHORTEST).unique()
    joined = {" ".join(_WORD.findall(text.casefold())[:_LONGEST_RUN]) for text in texts}
    return _hashes(words, key), _hashes(_series(joined), key)


def _words(values: Values, key: bytes) -> Runs:
    words, others = _told_apart(values)
    runs = {run for text in others.unique() for run in _runs(text)}
    return _hashes(words, key), _hashes(_series(runs), key)


def _texts(values: Values) -> Iterator[Values]:
    """Give the texts of a column, those inside of objects and arrays too; each once where many repeat."""
    from pyarrow import types

    if types.is_struct(values.type):
        for inner in values.flatten():
            yield from _texts(inner)
    elif types.is_list(values.type) or types.is_large_list(values.type):
        yield from _texts(values.flatten())
    elif types.is_string(values.type) or types.is_large_string(values.type):
        seen = values.slice(0, _LOOKED_AT)
        yield values.unique() if 2 * len(seen.unique()) <= len(seen) else values


def _told_apart(values: Values) -> tuple[pl.Series, pl.Series]:
    """Return those that are plainly one word, as most codes are, in lower case; and the others."""
    import polars as pl

    there = values.drop_null()
    plain = _plain_lowered(there)
    if plain is not None:
        words = pl.Series(pl.from_arrow(plain))
        return words, words.clear()
    texts = pl.Series(pl.from_arrow(there))
    one = texts.str.contains(_ONE_WORD)
    return texts.filter(one).str.to_lowercase(), texts.filter(~one)


def _plain_lowered(values: Values) -> Values | None:
    """Return texts in lower case where every byte of all is an ASCII letter or digit; else None.

    Looked at are the bytes as they lie. Of these, what sets a letter's bit of lower case changes no digit.
    """
    import numpy as np
    import pyarrow as pa

    offsets, data = binary_parts(binary_of(values))
    first, last = int(offsets[0]), int(offsets[-1])
    lowered: Any = np.empty(last - first, np.uint8)
    for at in range(first, last, _BLOCK):
        given = data[at : min(at + _BLOCK, last)]
        low = np.bitwise_or(given, _LOWER, out=lowered[at - first : at - first + len(given)])
        letters = (low - np.uint8(ord("a"))) < _LETTERS
        letters |= (given - np.uint8(ord("0"))) < _DIGITS
        if not letters.all():
            return None
    buffers = [None, pa.py_buffer(offsets - offsets[0]), pa.py_buffer(lowered)]
    return pa.Array.from_buffers(values.type, len(values), buffers)


def _runs(text: str) -> Iterator[str]:
    parts = _WORD.findall(text.casefold())
    for at in range(len(parts)):
        for end in range(at + 1, min(at + _LONGEST_RUN, len(parts)) + 1):
            yield " ".join(parts[at:end])


def _series(words: set[str]) -> pl.Series:
    import polars as pl

    return pl.Series(list(words - {""}), dtype=pl.String)


def _hashes(words: pl.Series, key: bytes) -> Any:  # noqa: ANN401 - a numpy array of uint64
    """Return a hash of each, the same in every process with the same Polars."""
    seed = hashlib.blake2b(b"isthmus-words", key=key[:64], digest_size=8).digest()
    return words.hash(int.from_bytes(seed, "big")).to_numpy()
