"""The decision is total: default deny, every rule named, and the same for the same facts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from contract_builder import ANY, CLOUD, HOME, column, contract, crossing

from data_contracts.destination import Destination, TransferRule
from data_contracts.labels import Classification, Labels, join
from data_contracts.policy import CrossingRequest, Decision, decide, named_purposes, select_terms
from data_contracts.terms import Selector

MADE = contract(
    column("id", "string", classification="restricted"),
    column("a", classification="confidential"),
    crossings=[crossing({"id": {"pseudonymise": {}}, "a": "keep"})],
)


def decided(**changes: Any) -> Decision:
    facts: dict[str, Any] = {
        "contract": MADE,
        "source": HOME,
        "destination": CLOUD,
        "purpose": "study",
        "labels": MADE.labels,
    }
    return decide(CrossingRequest(**{**facts, **changes}))


def denials(**changes: Any) -> list[str]:
    decision = decided(**changes)
    assert decision.permitted == (not decision.denials)
    return [rule.id for rule in decision.denials]


def test_permitted_with_obligations_and_lowered_labels() -> None:
    decision = decided()
    assert decision.outcome == "permit-with-obligations"
    assert decision.obligations == (("id", "pseudonymise"),)
    assert decision.labels.classification is Classification.CONFIDENTIAL
    assert {rule.id for rule in decision.rules} == {
        "contract",
        "terms",
        "destination",
        "purpose",
        "clearance",
        "source-egress",
        "destination-ingress",
        "organisation",
        "requester",
    }


def test_permitted_as_it_is() -> None:
    made = contract(column("a"), crossings=[crossing({"a": "keep"})])
    assert decided(contract=made, labels=made.labels).outcome == "permit"


def test_each_thing_that_is_absent_denies_by_its_own_name() -> None:
    assert denials(contract=None) == ["no-contract"]
    assert denials(contract=contract(column("a"))) == ["no-terms"]
    assert denials(destination=replace(CLOUD, environment="other")) == ["destination"]
    assert denials(purpose="marketing") == ["purpose"]
    assert denials(destination=replace(CLOUD, clearance=Classification.PUBLIC)) == ["clearance"]
    assert denials(source=replace(HOME, egress=())) == ["source-egress"]
    assert denials(destination=replace(CLOUD, ingress=())) == ["destination-ingress"]
    assert denials(organisation=()) == ["organisation"]


def test_one_denial_hides_no_other() -> None:
    low = replace(CLOUD, clearance=Classification.INTERNAL, ingress=())
    assert denials(destination=low, source=replace(HOME, egress=())) == [
        "clearance",
        "source-egress",
        "destination-ingress",
    ]


@pytest.mark.parametrize("level", Classification)
def test_clearance_is_the_highest_column_that_arrives(level: Classification) -> None:
    assert ("clearance" in denials(destination=replace(CLOUD, clearance=level))) == (level < 2)


def test_what_the_store_recorded_beyond_the_contract_sticks() -> None:
    """A contract that calls an inherited secret harmless does not lower it."""
    made = contract(column("a"), crossings=[crossing({"a": "keep"})])
    inherited = Labels(Classification.RESTRICTED, frozenset({"health"}))
    assert denials(contract=made, labels=inherited) == ["clearance"]
    decision = decided(contract=made, labels=Labels(Classification.CONFIDENTIAL, frozenset({"health"})))
    assert decision.labels == Labels(Classification.CONFIDENTIAL, frozenset({"health"}))


@pytest.mark.parametrize(
    ("rule", "permits"),
    [
        (TransferRule(("cloud",), ("study",), ("test.t",)), True),
        (TransferRule(("*",), ("study",), ("*",)), True),
        (TransferRule((), ("*",), ("*",)), False),
        (TransferRule(("*",), (), ("*",)), False),
        (TransferRule(("*",), ("*",), ()), False),
        (TransferRule(("edge",), ("*",), ("*",)), False),
        (TransferRule(("*",), ("*",), ("test",)), False),
    ],
)
def test_allow_lists_name_all_three(rule: TransferRule, permits: bool) -> None:
    assert (denials(source=replace(HOME, egress=(rule,))) == []) == permits


def test_the_more_specific_declaration_applies() -> None:
    made = contract(
        column("a"),
        column("b"),
        crossings=[
            crossing({"a": "keep", "b": "keep"}, to={"kind": "cloud"}),
            crossing({"a": "keep"}, to="cloud"),
            crossing({"b": "keep"}, to={"kind": "cloud", "jurisdiction": "US"}),
        ],
    )

    def columns(environment: str, jurisdiction: str) -> list[str]:
        there = Destination(environment, "cloud", jurisdiction, Classification.RESTRICTED)
        terms = select_terms(made, there, "study")
        return [] if terms is None else sorted(terms.columns)

    assert columns("cloud", "DE") == ["a"]
    assert columns("other", "DE") == ["a", "b"]
    assert columns("other", "US") == ["b"]
    assert select_terms(made, Destination("x", "edge", "DE", Classification.RESTRICTED), "study") is None


def test_a_selector_without_a_condition_matches_nothing() -> None:
    assert not Selector().matches(CLOUD)
    assert Selector(kind="cloud").matches(CLOUD)
    assert not Selector(kind="cloud", jurisdiction="US").matches(CLOUD)


def test_the_same_facts_give_the_same_digest_and_another_decision_another() -> None:
    assert decided().digest == decided().digest
    assert decided().digest != decided(purpose="marketing").digest


def test_labels_join_upwards_and_of_nothing_is_the_highest() -> None:
    low, high = (
        Labels(Classification.PUBLIC, frozenset({"a"})),
        Labels(Classification.CONFIDENTIAL, frozenset({"b"})),
    )
    assert join(low, high) == Labels(Classification.CONFIDENTIAL, frozenset({"a", "b"}))
    assert join().classification is Classification.RESTRICTED
    assert Labels.from_json(high.to_json()) == high
    assert ANY[0].matches("x", "y", "z")


def test_the_vocabulary_of_purposes_is_what_terms_and_sides_name_and_permits_nothing() -> None:
    rule = TransferRule(("*",), ("survey", "*"), ("*",))
    side = replace(HOME, egress=(rule,), ingress=())
    assert named_purposes([MADE, contract(column("a"))], [side]) == {"study", "survey"}
    assert denials(source=side, purpose="survey") == ["purpose"]
