"""Originals in the text of another column: found over the whole asset, and lawful texts are left alone."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from contract_builder import CLOUD, column, contract, crossing
from hypothesis import example, given
from hypothesis import strategies as st
from obligation_suite import KEY, MemoryCodes

from data_contracts.model import Contract
from data_contracts.obligations import apply, compile_proof, merge_proofs
from data_contracts.obligations.words import _plain_lowered
from data_contracts.policy import select_terms

NAMES = ["Wilhelmina Sentinel", "Bo", "a.meier@example.org", None, "P-2020/000.123"]
SECRET = {"classification": "restricted"}


def declared(
    name: str = "restricted", treatment: Any = "drop", note: dict[str, Any] | None = None
) -> Contract:
    return contract(
        column("name", "string", classification=name),
        note or column("note", "string"),
        crossings=[crossing({"name": treatment, "note": "keep"})],
    )


def failing(made: Contract, notes: list[Any], names: list[Any] | None = None, parts: int = 2) -> list[str]:
    terms = select_terms(made, CLOUD, "study")
    assert terms is not None
    held = (names or NAMES)[: len(notes)]
    kind = made.object.column("name")
    values = pa.array(held, pa.int64() if kind.logical_type == "integer" else pa.string())
    table = pa.table({"name": values, "note": pa.array(notes)})
    codes = MemoryCodes()
    output = apply(terms, made, table, pseudonym_key=KEY, codes=codes)
    proof = compile_proof(terms, made, key=bytes(32))
    size = -(-table.num_rows // parts)
    pairs = [(table.slice(at, size), output.slice(at, size)) for at in range(0, table.num_rows, size)]
    partials = [proof.partial(*pair, pseudonym_key=KEY, codes=codes) for pair in pairs]
    found = [rule.id for rule in proof.verdict(merge_proofs(reversed(partials))).failed]
    with tempfile.TemporaryDirectory() as folder:
        # The same where hashes outgrow memory, of one part or of all.
        aside = [
            proof.partial(*pair, pseudonym_key=KEY, codes=codes, spill_to=Path(folder)) for pair in pairs
        ]
        for mixed in (aside, [aside[0], *partials[1:]]):
            assert [rule.id for rule in proof.verdict(merge_proofs(mixed)).failed] == found
    return found


CALM = ["nothing", "Wilhelmina", "Sentinels of Wilhelmina", "mail", "P-2020"]


@pytest.mark.attack
@pytest.mark.parametrize(
    "note",
    [
        "Wilhelmina Sentinel",
        "seen by wilhelmina   SENTINEL, today",
        "(Wilhelmina-Sentinel)",
        "mail=A.Meier@example.org,",
        "id:P-2020/000.123;",
    ],
)
@pytest.mark.parametrize("treatment", ["drop", {"pseudonymise": {}}, {"code": {}}, {"mask": {}}])
def test_an_original_in_a_note_of_another_row_is_found(note: str, treatment: Any) -> None:
    assert failing(declared(treatment=treatment), CALM) == []
    assert failing(declared(treatment=treatment), [*CALM[:4], note]) == ["name.words"]
    assert failing(declared(treatment=treatment), [note, *CALM[1:]], parts=5) == ["name.words"]


@pytest.mark.attack
def test_numbers_and_texts_inside_of_objects_and_arrays_are_looked_at() -> None:
    number = contract(
        column("name", "integer", **SECRET),
        column("note", "string"),
        crossings=[crossing({"name": {"pseudonymise": {}}, "note": "keep"})],
    )
    assert failing(number, ["tel 12345678."], [12345678]) == ["name.words"]
    assert failing(number, ["tel 123456789"], [12345678]) == []
    inside = column("note", "array", items=column("x", "object", properties=[column("t", "string")]))
    cell = [[{"t": "of Wilhelmina Sentinel"}], [], None, [{"t": None}], []]
    assert failing(declared(note=inside), cell) == ["name.words"]


def test_short_originals_and_columns_that_are_not_sensitive_are_left_alone() -> None:
    assert failing(declared(), ["Bo was here", "x", "x", "x", "x"]) == []
    assert failing(declared(name="internal"), ["Wilhelmina Sentinel"] * 5) == []
    assert failing(
        declared(name="internal", treatment={"pseudonymise": {}}), ["Wilhelmina Sentinel"] * 5
    ) == ["name.words"]


def test_without_a_text_that_crosses_nothing_is_compared() -> None:
    made = contract(
        column("name", "string", **SECRET),
        column("note", "integer"),
        crossings=[crossing({"name": "drop", "note": "keep"})],
    )
    terms = select_terms(made, CLOUD, "study")
    assert terms is not None
    proof = compile_proof(terms, made, key=bytes(32))
    table = pa.table({"name": NAMES, "note": [1] * 5})
    partial = proof.partial(table, table.select(["note"]))
    assert partial.words.originals == {}
    assert "name.words" not in {rule.id for rule in proof.verdict(partial).rules}


@pytest.mark.attack
def test_an_original_of_a_row_that_stays_is_found_as_well() -> None:
    said = crossing({"name": "drop", "note": "keep"}) | {"rows": "note != 'stays'"}
    made = contract(column("name", "string", **SECRET), column("note", "string"), crossings=[said])
    notes = ["stays", "x", "Wilhelmina Sentinel", "x", "x"]
    assert failing(made, notes, parts=1) == ["name.words"]
    assert failing(made, ["stays", *CALM[1:]], parts=1) == []


texts = st.text(st.characters(max_codepoint=0x17F), max_size=6) | st.from_regex(
    r"[0-9A-Za-z]{0,9}", fullmatch=True
)


@given(st.lists(texts, max_size=12))
@example([chr(byte) for byte in range(128) if chr(byte).isalnum()])
@example(["Ab" * 40_000, "Cd" * 40_000])
@example(["x" * 70_000, "_"])
def test_texts_that_are_plainly_one_word_are_told_by_their_bytes(held: list[str]) -> None:
    """Neither more nor fewer than the letters and digits of ASCII; wherever the texts lie in their buffer."""
    for kind in (pa.string(), pa.large_string()):
        found = _plain_lowered(pa.array(["-before-", *held], kind).slice(1))
        one_word = all(char.isascii() and char.isalnum() for text in held for char in text)
        assert (None if found is None else found.to_pylist()) == (
            [text.lower() for text in held] if one_word else None
        )


def test_every_byte_is_a_letter_a_digit_or_neither() -> None:
    for byte in range(256):
        text = b"a" + bytes([byte])
        found = _plain_lowered(pa.array([text], pa.binary()))
        assert (None if found is None else found.to_pylist()) == ([text.lower()] if text.isalnum() else None)
