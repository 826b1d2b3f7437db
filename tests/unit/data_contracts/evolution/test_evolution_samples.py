"""Samples that pass and fail as they say, and the lies that they notice."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml
from contract_builder import column, contract, document

from data_contracts.checks import check_tables, compile_plan
from data_contracts.errors import DeclarationError, UsageError
from data_contracts.evolution import SampleReport, mutations, read_samples, table_of, try_samples
from data_contracts.loading import contract_from_document
from data_contracts.model import Contract
from data_contracts.verdict import Verdict
from data_contracts.yamlsource import parse_yaml

CONTRACT = contract(
    column("id", unique=True, required=True),
    column("age", options={"minimum": 0, "maximum": 120}),
    column(
        "ward",
        "string",
        quality=[
            {
                "name": "ward.known",
                "metric": "invalidValues",
                "arguments": {"validValues": ["north", "south"]},
                "mustBe": 0,
            }
        ],
    ),
)
SAMPLES: dict[str, Any] = {
    "contract": "test.t",
    "pass": [
        {
            "name": "two",
            "rows": [
                {"id": 1, "age": 0, "ward": "north"},
                {"id": 2, "age": 120, "ward": "south"},
                {"id": 3},
            ],
        }
    ],
    "fail": [
        {"name": "old", "like": "two", "change": [{"row": 0, "age": 121}], "rules": ["age.maximum"]},
        {"name": "young", "like": "two", "change": [{"row": 0, "age": -1}], "rules": ["age.minimum"]},
        {"name": "twice", "like": "two", "change": [{"row": 0, "id": 2}], "rules": ["id.unique"]},
        {"name": "no id", "like": "two", "change": [{"row": 0, "id": None}], "rules": ["id.required"]},
        {"name": "west", "like": "two", "change": [{"row": 1, "ward": "west"}], "rules": ["ward.known"]},
        {"name": "no wards", "like": "two", "absent": ["ward"], "rules": ["ward.type", "ward.known"]},
        {
            "name": "two wests",
            "like": "west",
            "change": [{"row": 0, "ward": "west"}],
            "rules": ["ward.known"],
        },
    ],
}


def judge(made: Contract, table: pa.Table) -> Verdict:
    return check_tables(compile_plan(made), [table])


def tried(samples: dict[str, Any], made: Contract = CONTRACT, **more: Any) -> SampleReport:
    source = parse_yaml(yaml.safe_dump(samples).encode(), file="t.samples.yaml")
    return try_samples(made, read_samples(source), judge, **more)


def without(name: str) -> dict[str, Any]:
    made = copy.deepcopy(SAMPLES)
    made["fail"] = [item for item in made["fail"] if item["name"] != name]
    return made


def test_good_samples_notice_every_lie() -> None:
    report = tried(SAMPLES)
    assert report.success, report.to_json()
    assert (len(report.results), report.untested) == (8, ())
    assert report.mutations >= 12


@pytest.mark.parametrize(
    ("gone", "survivor"),
    [
        ("old", "age.maximum: 120 is 121"),
        ("young", "age.minimum: left out"),
        ("twice", "id.unique: left out"),
        ("no id", "id.required: left out"),
    ],
)
def test_a_rule_without_a_failing_sample_is_told(gone: str, survivor: str) -> None:
    report = tried(without(gone))
    assert survivor in report.survivors
    assert not report.success


def test_a_bound_that_is_only_broken_from_afar_is_told() -> None:
    samples = copy.deepcopy(SAMPLES)
    samples["fail"][0]["change"] = [{"row": 0, "age": 500}]
    assert tried(samples).survivors == ("age.maximum: 120 is 121",)


def test_an_accepted_survivor_is_no_failure_and_a_stale_one_is() -> None:
    samples = without("young")
    names = tried(samples).survivors
    samples["accepted"] = [{"mutation": name, "reason": "nobody is younger"} for name in names]
    report = tried(samples)
    assert (report.success, report.accepted) == (True, names)
    samples["accepted"].append({"mutation": "age.maximum: 120 is 121", "reason": "wrong"})
    report = tried(samples)
    assert (report.success, report.stale) == (False, ("age.maximum: 120 is 121",))


def test_samples_that_are_wrong_say_which_rules() -> None:
    samples = copy.deepcopy(SAMPLES)
    samples["fail"][0]["rules"] = ["age.minimum"]
    samples["pass"][0]["rows"][0]["ward"] = "west"
    report = tried(samples)
    by_name = {result.name: result for result in report.results}
    assert by_name["two"].unexpected == ("ward.known",)
    assert by_name["old"].missing == ("age.minimum",)
    assert set(by_name["old"].unexpected) == {"age.maximum", "ward.known"}
    assert (report.mutations, report.success) == (0, False)


def test_what_nothing_evaluates_is_told_and_is_no_reason() -> None:
    told = document(column("a"), quality=[{"name": "prose", "type": "text", "description": "d"}])
    samples = {"contract": "test.t", "pass": [{"name": "one", "rows": [{"a": 1}]}]}
    report = tried(samples, contract_from_document(told))
    assert (report.success, report.untested) == (True, ("prose",))


def test_another_contracts_samples_are_refused() -> None:
    with pytest.raises(UsageError, match="the samples are of"):
        tried({**SAMPLES, "contract": "other.t"})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pass": []}, "minItems"),
        ({"unknown": 1}, "unknown key"),
        ({"pass": [{"name": "x"}]}, "not exactly one of the forms"),
        ({"pass": [{"name": "x", "rows": [], "like": "y"}]}, "not exactly one of the forms"),
        ({"pass": [{"name": "x", "like": "nothing"}]}, "no sample of this name above"),
        ({"pass": [*SAMPLES["pass"], {"name": "two", "rows": []}]}, "a second sample"),
        (
            {"fail": [{"name": "x", "like": "two", "change": [{"row": 9, "age": 1}], "rules": ["r"]}]},
            "no such row",
        ),
        ({"fail": [{"name": "x", "rows": [{}]}]}, "rules is missing"),
    ],
)
def test_a_file_that_is_no_samples_file_says_where(change: dict[str, Any], message: str) -> None:
    with pytest.raises(DeclarationError, match=message):
        tried({**SAMPLES, **change})


def test_cells_become_the_contracts_types_or_break_its_types() -> None:
    item = contract(
        column("n", "number"),
        column("d", "date"),
        column("t", "timestamp"),
        column("o", "object", properties=[column("i")]),
        column("l", "array", items={"logicalType": "string", "classification": "internal"}),
        column("m", "number", physicalType="decimal(5,2)"),
    ).object
    row = {"n": 1, "d": "2024-01-01", "t": "2024-01-01T00:00:00", "o": {"i": 1}, "l": ["x"], "m": 1.25}
    table = table_of([row, {}], item)
    assert [str(kind) for kind in table.schema.types] == [
        "double",
        "date32[day]",
        "timestamp[us]",
        "struct<i: int64>",
        "list<item: string>",
        "decimal128(5, 2)",
    ]
    wrong = table_of([{"n": "text", "d": 5, "l": [1], "o": {"j": 1}, "extra": True}], item)
    verdict = judge(contract_with(item), wrong)
    failed = {rule.id for rule in verdict.failed}
    assert failed >= {"n.type", "d.type", "l.type", "o.type", "schema.columns"}


def contract_with(item: Any) -> Contract:
    told = document(
        *(column(c.name, c.logical_type) for c in item.columns if c.logical_type not in {"object", "array"}),
        column("o", "object", properties=[column("i")]),
        column("l", "array", items={"logicalType": "string", "classification": "internal"}),
    )
    return contract_from_document(told)


def test_mutations_are_stable_and_change_one_rule_each() -> None:
    names = [mutation.id for mutation in mutations(CONTRACT)]
    assert names == [mutation.id for mutation in mutations(CONTRACT)]
    assert len(set(names)) == len(names)
    for mutation in mutations(CONTRACT):
        assert mutation.contract.digest != CONTRACT.digest


def test_the_examples_own_samples(tmp_path: Path) -> None:
    from flows.cli.contract_test import samples_beside
    from flows.cli.init import write_site

    write_site(tmp_path / "site")
    path = tmp_path / "site" / "data_contracts" / "clinic.readings.odcs.yaml"
    assert samples_beside(path).is_file()
