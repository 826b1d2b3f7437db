"""The search: anonymous by brute force, the least loss that there is, the same for every partitioning."""

from __future__ import annotations

import itertools
import pickle
from collections import Counter, defaultdict
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.anonymity import (
    Bands,
    DateParts,
    Diversity,
    Hierarchy,
    NotAnonymousError,
    Prefix,
    Recoding,
    Requirement,
    Star,
    count,
    evaluate,
    label,
    merge_counts,
    parse_table,
    recode,
    search,
)
from data_contracts.anonymity.counting import COUNT
from data_contracts.errors import DataBreaksContractError, UsageError

HIERARCHIES: dict[str, Hierarchy] = {
    "age": Bands(((0, 10, 20, 40), (0, 20))),
    "zip": Prefix((2, 1)),
    "sex": Star(),
    "school": parse_table("p;low;*\ns;low;*\nt;high;*\n"),
}
QUASI = tuple(HIERARCHIES)
ROW = st.fixed_dictionaries(
    {
        "age": st.none() | st.integers(0, 60),
        "zip": st.none() | st.sampled_from(["111", "112", "121", "211", "9"]),
        "sex": st.sampled_from(["f", "m"]),
        "school": st.sampled_from(["p", "s", "t"]),
        "ill": st.none() | st.sampled_from(["a", "b", "c"]),
        "note": st.integers(0, 3),
    }
)
TYPES = {"age": pl.Int64, "zip": pl.String, "sex": pl.String, "school": pl.String, "ill": pl.String}
ASKED = st.builds(
    Requirement,
    st.integers(1, 4),
    st.just(QUASI),
    st.one_of(
        st.just({}),
        st.integers(1, 3).map(lambda least: {"ill": Diversity(distinct=least)}),
        st.sampled_from([1.5, 2.0]).map(lambda least: {"ill": Diversity(entropy=least)}),
    ),
)
SHARES = st.sampled_from([0.0, 0.1, 0.3, 1.0])


def table(rows: list[dict[str, Any]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=TYPES | {"note": pl.Int64})


def holds(rows: list[dict[str, Any]], asked: Requirement) -> bool:
    """Whether a class holds, said once more in plain Python."""
    if len(rows) < asked.k:
        return False
    for name, diversity in asked.sensitive.items():
        seen = Counter(row[name] for row in rows)
        if len(seen) < diversity.distinct:
            return False
        # The exponential of the entropy, as a product: n / prod(c_i^(c_i/n)).
        spread = 1.0
        for times in seen.values():
            spread *= (times / len(rows)) ** (-times / len(rows))
        if spread < diversity.entropy - 1e-9:
            return False
    return True


def classes(frame: pl.DataFrame) -> dict[tuple[Any, ...], list[dict[str, Any]]]:
    found: dict[tuple[Any, ...], list[dict[str, Any]]] = defaultdict(list)
    for row in frame.to_dicts():
        found[tuple(row[name] for name in QUASI)].append(row)
    return found


def brute_force(frame: pl.DataFrame, asked: Requirement, share: float) -> float | None:
    """Return the least loss over every combination of levels; None where none is admitted."""
    words = {
        name: [label(hierarchy, frame[name], level).to_list() for level in range(hierarchy.levels)]
        for name, hierarchy in HIERARCHIES.items()
    }
    losses: dict[tuple[str, int], dict[str | None, float]] = {}
    for name, levels in words.items():
        values = frame[name].to_list()
        for level, labels in enumerate(levels):
            behind = defaultdict(set)
            for value, word in zip(values, labels, strict=True):
                behind[word].add(value)
            most = max(1, len(set(values)) - 1)
            losses[name, level] = {word: (len(inside) - 1) / most for word, inside in behind.items()}
    best = None
    for node in itertools.product(*[range(HIERARCHIES[name].levels) for name in QUASI]):
        made = frame.with_columns(
            pl.Series(name, words[name][level], dtype=pl.String)
            for name, level in zip(QUASI, node, strict=True)
        )
        kept = [row for rows in classes(made).values() if holds(rows, asked) for row in rows]
        left_out = frame.height - len(kept)
        if left_out > share * frame.height + 1e-9:
            continue
        lost = sum(
            losses[name, level][row[name]] for row in kept for name, level in zip(QUASI, node, strict=True)
        )
        total = (lost / len(QUASI) + left_out) / frame.height
        best = total if best is None else min(best, total)
    return best


def found_in(frame: pl.DataFrame, asked: Requirement, share: float, cuts: list[int]) -> Recoding:
    edges = [0, *sorted(min(cut, frame.height) for cut in cuts), frame.height]
    parts = [frame.slice(a, b - a) for a, b in itertools.pairwise(edges)]
    partials = [pickle.loads(pickle.dumps(count(part, asked))) for part in parts]  # noqa: S301
    return search(merge_counts(reversed(partials)), asked, HIERARCHIES, max_suppressed=share)


@given(st.lists(ROW, min_size=1, max_size=25), ASKED, SHARES)
def test_the_output_is_anonymous_and_loses_least(
    rows: list[dict[str, Any]], asked: Requirement, share: float
) -> None:
    frame = table(rows)
    least = brute_force(frame, asked, share)
    if least is None:
        with pytest.raises(NotAnonymousError):
            found_in(frame, asked, share, [])
        return
    found = found_in(frame, asked, share, [])
    output = recode(frame, found)
    made = classes(output)
    assert all(holds(inside, asked) for inside in made.values())
    assert found.loss.information == pytest.approx(least, abs=1e-8)
    assert output.height == frame.height - found.loss.suppressed
    assert found.loss.suppressed <= share * frame.height + 1e-9
    assert found.loss.classes == len(made)
    assert found.loss.smallest == min(map(len, made.values()), default=0)
    sizes = sum(len(inside) ** 2 for inside in made.values())
    assert found.loss.discernibility == sizes + found.loss.suppressed * frame.height


@given(st.lists(ROW, min_size=1, max_size=40), ASKED, st.lists(st.integers(0, 40), max_size=4))
def test_every_partitioning_gives_the_same(
    rows: list[dict[str, Any]], asked: Requirement, cuts: list[int]
) -> None:
    frame = table(rows)
    whole = found_in(frame, asked, 1.0, [])
    parts = found_in(frame, asked, 1.0, cuts)
    assert (parts.levels, parts.loss, parts.tried) == (whole.levels, whole.loss, whole.tried)
    assert parts.suppressed.equals(whole.suppressed)
    edges = [0, *sorted(min(cut, frame.height) for cut in cuts), frame.height]
    pieces = [recode(frame.slice(a, b - a), parts) for a, b in itertools.pairwise(edges)]
    assert pl.concat(pieces).equals(recode(frame, whole))


@given(st.lists(ROW, min_size=1, max_size=40), ASKED, st.integers(0, 2))
def test_nothing_finer_than_the_level_survives(
    rows: list[dict[str, Any]], asked: Requirement, finest: int
) -> None:
    frame = table(rows)
    partial = count(frame, asked)
    found = search(partial, asked, HIERARCHIES, max_suppressed=1.0, least={"age": finest, "zip": finest})
    assert found.levels["age"] >= finest
    assert found.levels["zip"] >= finest
    output = recode(frame, found)
    for name, level in found.levels.items():
        allowed = set(label(HIERARCHIES[name], frame[name], level).to_list())
        assert set(output[name].to_list()) <= allowed
        assert output[name].dtype == pl.String
    kept = [row["note"] for row in frame.to_dicts()]
    assert output["note"].to_list() == [
        note for note, stays in zip(kept, _stays(frame, found), strict=True) if stays
    ]


def _stays(frame: pl.DataFrame, found: Recoding) -> list[bool]:
    made = frame.with_columns(
        label(HIERARCHIES[name], frame[name], level) for name, level in found.levels.items()
    )
    gone = {tuple(row) for row in found.suppressed.select(QUASI).iter_rows()}
    return [row not in gone for row in made.select(QUASI).iter_rows()]


def test_more_rows_of_the_same_shape_keep_the_levels_and_leave_out_their_own() -> None:
    asked = Requirement(2, ("age",))
    levels = {"age": 1}
    fresh = table([{"age": age, "zip": "1", "sex": "f", "school": "p"} for age in (1, 2, 3, 45)])
    found = evaluate(count(fresh, asked), asked, HIERARCHIES, levels, max_suppressed=0.25)
    assert recode(fresh, found)["age"].to_list() == ["[0,10)"] * 3
    with pytest.raises(NotAnonymousError, match="1 of 4 rows"):
        evaluate(count(fresh, asked), asked, HIERARCHIES, levels, max_suppressed=0.2)


def test_a_share_is_what_it_says_to_the_row() -> None:
    asked = Requirement(2, ("age",))
    ages = [5] * 95 + list(range(10, 15))
    frame = pl.DataFrame({"age": ages})
    hierarchies = {"age": Star()}
    assert search(count(frame, asked), asked, hierarchies, max_suppressed=0.05).levels == {"age": 0}
    assert search(count(frame, asked), asked, hierarchies, max_suppressed=0.049).levels == {"age": 1}


def test_what_k_cannot_reach_is_refused_without_a_value() -> None:
    frame = pl.DataFrame({"age": [33, 44]})
    asked = Requirement(3, ("age",))
    with pytest.raises(NotAnonymousError, match=r"out of reach for 2 rows") as caught:
        search(count(frame, asked), asked, {"age": Star()})
    assert "33" not in str(caught.value)


def test_an_empty_table_is_anonymous_and_loses_nothing() -> None:
    frame = pl.DataFrame({"age": []}, schema={"age": pl.Int64})
    asked = Requirement(3, ("age",), {})
    found = search(count(frame, asked), asked, {"age": Star()})
    assert (found.loss.rows, found.loss.smallest, found.loss.share, found.loss.average) == (0, 0, 0.0, 0.0)
    assert recode(frame, found).height == 0


def test_columns_of_very_many_values_do_not_overflow() -> None:
    rows = 3000
    names = [f"c{index}" for index in range(7)]
    frame = pl.DataFrame({name: range(rows) for name in names})
    asked = Requirement(2, tuple(names))
    found = search(count(frame, asked), asked, dict.fromkeys(names, Star()))
    # One column left as it is makes every row a class of its own, so all of them must go.
    assert set(found.levels.values()) == {1}
    assert found.loss.information == 1.0


def test_zero_has_one_sign() -> None:
    frame = pl.DataFrame({"age": [0.0, -0.0]})
    asked = Requirement(2, ("age",))
    found = search(count(frame, asked), asked, {"age": Star()})
    assert recode(frame, found)["age"].to_list() == ["0.0", "0.0"]


def test_levels_that_cut_each_other_are_refused_before_they_mislead() -> None:
    frame = pl.DataFrame({"age": [1, 15, 25]})
    asked = Requirement(2, ("age",))
    with pytest.raises(UsageError, match="age: level 2"):
        search(count(frame, asked), asked, {"age": Bands(((0, 10, 30), (0, 20)))})


def test_too_many_combinations_are_refused_with_a_way_out() -> None:
    names = [f"c{index}" for index in range(9)]
    frame = pl.DataFrame({name: [1, 2] for name in names})
    deep = Bands(tuple(tuple(range(0, 12, step)) for step in (1, 2)))
    asked = Requirement(2, tuple(names))
    with pytest.raises(UsageError, match="262,144 combinations"):
        search(count(frame, asked), asked, dict.fromkeys(names, deep))


@pytest.mark.parametrize(
    "frame", [pl.DataFrame({"other": [1]}), pl.DataFrame({"age": [[1]]}), pl.DataFrame({"age": [{"a": 1}]})]
)
def test_a_column_that_makes_no_classes_is_refused(frame: pl.DataFrame) -> None:
    with pytest.raises(DataBreaksContractError, match="column age"):
        count(frame, Requirement(2, ("age",)))


def test_counts_merge_pair_by_pair_like_all_at_once() -> None:
    asked = Requirement(2, ("age",))
    parts = [count(pl.DataFrame({"age": ages}), asked) for ages in ([1, 2], [2, 3], [3, 3])]
    one_by_one = parts[0].merge(parts[1]).merge(parts[2])
    together = merge_counts(parts)
    assert one_by_one.frame.sort("age").equals(together.frame.sort("age"))
    assert together.frame[COUNT].sum() == together.rows == 6


def test_dates_and_categories_take_part() -> None:
    frame = pl.DataFrame(
        {"born": pl.Series(["1980-01-05", "1980-03-01", "1991-01-01", "1991-07-07"]).str.to_date()}
    ).with_columns(kind=pl.Series(["x", "x", "y", "y"], dtype=pl.Categorical))
    asked = Requirement(2, ("born", "kind"))
    hierarchies: dict[str, Hierarchy] = {"born": DateParts(("month", "year")), "kind": Star()}
    found = search(count(frame, asked), asked, hierarchies)
    assert recode(frame, found)["born"].to_list() == ["1980", "1980", "1991", "1991"]
