r"""Rules on text, answered from Arrow's own buffers where that is exact: no conversion, no regex.

Invariants:
1. An answer is exact or None; where it is None, the rule runs as an expression, as it would anyhow.
2. Lengths are taken from offsets only where all text is ASCII: there a byte is a character.
3. A fixed form is a pattern of ASCII characters and classes in fixed number, anchored on both sides. It is
   matched byte by byte; a text with any other byte, or of another length, does not have that form.

Example:
    >>> fixed_form("^P[0-9]{2}$").runs
    ((((80, 80),), 1), (((48, 57),), 2))
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

from data_contracts.arrow import Values

if TYPE_CHECKING:
    import polars as pl

__all__ = ["FixedForm", "broken_entries", "fixed_form", "lengths_beyond", "unlike"]

Array: TypeAlias = Any
Ranges = tuple[tuple[int, int], ...]

_LONGEST = 64
_TOKEN = re.compile(
    r"""(?:\[(?P<set>(?:[A-Za-z0-9_ ](?:-[A-Za-z0-9])?|\\d|\\[-./])+)\]
      |  (?P<digit>\\d)
      |  \\(?P<escaped>[-./+()])
      |  (?P<plain>[A-Za-z0-9_@:,;=/ -]))
      (?:\{(?P<times>[0-9]{1,2})\})?""",
    re.VERBOSE,
)
_MEMBER = re.compile(r"\\d|\\?(.)(?:-(.))?")
_FIRST_NOT_ASCII = 128
_BLOCK = 128 * 1024


@dataclass(frozen=True)
class FixedForm:
    """What a text of one fixed length must look like.

    Attributes:
        runs: ranges of bytes that are allowed, and for how many places, from the first to the last.
    """

    runs: tuple[tuple[Ranges, int], ...]

    @property
    def length(self) -> int:
        """Bytes of a text of this form."""
        return sum(times for _, times in self.runs)


@lru_cache(maxsize=256)
def fixed_form(pattern: str) -> FixedForm | None:
    """Return the form that an ECMA-262 pattern describes, or None where it is no fixed one."""
    if not (pattern.startswith("^") and pattern.endswith("$")) or pattern.endswith("\\$"):
        return None
    body, at = pattern[1:-1], 0
    runs: list[tuple[Ranges, int]] = []
    while at < len(body):
        match = _TOKEN.match(body, at)
        if match is None:
            return None
        runs.append((_allowed(match), int(match["times"] or 1)))
        at = match.end()
    form = FixedForm(tuple(runs))
    fits = all(times for _, times in runs) and 0 < form.length <= _LONGEST
    ordered = all(low <= high for ranges, _ in runs for low, high in ranges)
    return form if fits and ordered else None


def _allowed(match: re.Match[str]) -> Ranges:
    if match["set"]:
        return tuple(_members(match["set"]))
    if match["digit"]:
        return ((ord("0"), ord("9")),)
    char = ord(match["escaped"] or match["plain"])
    return ((char, char),)


def _members(inside: str) -> Iterator[tuple[int, int]]:
    for member in _MEMBER.finditer(inside):
        if member[0] == "\\d":
            yield ord("0"), ord("9")
        else:
            yield ord(member[1]), ord(member[2] or member[1])


def unlike(values: Values, form: FixedForm) -> int | None:
    """Count the texts that have not that form; None where their lengths differ."""
    count = 0
    for chunk in values.chunks:
        lengths, text = _buffers(chunk)
        if lengths is None:
            return None
        if not lengths.size:
            continue
        if int(lengths.min()) != int(lengths.max()):
            return None
        if int(lengths[0]) != form.length:
            count += lengths.size
            continue
        if text.size != lengths.size * form.length:
            return None  # Bytes under nulls.
        count += _unlike(text.reshape(lengths.size, form.length), form)
    return count


def _unlike(places: Array, form: FixedForm) -> int:
    """Count the rows of a matrix of bytes that have not that form, in blocks that stay in the cache."""
    import numpy as np

    count = 0
    step = max(1, _BLOCK // form.length)
    lows, spans = _template(form, step)
    for begin in range(0, len(places), step):
        block = places[begin : begin + step]
        rows = len(block)
        # Below `low` the difference of bytes wraps to a great number: one comparison for both sides.
        if lows is not None and not bool(((block - lows[:rows]) > spans[:rows]).any()):
            continue
        bad: Array = np.zeros(rows, dtype=bool)
        at = 0
        for ranges, times in form.runs:
            bad |= _outside(block[:, at : at + times], ranges).any(axis=1)
            at += times
        count += int(bad.sum())
    return count


@lru_cache(maxsize=16)
def _template(form: FixedForm, rows: int) -> tuple[Array, ...]:
    """Return the least byte of each place and how far it may be exceeded, for so many rows; or Nones."""
    import numpy as np

    if any(len(ranges) > 1 for ranges, _ in form.runs):
        return None, None
    lows = [ranges[0][0] for ranges, times in form.runs for _ in range(times)]
    spans = [ranges[0][1] - ranges[0][0] for ranges, times in form.runs for _ in range(times)]
    return tuple(np.tile(np.array(line, np.uint8), (rows, 1)) for line in (lows, spans))


def _outside(places: Array, ranges: Ranges) -> Array:
    import numpy as np

    wrong: Array = None
    for low, high in ranges:
        outside = (places - np.uint8(low)) > np.uint8(high - low)
        wrong = outside if wrong is None else wrong & outside
    return wrong


def lengths_beyond(values: Values, bound: Any, *, least: bool) -> int | None:  # noqa: ANN401 - a number of JSON
    """Count the texts shorter than `bound` (`least`) or longer; None where not all text is ASCII."""
    count = 0
    for chunk in values.chunks:
        lengths, text = _buffers(chunk)
        if lengths is None or (text.size and int(text.max()) >= _FIRST_NOT_ASCII):
            return None
        count += int((lengths < bound).sum() if least else (lengths > bound).sum())
    return count


def _buffers(chunk: Values) -> tuple[Array, Array]:
    """Return the lengths of texts that are not null, and the bytes that they lie in; Nones of no texts."""
    import numpy as np
    from pyarrow import types

    if not (types.is_string(chunk.type) or types.is_large_string(chunk.type)):
        return None, None
    validity, offsets, data = chunk.buffers()
    if not len(chunk):
        return np.empty(0, np.int32), np.empty(0, np.uint8)
    wide = np.int64 if types.is_large_string(chunk.type) else np.int32
    at: Array = np.frombuffer(offsets, dtype=wide)[chunk.offset : chunk.offset + len(chunk) + 1]
    lengths = at[1:] - at[:-1]
    if chunk.null_count:
        begin = chunk.offset // 8
        bits = np.frombuffer(validity, np.uint8)[begin : (chunk.offset + len(chunk) + 7) // 8]
        flags = np.unpackbits(bits, bitorder="little")[chunk.offset - 8 * begin :][: len(chunk)]
        lengths = lengths[flags.view(bool)]
    none = np.empty(0, np.uint8)
    return lengths, none if data is None else np.frombuffer(data, np.uint8)[int(at[0]) : int(at[-1])]


def broken_entries(values: Values, path: str, test: pl.Expr) -> int | None:
    """Count the rows of a dictionary column that `test` is true for, by testing each entry once."""
    import numpy as np
    import polars as pl

    count = 0
    for chunk in values.chunks:
        entries = chunk.dictionary
        if entries.null_count or not len(chunk):
            return None
        flags = pl.DataFrame([pl.Series(path, pl.from_arrow(entries))]).select(test.alias("broken"))["broken"]
        if not flags.any():
            continue
        used = chunk.indices.drop_null().to_numpy(zero_copy_only=False)
        count += int(np.bincount(used, minlength=len(entries))[flags.to_numpy()].sum())
    return count
