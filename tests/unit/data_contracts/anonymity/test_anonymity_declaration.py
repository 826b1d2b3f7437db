"""The declaration in a contract: everything wrong with it told at once; labels lowered by it alone."""

from __future__ import annotations

from typing import Any

import pytest
from contract_builder import column, contract, crossing, document

from data_contracts.anonymity import Bands, Diversity, Star, declaration_of, declassify
from data_contracts.anonymity.declassifying import one_step
from data_contracts.errors import DeclarationError, DefectError, DeniedError, UsageError
from data_contracts.labels import Classification, Labels
from data_contracts.loading import contract_from_document
from data_contracts.model import Contract
from data_contracts.verdict import Reason, RuleResult


def quasi(name: str, **more: Any) -> dict[str, Any]:
    own = [{"property": "isthmusCategories", "value": ["quasi-identifier"]}]
    return column(name, "string", customProperties=own, **more)


VALUE: dict[str, Any] = {
    "version": 1,
    "madeFrom": ["test.t"],
    "k": 5,
    "maxSuppressed": 0.1,
    "quasiIdentifiers": {
        "age": {"bands": [[0, 18, 65], [0, 65]], "least": 1},
        "sex": {},
        "zip": {"prefix": [3, 2]},
        "born": {"dates": ["year"]},
        "school": {"table": "p;low;*\ns;low;*\n"},
    },
    "sensitive": {"ill": {"distinct": 2, "entropy": 1.5}},
}
COLUMNS = (*map(quasi, VALUE["quasiIdentifiers"]), column("ill", "string"))


def anonymous(value: dict[str, Any], *columns: dict[str, Any]) -> Contract:
    made = document(*(columns or COLUMNS), id="test.anonymous")
    made["customProperties"] = [{"property": "isthmusAnonymity", "value": value}]
    return contract_from_document(made)


def test_a_declaration_is_read_whole() -> None:
    found = declaration_of(anonymous(VALUE))
    assert found.made_from == ("test.t",)
    assert (found.requirement.k, found.max_suppressed) == (5, 0.1)
    assert found.requirement.quasi_identifiers == tuple(sorted(VALUE["quasiIdentifiers"]))
    assert found.requirement.sensitive == {"ill": Diversity(2, 1.5)}
    assert found.hierarchies["age"] == Bands(((0, 18, 65), (0, 65)))
    assert found.hierarchies["sex"] == Star()
    assert [found.hierarchies[name].levels for name in found.hierarchies] == [4, 3, 3, 2, 4]
    assert found.least == {"age": 1, "sex": 0, "zip": 0, "born": 0, "school": 0}


def test_a_contract_without_one_says_so() -> None:
    with pytest.raises(UsageError, match="does not say how"):
        declaration_of(contract(column("a")))


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"k": 1}, "minimum"),
        ({"maxSuppressed": 1.5}, "maximum"),
        ({"extra": 1}, "unknown key"),
        ({"quasiIdentifiers": {}}, "minProperties"),
        ({"quasiIdentifiers": VALUE["quasiIdentifiers"] | {"gone": {}}}, "no such column"),
        ({"quasiIdentifiers": {"age": {}}}, "called a quasi-identifier"),
        ({"quasiIdentifiers": VALUE["quasiIdentifiers"] | {"age": {"bands": [[0, 5], [3]]}}}, "cuts a band"),
        ({"quasiIdentifiers": VALUE["quasiIdentifiers"] | {"sex": {"least": 2}}}, "beyond the last level"),
        (
            {"quasiIdentifiers": VALUE["quasiIdentifiers"] | {"zip": {"prefix": [2], "table": "a\n"}}},
            "more than one hierarchy",
        ),
        ({"quasiIdentifiers": VALUE["quasiIdentifiers"] | {"zip": {"table": '"a'}}}, "no CSV"),
        ({"sensitive": {"gone": {"distinct": 2}}}, "no such column"),
        ({"sensitive": {"age": {"distinct": 2}}}, "quasi-identifier and sensitive"),
        ({"sensitive": {"ill": {"distinct": 0}}}, "minimum"),
    ],
)
def test_what_is_wrong_is_told(change: dict[str, Any], word: str) -> None:
    with pytest.raises(DeclarationError, match=word):
        anonymous(VALUE | change)


def test_a_direct_identifier_is_in_no_anonymous_version() -> None:
    own = [{"property": "isthmusCategories", "value": ["direct-identifier"]}]
    with pytest.raises(DeclarationError, match="direct identifier"):
        anonymous(VALUE, *COLUMNS, column("name", "string", customProperties=own))


def test_a_generalised_column_is_text() -> None:
    value = {key: said for key, said in VALUE.items() if key != "sensitive"}
    with pytest.raises(DeclarationError, match="generalised column is text"):
        anonymous({**value, "quasiIdentifiers": {"age": {}}}, column("age", "integer"))


def test_a_source_that_does_not_fit_is_told_column_by_column() -> None:
    declared = declaration_of(anonymous(VALUE))
    source = contract(column("age", "string"), column("sex", "string"), column("zip", "integer"))
    found = " ".join(declared.complaints_about(source))
    for part in ("no column born", "no column school", "no column ill", "age: ", "zip: "):
        assert part in found
    other = contract(column("age"), id="test.other")
    assert "test.other is not among" in declared.complaints_about(other)[0]


@pytest.mark.parametrize(
    ("columns", "anonymity", "word"),
    [
        ({"age": "keep", "zip": "keep"}, ["age"], "quasi-identifier arrives uncounted: zip"),
        ({"age": "keep", "zip": "drop", "id": {"pseudonymise": {}}}, ["age"], "direct-identifier arrives"),
        ({"age": "keep", "zip": "drop"}, ["age"], ""),
    ],
)
def test_terms_that_ask_for_anonymity_count_every_identifier(
    columns: dict[str, Any], anonymity: list[str], word: str
) -> None:
    own = [{"property": "isthmusCategories", "value": ["direct-identifier"]}]
    terms = {**crossing(columns), "anonymity": {"k": 5, "quasiIdentifiers": anonymity}}

    def load() -> Contract:
        held = (quasi("age"), quasi("zip"), column("id", "string", customProperties=own))
        return contract(*held, crossings=[terms])

    if not word:
        assert load().terms is not None
        return
    with pytest.raises(DeclarationError, match=word):
        load()


SECRET = Labels(Classification.RESTRICTED, frozenset({"financial", "direct-identifier"}))
SOURCE = contract(
    column(
        "id",
        "string",
        classification="restricted",
        customProperties=[{"property": "isthmusCategories", "value": ["direct-identifier", "financial"]}],
    )
)


def passed(*ids: str, success: bool = True) -> tuple[RuleResult, ...]:
    reason = None if success else Reason.UNEXPECTED_VALUES
    return tuple(RuleResult(name, None, "k", success, 9, 0, 0, reason) for name in ids)


RIGHT = passed("anonymity.k", "anonymity.suppressed", "ill.diversity")


def test_labels_go_one_step_down_and_categories_stay() -> None:
    found = declassify(SECRET, SOURCE, anonymous(VALUE), RIGHT)
    assert found.after == Labels(Classification.CONFIDENTIAL, frozenset({"financial"}))
    assert found.before == SECRET
    assert found.to_json()["rules"] == ["anonymity.k", "anonymity.suppressed", "ill.diversity"]


@pytest.mark.parametrize(
    ("level", "after"),
    [
        ("restricted", "confidential"),
        ("confidential", "internal"),
        ("internal", "internal"),
        ("public", "public"),
    ],
)
def test_one_step_never_below_internal(level: str, after: str) -> None:
    assert one_step(Labels(Classification.parse(level))).classification.word == after


def test_what_was_inherited_sticks() -> None:
    public = contract(column("a", classification="internal"))
    held = Labels(Classification.RESTRICTED, frozenset({"health"}))
    assert declassify(held, public, anonymous(VALUE), RIGHT).after == held


@pytest.mark.parametrize(
    "results",
    [
        (),
        RIGHT[:2],
        (*RIGHT[:2], *passed("ill.diversity", success=False)),
        (*RIGHT, *passed("other")),
        passed("anonymity.k", "anonymity.suppressed", "other.diversity"),
    ],
)
def test_without_the_whole_verdict_nothing_is_lowered(results: tuple[RuleResult, ...]) -> None:
    with pytest.raises(DefectError):
        declassify(SECRET, SOURCE, anonymous(VALUE), results)


def test_a_source_that_the_declaration_does_not_name_is_not_lowered() -> None:
    with pytest.raises(DeniedError):
        declassify(SECRET, contract(column("a"), id="test.other"), anonymous(VALUE), RIGHT)
