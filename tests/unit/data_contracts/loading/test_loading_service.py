"""SLA, servers, roles, team, support; acknowledged rules; our namespace everywhere; the rules' fields."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from contract_builder import column, contract, crossing, document

from data_contracts.checks import check_tables, compile_plan
from data_contracts.digest import canonical
from data_contracts.errors import DeclarationError, Problem
from data_contracts.evolution.linting import lint
from data_contracts.loading import contract_from_document, load_contract
from data_contracts.loading.reader import lint_source
from data_contracts.model import Contract
from data_contracts.yamlsource import parse_yaml

EXAMPLES = Path(__file__).parents[1] / "odcs_examples"
POSTGRES = {"server": "s", "type": "postgres", "host": "h", "port": 1, "database": "d", "schema": "s"}
LOCAL = {"server": "s", "type": "local", "path": "./x.csv", "format": "csv"}
SQL = {"type": "sql", "query": "select count(*) from t", "mustBe": 0, "name": "q"}


def read(told: dict[str, Any]) -> tuple[Contract | None, tuple[Problem, ...]]:
    return lint_source(parse_yaml(canonical(told), file="f"), Path())


def test_the_full_example_is_read_whole() -> None:
    made = load_contract(EXAMPLES / "full-example.odcs.yaml")
    latency = made.sla[0]
    assert (latency.property, latency.value, latency.unit) == ("latency", 4, "d")
    assert latency.elements == ("tab1.txn_ref_dt",)
    assert made.servers[0].type == "postgres"
    assert made.servers[0].settings["port"] == 5432
    assert {member.username for member in made.team} >= {"ceastwood", "mhopper"}
    assert made.roles[0].approvers == ("Reporting Manager", "mandolorian")
    assert made.support
    [key] = [item for item in made.objects[0].foreign_keys if item.id == "schema.foreignKey"]
    assert key.to_columns == ("id", "country_code")


def test_both_shapes_of_a_team() -> None:
    member = {"username": "u", "role": "owner", "dateIn": "2024-01-01"}
    for team in ([member], {"name": "x", "members": [member]}):
        made = contract_from_document(document(column("a"), team=team))
        assert [(m.username, m.role, m.since) for m in made.team] == [("u", "owner", "2024-01-01")]


@pytest.mark.parametrize(
    ("item", "message", "severity"),
    [
        ({"property": "latency", "value": 1, "unit": "d"}, "names no element", "warning"),
        ({"property": "latency", "value": 1, "unit": "Days", "element": "t.a"}, None, ""),
        ({"property": "latency", "value": 1}, "no length of time", "warning"),
        ({"property": "retention", "value": "long", "unit": "y"}, "no length of time", "warning"),
        ({"property": "freshness", "value": 1, "unit": "moons"}, "no length of time", "warning"),
        ({"property": "retention", "value": -1, "unit": "y"}, "negative", "error"),
        ({"property": "latency", "value": 1, "unit": "d", "element": "t.a"}, None, ""),
        ({"property": "latency", "value": 1, "unit": "d", "element": "t.z"}, "t.z is nothing", "warning"),
        ({"property": "anything", "value": "x"}, None, ""),
    ],
)
def test_agreements_that_nobody_could_read(item: dict[str, Any], message: str | None, severity: str) -> None:
    _, found = read(document(column("a"), slaProperties=[item]))
    told = [problem for problem in found if problem.path.startswith("slaProperties")]
    if message is None:
        assert told == []
    else:
        assert [problem.severity for problem in told if message in problem.message] == [severity]


def test_a_contract_without_terms_is_told_in_a_note() -> None:
    _, found = read(document(column("a")))
    assert [problem.severity for problem in found] == ["note"]
    _, found = read(document(column("a"), crossings=[crossing({"a": "keep"})]))
    assert found == ()


def test_every_field_of_a_rule_is_read() -> None:
    item = {
        "metric": "nullValues",
        "mustBeBetween": [0, 5],
        "unit": "percent",
        "dimension": "completeness",
        "severity": "Warning",
        "description": "words",
    }
    [rule] = contract(column("a", quality=[item])).object.columns[0].rules
    assert (rule.dimension, rule.severity, rule.description) == ("completeness", "warning", "words")
    assert (rule.operator, rule.bound, rule.unit) == ("mustBeBetween", [0, 5], "percent")
    _, found = read(document(column("a", quality=[{**item, "severity": "dire"}])))
    assert [problem.severity for problem in found if "severity" in problem.path] == ["warning"]


@pytest.mark.parametrize(
    ("servers", "own", "dialect"),
    [
        ([], None, "duckdb"),
        ([LOCAL], None, "duckdb"),
        ([POSTGRES], None, "postgres"),
        ([LOCAL, {**POSTGRES, "server": "p"}], None, "postgres"),
        ([POSTGRES], "duckdb", "duckdb"),
        ([], "snowflake", "snowflake"),
    ],
)
def test_whose_sql_a_query_is(servers: list[Any], own: str | None, dialect: str) -> None:
    item = dict(SQL)
    if own is not None:
        item["customProperties"] = [{"property": "isthmusDialect", "value": own}]
    told = document(column("a"), quality=[item], **({"servers": servers} if servers else {}))
    made, found = read(told)
    assert made is not None
    [rule] = made.object.rules
    assert (rule.dialect, rule.query) == (dialect, "select count(*) from t")
    elsewhere = [p for p in found if "only that server runs" in p.message]
    assert bool(elsewhere) == (dialect != "duckdb")


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ({**SQL, "query": "  "}, "an empty query"),
        ({**SQL, "mustBe": "x"}, "a number is compared"),
        ({"type": "sql", "query": "q", "mustBeBetween": [2, 1]}, "the greater number"),
        ({"type": "sql", "query": "q"}, "exactly one of mustBe"),
        ({"type": "custom", "engine": "gx"}, "implementation is missing"),
    ],
)
def test_rules_of_other_kinds_are_read_strictly(item: dict[str, Any], message: str) -> None:
    with pytest.raises(DeclarationError, match=message):
        contract(column("a"), quality=[item])


PLACES: dict[str, Any] = {
    "servers": [{**LOCAL, "customProperties": ...}],
    "roles": [{"role": "r", "customProperties": ...}],
    "team": {"members": [{"username": "u", "customProperties": ...}]},
    "support": [{"channel": "c", "customProperties": ...}],
}


def filled(value: Any, own: list[Any]) -> Any:
    if value is ...:
        return own
    if isinstance(value, dict):
        return {key: filled(inner, own) for key, inner in value.items()}
    return [filled(inner, own) for inner in value] if isinstance(value, list) else value


@pytest.mark.parametrize("place", PLACES)
def test_our_namespace_is_closed_everywhere(place: str) -> None:
    told = document(
        column("a"), **{place: filled(PLACES[place], [{"property": "isthmusMissing", "value": 1}])}
    )
    with pytest.raises(DeclarationError, match="unknown property isthmusMissing"):
        contract_from_document(told)
    contract_from_document(
        document(column("a"), **{place: filled(PLACES[place], [{"property": "o", "value": 1}])})
    )


def test_our_namespace_is_closed_in_rules_and_keys() -> None:
    own = [{"property": "isthmusDialekt", "value": "duckdb"}]
    with pytest.raises(DeclarationError, match="unknown property isthmusDialekt"):
        contract(column("a"), quality=[{**SQL, "customProperties": own}])
    with pytest.raises(DeclarationError, match="unknown property isthmusDialekt"):
        contract(column("a", relationships=[{"to": "o.x", "customProperties": own}]))
    rule = {
        "metric": "nullValues",
        "mustBe": 0,
        "customProperties": [{"property": "isthmusDialect", "value": "x"}],
    }
    with pytest.raises(DeclarationError, match="a dialect of a rule without a query"):
        contract(column("a", quality=[rule]))


ENTRY = {"rule": "prose", "by": "A. Owner", "date": "2026-01-02", "reason": "read by hand each month"}


def acknowledged(*entries: dict[str, Any], **more: Any) -> dict[str, Any]:
    own = [{"property": "isthmusAcknowledged", "value": list(entries)}]
    quality = [{"type": "text", "name": "prose", "description": "d"}]
    return document(column("a", options={"minimum": 0}), quality=quality, customProperties=own, **more)


def test_an_acknowledged_rule_is_marked_and_told_as_a_note(tmp_path: Path) -> None:
    made = contract_from_document(acknowledged(ENTRY))
    [rule] = made.object.rules
    assert rule.acknowledged == dt.date(2026, 1, 2)
    entry = made.acknowledgement("prose")
    assert entry is not None
    assert entry.by == "A. Owner"
    assert made.acknowledgement("a.minimum") is None
    path = tmp_path / "c.odcs.yaml"
    path.write_bytes(canonical(acknowledged(ENTRY)))
    _, found = lint(path)
    told = [problem for problem in found if "prose" in problem.message]
    assert [problem.severity for problem in told] == ["note"]
    assert "acknowledged by A. Owner" in told[0].message


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ([{**ENTRY, "rule": "nobody"}], "no rule nobody"),
        ([ENTRY, ENTRY], "a second time"),
        ([{**ENTRY, "date": "2026-02-30"}], "not a day"),
        ([{**ENTRY, "date": "yesterday"}], "not in the form"),
        ([{**ENTRY, "by": ""}], "minLength"),
        ([{key: value for key, value in ENTRY.items() if key != "reason"}], "reason is missing"),
        ([{**ENTRY, "until": "2027-01-01"}], "unknown key"),
        ([], "minItems"),
    ],
)
def test_an_acknowledgement_names_a_rule_once_with_all_that_it_takes(
    entries: list[Any], message: str
) -> None:
    with pytest.raises(DeclarationError, match=message):
        contract_from_document(acknowledged(*entries))


def test_acknowledging_what_is_evaluated_is_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "c.odcs.yaml"
    path.write_bytes(canonical(acknowledged({**ENTRY, "rule": "a.minimum"})))
    _, found = lint(path)
    [told] = [problem for problem in found if "a.minimum" in problem.message]
    assert (told.severity, "it is evaluated" in told.message) == ("warning", True)


def test_lint_names_what_the_engine_itself_refuses(tmp_path: Path) -> None:
    path = tmp_path / "c.odcs.yaml"
    told = document(column("a", "string", options={"pattern": "(?=x)x"}), column("b", "string"))
    path.write_bytes(canonical(told))
    made, found = lint(path)
    assert made is not None
    [warning] = [problem for problem in found if problem.severity == "warning"]
    assert "rule a.pattern will fail as not_evaluated" in warning.message
    assert warning.path == "schema.0.properties.0"


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.name)
def test_every_rule_of_the_official_examples_is_evaluated_or_named(path: Path) -> None:
    """What `compile_plan` refuses is exactly what lint warns of."""
    made, found = lint(path)
    assert made is not None
    assert not [problem for problem in found if problem.severity == "error"]
    warned = " ".join(problem.message for problem in found if problem.severity == "warning")
    for item in made.objects:
        for rule in compile_plan(made, side=item.name).rules:
            if rule.refused is not None:
                assert f"rule {rule.id} " in warned, rule.id


def test_a_service_level_that_cannot_be_judged_is_named_and_can_be_acknowledged(tmp_path: Path) -> None:
    level = {"property": "freshness", "value": 1, "unit": "d", "element": "t.a"}
    entry = {**ENTRY, "rule": "a.freshness"}
    path = tmp_path / "c.odcs.yaml"
    path.write_bytes(canonical(document(column("a"), slaProperties=[level])))
    _, found = lint(path)
    assert ["a.freshness" in p.message for p in found if p.severity == "warning"] == [True]
    path.write_bytes(canonical(acknowledged(ENTRY, entry, slaProperties=[level])))
    made, found = lint(path)
    assert made is not None
    assert [p.severity for p in found if "a.freshness" in p.message] == ["note"]


def test_what_types_and_options_promise_can_be_acknowledged_too() -> None:
    own = [{"property": "isthmusAcknowledged", "value": [{**ENTRY, "rule": "a.pattern"}]}]
    made = contract(column("a", "string", options={"pattern": "(?=x)x"}), customProperties=own)
    verdict = check_tables(compile_plan(made), [pa.table({"a": ["x"]})])
    [rule] = [rule for rule in verdict.rules if rule.id == "a.pattern"]
    assert (rule.success, str(rule.reason)) == (True, "acknowledged")
