"""Every engine that decides crossings passes one suite: the shipped rules, and a site's own beside them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import pytest
from contract_builder import CLOUD, HOME, column, contract, crossing
from hypothesis import given
from policy_suite import (
    CHANGES,
    GONE,
    REQUESTS,
    WORSE,
    check_a_decision_names_its_rules,
    check_it_only_narrows,
    check_nothing_taken_away_permits,
    check_without_it_nothing_is_permitted,
)

from data_contracts.destination import ANYBODY, TransferRule
from data_contracts.engine import SHIPPED_RULES, Narrowing, PolicyEngine
from data_contracts.policy import CrossingRequest, Decision, DecisionRule, decide


class NoCare:
    """A site's own engine: nothing is for care, whoever asks."""

    def decide(self, request: CrossingRequest) -> Decision:
        if request.purpose == "care":
            return Decision("deny", (DecisionRule("no-care", "deny", "not for care"),))
        return Decision("permit", (DecisionRule("no-care", "permit", "not for care"),))


class Silent:
    """An engine that permits everything, and names no rule for it."""

    def decide(self, request: CrossingRequest) -> Decision:
        return Decision("permit", (), labels=request.labels)


ENGINES = [SHIPPED_RULES, Narrowing(NoCare()), Narrowing(Silent())]
engines = pytest.mark.parametrize("engine", ENGINES, ids=["shipped", "narrowed", "silent"])
MADE = contract(column("a"), crossings=[crossing({"a": "keep"})])


def test_every_attribute_of_a_request_is_made_worse() -> None:
    assert set(WORSE) == {each.name for each in fields(CrossingRequest)}


@engines
@given(request_=REQUESTS, changes=CHANGES)
def test_nothing_that_is_taken_away_turns_deny_into_permit(
    engine: PolicyEngine,
    request_: CrossingRequest,
    changes: list[Callable[[CrossingRequest], CrossingRequest]],
) -> None:
    check_nothing_taken_away_permits(engine, request_, changes)


@engines
@given(request_=REQUESTS, name=GONE)
def test_without_an_attribute_nothing_is_permitted(
    engine: PolicyEngine, request_: CrossingRequest, name: str
) -> None:
    check_without_it_nothing_is_permitted(engine, request_, name)


@engines
@given(request_=REQUESTS)
def test_a_permit_is_one_of_every_rule_and_the_digest_is_of_all_of_them(
    engine: PolicyEngine, request_: CrossingRequest
) -> None:
    check_a_decision_names_its_rules(engine, request_)
    check_it_only_narrows(engine, request_)


def asked(requester: str, *, source: Any = ANYBODY, destination: Any = ANYBODY) -> list[str]:
    """Return what denies, for lines that list these requesters."""
    line = TransferRule(("*",), ("*",), ("*",))
    request = CrossingRequest(
        MADE,
        replace(HOME, egress=(replace(line, requesters=source),)),
        replace(CLOUD, ingress=(replace(line, requesters=destination),)),
        "study",
        MADE.labels,
        requester=requester,
    )
    return [rule.id for rule in decide(request).denials]


@pytest.mark.parametrize(
    ("listed", "anna", "nobody"),
    [
        (ANYBODY, [], []),
        (("unattributed",), [], []),
        (("*",), [], ["requester"]),
        (("anna",), [], ["requester"]),
        (("bob",), ["requester"], ["requester"]),
        ((), ["requester"], ["requester"]),
    ],
    ids=str,
)
def test_both_sides_list_who_may_ask(listed: tuple[str, ...], anna: list[str], nobody: list[str]) -> None:
    for side in ("source", "destination"):
        assert asked("anna", **{side: listed}) == anna
        assert asked("unattributed", **{side: listed}) == nobody
        assert asked("", **{side: listed}) == asked("*", **{side: listed}) == ["requester"]


def test_a_line_for_another_way_lends_its_requesters_to_none() -> None:
    """Anna is listed for care, and asks for study: the line that matches must be the line that lists her."""
    lines = (
        TransferRule(("*",), ("care",), ("*",), ("anna",)),
        TransferRule(("*",), ("study",), ("*",), ("bob",)),
    )
    request = CrossingRequest(
        MADE, replace(HOME, egress=lines), CLOUD, "study", MADE.labels, requester="anna"
    )
    assert [rule.id for rule in decide(request).denials] == ["requester"]
    assert decide(replace(request, requester="bob")).permitted


def test_the_reason_says_why_it_is_nobodys() -> None:
    line = TransferRule(("*",), ("*",), ("*",), ("*",))
    request = CrossingRequest(
        MADE, replace(HOME, egress=(line,)), CLOUD, "study", MADE.labels, attribution="expired"
    )
    [denial] = decide(request).denials
    assert "unattributed (expired)" in denial.reason
    assert "onprem's egress rule" in denial.reason
