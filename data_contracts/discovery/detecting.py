"""Which values of a batch have which shape: one flag per value for every detector that found any.

Invariants:
1. A detector looks at a value alone; what a column is follows from counts (`evidence.py`).
2. Values stay in the engine's columns; only those with the shape of a number with letters are looked at one
   by one.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING

from data_contracts.discovery.checksums import DIGIT_NUMBERS, digits_of
from data_contracts.discovery.folding import letters_of
from data_contracts.discovery.shapes import INSIDE, SHAPES
from data_contracts.discovery.textnumbers import TEXT_NUMBERS, TextNumber
from data_contracts.discovery.wordlists import words_of

if TYPE_CHECKING:
    import polars as pl

__all__ = ["KIND_OF", "detections"]

_NAME = "^\\p{L}[\\p{L}\\p{M}'\u2019`.\\- ,]*$"
_ORGANISATION = (
    r"(?i)\b(inc|ltd|llc|llp|gmbh|ag|corp|co|company|companies|group|sons|bros|plc|sarl|sa|srl|bv|nv|oy|ab|kg|ohg"
    r"|university|hospital|clinic|bank|school|college|institute|foundation|and|und|et|the|of|services|solutions"
    r"|center|centre|systems|store|shop)\b"
)
_TITLES = r"(?i)^(mr|mrs|ms|miss|dr|prof|sir|herr|frau|mme|mlle|sra?|sig|dott|dhr|mevr|ing|pan|pani)\.? +"
_AFTER = r"(?i)[, ]+(jr|sr|ii|iii|iv|md|phd|dds|dvm|esq|msc|ba|mba)\.?$"
_WITH_RANK = 2  # words: before a given and a family name stands a rank, or another name
_HAN = r"^\p{Han}{2,4}$"
_CODE = r"^[A-Z]{1,3}$"
_DECIMAL = r"^[+-]?[0-9]+\.[0-9]+$"
KIND_OF = {
    **{shape.id: shape.kind for shape in SHAPES},
    **{number.id: number.kind for number in (*DIGIT_NUMBERS, *TEXT_NUMBERS)},
    **{name: kind for name, (kind, _) in INSIDE.items()},
    "given-name": "given-name",
    "family-name": "family-name",
    "full-name": "full-name",
    "place": "city",
}


def detections(values: pl.Series) -> Iterator[tuple[str, pl.Series]]:
    """Yield (detector, flags) for text values without nulls, each of them once."""
    for shape in SHAPES:
        flags = values.str.contains(_whole(shape.patterns))
        if shape.never and flags.any():
            flags = flags & ~values.str.contains(_whole(shape.never))
        if shape.id == "phone" and flags.any():
            flags = flags & values.str.count_matches("[0-9]").is_between(7, 17)
        yield shape.id, flags
    for name, (_, pattern) in INSIDE.items():
        yield name, values.str.contains(pattern)
    yield from _numbers(values)
    yield from _names(values)


@cache
def _whole(patterns: tuple[str, ...]) -> str:
    return "^(" + "|".join(f"(?:{pattern})" for pattern in patterns) + ")$"


def _numbers(values: pl.Series) -> Iterator[tuple[str, pl.Series]]:
    import polars as pl

    upper = values.str.to_uppercase()
    bare = upper.str.replace_all(r"[ .\-/]", "")
    for number in TEXT_NUMBERS:
        yield number.id, _text_number(number, bare if number.bare else upper)
    whole = ~values.str.contains(_DECIMAL) & bare.str.contains("^[0-9]{7,19}$")
    if not whole.any():
        return
    lengths = bare.str.len_bytes()
    for wanted in DIGIT_NUMBERS:
        flags = pl.Series([False]).new_from_index(0, len(values))
        for length in wanted.lengths:
            rows = (whole & (lengths == length)).arg_true()
            if len(rows):
                passed = wanted.passes(digits_of(bare.gather(rows)))
                flags = flags.scatter(rows.filter(pl.Series(passed)), True)
        yield wanted.id, flags


def _text_number(number: TextNumber, values: pl.Series) -> pl.Series:
    import polars as pl

    flags = values.str.contains(f"^({number.shape})$")
    rows = flags.arg_true()
    if len(rows):
        passed = [number.passes(text) for text in values.gather(rows).to_list()]
        flags = flags.scatter(rows, pl.Series(passed, dtype=pl.Boolean))
    return flags


def _names(values: pl.Series) -> Iterator[tuple[str, pl.Series]]:
    import polars as pl

    plain = values.str.replace(_TITLES, "").str.replace(_AFTER, "")
    shaped = plain.str.contains(_NAME) & ~plain.str.contains(_ORGANISATION) & ~plain.str.contains(_CODE)
    if not shaped.any():
        return
    yield "place", shaped & letters_of(values).is_in(words_of("places").implode())
    frame = pl.DataFrame({"row": pl.int_range(len(values), eager=True), "text": plain}).filter(shaped)
    words = frame.with_columns(pl.col("text").str.replace_all("[ ,]+", " ").str.strip_chars().str.split(" "))
    words = words.explode("text").with_columns(
        folded=letters_of_column("text"), half=pl.col("text").str.split("-").list.first()
    )
    words = words.with_columns(half=letters_of_column("half")).filter(pl.col("folded").str.len_chars() > 0)
    given, family = words_of("given").implode(), words_of("family").implode()
    words = words.with_columns(
        given=pl.col("folded").is_in(given) | pl.col("half").is_in(given),
        family=pl.col("folded").is_in(family) | pl.col("half").is_in(family),
        initial=pl.col("folded").str.len_chars() == 1,
    )
    known = pl.col("given") | pl.col("family")
    by_value = words.group_by("row").agg(
        count=pl.len(),
        given=pl.col("given").any(),
        family=pl.col("family").any(),
        first=known.first() | pl.col("initial").first() | (pl.len() > _WITH_RANK),
        last=known.last() | pl.col("initial").last(),
        all=known.all(),
    )
    one, several = pl.col("count") == 1, pl.col("count").is_between(2, 5)
    han = frame.filter(pl.col("text").str.contains(_HAN)).filter(
        pl.col("text").str.slice(0, 1).is_in(family) | pl.col("text").str.slice(0, 2).is_in(family)
    )["row"]
    yield "given-name", _flags(by_value.filter(one & pl.col("given"))["row"], len(values))
    yield "family-name", _flags(by_value.filter(one & pl.col("family"))["row"], len(values))
    both = by_value.filter(
        several & pl.col("first") & pl.col("last") & pl.col("given") & (pl.col("family") | pl.col("all"))
    )
    yield "full-name", _flags(pl.concat([both["row"], han]), len(values))


def letters_of_column(name: str) -> pl.Expr:
    """Return `letters_of` as an expression over a column."""
    import polars as pl

    return pl.col(name).map_batches(letters_of, return_dtype=pl.String)


def _flags(rows: pl.Series, length: int) -> pl.Series:
    import polars as pl

    flags = pl.Series([False]).new_from_index(0, length)
    return flags.scatter(rows, True) if len(rows) else flags
