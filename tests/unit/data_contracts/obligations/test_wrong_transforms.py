"""Transforms that went wrong in a whole crossing: wrong column, plain hash, another key, subject or table.

Each is named by its column's rule, and the right output next to it is proved.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest
from contract_builder import CLOUD, column, contract, crossing
from obligation_suite import KEY, MemoryCodes

from data_contracts.obligations import apply, compile_proof, merge_proofs
from data_contracts.policy import select_terms

ROWS = 120
LONG = {"minLength": 8}
COLUMNS: dict[str, Any] = {
    "id": {"pseudonymise": {}},
    "mrn": {"code": {}},
    "card": {"mask": {"last": 4}},
    "zip": {"generalise": {"zip": 3}},
    "born": {"generalise": {"date": "year", "earliest": 1936}},
    "seen": {"shift": {"subject": "id", "days": 90}},
    "left": {"shift": {"subject": "id", "days": 90}},
    "age": {"topCode": {"at": 90}},
}
CONTRACT = contract(
    column("id", "string", required=True),
    column("mrn", "string"),
    column("card", "string", options=LONG),
    column("zip", "string"),
    column("born", "date"),
    column("seen", "date"),
    column("left", "date"),
    column("age", "integer", options={"minimum": 0}),
    crossings=[crossing(COLUMNS)],
)
_TERMS = select_terms(CONTRACT, CLOUD, "study")
assert _TERMS is not None
TERMS = _TERMS
DAY = dt.date(2020, 1, 1)
SOURCE = pa.table(
    {
        "id": [f"patient-{row % 40:08d}" for row in range(ROWS)],
        "mrn": [f"M{row:07d}" for row in range(ROWS)],
        "card": [f"4000{row:012d}" for row in range(ROWS)],
        "zip": [f"{191 + row % 3}{row % 100:02d}" for row in range(ROWS)],
        "born": [dt.date(1930 + row % 60, 5, 17) for row in range(ROWS)],
        "seen": [DAY + dt.timedelta(days=row) for row in range(ROWS)],
        "left": [DAY + dt.timedelta(days=row + row % 7) for row in range(ROWS)],
        "age": list(range(ROWS)),
    }
)
CODES = MemoryCodes()
OUTPUT = apply(TERMS, CONTRACT, SOURCE, pseudonym_key=KEY, codes=CODES)


def failing(output: pa.Table, key: bytes | None = KEY, codes: MemoryCodes | None = CODES) -> list[str]:
    proof = compile_proof(TERMS, CONTRACT, key=bytes(32))
    partial = proof.partial(SOURCE, output, pseudonym_key=key, codes=codes)
    return [rule.id for rule in proof.verdict(merge_proofs([partial])).failed]


def with_column(name: str, values: Any) -> pa.Table:
    made = values if isinstance(values, pa.ChunkedArray) else pa.array(values, OUTPUT.schema.field(name).type)
    return OUTPUT.set_column(OUTPUT.column_names.index(name), name, made)


def of_other_source(name: str, **changes: Any) -> pa.Table:
    """The output whose one column was made of a source with other columns."""
    source = SOURCE
    for other, values in changes.items():
        source = source.set_column(source.column_names.index(other), other, values)
    made = apply(TERMS, CONTRACT, source, pseudonym_key=KEY, codes=CODES)
    return with_column(name, made[name])


def test_the_right_output_is_proved() -> None:
    assert failing(OUTPUT) == []


@pytest.mark.attack
@pytest.mark.parametrize(
    "made",
    [
        lambda value: hashlib.sha256(value).digest()[:16],
        lambda value: hashlib.md5(value).digest(),  # noqa: S324 - the mistake
        lambda value: hmac.digest(b"", value, "sha256")[:16],
        lambda value: hmac.digest(KEY, value, "sha256")[:16],
        lambda value: base64.b64encode(value)[:16],
        lambda value: bytes(byte ^ 0x20 for byte in value),
    ],
)
def test_a_plain_hash_another_key_and_a_mere_encoding_are_no_pseudonyms(
    made: Callable[[bytes], bytes],
) -> None:
    values = [made(value.encode()) for value in SOURCE["id"].to_pylist()]
    assert failing(with_column("id", values)) == ["id.pseudonymise"]


@pytest.mark.attack
def test_an_obligation_on_the_wrong_column_is_seen() -> None:
    assert failing(of_other_source("id", id=SOURCE["mrn"])) == ["id.pseudonymise"]
    assert failing(of_other_source("mrn", mrn=SOURCE["id"])) == ["mrn.code"]
    assert failing(of_other_source("card", card=SOURCE["id"])) == ["card.mask"]
    assert failing(of_other_source("born", born=SOURCE["seen"])) == ["born.generalise"]
    assert failing(of_other_source("seen", seen=SOURCE["born"])) == ["seen.shift"]
    assert failing(with_column("seen", OUTPUT["left"])) == ["seen.shift"]


@pytest.mark.attack
def test_dates_shifted_by_another_subject_or_row_by_row_are_seen() -> None:
    assert failing(of_other_source("seen", id=SOURCE["mrn"])) == ["seen.shift"]
    days = [day + dt.timedelta(days=1 + row % 90) for row, day in enumerate(SOURCE["seen"].to_pylist())]
    assert failing(with_column("seen", days)) == ["seen.shift"]
    constant = [day + dt.timedelta(days=30) for day in SOURCE["seen"].to_pylist()]
    assert failing(with_column("seen", constant)) == ["seen.shift"]


def test_intervals_inside_a_subject_are_kept_and_no_date_stays() -> None:
    before, after = SOURCE.to_pydict(), OUTPUT.to_pydict()
    offsets: dict[str, set[int]] = {}
    for row in range(ROWS):
        assert after["left"][row] - after["seen"][row] == before["left"][row] - before["seen"][row]
        offset = (after["seen"][row] - before["seen"][row]).days
        offsets.setdefault(before["id"][row], set()).add(offset)
    assert all(len(found) == 1 for found in offsets.values())
    drawn = {offset for found in offsets.values() for offset in found}
    assert 0 not in drawn
    assert max(map(abs, drawn)) <= 90
    assert min(drawn) < 0 < max(drawn)


@pytest.mark.attack
def test_codes_of_another_table_or_drawn_again_are_seen() -> None:
    other = apply(TERMS, CONTRACT, SOURCE, pseudonym_key=KEY, codes=MemoryCodes())
    assert failing(with_column("mrn", other["mrn"])) == ["mrn.code"]
    assert failing(OUTPUT, codes=MemoryCodes()) == ["mrn.code"]


@pytest.mark.attack
def test_one_row_of_each_column_left_as_it_was_is_seen() -> None:
    for name, said in COLUMNS.items():
        values, originals = OUTPUT[name].to_pylist(), SOURCE[name].to_pylist()
        # Row 110 is an age above the bound; its identifiers are cut to the width of a pseudonym.
        kind, original = OUTPUT.schema.field(name).type, originals[110]
        values[110] = original.encode()[:16].ljust(16) if kind == pa.binary() else original
        left = (
            values[110] if not isinstance(values[110], dt.date) or kind == pa.date32() else str(values[110])
        )
        values[110] = left
        assert failing(with_column(name, values)) == [f"{name}.{next(iter(said))}"]


@pytest.mark.attack
def test_without_the_key_or_the_table_nothing_that_needs_them_is_proved() -> None:
    assert failing(OUTPUT, key=None) == ["id.pseudonymise", "seen.shift", "left.shift"]
    assert failing(OUTPUT, codes=None) == ["mrn.code"]
    assert failing(OUTPUT, key=KEY[::-1]) == ["id.pseudonymise", "seen.shift", "left.shift"]


@pytest.mark.attack
def test_a_restricted_area_that_is_told_is_seen() -> None:
    source = SOURCE.set_column(3, "zip", pa.array(["03601"] * ROWS))
    proof = compile_proof(TERMS, CONTRACT, key=bytes(32))
    output = apply(TERMS, CONTRACT, source, pseudonym_key=KEY, codes=CODES)
    assert set(output["zip"].to_pylist()) == {"000"}
    told = output.set_column(3, "zip", pa.array(["036"] * ROWS))
    verdict = proof.verdict(proof.partial(source, told, pseudonym_key=KEY, codes=CODES))
    assert [rule.id for rule in verdict.failed] == ["zip.generalise"]
