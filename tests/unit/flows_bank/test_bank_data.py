"""The bank's shipped data: real rows, untouched, attributed, small; and exactly the known defects in it."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

import flows.bank
from data_contracts.anonymity import declaration_of
from data_contracts.checks import check_csv, compile_plan
from data_contracts.labels import Classification
from data_contracts.registry import ContractRegistry

DATA = Path(flows.bank.__file__).parent / "data"
ROWS = {"clients.csv": 24000, "new_clients.csv": 6000}
SHIPPED = ContractRegistry.shipped()


def rows(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO((DATA / name).read_text("utf-8"))))


def test_the_data_is_small_and_its_split_is_by_id() -> None:
    assert sum((DATA / name).stat().st_size for name in ROWS) < 2_000_000
    old, new = ([int(row["ID"]) for row in rows(name)] for name in ROWS)
    assert (old, new) == (list(range(1, 24001)), list(range(24001, 30001)))
    assert "default_payment_next_month" not in rows("new_clients.csv")[0]


@pytest.mark.parametrize(
    ("file", "contract", "broken"),
    [
        ("clients.csv", "bank.credit-clients", {"EDUCATION.known": 255, "MARRIAGE.known": 41}),
        ("new_clients.csv", "bank.new-clients", {"EDUCATION.known": 90, "MARRIAGE.known": 13}),
    ],
)
def test_codes_that_nobody_explains_break_the_contract_and_nothing_else_does(
    file: str, contract: str, broken: dict[str, int]
) -> None:
    made = SHIPPED.get(contract)
    verdict = check_csv(compile_plan(made), made, DATA / file)
    assert {rule.id: rule.unexpected_count for rule in verdict.failed} == broken
    suite = {rule.id for rule in verdict.rules if rule.rule == "custom" and rule.success}
    assert {"suite.rows", "suite.ids", "suite.ages", "suite.limits"} <= suite


def test_the_suite_for_data_docs_is_the_contracts_own() -> None:
    suite = json.loads((DATA / "clients.suite.json").read_text("utf-8"))
    rules = [rule for rule in SHIPPED.get("bank.credit-clients").object.rules if rule.kind == "custom"]
    assert [(item["type"], item["kwargs"]) for item in suite["expectations"]] == [
        (rule.implementation["type"], dict(rule.implementation["kwargs"])) for rule in rules
    ]


def test_which_contracts_have_terms_and_for_what() -> None:
    bank = {made.id: made for made in SHIPPED.all() if made.id.startswith("bank.")}
    crossing = {name for name, made in bank.items() if made.terms is not None}
    assert crossing == {"bank.anonymous-new-clients", "bank.default-model"}
    terms = bank["bank.anonymous-new-clients"].terms
    assert terms is not None
    asked = terms.crossings[0].anonymity
    declared = declaration_of(bank["bank.anonymous-new-clients"])
    assert asked is not None
    assert asked.k == declared.requirement.k == 10
    assert set(asked.quasi_identifiers) == set(declared.requirement.quasi_identifiers)


@pytest.mark.parametrize("name", ["bank.credit-clients", "bank.new-clients"])
def test_raw_columns_are_restricted(name: str) -> None:
    assert {c.classification for c in SHIPPED.get(name).object.columns} == {Classification.RESTRICTED}


def test_both_anonymous_versions_have_one_shape() -> None:
    old, new = (declaration_of(SHIPPED.get(f"bank.anonymous-{name}")) for name in ("clients", "new-clients"))
    assert dict(old.hierarchies) == dict(new.hierarchies)
    shape = {
        name: [column.name for column in SHIPPED.get(f"bank.anonymous-{name}").object.columns]
        for name in ("clients", "new-clients")
    }
    assert shape["clients"] == [*shape["new-clients"], "default_payment_next_month"]
