"""Foreign keys in both notations, positions of keys, nested columns and their paths."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from contract_builder import column, contract, document

from data_contracts.digest import canonical
from data_contracts.errors import DeclarationError, Problem
from data_contracts.loading import contract_from_document
from data_contracts.loading.reader import lint_source
from data_contracts.model import Contract, Relationship
from data_contracts.yamlsource import parse_yaml

TWO = document(column("id", "integer", id="id_prop"), column("code", "string"))
TWO["schema"][0] |= {"name": "orders", "id": "orders_obj"}
TWO["schema"].append(
    {
        "name": "customers",
        "id": "customers_obj",
        "properties": [
            column("id", "integer", id="cid_prop"),
            column("code", "string", id="ccode_prop"),
            column("home", "object", id="home_prop", properties=[column("zip", "string", id="zip_prop")]),
        ],
    }
)


def read(told: dict[str, Any]) -> tuple[Contract | None, tuple[Problem, ...]]:
    return lint_source(parse_yaml(canonical(told), file="f"), Path())


def with_key(key: dict[str, Any], *, at: int | None = 0) -> dict[str, Any]:
    made = copy.deepcopy(TWO)
    holder = made["schema"][0] if at is None else made["schema"][0]["properties"][at]
    holder["relationships"] = [key]
    return made


@pytest.mark.parametrize(
    ("to", "columns", "file"),
    [
        ("customers.id", ("id",), None),
        ("schema/customers_obj/properties/cid_prop", ("id",), None),
        ("/schema/customers_obj/properties/cid_prop", ("id",), None),
        (["customers.id"], ("id",), None),
        ("others.id", ("id",), None),
        ("other.yaml#schema/others/properties/x", ("x",), "other.yaml"),
        (
            "https://example.org/other.yaml#/schema/others/properties/x",
            ("x",),
            "https://example.org/other.yaml",
        ),
    ],
)
def test_a_columns_own_key(to: Any, columns: tuple[str, ...], file: str | None) -> None:
    made = contract_from_document(with_key({"to": to}))
    [key] = made.objects[0].columns[0].relationships
    name = "others" if "others" in str(to) else "customers"
    assert key == Relationship("id.foreignKey", ("id",), name, columns, file)
    assert made.objects[0].foreign_keys == (key,)


def test_a_key_of_several_columns_and_into_a_nested_one() -> None:
    pairs = {"from": ["orders.id", "orders.code"], "to": ["customers.id", "customers.code"]}
    [key] = contract_from_document(with_key(pairs, at=None)).objects[0].relationships
    assert (key.id, key.columns, key.to_columns) == ("schema.foreignKey", ("id", "code"), ("id", "code"))
    nested = {"to": "schema/customers_obj/properties/home_prop/properties/zip_prop"}
    [key] = contract_from_document(with_key(nested, at=1)).objects[0].columns[1].relationships
    assert key.to_columns == ("home.zip",)


@pytest.mark.parametrize(
    ("key", "at", "message"),
    [
        ({"to": "customers.name"}, 0, "has no column name"),
        ({"to": "schema/nobody/properties/x"}, 0, "no object has the id nobody"),
        ({"to": "schema/customers_obj/properties/x"}, 0, "no property there has the id x"),
        ({"to": "schema/customers_obj"}, 0, "to no column"),
        ({"to": "team/customers_obj/members/x"}, 0, "to no column"),
        ({"to": "customers.code"}, 0, "integer leads to string"),
        ({"to": ["customers.id", "customers.code"]}, 0, "1 columns lead to 2"),
        ({"from": ["orders.id"], "to": ["customers.id", "customers.code"]}, None, "1 columns lead to 2"),
        ({"from": "customers.id", "to": "customers.id"}, None, "a column of another object"),
        ({"from": ["orders.id", "orders.code"], "to": ["customers.id", "others.x"]}, None, "several objects"),
        ({"from": "orders.id", "to": ["customers.id"]}, None, "not exactly one"),
        ({"from": "orders.id", "to": "customers.id"}, 0, "go together|unknown key|not exactly|breaks not"),
        ({"to": "not a reference"}, 0, "not exactly one"),
        ({"to": "customers.id", "type": "soulmate"}, 0, "not one of the values"),
    ],
)
def test_a_key_that_leads_nowhere_is_an_error(key: dict[str, Any], at: int | None, message: str) -> None:
    with pytest.raises(DeclarationError, match=message):
        contract_from_document(with_key(key, at=at))


def test_a_key_out_of_the_contract_is_a_warning_since_it_needs_rows() -> None:
    made, found = read(with_key({"to": "others.id"}))
    assert made is not None
    [warning] = [problem for problem in found if "foreignKey" in problem.message]
    assert (warning.severity, warning.path) == ("warning", "schema.0.properties.0.relationships.0")
    _, found = read(with_key({"to": "customers.id"}))
    assert not [problem for problem in found if "foreignKey" in problem.message]


def test_positions_of_keys() -> None:
    made = contract(
        column("a", primaryKey=True, primaryKeyPosition=2, partitioned=True, partitionKeyPosition=1),
        column("b", primaryKey=True, primaryKeyPosition=1),
        column("c", partitioned=True, partitionKeyPosition=2),
        column("d", primaryKey=False, primaryKeyPosition=-1),
    ).object
    assert (made.primary_key, made.partition_key) == (("b", "a"), ("a", "c"))
    for word in ("primaryKey", "partitionKey"):
        flag = "primaryKey" if word == "primaryKey" else "partitioned"
        twice = [column(name, **{flag: True, f"{word}Position": 1}) for name in "ab"]
        with pytest.raises(DeclarationError, match="a second column at position 1"):
            contract(*twice)


def test_rules_inside_of_columns_have_paths() -> None:
    rule = {"metric": "nullValues", "mustBe": 0}
    inner = column("street", "string", quality=[rule])
    items = {"logicalType": "object", "classification": "internal", "properties": [{**inner, "name": "s"}]}
    made = contract(
        column("address", "object", properties=[inner]),
        column(
            "tags", "array", items={"logicalType": "string", "classification": "internal", "quality": [rule]}
        ),
        column("list", "array", items=items),
    ).object
    address, tags, listed = made.columns
    assert address.children[0].rules[0].id == "address.street.nullValues"
    assert address.children[0].rules[0].column == "address.street"
    assert tags.children[0].rules[0].column == "tags[]"
    assert listed.children[0].children[0].rules[0].column == "list[].s"


def test_nested_columns_are_as_strict_as_others() -> None:
    inner = column("i")
    for wrong, message in (
        ({**inner, "requierd": True}, "unknown key"),
        ({**inner, "customProperties": [{"property": "isthmusBoundary", "value": 1}]}, "unknown property"),
        ({**inner, "logicalTypeOptions": {"minimum": 2, "maximum": 1}}, "no value is both"),
    ):
        with pytest.raises(DeclarationError, match=message):
            contract(column("o", "object", properties=[wrong]))
        with pytest.raises(DeclarationError, match=message):
            contract(column("l", "array", items={**wrong, "name": "x"}))
    with pytest.raises(DeclarationError, match="second column"):
        contract(column("o", "object", properties=[inner, inner]))
    with pytest.raises(DeclarationError, match="of a column that is integer"):
        contract(column("o", "integer", properties=[inner]))


def test_two_rules_of_one_name_anywhere_in_an_object_are_refused() -> None:
    rule = {"metric": "nullValues", "mustBe": 0, "name": "mine"}
    with pytest.raises(DeclarationError, match="a second rule mine"):
        contract(
            column("a", quality=[rule]),
            column("o", "object", properties=[column("i", quality=[rule])]),
        )


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("integer", {"minimum": 5, "maximum": 4}, "no value is both"),
        ("integer", {"minimum": 5, "exclusiveMaximum": 5}, "no value is both"),
        ("number", {"exclusiveMinimum": 5, "maximum": 5}, "no value is both"),
        ("integer", {"minimum": 5, "maximum": 5}, None),
        ("date", {"minimum": "2024-01-02", "maximum": "2024-01-01"}, "no value is both"),
        ("time", {"minimum": "10:00", "maximum": "09:00"}, "no value is both"),
        ("string", {"minLength": 5, "maxLength": 4}, "greater than maxLength"),
        ("array", {"minItems": 5, "maxItems": 4}, "greater than maxItems"),
        ("object", {"minProperties": 5, "maxProperties": 4}, "greater than maxProperties"),
        ("integer", {"multipleOf": 0}, "greater than zero|breaks"),
        ("string", {"pattern": "x" * 2000}, "a pattern of 2000 characters"),
    ],
)
def test_options_that_nothing_can_keep_are_refused(
    kind: str, options: dict[str, Any], message: str | None
) -> None:
    if message is None:
        contract(column("a", kind, options=options))
        return
    with pytest.raises(DeclarationError, match=message):
        contract(column("a", kind, options=options))
