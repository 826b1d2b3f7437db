"""Default deny, as a property: what is taken away from a request, or put in its place, opens nothing.

Each change below takes an attribute away or puts a worse one in its place (nothing, an unknown word, a lower
clearance, a higher label). For requests of any kind: what was denied stays denied, and from a permitted
request, an attribute that is gone altogether denies.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace

from contract_builder import ANY, CLOUD, HOME, column, contract, crossing
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.destination import Destination, OrganisationRule, TransferRule
from data_contracts.labels import Classification, Labels
from data_contracts.policy import CrossingRequest, decide

COLUMNS = (column("id", "string", classification="restricted"), column("a", classification="confidential"))
CONTRACTS = [
    contract(*COLUMNS, crossings=[crossing({"id": {"pseudonymise": {}}, "a": "keep"})]),
    contract(*COLUMNS, crossings=[crossing({"a": "keep"}, purposes=("study", "care"))]),
    contract(*COLUMNS, crossings=[crossing({"id": "keep"}, to={"kind": "cloud"})]),
    contract(*COLUMNS),
    None,
]
NAMES, PURPOSES = ("cloud", "onprem", "*"), ("study", "care", "*")
SOME = st.lists(
    st.builds(
        TransferRule,
        st.lists(st.sampled_from(NAMES), max_size=2).map(tuple),
        st.lists(st.sampled_from(PURPOSES), max_size=2).map(tuple),
        st.lists(st.sampled_from(["test.t", "*"]), max_size=1).map(tuple),
    ),
    max_size=2,
).map(tuple) | st.just(ANY)
LEVELS = st.sampled_from(list(Classification))
ORGANISATION = st.lists(
    st.builds(
        OrganisationRule, st.lists(st.sampled_from(NAMES), max_size=2).map(tuple), st.sampled_from(ANY)
    ),
    max_size=2,
).map(tuple)
REQUESTS = st.builds(
    CrossingRequest,
    contract=st.sampled_from(CONTRACTS),
    source=st.builds(replace, st.just(HOME), egress=SOME),
    destination=st.builds(replace, st.just(CLOUD), ingress=SOME, clearance=LEVELS),
    purpose=st.sampled_from(["study", "care", "marketing"]),
    labels=st.builds(Labels, LEVELS),
    organisation=ORGANISATION,
)


def _less(rules: tuple[TransferRule, ...]) -> tuple[TransferRule, ...]:
    return rules[1:]


def _higher(level: Classification, by: int) -> Classification:
    return Classification(min(max(level + by, Classification.PUBLIC), Classification.RESTRICTED))


def _side(side: Destination, **changes: object) -> Destination:
    return replace(side, **changes)  # type: ignore[arg-type]


WORSE: dict[str, list[Callable[[CrossingRequest], CrossingRequest]]] = {
    "contract": [
        lambda r: replace(r, contract=None),
        lambda r: replace(r, contract=None if r.contract is None else replace(r.contract, terms=None)),
        lambda r: replace(r, contract=None if r.contract is None else replace(r.contract, id="test.other")),
    ],
    "source": [
        lambda r: replace(r, source=_side(r.source, egress=())),
        lambda r: replace(r, source=_side(r.source, egress=_less(r.source.egress))),
        lambda r: replace(r, source=_side(r.source, environment="")),
    ],
    "destination": [
        lambda r: replace(r, destination=_side(r.destination, ingress=())),
        lambda r: replace(r, destination=_side(r.destination, ingress=_less(r.destination.ingress))),
        lambda r: replace(r, destination=_side(r.destination, environment="", kind="")),
        lambda r: replace(r, destination=_side(r.destination, environment="elsewhere", kind="unknown")),
        lambda r: replace(
            r, destination=_side(r.destination, clearance=_higher(r.destination.clearance, by=-1))
        ),
    ],
    "purpose": [lambda r: replace(r, purpose=""), lambda r: replace(r, purpose="unheard-of")],
    "labels": [
        lambda r: replace(r, labels=Labels(_higher(r.labels.classification, by=1), r.labels.categories)),
        lambda r: replace(r, labels=Labels(Classification.RESTRICTED)),
    ],
    "organisation": [
        lambda r: replace(r, organisation=()),
        lambda r: replace(r, organisation=r.organisation[1:]),
    ],
}


def test_every_attribute_of_a_request_is_made_worse() -> None:
    assert set(WORSE) == {each.name for each in fields(CrossingRequest)}


@given(REQUESTS, st.lists(st.sampled_from([c for changes in WORSE.values() for c in changes]), max_size=4))
def test_nothing_that_is_taken_away_turns_deny_into_permit(
    request: CrossingRequest, changes: list[Callable[[CrossingRequest], CrossingRequest]]
) -> None:
    permitted = decide(request).permitted
    for change in changes:
        request = change(request)
        now = decide(request).permitted
        assert permitted or not now
        permitted = now


@given(REQUESTS, st.sampled_from(["contract", "source", "destination", "purpose", "organisation"]))
def test_without_an_attribute_nothing_is_permitted(request: CrossingRequest, name: str) -> None:
    assert not decide(WORSE[name][0](request)).permitted


@given(REQUESTS)
def test_a_permit_is_one_of_every_rule_and_the_digest_is_of_all_of_them(request: CrossingRequest) -> None:
    decision = decide(request)
    assert decision.permitted == all(rule.effect == "permit" for rule in decision.rules)
    assert decision.digest == decide(replace(request)).digest
    assert len({rule.id for rule in decision.rules}) == len(decision.rules)
