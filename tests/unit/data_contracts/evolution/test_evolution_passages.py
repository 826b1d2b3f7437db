"""Which crossings become possible: exactly those that the gate would permit now and would not before."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from contract_builder import ANY, CLOUD, HOME, column, contract, crossing
from hypothesis import given, settings
from hypothesis import strategies as st

from data_contracts.destination import Destination, TransferRule
from data_contracts.evolution import Passage, compare, opened, passages
from data_contracts.labels import Classification
from data_contracts.model import Contract
from data_contracts.policy import CrossingRequest, decide, select_terms

EDGE = Destination("edge", "edge", "FR", Classification.INTERNAL, egress=ANY, ingress=ANY)
SIDES = [HOME, CLOUD, EDGE]
KEEP: dict[str, Any] = {"a": "keep", "b": "drop", "c": {"pseudonymise": {}}}
COLUMNS = column("a"), column("b", "string"), column("c", "string")
ANONYMOUS = {"k": 5, "quasiIdentifiers": ["a"], "sensitive": {"c": {"distinct": 2}}, "maxSuppressed": 0.1}


def terms(*entries: dict[str, Any], columns: tuple[dict[str, Any], ...] = COLUMNS) -> Contract:
    return contract(*columns, crossings=list(entries))


def entry(columns: dict[str, Any] = KEEP, **more: Any) -> dict[str, Any]:
    keys = {key: more.pop(key) for key in ("to", "purposes") if key in more}
    return {**crossing(columns, **keys), **more}


def news(old: Contract, new: Contract, sides: list[Destination] = SIDES) -> dict[str, str]:
    found = opened(passages([old], sides), passages([new], sides))
    return {item.passage.id: "; ".join(item.reasons) for item in found}


BASE = entry(rows="a > 1 and b = 'x'", anonymity=ANONYMOUS)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        (entry(KEEP, rows="a > 1 and b = 'x'", anonymity=ANONYMOUS), None),
        (
            {**BASE, "columns": {**KEEP, "a": "drop", "c": {"pseudonymise": {}}}, "anonymity": ...},
            "less anonymous",
        ),
        ({**BASE, "columns": {**KEEP, "b": "keep"}}, "column b, which did not cross"),
        ({**BASE, "columns": {**KEEP, "c": "keep"}}, "which crossed as"),
        ({**BASE, "rows": "a > 1"}, "rows that did not meet"),
        ({**BASE, "rows": ...}, "rows that did not meet"),
        ({**BASE, "rows": "a > 1 or b = 'x'"}, "rows that did not meet"),
        ({**BASE, "rows": "b = 'x' and a > 1 and c is null"}, None),
        ({**BASE, "rows": "b='x'   AND a  > 1"}, None),
        ({**BASE, "anonymity": ...}, "less anonymous"),
        ({**BASE, "anonymity": {**ANONYMOUS, "k": 4}}, "less anonymous"),
        ({**BASE, "anonymity": {**ANONYMOUS, "k": 6}}, None),
        ({**BASE, "anonymity": {**ANONYMOUS, "sensitive": {"c": {"distinct": 3}}}}, None),
        ({**BASE, "anonymity": {"k": 5, "quasiIdentifiers": ["a"]}}, "less anonymous"),
        ({**BASE, "anonymity": {"k": 5, "quasiIdentifiers": ["c"]}}, "less anonymous"),
        ({**BASE, "purposes": ["study", "ads"]}, "nothing could cross there"),
        ({**BASE, "to": {"kind": "cloud"}}, None),
        ({**BASE, "to": "edge"}, "nothing could cross there"),
        ({**BASE, "to": {"jurisdiction": "DE"}}, "from cloud|nothing could cross there"),
    ],
)
def test_only_what_is_more_than_before_is_new(changed: dict[str, Any], reason: str | None) -> None:
    said = {key: value for key, value in changed.items() if value is not ...}
    found = news(terms(BASE), terms(said))
    if reason is None:
        assert found == {}
    else:
        assert any(part in text for part in reason.split("|") for text in found.values()), found


def test_a_new_version_with_the_same_terms_opens_nothing() -> None:
    old = terms(BASE)
    assert news(old, contract(*COLUMNS, crossings=[BASE], version="2.0.0")) == {}


def test_lower_labels_and_wider_rules_open_a_crossing() -> None:
    secret = (column("a", classification="restricted"),)
    said = entry({"a": "keep"})
    assert news(terms(said, columns=secret), terms(said, columns=(column("a"),))) == {
        "test.t:cloud:study": "nothing could cross there for this purpose"
    }
    closed = replace(CLOUD, ingress=())
    before = passages([terms(BASE)], [HOME, closed])
    assert before == ()
    [item] = opened(before, passages([terms(BASE)], [HOME, CLOUD]))
    assert item.passage.sources == ("onprem",)


def test_another_source_is_new_as_well() -> None:
    only = replace(CLOUD, ingress=(TransferRule(("edge",), ("*",), ("*",)),))
    [item] = opened(passages([terms(BASE)], [HOME, only, EDGE]), passages([terms(BASE)], SIDES))
    assert item.reasons == ("from onprem",)


def test_a_destination_that_this_site_does_not_know_is_judged_by_the_terms_alone() -> None:
    found = compare(terms(BASE), terms(BASE, entry({"a": "keep"}, to="moon")), SIDES)
    assert [item.passage.id for item in found.opened] == ["test.t:moon:study"]
    found = compare(terms(BASE), terms(BASE, entry({"a": "keep"}, to={"jurisdiction": "CH"})), SIDES)
    assert [item.passage.id for item in found.opened] == ["test.t:(any jurisdiction=CH):study"]
    found = compare(terms(BASE), terms(BASE, entry({"a": "keep"}, purposes=("ads",))), [])
    assert [item.passage.id for item in found.opened] == ["test.t:cloud:ads"]


CELL = {"columns": ["a"], "least": 11}


@pytest.mark.parametrize(
    ("changed", "opens"),
    [(CELL, False), ({**CELL, "least": 12}, False), ({**CELL, "least": 10}, True), (None, True)],
)
def test_smaller_cells_are_new(changed: dict[str, Any] | None, opens: bool) -> None:
    old = entry(minimumCell=CELL)
    new = entry() if changed is None else entry(minimumCell=changed)
    assert bool(news(terms(old), terms(new))) is opens
    assert news(terms(entry()), terms(new)) == {}


def test_a_passage_survives_its_way_through_json() -> None:
    for passage in passages([terms(BASE)], SIDES):
        assert Passage.from_json(json.loads(json.dumps(passage.to_json()))) == passage


TREATMENTS = st.sampled_from(["keep", "drop", {"pseudonymise": {}}, None])
ENTRIES = st.lists(
    st.builds(
        lambda c, to, purpose: (c, to, purpose),
        st.tuples(TREATMENTS, TREATMENTS),
        st.sampled_from(["cloud", "edge", "onprem"]),
        st.sampled_from(["study", "ads"]),
    ),
    max_size=3,
    unique_by=lambda item: item[1:],
)


def built(entries: list[Any], levels: tuple[str, str]) -> Contract:
    made = []
    for treatments, to, purpose in entries:
        columns = {name: said for name, said in zip("bc", treatments, strict=True) if said is not None}
        made.append(crossing({"a": "keep", **columns}, to=to, purposes=(purpose,)))
    columns = [
        column(name, "string", classification=level)
        for name, level in zip("abc", ("public", *levels), strict=True)
    ]
    return contract(*columns, crossings=made or None)


LEVELS = st.tuples(*[st.sampled_from(["public", "internal", "confidential", "restricted"])] * 2)


@settings(max_examples=150, deadline=None)
@given(ENTRIES, ENTRIES, LEVELS, LEVELS)
def test_nothing_new_is_ever_missed(old: list[Any], new: list[Any], was: Any, now: Any) -> None:
    """By the gate's own decisions, column by column: what may cross now and might not before is listed."""
    before, after = built(old, was), built(new, now)
    told = {item.passage.id for item in opened(passages([before], SIDES), passages([after], SIDES))}
    for source in SIDES:
        for destination in SIDES:
            for purpose in ("study", "ads"):
                forms = [lawful(made, source, destination, purpose) for made in (before, after)]
                more = forms[1] - forms[0]
                assert not more or f"test.t:{destination.environment}:{purpose}" in told


def lawful(
    made: Contract, source: Destination, destination: Destination, purpose: str
) -> set[tuple[str, str]]:
    request = CrossingRequest(made, source, destination, purpose, made.labels)
    terms = select_terms(made, destination, purpose)
    if source == destination or terms is None or not decide(request).permitted:
        return set()
    return {(name, said.obligation) for name, said in terms.columns.items() if said.obligation != "drop"}
