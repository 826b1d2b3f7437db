"""The shipped contracts against the shipped data: exactly the known defects, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from contract_builder import CLOUD

from data_contracts.arrow import arrow_schema
from data_contracts.checks import check_csv, check_tables, compile_plan
from data_contracts.labels import Classification
from data_contracts.obligations import apply, compile_proof, merge_proofs
from data_contracts.parsing import parse_table
from data_contracts.policy import select_terms
from data_contracts.projection import project
from data_contracts.registry import ContractRegistry
from data_contracts.textfile import read_csv

DATA = Path(__file__).parents[3] / "flows" / "hospital" / "data"
SHIPPED = ContractRegistry.shipped()
KEY = bytes(range(32))


@pytest.fixture(scope="module")
def tests() -> pa.Table:
    parsed = [
        parse_table(SHIPPED.get("hospital.covid-tests"), part) for part in read_csv(DATA / "onprem_tests.csv")
    ]
    assert all(not part.unreadable for part in parsed)
    return pa.concat_tables([part.table for part in parsed])


def test_the_catalog() -> None:
    assert tuple(name for name in SHIPPED.ids() if name.startswith("hospital.")) == (
        "hospital.clinic-tests",
        "hospital.covid-tests",
        "hospital.positivity-summary",
        "hospital.result-model",
        "hospital.test-scores",
    )
    crossing = {
        made.id for made in SHIPPED.all() if made.terms is not None and made.id.startswith("hospital.")
    }
    assert crossing == {"hospital.covid-tests", "hospital.positivity-summary", "hospital.result-model"}


def test_on_prem_breaks_exactly_two_rules() -> None:
    made = SHIPPED.get("hospital.covid-tests")
    verdict = check_csv(compile_plan(made), made, DATA / "onprem_tests.csv")
    assert verdict.rows == 14_280
    assert [(rule.id, rule.unexpected_count) for rule in verdict.failed] == [
        ("age.maximum", 3),
        ("rec_ver_tat.minimum", 1),
    ]
    assert [rule.id for rule in verdict.rules if rule.rule == "custom" and rule.success] == [
        "subject_id.distinct"
    ]


def test_the_clinic_breaks_exactly_one_rule() -> None:
    made = SHIPPED.get("hospital.clinic-tests")
    verdict = check_csv(compile_plan(made), made, DATA / "clinic_tests.csv")
    assert verdict.rows == 1_244
    assert [(rule.id, rule.unexpected_count) for rule in verdict.failed] == [("age.maximum", 2)]


def test_only_the_contracts_tokens_became_null(tests: pa.Table) -> None:
    missing = {name: tests[name].null_count for name in tests.column_names if tests[name].null_count}
    text = pa.concat_tables(list(read_csv(DATA / "onprem_tests.csv")))
    tokens = {"fake_first_name": "nan", "ct_result": "NA", "payor_group": "NA", "patient_class": "NA"}
    assert missing == {name: pc.sum(pc.equal(text[name], token)).as_py() for name, token in tokens.items()}


def test_the_repaired_version_crosses_in_its_lawful_form(tests: pa.Table) -> None:
    made = SHIPPED.get("hospital.covid-tests")
    broken = compile_plan(made).violations(tests)
    assert pc.sum(broken).as_py() == 4
    repaired = tests.filter(pc.invert(broken))
    terms = select_terms(made, CLOUD, "model-training")
    assert terms is not None
    output = apply(terms, made, repaired, pseudonym_key=KEY)
    arrival = project(made, CLOUD, "model-training")
    assert output.schema.equals(arrow_schema(arrival))
    assert not {"fake_first_name", "fake_last_name"} & set(output.column_names)
    assert set(output["age"].to_pylist()) == {"[0,18)", "[18,40)", "[40,65)", "[65,90)", "[90,)"}
    assert len(set(output["subject_id"].to_pylist())) == len(set(repaired["subject_id"].to_pylist()))
    verdict = check_tables(compile_plan(arrival), [output])
    assert (verdict.success, verdict.rows) == (True, 14_276)
    assert not compile_plan(arrival).whole_asset_rules, "the cloud's check needs no Great Expectations"
    proof = compile_proof(terms, made, key=KEY)
    assert proof.verdict(merge_proofs([proof.partial(repaired, output, pseudonym_key=KEY)])).success
    assert arrival.labels.classification is Classification.CONFIDENTIAL


def test_the_models_inputs_are_what_training_uses() -> None:
    features = pytest.importorskip("tasks.training.features")
    made = SHIPPED.get("hospital.result-model")
    assert set(made.inputs.names) == set(features.FEATURES)
    assert made.outputs.names == ("probability",)
    known = next(rule for rule in made.inputs.column("age").rules)
    assert set(features.band_names()) < set(known.arguments["validValues"])


def test_a_small_cell_breaks_the_summary() -> None:
    made = SHIPPED.get("hospital.positivity-summary")
    table = pa.table({"clinic_name": ["a", "b"], "tests": [11, 10], "mean_probability": [0.1, 0.2]})
    assert [rule.id for rule in check_tables(compile_plan(made), [table]).failed] == ["tests.minimum"]
