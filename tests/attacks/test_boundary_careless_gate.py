"""A gate whose own code went wrong: an obligation not done, or done on all rows but a few, or leftovers.

The attacker here is our own mistake. The proof asks the output itself, not the code that made it: each
crossing ends `broken` by the rule's name, and the transit stays empty.
"""

from __future__ import annotations

import datetime as dt
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "contract_suites"))
from boundary_forgery import arrived_rows, forge
from boundary_world import SENTINEL, World, boundary, rows

from data_contracts.obligations import OBLIGATIONS
from environments.boundary import EgressResult, egress, ingress, partitions
from environments.stores import AssetRecord

pytestmark = pytest.mark.attack

ROWS, GROUPS = 300, 3
DAY = dt.date(2020, 1, 1)
DATES = {"minimum": "1900-01-01", "maximum": "2100-01-01"}
# Column: logical type, its options, the obligation, and the value of a row.
COLUMNS: dict[str, tuple[str, dict[str, Any], Any, Callable[[int], Any]]] = {
    "patient": ("string", {}, {"pseudonymise": {}}, lambda row: f"patient-{row % 97:08d}"),
    "mrn": ("string", {}, {"code": {}}, lambda row: f"M{row:07d}"),
    "card": ("string", {"minLength": 8}, {"mask": {"last": 4}}, lambda row: f"4000{row:012d}"),
    "zip": ("string", {}, {"generalise": {"zip": 3}}, lambda row: f"{191 + row % 3}{row % 100:02d}"),
    "born": ("date", DATES, {"generalise": {"date": "year"}}, lambda row: dt.date(1930 + row % 60, 5, 17)),
    "years": ("integer", {"minimum": 0}, {"generalise": {"bands": [0, 18, 65]}}, lambda row: row % 90),
    "seen": (
        "date",
        DATES,
        {"shift": {"subject": "patient", "days": 90}},
        lambda row: DAY + dt.timedelta(row),
    ),
    "age": ("integer", {"minimum": 0, "maximum": 130}, {"topCode": {"at": 90}}, lambda row: row % 120),
    "weight": ("number", {"maximum": 300}, {"bottomCode": {"at": 40}}, lambda row: float(row % 150)),
    "income": ("integer", {"minimum": 0}, {"clamp": {"bottom": 50, "top": 250}}, lambda row: row),
    "name": ("string", {}, "drop", lambda row: f"{SENTINEL}-{row}"),
}


def _property(name: str, kind: str, options: dict[str, Any]) -> dict[str, Any]:
    told = {"name": name, "logicalType": kind, "classification": "internal", "required": True}
    return told | ({"logicalTypeOptions": options} if options else {})


def _document() -> dict[str, Any]:
    columns = {name: said for name, (_, _, said, _) in COLUMNS.items()}
    return {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": "clinic.everything",
        "version": "1.0.0",
        "status": "active",
        "schema": [{"name": "t", "properties": [_property(n, k, o) for n, (k, o, _, _) in COLUMNS.items()]}],
        "customProperties": boundary({"to": "cloud", "purposes": ["model-training"], "columns": columns}),
    }


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    made = World(tmp_path_factory.mktemp("careless"))
    made.documents = {name: [_document()] for name in made.documents}
    return made


@pytest.fixture(scope="module")
def record(world: World) -> AssetRecord:
    data = {name: [value(row) for row in range(ROWS)] for name, (_, _, _, value) in COLUMNS.items()}
    return world.add(pa.table(data), groups=GROUPS)


class Careless:
    """An obligation that leaves rows of one column as they were, and is the genuine one in all else."""

    def __init__(self, genuine: Any, column: str, choose: Callable[[list[int]], list[int]]) -> None:
        self._genuine, self._column, self._choose = genuine, column, choose

    def __getattr__(self, name: str) -> Any:
        return getattr(self._genuine, name)

    def transform(self, parameters: Any, column: Any, values: Any, context: Any) -> Any:
        output = self._genuine.transform(parameters, column, values, context)
        if column.name != self._column:
            return output
        before = values.to_pylist()
        after = [None] * len(before) if output is None else output.to_pylist()
        kind = values.type if output is None else output.type
        changed = [at for at, (old, new) in enumerate(zip(before, after, strict=True)) if old != new]
        for at in self._choose(changed):
            old = before[at]
            after[at] = old.encode() if pa.types.is_binary(kind) else str(old) if kind == pa.string() else old
        return pa.array(after, kind)


def send(world: World, record: AssetRecord, request: str) -> EgressResult:
    return egress(world.env("onprem"), world.request(record, request_id=request))


def nothing_left(world: World) -> bool:
    return not [path for path in world.transit().rglob("*") if path.is_file()]


@pytest.mark.parametrize("share", ["nothing done", "one row in a hundred left"])
@pytest.mark.parametrize("column", sorted(COLUMNS))
def test_an_obligation_that_is_not_done_stops_the_crossing(
    world: World, record: AssetRecord, monkeypatch: pytest.MonkeyPatch, column: str, share: str
) -> None:
    said = COLUMNS[column][2]
    word = said if isinstance(said, str) else next(iter(said))
    choose = (lambda changed: changed) if share == "nothing done" else (lambda changed: changed[-1:])
    monkeypatch.setitem(OBLIGATIONS, word, Careless(OBLIGATIONS[word], column, choose))
    sent = send(world, record, f"{column}-{share.split(maxsplit=1)[0]}")
    assert sent.outcome == "broken"
    assert f"{column}.{word}" in {rule.id for rule in sent.rules}, sent.rules
    assert nothing_left(world)


def _stale_dictionary(table: pa.Table, path: Path) -> None:
    place = table.column_names.index("age")
    bands = table.column("age").to_pylist()
    entries = [SENTINEL, *sorted(set(bands))]
    indices = pa.array([entries.index(band) for band in bands], pa.int32())
    column = pa.DictionaryArray.from_arrays(indices, pa.array(entries))
    pq.write_table(table.set_column(place, "age", column), path, compression="none", store_schema=False)


def _patched(table: pa.Table, path: Path, old: bytes, new: bytes) -> None:
    pq.write_table(table, path, compression="zstd", store_schema=False)
    raw = path.read_bytes()
    place = raw.rfind(old)
    assert place > 0
    assert len(old) == len(new)
    path.write_bytes(raw[:place] + new + raw[place + len(old) :])


def _stale_statistic(table: pa.Table, path: Path) -> None:
    least = min(table.column("age").to_pylist()).encode()
    _patched(table, path, least, SENTINEL.encode()[: len(least)])


def _stale_number(table: pa.Table, path: Path) -> None:
    scores = table.column("score").to_pylist()
    _patched(table, path, struct.pack("<d", max(scores)), struct.pack("<d", 999.125))


def _stale_bytes(table: pa.Table, path: Path) -> None:
    pq.write_table(table, path, compression="zstd", store_schema=False)
    raw = path.read_bytes()
    footer = len(raw) - 8 - int.from_bytes(raw[-8:-4], "little")
    path.write_bytes(raw[:footer] + SENTINEL.encode() + raw[footer:])


LEFTOVERS = {
    "dictionaries": _stale_dictionary,
    "statistics": _stale_statistic,
    "statistics of a number": _stale_number,
    "bytes": _stale_bytes,
}


@pytest.mark.parametrize("kind", sorted(LEFTOVERS))
def test_a_file_with_leftovers_stops_the_crossing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    world = World(tmp_path)
    written: list[bytes] = []

    def write(table: pa.Table, path: Path) -> None:
        LEFTOVERS[kind](table, path)
        # The rows are the right ones: only what lies beside them is not.
        assert pq.read_table(path).to_pydict() == table.to_pydict()
        written.append(path.read_bytes())

    monkeypatch.setattr(partitions, "write_part", write)
    sent = send(world, world.add(rows()), "leftovers")
    assert written
    assert sent.outcome == "broken"
    assert f"output.file.{kind.partition(' ')[0]}" in {rule.id for rule in sent.rules}, sent.rules
    assert nothing_left(world)


@pytest.mark.parametrize("kind", sorted(LEFTOVERS))
def test_a_file_with_leftovers_is_refused_on_arrival_as_well(tmp_path: Path, kind: str) -> None:
    world, path = World(tmp_path), tmp_path / "made.parquet"
    LEFTOVERS[kind](arrived_rows(), path)
    arrived = ingress(world.env("cloud"), "onprem", forge(world, {"part-00000.parquet": path.read_bytes()}))
    assert arrived.outcome == "broken"
    assert f"output.file.{kind.partition(' ')[0]}" in {rule.id for rule in arrived.rules}, arrived.rules
    assert world.env("cloud").store.names() == ()
