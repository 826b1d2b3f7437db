"""Hierarchies: each level a function of the one below, null apart, nothing guessed."""

from __future__ import annotations

import datetime as dt
import itertools
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.anonymity import (
    TOP,
    Bands,
    DateParts,
    Hierarchy,
    NoLabelError,
    Prefix,
    Star,
    Table,
    label,
    parse_table,
    read_table,
)
from data_contracts.errors import UsageError

ARX = Path(__file__).parent / "arx"
AGES = Bands(((0, 5, 10, 20, 40, 65), (0, 10, 20, 40), (0, 40)))
EDUCATION = parse_table("primary;school;*\nsecondary;school;*\ntertiary;higher;*\n")
COLUMNS: tuple[tuple[Hierarchy, st.SearchStrategy[Any], pl.DataType], ...] = (
    (AGES, st.integers(0, 120), pl.Int64()),
    (AGES, st.floats(0, 1e9), pl.Float64()),
    (EDUCATION, st.sampled_from(["primary", "secondary", "tertiary"]), pl.String()),
    (DateParts(("month", "quarter", "year", "decade")), st.dates(), pl.Date()),
    (DateParts(("year",)), st.datetimes(), pl.Datetime("us")),
    (Prefix((4, 2, 1)), st.text(max_size=6), pl.String()),
    (Star(), st.text(max_size=3), pl.String()),
    (Star(), st.booleans(), pl.Boolean()),
    (Star(), st.binary(max_size=3), pl.Binary()),
)


@pytest.mark.parametrize(("hierarchy", "values", "kind"), COLUMNS)
@given(data=st.data())
def test_each_level_is_a_function_of_the_one_below(
    hierarchy: Hierarchy, values: st.SearchStrategy[Any], kind: pl.DataType, data: st.DataObject
) -> None:
    drawn = data.draw(st.lists(st.none() | values, min_size=1, max_size=30))
    column = pl.Series("c", drawn, dtype=kind)
    levels = [label(hierarchy, column, level).to_list() for level in range(hierarchy.levels)]
    assert levels[-1] == [TOP] * len(drawn)
    for fine, coarse in itertools.pairwise(levels):
        seen: dict[str | None, str | None] = {}
        for below, above in zip(fine, coarse, strict=True):
            assert seen.setdefault(below, above) == above
    for level in levels[:-1]:
        assert [word is None for word in level] == [value is None for value in drawn]


@pytest.mark.parametrize(("_hierarchy", "values", "kind"), COLUMNS)
@given(data=st.data())
def test_two_values_have_one_text_only_if_they_are_equal(
    _hierarchy: Hierarchy, values: st.SearchStrategy[Any], kind: pl.DataType, data: st.DataObject
) -> None:
    left, right = data.draw(values), data.draw(values)
    texts = label(Star(), pl.Series("c", [left, right], dtype=kind), 0).to_list()
    assert (texts[0] == texts[1]) == (left == right)


@pytest.mark.parametrize(
    ("value", "level", "word"),
    [
        (0, 1, "[0,5)"),
        (4.999, 1, "[0,5)"),
        (5, 1, "[5,10)"),
        (65, 1, "[65,)"),
        (1e300, 3, "[40,)"),
        (39, 3, "[0,40)"),
    ],
)
def test_bands_are_half_open_and_the_last_has_no_end(value: float, level: int, word: str) -> None:
    assert label(AGES, pl.Series("age", [value], dtype=pl.Float64), level).to_list() == [word]


def test_dates_are_written_so_that_they_sort() -> None:
    day = pl.Series("d", [dt.date(2020, 5, 31), dt.date(987, 1, 1)])
    parts = DateParts(("month", "quarter", "year", "decade"))
    words = [label(parts, day, level).to_list() for level in range(1, 5)]
    assert words == [["2020-05", "987-01"], ["2020-Q2", "987-Q1"], ["2020", "987"], ["2020s", "980s"]]


@pytest.mark.parametrize(
    ("hierarchy", "column"),
    [
        (AGES, pl.Series("c", [1.0, -0.1, float("nan"), None])),
        (EDUCATION, pl.Series("c", ["primary", "Primary", "", None])),
    ],
)
def test_a_value_without_a_label_is_refused_and_only_counted(hierarchy: Hierarchy, column: pl.Series) -> None:
    with pytest.raises(NoLabelError) as caught:
        label(hierarchy, column, 1)
    assert caught.value.rule == "c.hierarchy"
    assert caught.value.count == 2
    assert "Primary" not in str(caught.value)
    # As `*` it tells nothing, so it needs no label.
    assert label(hierarchy, column, hierarchy.levels - 1).to_list() == [TOP] * 4


@pytest.mark.parametrize(
    ("name", "levels", "value", "words"),
    [
        ("age", 5, "41", ["41", "40-44", "40-49", "40-59", "*"]),
        ("education", 4, "Masters", ["Masters", "Graduate", "Higher education", "*"]),
        ("marital-status", 3, "Divorced", ["Divorced", "spouse not present", "*"]),
        ("native-country", 3, "England", ["England", "Europe", "*"]),
    ],
)
def test_hierarchies_of_arx_are_read_as_they_are(
    name: str, levels: int, value: str, words: list[str]
) -> None:
    table = read_table(ARX / f"adult_hierarchy_{name}.csv")
    assert table.levels == levels
    column = pl.Series(name, [value])
    assert [label(table, column, level).item() for level in range(levels)] == words


def test_a_table_of_numbers_finds_numbers() -> None:
    table = read_table(ARX / "adult_hierarchy_age.csv")
    assert label(table, pl.Series("age", [1, 99]), 1).to_list() == ["0-4", "95-99"]


def test_a_table_whose_last_label_is_no_star_gets_one() -> None:
    assert parse_table("a;x\nb;y\n").levels == 3
    assert parse_table("a\nb\n").levels == 2


@pytest.mark.parametrize(
    ("hierarchy", "kind", "word"),
    [
        (Bands(((0, 10), (0, 5))), "integer", "cuts a band"),
        (Bands(((0, 10), (10,))), "integer", "cuts a band"),
        (Bands(((10, 0),)), "integer", "no ascending list"),
        (Bands(((),)), "integer", "no ascending list"),
        (Bands(((0,),)), "string", "no bands"),
        (DateParts(("year", "month")), "date", "fine to the coarse"),
        (DateParts(()), "date", "fine to the coarse"),
        (DateParts(("week",)), "date", "fine to the coarse"),
        (DateParts(("year",)), "string", "no dates"),
        (Prefix((2, 3)), "string", "descending"),
        (Prefix((0,)), "string", "descending"),
        (Prefix((2,)), "integer", "no text"),
        (Star(), "object", "no hierarchy"),
        (parse_table("a;x;*\nb;x\n"), "string", "different numbers of levels"),
        (parse_table("a;x;*\na;x;*\n"), "string", "twice"),
        (parse_table("a;x;p;*\nb;x;q;*\n"), "string", "several labels"),
        (parse_table(""), "string", "different numbers of levels"),
    ],
)
def test_what_is_no_hierarchy_is_told(hierarchy: Hierarchy, kind: str, word: str) -> None:
    assert any(word in message for message, _ in hierarchy.complaints(kind))


@pytest.mark.parametrize("hierarchy", [AGES, EDUCATION, Star(), Prefix((3, 1)), DateParts(("month", "year"))])
def test_what_is_one_is_not_complained_about(hierarchy: Hierarchy) -> None:
    assert hierarchy.complaints(None) == []


def test_files_that_are_no_hierarchy(tmp_path: Path) -> None:
    bad = {"quote": b'"a;b\n', "latin": "é;x\n".encode("latin-1"), "twice": b"a;x\na;y\n"}
    for name, raw in bad.items():
        (tmp_path / name).write_bytes(raw)
        with pytest.raises(UsageError):
            read_table(tmp_path / name)
    with pytest.raises(UsageError, match="cannot be read"):
        read_table(tmp_path / "absent")


def test_a_byte_order_mark_is_no_part_of_a_value(tmp_path: Path) -> None:
    (tmp_path / "bom.csv").write_bytes(b"\xef\xbb\xbfa;x;*\n")
    assert isinstance(read_table(tmp_path / "bom.csv"), Table)
    assert read_table(tmp_path / "bom.csv").rows[0][0] == "a"
