from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from data_contracts.errors import DataBreaksContractError, IsthmusError, UsageError
from data_contracts.model import Contract
from environments.assets import UnreadableError, add_file
from environments.stores import LocalStore

Csv = Callable[..., Path]


def rows(store: LocalStore, name: str) -> list[dict[str, object]]:
    record = store.record(name)
    return [row for path in store.open(record) for row in pq.read_table(path).to_pylist()]


def refused(store: LocalStore, file: Path, contract: Contract) -> IsthmusError:
    with pytest.raises(IsthmusError) as caught:
        add_file(store, file, "patients", contract)
    assert store.names() == (), "something was committed"
    return caught.value


def test_types_and_missing_tokens_come_from_the_contract(
    store: LocalStore, csv: Csv, contract: Contract
) -> None:
    file = csv("1,Ann,47,2020-03-01", "2,nan,NA,2020-03-02", "3,NA,0.5,2020-03-03", '4,"",7,2020-03-04')
    report = add_file(store, file, "patients", contract)
    assert rows(store, "patients") == [
        {"id": 1, "name": "Ann", "age": 47.0, "day": date(2020, 3, 1)},
        {"id": 2, "name": None, "age": None, "day": date(2020, 3, 2)},
        {"id": 3, "name": "NA", "age": 0.5, "day": date(2020, 3, 3)},
        {"id": 4, "name": "", "age": 7.0, "day": date(2020, 3, 4)},
    ]
    assert report.fresh
    assert report.record.rows == 4
    assert report.record.labels == contract.labels
    assert report.record.contract_ref == "test.patients@1.2.3"


def test_columns_may_stand_in_any_order(store: LocalStore, csv: Csv, contract: Contract) -> None:
    add_file(store, csv("2020-03-01,47,Ann,1", header="day,age,name,id"), "patients", contract)
    assert list(rows(store, "patients")[0]) == ["id", "name", "age", "day"]


def test_quality_rules_are_reported_not_enforced(store: LocalStore, csv: Csv, contract: Contract) -> None:
    report = add_file(store, csv("1,Ann,147,2020-03-01", "2,Bob,20,2020-03-01"), "patients", contract)
    assert report.verdict is not None
    assert [(rule.id, rule.unexpected_count) for rule in report.verdict.failed] == [("age.maximum", 1)]
    assert report.record.rows == 2


def test_the_same_file_again_is_the_same_version(store: LocalStore, csv: Csv, contract: Contract) -> None:
    first = add_file(store, csv("1,Ann,47,2020-03-01"), "patients", contract)
    again = add_file(store, csv("1,Ann,47,2020-03-01"), "patients", contract)
    assert again.record == first.record
    assert (first.fresh, again.fresh) == (True, False)


def test_unreadable_cells_are_counted_by_rule_and_nothing_is_committed(
    store: LocalStore, csv: Csv, contract: Contract
) -> None:
    file = csv("1,Ann,secret-a,2020-03-01", "x,Bob,nan,not-a-day", "3,Cid,7,2020-03-01")
    with pytest.raises(UnreadableError) as caught:
        add_file(store, file, "patients", contract)
    error = caught.value
    assert [(cell.id, cell.count) for cell in error.unreadable] == [
        ("age.type", 2),
        ("day.type", 1),
        ("id.type", 1),
    ]
    assert error.rows == 2
    assert error.exit_code == 1
    assert "2 of 3 rows" in str(error)
    assert "--reject-to" in error.remedy
    assert "secret" not in str(error) + error.remedy
    assert store.names() == ()


def test_rejected_rows_are_kept_as_text_with_the_same_labels(
    store: LocalStore, csv: Csv, contract: Contract
) -> None:
    file = csv("1,Ann,47,2020-03-01", "x,nan,NA,2020-03-01")
    report = add_file(store, file, "patients", contract, reject_to="rejected")
    assert [row["id"] for row in rows(store, "patients")] == [1]
    assert rows(store, "rejected") == [{"id": "x", "name": "nan", "age": "NA", "day": "2020-03-01"}]
    assert report.rejects is not None
    assert report.rejects.labels == report.record.labels == contract.labels
    own = store.contract(report.rejects)
    assert own.reference == "test.patients.rejects@1.2.3"
    assert own.terms is None
    assert own.labels == contract.labels


def test_without_rejects_no_asset_of_them_is_made(store: LocalStore, csv: Csv, contract: Contract) -> None:
    report = add_file(store, csv("1,Ann,47,2020-03-01"), "patients", contract, reject_to="rejected")
    assert report.rejects is None
    assert store.names() == ("patients",)


def test_a_file_of_which_nothing_can_be_read_is_refused_even_with_rejects(
    store: LocalStore, csv: Csv, contract: Contract
) -> None:
    with pytest.raises(UnreadableError):
        add_file(store, csv("x,Ann,47,2020-03-01"), "patients", contract, reject_to="rejected")
    assert store.names() == ()


@pytest.mark.parametrize(
    ("line", "raw"),
    [
        (3, b"id,name,age,day\n1,Ann,47,2020-03-01\n2,secret,47\n"),
        (3, b"id,name,age,day\n1,Ann,47,2020-03-01\n2,secret,47,2020-03-01,more\n"),
        (4, b"id,name,age,day\n1,Ann,47,2020-03-01\n2,Bob,47,2020-03-01\n3,secret\xe9,7,2020-03-01\n"),
        (2, b'id,name,age,day\n1,"secret,47,2020-03-01\n'),
        (1, b""),
        (1, b"id,id,age,day\n"),
    ],
    ids=["too-few", "too-many", "latin-1", "quote", "empty", "twice"],
)
def test_what_is_no_csv_is_refused_with_its_line(
    store: LocalStore, csv: Csv, contract: Contract, line: int, raw: bytes
) -> None:
    error = refused(store, csv(raw=raw), contract)
    assert error.exit_code == 1
    assert f"patients.csv:{line}:" in str(error)
    assert "secret" not in str(error) + error.remedy


@pytest.mark.parametrize("rows", [(), ("1,Ann,secret,2020-03-01",)])
def test_another_header_is_refused_without_naming_what_only_the_file_has(
    store: LocalStore, csv: Csv, contract: Contract, rows: tuple[str, ...]
) -> None:
    error = refused(store, csv(*rows, header="id,secret,age,day"), contract)
    assert isinstance(error, DataBreaksContractError)
    assert "name: is missing" in str(error)
    assert "column 2 of the file is not declared" in str(error)
    assert "secret" not in str(error) + error.remedy


def test_a_header_alone_is_an_asset_without_rows(store: LocalStore, csv: Csv, contract: Contract) -> None:
    report = add_file(store, csv(), "patients", contract)
    assert report.record.rows == 0
    assert rows(store, "patients") == []


def test_wrong_names_and_files(store: LocalStore, csv: Csv, contract: Contract, tmp_path: Path) -> None:
    file = csv("1,Ann,47,2020-03-01")
    for wrong in (tmp_path / "nowhere.csv", tmp_path, tmp_path / "x.txt"):
        (tmp_path / "x.txt").write_text("")
        assert isinstance(refused(store, wrong, contract), UsageError)
    for name, reject_to in (("../x", None), ("patients", "patients"), ("patients", "../x")):
        with pytest.raises(UsageError):
            add_file(store, file, name, contract, reject_to=reject_to)
    assert store.names() == ()


def test_many_rows_become_many_row_groups_and_every_row_once(
    store: LocalStore, csv: Csv, contract: Contract
) -> None:
    file = csv(*(f"{number},n,{number % 90},2020-03-01" for number in range(120_001)))
    report = add_file(store, file, "patients", contract, check=False)
    assert report.verdict is None
    [path] = store.open(report.record)
    metadata = pq.read_metadata(path)
    assert metadata.num_row_groups > 8
    assert pq.read_table(path).column("id").to_pylist() == list(range(120_001))
    assert metadata.metadata is None, "nothing but the data stands in the file"


@pytest.mark.long
def test_memory_is_bounded_whatever_the_size(tmp_path: Path) -> None:
    """Adding a file of 60 MB peaks little higher than adding one of 6 MB."""
    code = textwrap.dedent(
        """
        import resource, sys, tempfile
        from pathlib import Path
        from data_contracts.loading import contract_from_document
        from environments.assets import add_file
        from environments.stores import LocalStore
        kinds = [("id", "integer"), ("name", "string")]
        columns = [{"name": n, "logicalType": k, "classification": "public"} for n, k in kinds]
        contract = contract_from_document({"apiVersion": "v3.1.0", "kind": "DataContract", "id": "t.t",
            "version": "1.0.0", "status": "active", "schema": [{"name": "t", "properties": columns}]})
        folder = Path(sys.argv[1])
        with (folder / "a.csv").open("w") as out:
            out.write("id,name\\n")
            for number in range(int(sys.argv[2])):
                out.write(f"{number},{number:040d}\\n")
        add_file(LocalStore(folder / "store"), folder / "a.csv", "a", contract, check=False)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
        """
    )
    peaks = []
    for count in (120_000, 1_200_000):
        folder = tmp_path / str(count)
        folder.mkdir()
        result = subprocess.run(
            [sys.executable, "-c", code, str(folder), str(count)], capture_output=True, text=True, check=True
        )
        peaks.append(int(result.stdout))
    assert peaks[1] - peaks[0] < 60_000, f"{peaks} KiB"
