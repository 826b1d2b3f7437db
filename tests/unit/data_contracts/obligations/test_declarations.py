"""What terms may say of obligations: names that are refused with a reason, files, cells, and purposes."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml
from contract_builder import CLOUD, column, contract, crossing, document

from data_contracts.checks import check_tables, compile_plan
from data_contracts.errors import DeclarationError
from data_contracts.loading import load_contract
from data_contracts.policy import select_terms
from data_contracts.projection import project

TABLE = "11th;Secondary;*\nMasters;Higher;*\n"
DIGEST = "sha256:" + hashlib.sha256(TABLE.encode()).hexdigest()


def refusal(*columns: dict[str, Any], crosses: dict[str, Any], **terms: Any) -> str:
    """Every problem of a contract with such a crossing; empty where there is none."""
    try:
        contract(*columns, crossings=[crossing(crosses) | terms])
    except DeclarationError as error:
        return str(error)
    return ""


@pytest.mark.attack
@pytest.mark.parametrize("name", ["hash", "sha256", "SHA-512", "md5", "blake2b", "tokenise", "hashing"])
def test_a_plain_hash_of_an_identifier_is_refused_and_why(name: str) -> None:
    found = refusal(column("id", "string"), crosses={"id": {name: {}}})
    assert "plain hash" in found
    assert "pseudonymise" in found


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("redact", "drop"),
        ("noise", "minimumCell"),
        ("encrypt", "code"),
        ("k-anonymity", "anonymity"),
        ("aggregate", "step"),
        ("surely-unknown", "pseudonymise, code, mask"),
    ],
)
def test_what_there_is_not_is_told_with_what_there_is(name: str, word: str) -> None:
    assert word in refusal(column("id", "string"), crosses={"id": {name: {}}})


def test_the_subject_of_a_shift_is_a_column_that_is_never_null() -> None:
    columns = [column("seen", "date"), column("who", "string")]
    shift = {"shift": {"subject": "who", "days": 9}}
    assert "may be null" in refusal(*columns, crosses={"seen": shift})
    columns[1]["required"] = True
    assert refusal(*columns, crosses={"seen": shift}) == ""
    assert "no such column whom" in refusal(
        *columns, crosses={"seen": {"shift": {"subject": "whom", "days": 9}}}
    )


def written(folder: Path, **said: Any) -> Path:
    made = document(column("education", "string"), crossings=[crossing({"education": {"generalise": said}})])
    path = folder / "c.odcs.yaml"
    path.write_text(yaml.safe_dump(made, sort_keys=False))
    return path


def test_a_hierarchy_in_a_file_is_written_into_the_contract(tmp_path: Path) -> None:
    (tmp_path / "education.csv").write_text(TABLE)
    path = written(tmp_path, file="education.csv", digest=DIGEST, level=1)
    inline = contract(
        column("education", "string"),
        crossings=[crossing({"education": {"generalise": {"table": TABLE, "level": 1}}})],
    )
    assert load_contract(path).digest == inline.digest
    assert project(load_contract(path), CLOUD, "study").object.columns[0].rules[0].arguments == {
        "validValues": ["Higher", "Secondary"]
    }


@pytest.mark.attack
def test_a_hierarchy_that_is_not_the_one_that_was_meant_is_refused(tmp_path: Path) -> None:
    (tmp_path / "education.csv").write_text(TABLE.replace("Higher", "Lower"))
    (tmp_path / "outside").mkdir()
    inner = tmp_path / "outside"
    (inner / "link.csv").symlink_to(tmp_path / "education.csv")
    (inner / "bytes.csv").write_bytes(b"\xff;a")
    (inner / "large.csv").write_bytes(b"a;b\n" * 300_000)
    for folder, said in (
        (tmp_path, {"file": "education.csv", "digest": DIGEST, "level": 1}),
        (tmp_path, {"file": "education.csv", "level": 1}),
        (tmp_path, {"file": "absent.csv", "digest": DIGEST, "level": 1}),
        (tmp_path, {"file": "education.csv", "digest": DIGEST, "level": 1, "bands": [1]}),
        (inner, {"file": "../education.csv", "digest": DIGEST, "level": 1}),
        (inner, {"file": str(tmp_path / "education.csv"), "digest": DIGEST, "level": 1}),
        (inner, {"file": "link.csv", "digest": DIGEST, "level": 1}),
        (inner, {"file": "bytes.csv", "digest": DIGEST, "level": 1}),
        (inner, {"file": "large.csv", "digest": DIGEST, "level": 1}),
        (inner, {"file": 3, "digest": DIGEST, "level": 1}),
    ):
        with pytest.raises(DeclarationError):
            load_contract(written(folder, **said))


COUNTS = (column("ward", "string", required=True), column("tests", "integer"), column("mean", "number"))


def test_small_cells_are_seen_on_both_sides() -> None:
    kept = {"ward": "keep", "tests": "keep"}
    made = contract(
        *COUNTS, crossings=[crossing(kept) | {"minimumCell": {"columns": ["tests"], "least": 11}}]
    )
    arrival = project(made, CLOUD, "study")
    for counts, sound in (([11, None, 400], True), ([11, 10, 400], False), ([0], False)):
        table = pa.table({"ward": ["w"] * len(counts), "tests": pa.array(counts, pa.int64())})
        verdict = check_tables(compile_plan(arrival), [table])
        assert verdict.success is sound
        assert sound or [rule.id for rule in verdict.failed] == ["tests.minimum"]


def test_a_smaller_cell_does_not_loosen_the_contracts_own_bound() -> None:
    told = column("tests", "integer", options={"minimum": 20})
    said = {"minimumCell": {"columns": ["tests"], "least": 11}}
    made = contract(told, crossings=[crossing({"tests": "keep"}) | said])
    assert project(made, CLOUD, "study").object.columns[0].options == {"minimum": 20}


@pytest.mark.parametrize(
    ("columns", "treatment"),
    [(["absent"], "keep"), (["mean"], "keep"), (["tests"], "drop"), (["tests"], {"topCode": {"at": 9}})],
)
def test_a_cell_is_a_count_that_crosses_as_it_is(columns: list[str], treatment: Any) -> None:
    crosses = {"ward": "keep", "tests": treatment, "mean": "keep"}
    said = {"minimumCell": {"columns": columns, "least": 11}}
    assert "no count" in refusal(*COUNTS, crosses=crosses, **said)


def test_purposes_of_turning_back_are_declared_where_there_is_something_to_turn_back() -> None:
    said = {"reidentify": {"purposes": ["safety-recall"]}}
    assert "turned back" in refusal(column("a", "string"), crosses={"a": "keep"}, **said)
    made = contract(column("a", "string"), crossings=[crossing({"a": {"code": {}}}) | said])
    terms = select_terms(made, CLOUD, "study")
    assert terms is not None
    assert terms.reidentify == ("safety-recall",)
