"""Whom a change breaks: readers where a promise is weaker, producers where it is stronger."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from contract_builder import CLOUD, HOME, column, contract, crossing, document
from hypothesis import given, settings
from hypothesis import strategies as st

from data_contracts.evolution import changes, compare
from data_contracts.loading import contract_from_document
from data_contracts.registry import ContractRegistry

BOTH = {"readers", "producers"}
BASE = document(
    column("a", options={"minimum": 0, "maximum": 9}, required=True),
    column("b", "string", options={"maxLength": 5, "pattern": "x"}),
    column("d", "date", options={"minimum": "2024-01-01"}),
    column("o", "object", properties=[column("i", options={"minimum": 1})]),
    quality=[
        {"name": "few", "metric": "rowCount", "mustBeLessThan": 10},
        {"name": "many", "metric": "rowCount", "mustBeGreaterThan": 1},
        {"name": "some", "metric": "rowCount", "mustBeBetween": [2, 8]},
        {"name": "odd", "metric": "rowCount", "mustNotBeBetween": [20, 30]},
    ],
    slaProperties=[
        {"property": "latency", "value": 2, "unit": "d"},
        {"property": "retention", "value": 1, "unit": "y"},
        {"property": "generalAvailability", "value": "2024-01-01"},
    ],
)
BASE["schema"][0]["properties"][1]["quality"] = [
    {"name": "listed", "metric": "invalidValues", "arguments": {"validValues": ["x", "y"]}, "mustBe": 0}
]


def edited(*edits: tuple[tuple[str | int, ...], Any]) -> dict[str, Any]:
    """The base with values set at places; `...` leaves one out."""
    made = copy.deepcopy(BASE)
    for path, value in edits:
        holder: Any = made
        for step in path[:-1]:
            holder = holder[step]
        if value is ...:
            del holder[path[-1]]
        elif isinstance(path[-1], int) and path[-1] == len(holder):
            holder.append(value)
        else:
            holder[path[-1]] = value
    return made


A, B, D, O = (("schema", 0, "properties", at) for at in range(4))  # noqa: E741 - as the columns are named
QUALITY = ("schema", 0, "quality")
LISTED = (*B, "quality", 0)


@pytest.mark.parametrize(
    ("path", "value", "breaks"),
    [
        ((*A, "logicalTypeOptions", "minimum"), 1, {"producers"}),
        ((*A, "logicalTypeOptions", "minimum"), -1, {"readers"}),
        ((*A, "logicalTypeOptions", "minimum"), ..., {"readers"}),
        ((*A, "logicalTypeOptions", "maximum"), 8, {"producers"}),
        ((*A, "logicalTypeOptions", "maximum"), 10, {"readers"}),
        ((*A, "logicalTypeOptions", "multipleOf"), 2, {"producers"}),
        ((*A, "required"), False, {"readers"}),
        ((*A, "unique"), True, {"producers"}),
        ((*A, "logicalType"), "number", BOTH),
        ((*A, "physicalType"), "bigint", BOTH),
        ((*A, "primaryKey"), True, BOTH),
        ((*A, "classification"), "public", set()),
        ((*A, "description"), "words", set()),
        (A, ..., BOTH),
        (("schema", 0, "properties", 4), column("new"), {"producers"}),
        ((*A, "name"), "renamed", BOTH),
        ((*B, "logicalTypeOptions", "maxLength"), 4, {"producers"}),
        ((*B, "logicalTypeOptions", "pattern"), "y", BOTH),
        ((*B, "logicalTypeOptions", "pattern"), ..., {"readers"}),
        ((*D, "logicalTypeOptions", "minimum"), "2024-01-02", {"producers"}),
        ((*D, "logicalTypeOptions", "minimum"), "2023-01-02", {"readers"}),
        ((*O, "properties", 0, "logicalTypeOptions", "minimum"), 2, {"producers"}),
        ((*O, "properties", 0, "name"), "j", BOTH),
        ((*QUALITY, 0, "mustBeLessThan"), 9, {"producers"}),
        ((*QUALITY, 0, "mustBeLessThan"), 11, {"readers"}),
        ((*QUALITY, 1, "mustBeGreaterThan"), 2, {"producers"}),
        ((*QUALITY, 1, "mustBeGreaterThan"), 0, {"readers"}),
        ((*QUALITY, 2, "mustBeBetween"), [3, 8], {"producers"}),
        ((*QUALITY, 2, "mustBeBetween"), [1, 9], {"readers"}),
        ((*QUALITY, 2, "mustBeBetween"), [3, 9], BOTH),
        ((*QUALITY, 3, "mustNotBeBetween"), [19, 31], {"producers"}),
        ((*QUALITY, 3, "mustNotBeBetween"), [21, 29], {"readers"}),
        ((*QUALITY, 0), ..., {"readers"}),
        ((*QUALITY, 4), {"name": "new", "metric": "rowCount", "mustBe": 5}, {"producers"}),
        ((*QUALITY, 0, "severity"), "warning", set()),
        ((*QUALITY, 0), {"name": "few", "metric": "rowCount", "mustBeLessOrEqualTo": 10}, BOTH),
        ((*LISTED, "arguments", "validValues"), ["x"], {"producers"}),
        ((*LISTED, "arguments", "validValues"), ["x", "y", "z"], {"readers"}),
        ((*LISTED, "arguments", "validValues"), ["x", "z"], BOTH),
        ((*LISTED, "arguments", "validValues"), ["y", "x"], set()),
        ((*LISTED, "unit"), "percent", BOTH),
        (("slaProperties", 0, "value"), 1, {"producers"}),
        (("slaProperties", 0, "value"), 3, {"readers"}),
        (("slaProperties", 0, "unit"), "hours", {"producers"}),
        (("slaProperties", 1, "value"), 2, {"producers"}),
        (("slaProperties", 1, "unit"), "days", {"readers"}),
        (("slaProperties", 2, "value"), "2025-01-01", BOTH),
        (("slaProperties", 0), ..., {"readers"}),
        (("id",), "test.other", BOTH),
        (("status",), "retired", set()),
        (("tenant",), "words", set()),
    ],
)
def test_one_change_breaks_those_it_should(path: tuple[str | int, ...], value: Any, breaks: set[str]) -> None:
    old, new = contract_from_document(BASE), contract_from_document(edited((path, value)))
    found = changes(old, new)
    assert {kind for change in found for kind in change.breaks} == breaks, found
    assert bool(found) or not breaks


def test_a_contract_beside_itself_has_no_changes() -> None:
    for made in (*ContractRegistry.shipped().all(), contract_from_document(BASE)):
        assert changes(made, made) == ()


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_forth_and_back_break_the_two_sides_in_turn(data: st.DataObject) -> None:
    """What is tighter one way is looser the other; what breaks both does so both ways."""
    bound = st.integers(-5, 5)
    old, new = (
        contract(
            column("a", options={"minimum": data.draw(bound)}, required=data.draw(st.booleans())),
            quality=[{"name": "r", "metric": "rowCount", "mustBeLessThan": data.draw(bound)}],
        )
        for _ in range(2)
    )
    turned = {"readers": "producers", "producers": "readers"}
    forth = {(item.path, frozenset(item.breaks)) for item in changes(old, new)}
    back = {(item.path, frozenset(turned[kind] for kind in item.breaks)) for item in changes(new, old)}
    assert forth == back


@pytest.mark.parametrize(
    ("edits", "version", "needs", "suffices"),
    [
        ((), "1.0.0", "none", True),
        (((("tenant",), "x"),), "1.0.0", "patch", False),
        (((("tenant",), "x"),), "1.0.1", "patch", True),
        ((((*A, "classification"), "public"),), "1.0.1", "minor", False),
        ((((*A, "classification"), "public"),), "1.1.0", "minor", True),
        ((((*A, "required"), False),), "1.9.0", "major", False),
        ((((*A, "required"), False),), "2.0.0", "major", True),
        ((((*A, "required"), False),), "0.9.0", "major", False),
    ],
)
def test_the_version_follows_from_the_change(
    edits: tuple[Any, ...], version: str, needs: str, suffices: bool
) -> None:
    new = edited(*edits, *(() if version == "1.0.0" else ((("version",), version),)))
    found = compare(contract_from_document(BASE), contract_from_document(new), [HOME, CLOUD])
    wanted = "patch" if version != "1.0.0" and not edits else needs
    assert (found.needs, found.version_suffices) == (wanted, suffices)


def test_what_changes_at_the_destination_is_told_for_each_crossing() -> None:
    columns = column("a"), column("b", classification="confidential")
    old = contract(*columns, crossings=[crossing({"a": "keep", "b": {"generalise": {"bands": [0, 5]}}})])
    new = contract(*columns, crossings=[crossing({"a": "keep", "b": {"generalise": {"bands": [0, 9]}}})])
    found = compare(old, new, [HOME, CLOUD])
    assert found.changes == ()
    [(name, made)] = found.arrivals
    assert name == "test.t:cloud:study"
    assert [change.path for change in made] == ["t.b.b.bands"]
    assert found.broken == ("test.t:cloud:study",)
    assert found.breaking


def test_a_crossing_that_ends_breaks_its_destination() -> None:
    old = contract(column("a"), crossings=[crossing({"a": "keep"})])
    found = compare(old, contract(column("a")), [HOME, CLOUD])
    assert (found.closed, found.opened, found.broken) == (
        ("test.t:cloud:study",),
        (),
        ("test.t:cloud:study",),
    )
