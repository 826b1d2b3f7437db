"""What one column held, batch by batch: counts, bounds and kinds; the values that it keeps stay in it.

Invariants:
1. Bounded: at most `MOST_DISTINCT` short values are held, and 8 bytes a row while a column may still be
   unique, up to `MOST_HASHES`; beyond that nothing is promised about uniqueness.
2. The same rows give the same profile, however they are cut into batches.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Any

from data_contracts.discovery.detecting import detections
from data_contracts.discovery.texttypes import TextTypes

if TYPE_CHECKING:
    import polars as pl

__all__ = ["MOST_DISTINCT", "TOKENS", "Profile"]

MOST_DISTINCT = 400
MOST_HASHES = 8_000_000
_MOST_LENGTH = 100
_SKETCH = 2048
_LONG_TEXT = 5
_DIGITS_AFTER = 4
# Words for "no value", stripped and in lower case. Nothing else is ever drafted as a missing token.
TOKENS = frozenset(
    [
        "",
        "na",
        "n/a",
        "#n/a",
        "nan",
        "null",
        "nil",
        "none",
        "?",
        "-",
        "--",
        ".",
        "missing",
        "(null)",
        "<na>",
        "\\n",
    ]
)


class Profile:
    """One column (or one path inside a nested column).

    Attributes:
        path: the column's name; `address.street` and `tags[]` inside nested ones.
        rows: seen; of an array's items, items.
        nulls: without a value in the file itself.
        tokens: texts that mean "no value", each as written, with rows.
        found: rows by detector.
        distinct: values with rows; None where there are too many, or one is long.
        unique: no value stood twice; False also where that was not followed to the end.
        low, high: of numbers; None for none.
        shortest, longest: characters of a text.
        words, long, marked: words of all texts; texts of five words and more; texts with a sentence's marks.
        fine: numbers with four digits and more after the point.
        endless: numbers that are NaN or infinite.
        whole: every number was whole.
        running: the whole numbers are those of the rows (each one more than the one before).
        types: what the texts can be read as.
        digits: texts with a digit in them.
        years: the first and the last year that dates name.
        signature: how every text is written, letter by letter (`A9-99`); None for none yet, empty for
            several.
    """

    def __init__(self, path: str) -> None:
        """Name the column."""
        self.path = path
        self.rows = 0
        self.nulls = 0
        self.tokens: Counter[str] = Counter()
        self.found: Counter[str] = Counter()
        self.distinct: Counter[str] | None = Counter()
        self.unique = True
        self.low: Any = None
        self.high: Any = None
        self.shortest, self.longest = math.inf, 0
        self.words = self.long = self.marked = self.fine = self.digits = self.endless = 0
        self.years: tuple[int, int] | None = None
        self.signature: str | None = None
        self.whole = True
        self.running = True
        self.types = TextTypes()
        self._least: Any = None
        self._hashes: Any = None
        self._last: int | None = None

    @property
    def values(self) -> int:
        """Rows with a value that is no word for "no value"."""
        return self.rows - self.nulls - self.tokens.total()

    @property
    def different(self) -> int:
        """About how many different values there are: exact where few, else by the least hashes."""
        if self._least is None or len(self._least) < _SKETCH:
            return 0 if self._least is None else len(self._least)
        return int((_SKETCH - 1) / (float(self._least[-1]) / 2**64))

    def see(self, values: pl.Series) -> None:
        """Take the column's next rows."""
        import polars as pl

        self.rows += len(values)
        self.nulls += values.null_count()
        self._follow(values)
        present = values.drop_nulls()
        if not len(present):
            return
        if present.dtype == pl.String:
            self._see_text(present)
        elif present.dtype.is_numeric():
            self._see_numbers(present)
        else:
            if present.dtype == pl.Date:
                self._see_years(present.dt.year().cast(pl.Int64))
            if present.dtype.is_temporal():
                # A moment beyond the calendar has no text that the engine could write.
                present = present.to_physical()
            self._count(present.cast(pl.String) if present.dtype != pl.Binary else None)

    def _see_text(self, present: pl.Series) -> None:
        import polars as pl

        counted = present.value_counts(name="rows")
        texts, rows = counted[present.name], counted["rows"]
        token = texts.str.strip_chars().str.to_lowercase().is_in(list(TOKENS))
        for text, count in zip(texts.filter(token).to_list(), rows.filter(token).to_list(), strict=True):
            self.tokens[text] += count
        texts, rows = texts.filter(~token), rows.filter(~token)
        if not len(texts):
            return
        lengths = texts.str.len_chars()
        self.shortest = min(self.shortest, int(lengths.min() or 0))  # type: ignore[arg-type]
        self.longest = max(self.longest, int(lengths.max() or 0))  # type: ignore[arg-type]
        self._count(texts, rows)
        self.types.see(self.path, texts)
        self.digits += int(rows.filter(texts.str.contains("[0-9]")).sum())
        if self.types.dated:
            self._see_years(texts.str.extract(r"((?:18|19|20)[0-9]{2})").cast(pl.Int64).drop_nulls())
        for name, flags in detections(texts.str.strip_chars()):
            self.found[name] += int((flags * rows).sum())
        self._see_signature(texts)
        words = texts.str.count_matches(r"\S*\p{L}\S*")
        self.words += int((words * rows).sum())
        self.long += int(rows.filter(words >= _LONG_TEXT).sum())
        marked = texts.str.contains(r"\p{L}{2}[.!?,;:] +\p{L}|\n|\p{L}{2}[.!?]$")
        self.marked += int(rows.filter(marked).sum())
        if self.types.numeric:
            numbers = texts.cast(pl.Float64, strict=False).drop_nulls()
            self._fineness(texts.filter(texts.str.contains(rf"\.[0-9]{{{_DIGITS_AFTER},}}$")), rows, texts)
            if len(numbers):
                self._bound(numbers)

    def _see_signature(self, texts: pl.Series) -> None:
        if self.signature == "":
            return
        written = (
            texts.str.replace_all("[0-9]", "9").str.replace_all("[A-Z]", "A").str.replace_all("[a-z]", "a")
        )
        first = written[0] if self.signature is None else self.signature
        self.signature = first if bool((written == first).all()) else ""

    def _see_years(self, years: pl.Series) -> None:
        low, high = years.min(), years.max()
        if isinstance(low, int) and isinstance(high, int):
            first, last = self.years or (low, high)
            self.years = (min(first, low), max(last, high))

    def _fineness(self, fine: pl.Series, rows: pl.Series, texts: pl.Series) -> None:
        self.fine += int(rows.filter(texts.is_in(fine.implode())).sum()) if len(fine) else 0

    def _see_numbers(self, present: pl.Series) -> None:
        import polars as pl

        finite = present.filter(present.is_finite()) if present.dtype.is_float() else present
        self.endless += len(present) - len(finite)
        self._bound(finite)
        if present.dtype.is_float() or present.dtype.is_decimal():
            numbers = finite.cast(pl.Float64)
            scaled = numbers * 10 ** (_DIGITS_AFTER - 1)
            self.fine += int(((scaled - scaled.round()).abs() > 1e-9 * scaled.abs()).sum())
            whole = numbers.round() == numbers
            self.whole = self.whole and bool(whole.all())
            if not self.whole:
                self._count(present.cast(pl.String))
                return
            finite = numbers.filter(numbers.abs() < 2**63).cast(pl.Int64)
        texts = finite.cast(pl.String)
        counted = texts.value_counts(name="rows")
        rows = counted["rows"]
        self._count(counted[texts.name], rows)
        for name, flags in detections(counted[texts.name]):
            self.found[name] += int((flags * rows).sum())

    def _bound(self, present: pl.Series) -> None:
        low, high = present.min(), present.max()
        if low is None or high is None:
            return
        self.low = low if self.low is None else min(self.low, low)
        self.high = high if self.high is None else max(self.high, high)

    def _count(self, texts: pl.Series | None, rows: pl.Series | None = None) -> None:
        """Follow the distinct values, as long as they are few and short."""
        if self.distinct is None or texts is None:
            self.distinct = None
            return
        if rows is None:
            counted = texts.value_counts(name="rows")
            texts, rows = counted[texts.name], counted["rows"]
        longest: Any = texts.str.len_chars().max()
        if len(texts) > MOST_DISTINCT or (longest or 0) > _MOST_LENGTH:
            self.distinct = None
            return
        self.distinct.update(dict(zip(texts.to_list(), rows.to_list(), strict=True)))
        if len(self.distinct) > MOST_DISTINCT:
            self.distinct = None

    def _follow(self, values: pl.Series) -> None:
        """Follow uniqueness, and whether the column only numbers the rows."""
        import numpy as np
        import polars as pl

        if self.running:
            self._run(values)
        if values.dtype.is_nested() or values.dtype == pl.Boolean:
            self.unique = False
            return
        hashes: Any = values.drop_nulls().hash(seed=0).sort().to_numpy()
        least = np.unique(hashes if self._least is None else np.concatenate([self._least, hashes]))
        self._least = least[:_SKETCH]
        if values.dtype.is_float():
            self.unique = False
        if not self.unique:
            return
        if len(hashes) > 1 and bool((hashes[1:] == hashes[:-1]).any()):
            self.unique = False
        elif self._hashes is not None and len(hashes):
            at = np.minimum(np.searchsorted(self._hashes, hashes), len(self._hashes) - 1)
            self.unique = not bool((self._hashes[at] == hashes).any()) if len(self._hashes) else True
        if self.unique:
            joined = hashes if self._hashes is None else np.concatenate([self._hashes, hashes])
            self._hashes = np.sort(joined, kind="stable")
            self.unique = len(self._hashes) <= MOST_HASHES
        if not self.unique:
            self._hashes = None

    def _run(self, values: pl.Series) -> None:
        import polars as pl

        numbers = values.cast(pl.Int64, strict=False) if values.dtype != pl.Binary else None
        if numbers is None or values.dtype.is_nested() or numbers.null_count() or not len(numbers):
            self.running = numbers is not None and not len(numbers)
            return
        first = int(numbers[0])
        follows = self._last is None or first == self._last + 1
        self.running = follows and bool((numbers.diff().drop_nulls() == 1).all())
        self._last = int(numbers[-1])
