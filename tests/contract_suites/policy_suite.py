"""What every policy engine is asked: default deny, as a property; totality; the same for the same facts.

A site's own engine passes this suite before it stands in `site.toml`: call each `check_…` with it, over
`REQUESTS` and `CHANGES`.

Each change below takes an attribute away or puts a worse one in its place (nothing, an unknown word, a lower
clearance, a higher label). For requests of any kind: what was denied stays denied, and from a permitted
request, an attribute that is gone altogether denies.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from contract_builder import ANY, CLOUD, HOME, column, contract, crossing
from hypothesis import strategies as st

from data_contracts.destination import Destination, OrganisationRule, TransferRule
from data_contracts.engine import SHIPPED_RULES, PolicyEngine
from data_contracts.labels import Classification, Labels
from data_contracts.policy import CrossingRequest, Decision

COLUMNS = (column("id", "string", classification="restricted"), column("a", classification="confidential"))
CONTRACTS = [
    contract(*COLUMNS, crossings=[crossing({"id": {"pseudonymise": {}}, "a": "keep"})]),
    contract(*COLUMNS, crossings=[crossing({"a": "keep"}, purposes=("study", "care"))]),
    contract(*COLUMNS, crossings=[crossing({"id": "keep"}, to={"kind": "cloud"})]),
    contract(*COLUMNS),
    None,
]
NAMES, PURPOSES = ("cloud", "onprem", "*"), ("study", "care", "*")
ASKERS = ("unattributed", "anna", "bob", "*", "")
WHO = st.lists(st.sampled_from(ASKERS[:4]), max_size=2).map(tuple) | st.just(ANY[0].requesters)
SOME = st.lists(
    st.builds(
        TransferRule,
        st.lists(st.sampled_from(NAMES), max_size=2).map(tuple),
        st.lists(st.sampled_from(PURPOSES), max_size=2).map(tuple),
        st.lists(st.sampled_from(["test.t", "*"]), max_size=1).map(tuple),
        WHO,
    ),
    max_size=2,
).map(tuple) | st.just(ANY)
LEVELS = st.sampled_from(list(Classification))
ORGANISATION = st.lists(
    st.builds(
        OrganisationRule,
        st.lists(st.sampled_from(NAMES), max_size=2).map(tuple),
        st.builds(replace, st.sampled_from(ANY), requesters=WHO),
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
    requester=st.sampled_from(ASKERS),
    attribution=st.sampled_from(["unsigned", "expired", ""]),
)


def _less(rules: tuple[TransferRule, ...]) -> tuple[TransferRule, ...]:
    return rules[1:]


def _for_fewer(rules: tuple[TransferRule, ...]) -> tuple[TransferRule, ...]:
    """Return lines that list one requester less; of nobody less than nobody."""
    return tuple(replace(rule, requesters=rule.requesters[:-1]) for rule in rules)


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
        lambda r: replace(r, source=_side(r.source, egress=_for_fewer(r.source.egress))),
        lambda r: replace(r, source=_side(r.source, environment="")),
    ],
    "destination": [
        lambda r: replace(r, destination=_side(r.destination, ingress=())),
        lambda r: replace(r, destination=_side(r.destination, ingress=_less(r.destination.ingress))),
        lambda r: replace(r, destination=_side(r.destination, ingress=_for_fewer(r.destination.ingress))),
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
        lambda r: replace(
            r,
            organisation=tuple(
                replace(one, transfer=_for_fewer((one.transfer,))[0]) for one in r.organisation
            ),
        ),
    ],
    "requester": [
        lambda r: replace(r, requester=""),
        # A signature that is left away, and a name that nobody lists and no line of these can name.
        lambda r: replace(r, requester="unattributed"),
        lambda r: replace(r, requester="mallory" if r.requester not in {"unattributed", "*", ""} else ""),
    ],
    "attribution": [lambda r: replace(r, attribution=""), lambda r: replace(r, attribution="verified")],
}
CHANGES = st.lists(st.sampled_from([c for changes in WORSE.values() for c in changes]), max_size=4)
GONE = st.sampled_from(["contract", "source", "destination", "purpose", "organisation", "requester"])
"""Attributes without which nothing is permitted: the first change of each takes it away altogether."""


def check_nothing_taken_away_permits(
    engine: PolicyEngine,
    request: CrossingRequest,
    changes: list[Callable[[CrossingRequest], CrossingRequest]],
) -> None:
    permitted = engine.decide(request).permitted
    for change in changes:
        request = change(request)
        now = engine.decide(request).permitted
        assert permitted or not now
        permitted = now


def check_without_it_nothing_is_permitted(engine: PolicyEngine, request: CrossingRequest, name: str) -> None:
    assert not engine.decide(WORSE[name][0](request)).permitted


def check_a_decision_names_its_rules(engine: PolicyEngine, request: CrossingRequest) -> None:
    decision = engine.decide(request)
    assert isinstance(decision, Decision)
    assert decision.rules
    assert decision.permitted == all(rule.effect == "permit" for rule in decision.rules)
    assert decision.digest == engine.decide(replace(request)).digest
    assert len({rule.id for rule in decision.rules}) == len(decision.rules)


def check_it_only_narrows(engine: PolicyEngine, request: CrossingRequest) -> None:
    decision, shipped = engine.decide(request), SHIPPED_RULES.decide(request)
    assert shipped.permitted or not decision.permitted
    if decision.permitted:
        assert (decision.obligations, decision.labels) == (shipped.obligations, shipped.labels)
