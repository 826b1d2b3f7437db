"""Times with mixed, missing, unknown and impossible zones: the instant is kept, or refused, never moved."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "contract_suites"))
from contract_builder import column, contract

from data_contracts.checks import check_source, compile_plan
from data_contracts.checks.text import with_unreadable
from data_contracts.discovery import infer_contract
from data_contracts.errors import DataBreaksContractError, UsageError
from data_contracts.formats import open_source
from data_contracts.model import Contract
from environments.assets import add_file
from environments.stores import LocalStore
from flows.cli.check_input import check_suite

pytestmark = pytest.mark.attack

NEW_YEAR = 1_577_836_800_000_000  # 2020-01-01T00:00:00Z in microseconds
HOUR = 3_600_000_000
ZONED: dict[str, Any] = {"timezone": True}


def declared(**options: Any) -> Contract:
    return contract(column("t", "timestamp", options=options))


def written(folder: Path, suffix: str, cells: list[str]) -> Path:
    path = folder / f"x.{suffix}"
    lines = ["t", *cells] if suffix == "csv" else [json.dumps({"t": cell}) for cell in cells]
    path.write_text("\n".join(lines) + "\n")
    return path


def read(path: Path, made: Contract) -> tuple[list[int | None], list[tuple[str, str | None, int]]]:
    """Return the instants (or local times) in microseconds, and what failed."""
    source = open_source(path, made)
    verdict = with_unreadable(check_source(compile_plan(made), source.read), source.unreadable)
    values = pa.concat_tables(source.read()).column("t").cast(pa.int64()).to_pylist()
    return values, [(rule.id, rule.reason, rule.unexpected_count) for rule in verdict.failed]


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_mixed_offsets_are_one_column_of_instants(tmp_path: Path, suffix: str) -> None:
    cells = ["2020-01-01T00:00:00Z", "2020-01-01T00:00:00+01:00", "2019-12-31T19:00:00-0500"]
    cells += ["2020-01-01 05:30:00.5+05:30", "2020-01-01T00:00:00-00:00"]
    path = written(tmp_path, suffix, cells)
    assert read(path, declared(**ZONED)) == (
        [NEW_YEAR, NEW_YEAR - HOUR, NEW_YEAR, NEW_YEAR + 500_000, NEW_YEAR],
        [],
    )
    # A column without zones takes none of them: a local time that is no one's would come of it.
    assert read(path, declared()) == ([None] * 5, [("t.type", "unreadable_values", 5)])
    assert dict(infer_contract(path).contract.object.columns[0].options)["timezone"] is True


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
@pytest.mark.parametrize(
    "cell",
    [
        "2020-01-01T00:00:00",
        "2020-01-01T00:00:00z",
        "2020-01-01T00:00:00+01",
        "2020-01-01T00:00:00+24:00",
        "2020-01-01T00:00:00+99:99",
        "2020-01-01T00:00:00 Europe/Berlin",
        "2020-06-30T23:59:60Z",
        "2020-13-01T00:00:00Z",
    ],
)
def test_what_is_no_instant_is_refused_beside_one_that_is(tmp_path: Path, suffix: str, cell: str) -> None:
    path = written(tmp_path, suffix, ["2020-01-01T00:00:00Z", cell])
    assert read(path, declared(**ZONED)) == ([NEW_YEAR, None], [("t.type", "unreadable_values", 1)])
    assert infer_contract(path).contract.object.columns[0].logical_type == "string"


@pytest.mark.parametrize(
    ("form", "right", "leap"),
    [
        (None, "2020-06-30T23:59:59", "2020-06-30T23:59:60"),
        ("dd.MM.yyyy HH:mm:ss", "30.06.2020 23:59:59", "30.06.2020 23:59:60"),
        ("yyyyMMddHHmmss", "20200630235959", "20200630235960"),
    ],
)
def test_a_leap_second_does_not_become_the_next_minute(
    tmp_path: Path, form: str | None, right: str, leap: str
) -> None:
    made = declared(**({} if form is None else {"format": form}))
    values, failed = read(written(tmp_path, "csv", [right, leap]), made)
    assert values == [1_593_561_599_000_000, None]
    assert failed == [("t.type", "unreadable_values", 1)]


ZONES = ["UTC", "Europe/Berlin", "+01:00", "-05:30", "EST", "Z", "Mars/Phobos", "+99:99", "x\0y"]


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_a_zone_is_a_name_and_changes_no_instant(tmp_path: Path, zone: str, unit: str) -> None:
    path, factor = tmp_path / "x.parquet", {"ms": 1 / 1000, "us": 1, "ns": 1000}[unit]
    instants = pa.array([int(NEW_YEAR * factor), None], pa.int64()).view(pa.timestamp(unit, tz=zone))
    pq.write_table(pa.table({"t": instants}), path)
    made = declared(minimum="2020-01-01T00:00:00Z", maximum="2020-01-01T00:00:00Z", **ZONED)
    verdict = check_source(compile_plan(made), open_source(path, made).read)
    assert verdict.success, verdict.failed
    # Without zones in the contract a column with one is another type, whatever the zone is called.
    local = check_source(compile_plan(declared()), open_source(path, declared()).read)
    assert [(rule.id, rule.reason) for rule in local.failed] == [("t.type", "wrong_type")]
    drafted = infer_contract(path).contract.object.columns[0]
    assert (drafted.logical_type, dict(drafted.options)["timezone"]) == ("timestamp", True)


def test_local_times_are_no_instants(tmp_path: Path) -> None:
    path, made = tmp_path / "x.parquet", declared(**ZONED)
    pq.write_table(pa.table({"t": pa.array([NEW_YEAR], pa.timestamp("us"))}), path)
    verdict = check_source(compile_plan(made), open_source(path, made).read)
    assert [(rule.id, rule.reason) for rule in verdict.failed] == [("t.type", "wrong_type")]


@pytest.mark.parametrize("zone", ["-05:30", "Mars/Phobos"])
def test_a_suite_over_an_unknown_zone_is_judged_or_named(tmp_path: Path, zone: str) -> None:
    path, rules = tmp_path / "x.parquet", tmp_path / "s.json"
    pq.write_table(pa.table({"t": pa.array([1, 2, 2], pa.timestamp("us", tz=zone))}), path)
    kinds = ("values_to_be_unique", "values_to_be_increasing", "values_to_match_strftime_format")
    items = [
        {
            "type": f"expect_column_{kind}",
            "kwargs": {"column": "t"} | ({"strftime_format": "%Y"} if at == 2 else {}),
        }
        for at, kind in enumerate(kinds)
    ]
    rules.write_text(json.dumps({"name": "s", "expectations": items}))
    found = [(rule.success, rule.reason) for rule in check_suite(path, rules).verdict.rules]
    assert found == [(False, "duplicate_values"), (True, None), (False, "not_evaluated")]


def test_a_foreign_key_compares_instants_and_never_an_instant_with_a_local_time() -> None:
    own = contract(column("t", "timestamp", options=ZONED, relationships=[{"to": "o.t"}]))

    def judged(other: pa.DataType) -> tuple[bool, str | None]:
        table = pa.table({"t": pa.array([NEW_YEAR], pa.timestamp("us", tz="Europe/Berlin"))})
        known = pa.table({"t": pa.array([NEW_YEAR], other)})
        plan = compile_plan(own, references={"o": lambda _: iter([known])})
        rule = next(
            rule for rule in check_source(plan, lambda _: iter([table])).rules if rule.rule == "foreignKey"
        )
        return rule.success, rule.reason

    for zone in ("UTC", "America/New_York", "Mars/Phobos"):
        assert judged(pa.timestamp("us", tz=zone)) == (True, None)
    assert judged(pa.timestamp("us")) == (False, "not_evaluated")


def test_moments_beyond_the_calendar_are_refused_and_stop_nothing(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"t": pa.array([2**62], pa.timestamp("ms", tz="UTC"))}), path)
    verdict = check_source(compile_plan(declared(**ZONED)), open_source(path).read)
    assert [(rule.id, rule.reason) for rule in verdict.failed] == [("t.type", "wrong_type")]
    with pytest.raises(UsageError, match=r"t\.type"):
        infer_contract(path)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Mars/Phobos", None])
def test_an_asset_holds_the_instants_of_its_file_or_nothing(tmp_path: Path, zone: str | None) -> None:
    path, store = tmp_path / "x.parquet", LocalStore(tmp_path / "store")
    pq.write_table(pa.table({"t": pa.array([NEW_YEAR], pa.timestamp("us", tz=zone))}), path)
    kinds = {True: declared(**ZONED), False: declared()}
    added = add_file(store, path, "times", kinds[zone is not None]).record
    [entry] = added.files
    held = pq.read_table(store.materialise(added, entry.path)).column("t")
    assert held.cast(pa.int64()).to_pylist() == [NEW_YEAR]
    assert (held.type.tz == "UTC") == (zone is not None)
    with pytest.raises(DataBreaksContractError):
        add_file(store, path, "others", kinds[zone is None])
    assert store.names() == ("times",)
