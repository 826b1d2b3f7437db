"""The check of an output believes nobody: each way to be less anonymous than promised is counted."""

from __future__ import annotations

import itertools
import pickle
from collections import Counter, defaultdict
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from contract_builder import CLOUD, column, contract, crossing
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.anonymity import (
    AnonymityPartial,
    Diversity,
    Requirement,
    merge_anonymity,
    verify_anonymity,
)
from data_contracts.errors import DefectError
from data_contracts.obligations import apply, compile_proof, merge_proofs
from data_contracts.policy import select_terms
from data_contracts.verdict import Reason, RuleResult

KEY = bytes(range(32))
ROW = st.tuples(
    st.none() | st.sampled_from(["", "*", "a", "b", "1:a"]),
    st.none() | st.sampled_from([0.0, -0.0, 1.0, float("nan")]),
    st.none() | st.sampled_from(["x", "y", "z"]),
)


def judged(
    parts: list[pa.Table], asked: Requirement, share: float = 1.0, source: int | None = None
) -> dict[str, RuleResult]:
    check = verify_anonymity(asked, key=KEY, max_suppressed=share)
    partials = [check.partial(part) for part in parts]
    if source is not None:
        partials.append(check.partial(parts[0].slice(0, 0), source_rows=source))
    return {result.id: result for result in check.verdict(merge_anonymity(partials))}


def table(rows: list[tuple[Any, ...]]) -> pa.Table:
    frame = pl.DataFrame(
        rows, schema={"p": pl.String, "q": pl.Float64, "s": pl.String}, orient="row", strict=False
    )
    return frame.to_arrow()


def _same(value: Any) -> Any:
    return "nan" if value != value else value  # noqa: PLR0124 - NaN is one value here


@given(st.lists(ROW, max_size=25), st.integers(1, 4), st.integers(1, 3), st.lists(st.integers(0, 25)))
def test_it_counts_what_brute_force_counts(
    rows: list[tuple[Any, ...]], k: int, least: int, cuts: list[int]
) -> None:
    whole = table(rows)
    edges = [0, *sorted(min(cut, len(rows)) for cut in cuts), len(rows)]
    parts = [whole.slice(a, b - a) for a, b in itertools.pairwise(edges)]
    asked = Requirement(k, ("p", "q"), {"s": Diversity(distinct=least)})
    found = judged(parts, asked)
    sizes = Counter((p, _same(q)) for p, q, _ in rows)
    values = defaultdict(set)
    for p, q, s in rows:
        values[p, _same(q)].add(s)
    assert found["anonymity.k"].unexpected_count == sum(size for size in sizes.values() if size < k)
    assert found["s.diversity"].unexpected_count == sum(
        size for group, size in sizes.items() if len(values[group]) < least
    )
    assert all(result.success == (result.unexpected_count == 0) for result in found.values())
    assert all(result.element_count == len(rows) for result in found.values())


def test_a_class_that_is_cut_over_parts_counts_once() -> None:
    parts = [table([("a", 1.0, "x")]), table([("a", 1.0, "y")])]
    asked = Requirement(2, ("p", "q"), {"s": Diversity(distinct=2)})
    assert all(result.success for result in judged(parts, asked).values())
    assert not judged(parts[:1], asked)["anonymity.k"].success


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (("a", "bc"), ("ab", "c")),
        (("1:a", ""), ("", "1:a")),
        ((None, "-"), ("-", None)),
        (("", None), (None, "")),
    ],
)
def test_rows_that_only_look_alike_are_two_classes(left: tuple[Any, ...], right: tuple[Any, ...]) -> None:
    output = pa.table({"p": [left[0], right[0]], "q": [left[1], right[1]]})
    assert judged([output], Requirement(2, ("p", "q")))["anonymity.k"].unexpected_count == 2


def test_one_text_of_two_types_is_two_values() -> None:
    parts = [pa.table({"p": [5]}), pa.table({"p": ["5"]})]
    assert judged(parts, Requirement(2, ("p",)))["anonymity.k"].unexpected_count == 2


def test_dictionaries_are_read_as_their_values() -> None:
    words = pa.array(["a", "b", "a", "b"]).dictionary_encode()
    assert judged([pa.table({"p": words})], Requirement(2, ("p",)))["anonymity.k"].success


def test_entropy_is_asked_for_exactly() -> None:
    rows = [("a", 1.0, value) for value in ("x", "x", "x", "y")]
    spread = (4 / 3) ** 0.75 * 4**0.25
    for least, success in ((spread, True), (spread + 1e-6, False)):
        asked = Requirement(2, ("p", "q"), {"s": Diversity(entropy=least)})
        assert judged([table(rows)], asked)["s.diversity"].success == success


@pytest.mark.parametrize("gone", ["p", "s"])
def test_a_column_that_is_not_there_or_there_twice_is_a_failed_rule(gone: str) -> None:
    asked = Requirement(1, ("p", "q"), {"s": Diversity(distinct=1)})
    output = table([("a", 1.0, "x")])
    for wrong in (output.drop_columns([gone]), output.append_column(gone, output.column(gone))):
        found = judged([output, wrong], asked)
        assert found["anonymity.k"].reason is Reason.COLUMN_MISSING
        assert found["s.diversity"].reason is Reason.COLUMN_MISSING


def test_without_any_part_nothing_was_verified() -> None:
    check = verify_anonymity(Requirement(2, ("p",)), key=KEY)
    results = check.verdict(merge_anonymity([]))
    assert [result.reason for result in results] == [Reason.NOT_EVALUATED] * 2
    assert not any(result.success for result in results)


def test_stars_and_rows_left_out_are_suppressed_rows() -> None:
    rows = [("*", "*")] * 2 + [("a", "*")] * 8
    output = pa.table({"p": [p for p, _ in rows], "q": [q for _, q in rows]})
    asked = Requirement(2, ("p", "q"))
    assert judged([output], asked, 0.2)["anonymity.suppressed"].success
    assert judged([output], asked, 0.19)["anonymity.suppressed"].unexpected_count == 2
    assert judged([output], asked, 0.3, source=10)["anonymity.suppressed"].unexpected_count == 12
    assert judged([output], asked, 0.6, source=10)["anonymity.suppressed"].success


def test_a_star_class_that_is_too_small_fails_like_any_other() -> None:
    output = pa.table({"p": ["*", "a", "a"]})
    assert judged([output], Requirement(2, ("p",)))["anonymity.k"].unexpected_count == 1


def test_a_partial_holds_hashes_and_no_value() -> None:
    check = verify_anonymity(Requirement(2, ("p",), {"s": Diversity()}), key=KEY)
    partial = check.partial(table([("sentinel-of-p", 1.0, "sentinel-of-s")]))
    assert isinstance(partial, AnonymityPartial)
    assert partial.classes is not None
    assert b"sentinel" not in pickle.dumps(partial)
    other = verify_anonymity(check.requirement, key=KEY[::-1]).partial(table([("sentinel-of-p", 1.0, "s")]))
    assert other.classes is not None
    assert partial.classes["class"].to_list() != other.classes["class"].to_list()


def test_the_smallest_class_is_told() -> None:
    check = verify_anonymity(Requirement(2, ("p",)), key=KEY)
    assert check.smallest(check.partial(table([("a", 1.0, "x")] * 3 + [("b", 1.0, "x")] * 2))) == 2
    assert check.smallest(check.partial(table([]))) == 0


def test_a_short_key_is_refused() -> None:
    with pytest.raises(DefectError):
        verify_anonymity(Requirement(2, ("p",)), key=bytes(31))


TERMS = {"age": "keep", "zip": "keep", "ill": "keep"}
ASKED = {"k": 3, "quasiIdentifiers": ["age", "zip"], "sensitive": {"ill": {"distinct": 2}}}


def _crossing(anonymity: dict[str, Any]) -> Any:
    return contract(
        column("age", "string"),
        column("zip", "string"),
        column("ill", "string"),
        crossings=[{**crossing(TERMS), "anonymity": anonymity}],
    )


@pytest.mark.parametrize(
    ("ages", "ills", "broken"),
    [
        (["[20,40)"] * 6, ["a", "b"] * 3, set()),
        (["[20,40)"] * 4 + ["[40,)"] * 2, ["a", "b"] * 3, {"anonymity.k"}),
        (["[20,40)"] * 3 + ["[40,)"] * 3, ["a", "b", "a", "c", "c", "c"], {"ill.diversity"}),
    ],
)
def test_the_gate_verifies_what_the_terms_ask(ages: list[str], ills: list[str], broken: set[str]) -> None:
    declared = _crossing(ASKED)
    terms = select_terms(declared, CLOUD, "study")
    assert terms is not None
    source = pa.table({"age": ages, "zip": ["1*"] * 6, "ill": ills})
    proof = compile_proof(terms, declared, key=KEY)
    parts = [source.slice(at, 2) for at in (0, 2, 4)]
    partials = [proof.partial(part, apply(terms, declared, part)) for part in parts]
    for order in itertools.permutations(partials):
        assert {rule.id for rule in proof.verdict(merge_proofs(order)).failed} == broken


def test_a_proof_of_no_part_does_not_prove_anonymity() -> None:
    declared = _crossing(ASKED)
    terms = select_terms(declared, CLOUD, "study")
    assert terms is not None
    verdict = compile_proof(terms, declared, key=KEY).verdict(merge_proofs([]))
    assert {"anonymity.k", "ill.diversity"} <= {rule.id for rule in verdict.failed}
