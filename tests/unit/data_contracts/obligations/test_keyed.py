"""The native HMAC gives the standard library's bytes, wherever nulls and slices lie; a false one is seen."""

from __future__ import annotations

import hmac
import random
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_contracts.errors import DefectError
from data_contracts.obligations import keyed
from data_contracts.obligations.canonical import column_bytes, value_bytes
from data_contracts.obligations.identifiers import proved

OWN = keyed.subkey(bytes(range(32)), ["a", "b"])


def expected(values: list[bytes | None]) -> list[bytes | None]:
    return [None if value is None else hmac.new(OWN, value, "sha256").digest()[:16] for value in values]


def many(count: int, *, seed: int = 7) -> list[bytes | None]:
    drawn = random.Random(seed)  # noqa: S311 - data for a test
    return [
        None if drawn.random() < 0.1 else drawn.randbytes(drawn.choice([0, 1, 13, 55, 56, 64, 200]))
        for _ in range(count)
    ]


@pytest.mark.parametrize("count", [0, 1, keyed._FEW - 1, keyed._FEW, keyed._FEW * 3])
def test_both_ways_give_the_bytes_of_the_standard_library(count: int) -> None:
    values = many(count)
    array = pa.array(values, pa.binary())
    assert keyed.pseudonyms(array, OWN).to_pylist() == expected(values)
    assert keyed._looped(array, OWN).to_pylist() == expected(values)


def test_slices_nulls_at_the_ends_and_several_expressions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyed, "_AT_ONCE", 300)
    values = [None, *many(1500), None]
    array = pa.array(values, pa.binary())
    for begin, length in ((0, 1502), (1, 1500), (3, 700), (777, 600)):
        part = array.slice(begin, length)
        made = keyed.pseudonyms(part, OWN)
        made.validate(full=True)
        assert made.to_pylist() == expected(values[begin : begin + length])
    nothing = pa.nulls(600, pa.binary())
    assert keyed.pseudonyms(nothing, OWN).null_count == 600


def test_the_native_code_is_there_and_is_used() -> None:
    assert keyed._native() is not None, "polars-hash is a dependency"


@pytest.mark.attack
def test_a_native_code_that_computes_something_else_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(values: Any, key: bytes) -> Any:
        return keyed._looped(values, key[::-1])

    monkeypatch.setattr(keyed, "_native", lambda: wrong)
    with pytest.raises(DefectError):
        keyed.pseudonyms(pa.array([*many(600, seed=1), b"x"], pa.binary()), OWN)


def test_without_the_package_the_bytes_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    values = pa.array(many(700), pa.binary())
    with_it = keyed.pseudonyms(values, OWN)
    monkeypatch.setattr(keyed, "_native", lambda: None)
    assert keyed.pseudonyms(values, OWN).equals(with_it)


@settings(max_examples=100)
@given(
    st.lists(st.none() | st.text(st.characters(codec="utf-8")))
    | st.lists(st.none() | st.integers(-(2**63), 2**63 - 1))
    | st.lists(st.none() | st.dates())
    | st.lists(st.none() | st.datetimes())
    | st.lists(st.none() | st.floats())
    | st.lists(st.none() | st.binary())
)
def test_a_columns_bytes_are_those_of_its_values(values: list[Any]) -> None:
    kinds = {"datetime": pa.timestamp("us"), "float": pa.float64(), "int": pa.int64()}
    first = next((value for value in values if value is not None), "")
    array = pa.array(values, kinds.get(type(first).__name__))
    array = array if values and array.type != pa.null() else pa.array(values, pa.string())
    assert column_bytes(array).to_pylist() == [value_bytes(value) for value in values]


def test_dates_that_python_does_not_know_have_bytes_too() -> None:
    far = pa.array([2**31 - 1, -(2**31), 0], pa.int32()).view(pa.date32())
    assert column_bytes(far).to_pylist() == [b"2147483647", b"-2147483648", b"0"]


@settings(max_examples=50)
@given(st.lists(st.binary(max_size=150)), st.binary(max_size=64))
def test_the_proofs_own_hmac_is_the_standard_librarys(values: list[bytes], key: bytes) -> None:
    wanted = [hmac.new(key, value, "sha256").digest()[:16] for value in values]
    assert keyed.each_pseudonym(values, key) == wanted
    assert keyed.pseudonyms_again(values, key).to_pylist() == wanted
    with pytest.raises(DefectError):
        keyed.each_pseudonym(values, key.ljust(65, b"k"))


def test_nothing_in_the_place_of_a_value_without_a_form_is_not_proved() -> None:
    key = bytes(64)
    source = pa.array([1.5, float("nan"), None], pa.float64())
    right = keyed.pseudonym(value_bytes(1.5) or b"", key)

    def outside(*output: bytes | None) -> int:
        answer = pa.array(output, pa.binary())
        return proved(source, answer, lambda forms: keyed.pseudonyms_again(forms, key), key).outside

    # No form means that `transform` refuses it: an output without it was made by something else.
    assert outside(right, None, None) == 1
    assert outside(right, right, None) == 1
    assert outside(None, None, None) == 2
    assert outside(right, None, right) == 2
