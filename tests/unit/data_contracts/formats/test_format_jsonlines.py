"""JSON Lines, as strict as CSV: types of the contract, a line for each refusal, never a value told."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from data_contracts.errors import DataBreaksContractError
from data_contracts.formats import open_source
from data_contracts.formats.jsonlines import MAX_DEPTH
from data_contracts.loading import contract_from_document
from data_contracts.model import Contract


def contract_of(*columns: dict[str, Any]) -> Contract:
    return contract_from_document(
        {
            "apiVersion": "v3.1.0",
            "kind": "DataContract",
            "id": "test.lines",
            "version": "1.0.0",
            "status": "active",
            "schema": [{"name": "t", "properties": list(columns)}],
        }
    )


def column(name: str, kind: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "logicalType": kind, "classification": "internal", **more}


MISSING = {"customProperties": [{"property": "isthmusMissing", "value": {"tokens": ["n/a"]}}]}
CONTRACT = contract_of(
    column("id", "integer"),
    column("name", "string", **MISSING),
    column("share", "number"),
    column("price", "number", physicalType="decimal(10,2)"),
    column("day", "date"),
    column("ok", "boolean"),
    column("place", "object", properties=[column("city", "string"), column("floor", "integer")]),
    column("tags", "array", items={"logicalType": "integer", "classification": "internal"}),
)


def lines(tmp_path: Path, *rows: str | bytes, end: bytes = b"\n") -> Path:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(end.join(row if isinstance(row, bytes) else row.encode() for row in rows) + end)
    return path


def read(path: Path, contract: Contract | None = None) -> list[dict[str, Any]]:
    return [row for table in open_source(path, contract).read() for row in table.to_pylist()]


def test_values_come_in_the_contracts_types_and_only_null_and_tokens_are_null(tmp_path: Path) -> None:
    path = lines(
        tmp_path,
        '{"id": 1, "name": "Ann", "share": 1, "price": 10.25, "day": "2020-03-01", "ok": true,'
        ' "place": {"city": "Ulm", "floor": 2}, "tags": [1, 2]}',
        '{"tags": [], "place": null, "id": 9007199254740993, "name": "n/a", "share": 0.5,'
        ' "price": 99999999.99, "day": null, "ok": false}',
        '{"id": 3, "name": "", "share": null, "place": {"city": "NA"}}',
    )
    assert read(path, CONTRACT) == [
        {
            "id": 1,
            "name": "Ann",
            "share": 1.0,
            "price": Decimal("10.25"),
            "day": dt.date(2020, 3, 1),
            "ok": True,
            "place": {"city": "Ulm", "floor": 2},
            "tags": [1, 2],
        },
        {
            "id": 9007199254740993,
            "name": None,
            "share": 0.5,
            "price": Decimal("99999999.99"),
            "day": None,
            "ok": False,
            "place": None,
            "tags": [],
        },
        {
            "id": 3,
            "name": "",
            "share": None,
            "price": None,
            "day": None,
            "ok": None,
            "place": {"city": "NA", "floor": None},
            "tags": None,
        },
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("id", '"1"'),
        ("id", "1.0"),
        ("id", "true"),
        ("id", "9223372036854775808"),
        ("name", "1"),
        ("share", '"0.5"'),
        ("share", "1e400"),
        ("price", "1.005"),
        ("day", '"2020-02-30"'),
        ("day", "20200301"),
        ("ok", "1"),
        ("place", "[]"),
        ("place", '{"city": 1}'),
        ("place", '{"street": "secret"}'),
        ("tags", "[1, null, 2.5]"),
        ("tags", "1"),
    ],
)
def test_a_value_of_another_type_is_unreadable_and_counted(tmp_path: Path, name: str, value: str) -> None:
    source = open_source(lines(tmp_path, f'{{"{name}": {value}}}', '{"id": 7}'), CONTRACT)
    (batch,) = source.batches(None)
    assert [(cell.id, cell.count) for cell in batch.unreadable] == [(f"{name}.type", 1)]
    assert batch.rejected.to_pylist() == [True, False]
    assert batch.text is not None
    assert batch.table.column(name).to_pylist()[0] in (None, [1, None, None], {"city": None, "floor": None})
    assert len(list(source.read())) == 1
    assert dict(source.unreadable) == {name: 1}


REFUSED = [
    ('{"id": 1, "id": 2}', "twice"),
    ('{"place": {"city": "a", "city": "b"}}', "twice"),
    ('{"share": NaN}', "NaN"),
    ('{"share": -Infinity}', "Infinity"),
    ("", "empty line"),
    ("[1]", "no object"),
    ('"secret"', "no object"),
    ('{"id": 1} {"id": 2}', "no lawful JSON"),
    ('{"id": 1', "no lawful JSON"),
    ("{'id': 1}", "no lawful JSON"),
    ('{"id": 01}', "no lawful JSON"),
    ('{"name": "\x01"}', "no lawful JSON"),
    ('{"name": "\\ud800"}', "surrogate"),
    ('{"name": "\\u0000"}', "NUL"),
    (b'{"name": "\xff"}', "UTF-8"),
    ('{"tags": ' + "[" * MAX_DEPTH + "]" * MAX_DEPTH + "}", f"deeper than {MAX_DEPTH}"),
    ('{"tags": ' + "[" * 100_000, f"deeper than {MAX_DEPTH}"),
    ('{"secret": 1}', "1 keys that are not declared"),
]


@pytest.mark.parametrize(("row", "says"), REFUSED, ids=[says for _, says in REFUSED])
def test_what_is_no_strict_line_is_refused_with_its_number(
    tmp_path: Path, row: str | bytes, says: str
) -> None:
    path = lines(tmp_path, '{"id": 1}', '{"id": 2}', row, '{"id": 3}')
    with pytest.raises(DataBreaksContractError) as caught:
        read(path, CONTRACT)
    assert str(caught.value).startswith("rows.jsonl:3: ")
    assert says in str(caught.value)
    assert "secret" not in f"{caught.value} {caught.value.remedy}"
    assert caught.value.__cause__ is None


def test_brackets_inside_texts_are_no_depth(tmp_path: Path) -> None:
    text = '[{\\"' * 200
    assert read(lines(tmp_path, f'{{"name": "{text}"}}'), CONTRACT)[0]["name"] == '[{"' * 200


def test_a_line_without_end_is_refused_before_it_fills_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("data_contracts.formats.jsonlines.MAX_LINE", 1000)
    with pytest.raises(DataBreaksContractError, match=r"rows\.jsonl:2: a line that is too long"):
        read(lines(tmp_path, '{"id": 1}', '{"name": "' + "x" * 2000 + '"}'), CONTRACT)


def test_lines_may_end_as_on_windows_and_begin_with_a_mark(tmp_path: Path) -> None:
    path = lines(tmp_path, b'\xef\xbb\xbf{"id": 1}', '{"id": 2}', end=b"\r\n")
    assert [row["id"] for row in read(path, CONTRACT)] == [1, 2]


def test_an_empty_file_is_an_asset_without_rows_under_a_contract_and_refused_without(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b"")
    assert read(path, CONTRACT) == []
    with pytest.raises(DataBreaksContractError, match="no keys"):
        open_source(path)


def test_without_a_contract_types_come_from_every_line(tmp_path: Path) -> None:
    rows = ['{"a": 1}'] * 70_000 + ['{"a": 1.5, "b": [{"c": null}]}', '{"b": [{"c": "x"}], "d": null}']
    source = open_source(lines(tmp_path, *rows))
    assert [str(kind) for kind in source.schema.types] == [
        "double",
        "list<item: struct<c: string>>",
        "string",
    ]
    assert read(lines(tmp_path, *rows))[-1] == {"a": None, "b": [{"c": "x"}], "d": None}


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ('{"a": "1"}', "several JSON types"),
        ('{"a": [1]}', "several JSON types"),
        ('{"a": true}', "several JSON types"),
        ('{"a": 18446744073709551616}', "64 bits"),
        ('{"a": 1e999}', "too large"),
        ('{"": 1}', "empty"),
    ],
)
def test_without_a_contract_one_key_has_one_type(tmp_path: Path, row: str, says: str) -> None:
    with pytest.raises(DataBreaksContractError, match=says) as caught:
        open_source(lines(tmp_path, '{"a": 1}', row))
    assert str(caught.value).startswith("rows.jsonl:2: ")


def test_columns_can_be_chosen_and_every_pass_begins_anew(tmp_path: Path) -> None:
    source = open_source(lines(tmp_path, '{"id": 1, "name": "a"}', '{"id": 2, "ok": true}'), CONTRACT)
    assert [table.column_names for table in source.read(["ok", "id"])] == [["id", "ok"]]
    assert [table.num_rows for table in source.read()] == [2]
