"""GX's own engine in its child: the whole asset, one start for all rules, nothing but counts out of it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest

from data_contracts.measure import Asset, Finding
from data_contracts.sandbox import GIB, Limits
from data_contracts.suites import Mode, Wanted, compile_expectation, own_engine

pytestmark = pytest.mark.long

DATA = pa.table({"s": ["SENTINEL-4711", "x", None], "i": [1, None, 2], "d": ["p", "q", "p"]})
DATA = DATA.set_column(2, "d", DATA["d"].combine_chunks().dictionary_encode())
REGEX = "expect_column_values_to_match_regex"


@pytest.fixture(scope="module")
def asset() -> Asset:
    """The asset in two parts, and one child for all tests that leave it as it is."""

    def read(names: list[str] | None) -> Iterator[pa.Table]:
        for part in (DATA.slice(0, 2), DATA.slice(2)):
            yield part if names is None else part.select(names)

    return Asset(read, DATA.num_rows)


def evaluate(asset: Asset, kind: str, **kwargs: Any) -> Finding:
    made = compile_expectation(Wanted("rule", kind, kwargs), DATA.schema)
    assert made.mode is Mode.OWN_ENGINE
    return made.measure.evaluate(asset)


def test_the_whole_asset_on_columns_of_any_type(asset: Asset) -> None:
    here = "great_expectations" in sys.modules  # by another test of this process
    found = evaluate(asset, REGEX, column="s", regex=r"\bx")
    assert (found.success, found.element_count, found.missing_count, found.unexpected_count) == (
        False,
        3,
        1,
        1,
    )
    first = asset.shared[own_engine._KEY][0]
    assert evaluate(asset, "expect_column_values_to_be_in_set", column="d", value_set=["p", "q"]).success
    # With a gap pandas has floats: "1.0" and "2.0".
    assert evaluate(asset, REGEX, column="i", regex=r"^[12]\.0$", row_condition="i > 0").success
    mixed = evaluate(asset, "expect_column_values_to_be_between", column="d", max_value=3)
    assert mixed.reason == "not_evaluated"
    assert asset.shared[own_engine._KEY][0] is first, "one child for all rules"
    assert ("great_expectations" in sys.modules) == here, "the child has it, not this process"


@pytest.mark.attack
def test_no_value_comes_out(asset: Asset, capfd: pytest.CaptureFixture[str]) -> None:
    for kind, kwargs in [
        (REGEX, {"column": "s", "regex": r"\bx"}),
        ("expect_column_max_to_be_between", {"column": "s", "max_value": "SENTINEL"}),
        ("expect_column_values_to_be_in_set", {"column": "s", "value_set": ["x", 1]}),
        ("expect_column_most_common_value_to_be_in_set", {"column": "s", "value_set": ["x", 1]}),
    ]:
        found = evaluate(asset, kind, **kwargs)
        assert not found.success
        assert "SENTINEL" not in repr(found)
    assert capfd.readouterr() == ("", "")


@pytest.mark.attack
def test_a_pattern_that_searches_for_ever_is_not_evaluated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_engine, "LIMITS", Limits(memory_bytes=12 * GIB, cpu_seconds=12, wall_seconds=40))
    long = pa.table({"s": ["a" * 70 + "!"]})
    asset = Asset(lambda _: iter([long]), 1)
    made = compile_expectation(Wanted("r", REGEX, {"column": "s", "regex": r"(?=a)(a|a)+$"}), long.schema)
    found = made.measure.evaluate(asset)
    assert (found.success, found.reason) == (False, "not_evaluated")
    assert own_engine._KEY not in asset.shared, "the next rule gets a child of its own"


def test_an_asset_over_the_declared_size_is_not_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_engine, "MAX_BYTES", 10)
    asset = Asset(lambda _: iter([DATA.select(["s"])]), 3)
    found = evaluate(asset, REGEX, column="s", regex=r"\bx")
    assert (found.success, found.reason) == (False, "not_evaluated")


def test_parts_that_do_not_fit_together_are_not_evaluated() -> None:
    parts = [pa.table({"s": ["x"]}), pa.table({"s": [1]})]
    found = evaluate(Asset(lambda _: iter(parts), 2), REGEX, column="s", regex=r"\bx")
    assert (found.success, found.reason) == (False, "not_evaluated")
