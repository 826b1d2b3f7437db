"""Attacks on the proof of an output: each obligation left undone, in each way we could think of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from contract_builder import CLOUD, column, contract, crossing

from data_contracts.errors import DataBreaksContractError
from data_contracts.obligations import apply, compile_proof, merge_proofs, verify_file
from data_contracts.policy import select_terms
from data_contracts.projection import project
from data_contracts.verdict import Verdict

KEY = bytes(range(32))
COLUMNS: dict[str, Any] = {
    "id": {"pseudonymise": {}},
    "age": {"generalise": {"bands": [0, 18, 65]}},
    "name": "drop",
    "kept": "keep",
}
CONTRACT = contract(
    column("id", "string"),
    column("age", "number", options={"minimum": 0}),
    column("name", "string"),
    column("kept", "integer"),
    column("unnamed", "integer"),
    crossings=[crossing(COLUMNS)],
)
TERMS = select_terms(CONTRACT, CLOUD, "study")
ARRIVAL = project(CONTRACT, CLOUD, "study")
ROWS = 100
SOURCE = pa.table(
    {
        "id": [f"patient-{index:08d}" for index in range(ROWS)],
        "age": [float(index) for index in range(ROWS)],
        "name": ["n"] * ROWS,
        "kept": list(range(ROWS)),
        "unnamed": list(range(ROWS)),
    }
)
assert TERMS is not None
OUTPUT = apply(TERMS, CONTRACT, SOURCE, pseudonym_key=KEY)


def judged(output: pa.Table, *, parts: int = 4) -> Verdict:
    assert TERMS is not None
    proof = compile_proof(TERMS, CONTRACT, key=bytes(32))
    size = -(-ROWS // parts)
    slices = [(SOURCE.slice(at, size), output.slice(at, size)) for at in range(0, ROWS, size)]
    return proof.verdict(merge_proofs([proof.partial(*pair, pseudonym_key=KEY) for pair in reversed(slices)]))


def failing(output: pa.Table) -> list[str]:
    return [rule.id for rule in judged(output).failed]


def replaced(name: str, values: pa.Array | list[Any]) -> pa.Table:
    return OUTPUT.set_column(
        OUTPUT.column_names.index(name), name, pa.array(values) if isinstance(values, list) else values
    )


@pytest.mark.parametrize("parts", [1, 2, 7])
def test_the_right_output_is_proved_in_every_partitioning(parts: int) -> None:
    verdict = judged(OUTPUT, parts=parts)
    assert verdict.success
    assert verdict.rows == ROWS
    assert {rule.id for rule in verdict.rules} >= {
        "id.pseudonymise",
        "age.generalise",
        "name.drop",
        "kept.keep",
    }


@pytest.mark.attack
def test_an_obligation_that_does_nothing_is_seen() -> None:
    assert failing(replaced("id", SOURCE["id"].cast(pa.binary()))) == ["id.pseudonymise"]
    assert failing(replaced("id", SOURCE["id"])) == ["id.pseudonymise"]
    assert failing(replaced("age", SOURCE["age"].cast(pa.string()))) == ["age.generalise"]
    assert failing(OUTPUT.append_column("name", SOURCE["name"])) == ["name.drop"]


@pytest.mark.attack
def test_ninety_nine_percent_is_not_enough() -> None:
    pseudonyms = OUTPUT["id"].to_pylist()
    pseudonyms[42] = b"patient-00000042"  # 16 bytes, as a pseudonym has.
    assert failing(replaced("id", pa.array(pseudonyms, pa.binary()))) == ["id.pseudonymise"]
    bands = OUTPUT["age"].to_pylist()
    bands[42] = "42.0"
    assert failing(replaced("age", bands)) == ["age.generalise"]


@pytest.mark.attack
def test_another_rows_original_posing_as_a_pseudonym_is_seen_over_partitions() -> None:
    pseudonyms = OUTPUT["id"].to_pylist()
    pseudonyms[0] = b"patient-00000099"
    assert failing(replaced("id", pa.array(pseudonyms, pa.binary()))) == ["id.pseudonymise"]


@pytest.mark.attack
def test_a_lawful_band_of_another_value_is_seen() -> None:
    bands = OUTPUT["age"].to_pylist()
    bands[0] = "[65,)"
    assert failing(replaced("age", bands)) == ["age.generalise"]


@pytest.mark.attack
def test_values_smuggled_in_a_kept_column_are_seen() -> None:
    assert failing(replaced("kept", pc.add(OUTPUT["kept"], 1))) == ["kept.keep"]


@pytest.mark.attack
def test_a_column_that_nobody_named_and_metadata_are_seen() -> None:
    assert failing(OUTPUT.append_column("unnamed", SOURCE["unnamed"])) == ["output.columns"]
    assert failing(OUTPUT.append_column("new", SOURCE["name"])) == ["output.columns"]
    assert failing(OUTPUT.replace_schema_metadata({"note": "n"})) == ["output.metadata"]


@pytest.mark.attack
def test_rows_left_out_or_added_are_seen() -> None:
    assert failing(OUTPUT.slice(0, ROWS - 1))
    assert TERMS is not None
    proof = compile_proof(TERMS, CONTRACT, key=bytes(32))
    doubled = proof.partial(SOURCE, pa.concat_tables([OUTPUT, OUTPUT.slice(0, 1)]), pseudonym_key=KEY)
    assert not proof.verdict(doubled).success


def written(tmp_path: Path, table: pa.Table, **options: Any) -> list[str]:
    path = tmp_path / "part.parquet"
    pq.write_table(table, path, **options)
    return [rule.id for rule in verify_file(path, ARRIVAL) if not rule.success]


def noted(tmp_path: Path, notes: dict[str, str]) -> list[str]:
    """Write key-values into the footer by hand."""
    path = tmp_path / "noted.parquet"
    with pq.ParquetWriter(path, OUTPUT.schema, store_schema=False) as writer:
        writer.write_table(OUTPUT)
        writer.add_key_value_metadata(notes)
    return [rule.id for rule in verify_file(path, ARRIVAL) if not rule.success]


def test_the_right_file_is_taken_with_and_without_arrows_own_schema(tmp_path: Path) -> None:
    assert written(tmp_path, OUTPUT, store_schema=False) == []
    assert written(tmp_path, OUTPUT) == []


@pytest.mark.attack
def test_what_a_footer_can_hide_is_seen(tmp_path: Path) -> None:
    pandas = OUTPUT.replace_schema_metadata({"pandas": '{"columns": ["name"]}'})
    assert written(tmp_path, pandas) == ["output.file.metadata"]
    assert noted(tmp_path, {"pandas": "name"}) == ["output.file.metadata"]
    field = OUTPUT.schema.field("kept").with_metadata({"was": "name"})
    schema = OUTPUT.schema.set(OUTPUT.column_names.index("kept"), field)
    assert written(tmp_path, OUTPUT.cast(schema)) == ["output.file.metadata"]
    assert written(tmp_path, OUTPUT.append_column("name", SOURCE["name"])) == [
        "output.file.columns",
        "output.file.metadata",
    ]
    assert written(tmp_path, OUTPUT.select(list(reversed(OUTPUT.column_names)))) != []


@pytest.mark.attack
def test_bytes_after_arrows_schema_are_seen(tmp_path: Path) -> None:
    import base64

    schema = OUTPUT.schema.serialize().to_pybytes()
    assert noted(tmp_path, {"ARROW:schema": base64.b64encode(schema).decode()}) == []
    smuggled = base64.b64encode(schema + b"smuggled").decode()
    assert noted(tmp_path, {"ARROW:schema": smuggled}) == ["output.file.metadata"]


def test_a_file_that_is_no_parquet_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "part.parquet"
    path.write_bytes(b"PAR1 no PAR1")
    with pytest.raises(DataBreaksContractError):
        verify_file(path, ARRIVAL)
