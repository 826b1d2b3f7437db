from __future__ import annotations

import json
from pathlib import Path

import pytest
from contract_builder import column, document

from data_contracts.errors import DeclarationError, UsageError
from data_contracts.registry import CATALOG, ContractRegistry


def write(folder: Path, name: str, **changes: object) -> None:
    (folder / f"{name}.odcs.yaml").write_text(json.dumps({**document(column("a")), **changes}))


def test_by_id_by_reference_and_newest_by_number(tmp_path: Path) -> None:
    for version in ("1.9.0", "1.10.0", "1.2.0"):
        write(tmp_path, version, version=version)
    found = ContractRegistry([CATALOG, tmp_path])
    assert found.get("test.t").version == "1.10.0"
    assert found.get("test.t@1.2.0").version == "1.2.0"
    assert len(found.all()) == len(ContractRegistry.shipped().all()) + 3


def test_an_unknown_contract_names_the_known_ones(tmp_path: Path) -> None:
    write(tmp_path, "a")
    for reference in ("test", "test.t@9.9.9", "../test.t", ""):
        with pytest.raises(UsageError) as caught:
            ContractRegistry([tmp_path]).get(reference)
        assert "test.t" in caught.value.remedy


def test_a_broken_file_is_not_skipped_and_all_files_are_told(tmp_path: Path) -> None:
    write(tmp_path, "good")
    write(tmp_path, "bad1", version="x", id="b.one")
    write(tmp_path, "bad2", id="B")
    with pytest.raises(DeclarationError) as caught:
        ContractRegistry([tmp_path]).get("test.t")
    assert {Path(problem.file).name for problem in caught.value.problems} == {
        "bad1.odcs.yaml",
        "bad2.odcs.yaml",
    }


def test_one_reference_is_one_document(tmp_path: Path) -> None:
    write(tmp_path, "one")
    write(tmp_path, "same")
    assert len(ContractRegistry([tmp_path]).all()) == 1
    write(tmp_path, "two", status="draft")
    with pytest.raises(DeclarationError, match="second time"):
        ContractRegistry([tmp_path]).all()
