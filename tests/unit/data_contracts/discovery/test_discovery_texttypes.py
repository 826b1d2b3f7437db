"""The types of texts: a look at one text never strikes a type as which it can be read."""

from __future__ import annotations

import itertools

import polars as pl
import pytest

from data_contracts.discovery.texttypes import TextType, TextTypes
from data_contracts.model import Column
from data_contracts.parsing import parse_column

DATES = [
    "2024-01-02",
    "2024/01/02",
    "02/01/2024",
    "02.01.2024",
    "02-01-2024",
    "24-1-2",
    "1/2/24",
    "+2024-01-02",
]
CLOCKS = [
    "",
    " 10:11",
    " 10:11:12",
    "T10:11:12",
    " 10:11:12.5",
    "T10:11:12Z",
    " 10:11:12+01:00",
    " 10:11:12-0100",
]
OTHERS = [
    "", " ", "-", ".", ":", "a", "true", "FALSE", "1", "-1", "+1", "01", "1.", ".5", "1e5", "-1.5E-3", "nan",
    "inf", "10:11:12", "10:11", "10:11:12.123456", "\N{FULLWIDTH DIGIT ONE}", "\N{ARABIC-INDIC DIGIT ONE}",
    "20240102", "1-2",
]  # fmt: skip
TEXTS = [*map("".join, itertools.product(DATES, CLOCKS)), *OTHERS]
EVERY = TextTypes().standing


@pytest.mark.parametrize("kind", EVERY, ids=lambda kind: f"{kind.kind} {kind.format} {kind.timezone}")
def test_what_does_not_fit_cannot_be_read(kind: TextType) -> None:
    _, broken = parse_column(Column("a", kind.kind, options=kind.options), pl.Series(TEXTS).to_arrow())
    readable = [text for text, flag in zip(TEXTS, broken.to_pylist(), strict=True) if not flag]
    assert readable
    assert [text for text in readable if not kind.fits(text)] == []


@pytest.mark.parametrize(("text", "kinds"), [("word", ["boolean"]), ("12", ["boolean", "integer", "number"])])
def test_most_types_are_struck_without_a_reading(text: str, kinds: list[str]) -> None:
    assert [kind.kind for kind in EVERY if kind.fits(text)] == kinds
