"""Digests: goldens that an auditor can make with sha256sum, and one canonical form for equal values."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.digest import canonical, digest_bytes, digest_json, is_digest

FLOATS = st.floats(allow_nan=False, allow_infinity=False).filter(lambda x: not 2**53 <= abs(x) < 1e21)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | FLOATS
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=4)
    ),
    max_leaves=12,
)


def reverse_keys(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: reverse_keys(value[key]) for key in reversed(value)}
    return [reverse_keys(item) for item in value] if isinstance(value, list) else value


def test_goldens() -> None:
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"  # FIPS 180-4, of nothing
    assert digest_bytes(b"") == f"sha256:{empty}"
    assert digest_json({"b": 1, "a": [True, None]}) == digest_bytes(b'{"a":[true,null],"b":1}')
    assert (
        canonical({"€": 1, "\r": 2, "1": 1e21}) == '{"\\r":2,"1":1e+21,"€":1}'.encode()
    )  # RFC 8785, section 3.2.3


@given(VALUES)
def test_the_order_of_keys_changes_nothing(value: Any) -> None:
    assert canonical(value) == canonical(reverse_keys(value))
    assert digest_json(value) == "sha256:" + hashlib.sha256(canonical(value)).hexdigest()


@given(VALUES)
def test_it_is_the_form_that_the_reference_writes(value: Any) -> None:
    assert canonical(value) == rfc8785.dumps(value)


@pytest.mark.parametrize(
    ("value", "form"),
    [
        # Keys by UTF-16, in which what lies beyond the first plane comes before U+E000 (section 3.2.3).
        ({"\ue000": 1, "\U0001f600": 2}, '{"\U0001f600":2,"\ue000":1}'),
        ({"b": (), "a": {"c": [0.0, -0.0, 1.0, 1e-7, 10**15, 1e15]}}, None),
        ("".join(map(chr, range(0x100))) + "\u2028\ufeff\uffff", None),
        ([-(2**53) + 1, 2**53 - 1, True, None], "[-9007199254740991,9007199254740991,true,null]"),
    ],
)
def test_what_the_standard_library_writes_otherwise(value: Any, form: str | None) -> None:
    assert canonical(value) == rfc8785.dumps(value)
    assert form is None or canonical(value) == form.encode()


@given(VALUES)
def test_the_canonical_form_is_json_and_a_fixed_point(value: Any) -> None:
    assert canonical(json.loads(canonical(value))) == canonical(value)


@given(st.binary(), st.binary())
def test_other_bytes_have_another_digest(first: bytes, second: bytes) -> None:
    assert (digest_bytes(first) == digest_bytes(second)) == (first == second)


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        float("inf"),
        2**53,
        -(2**53),
        {1: "a key"},
        {"a": b"bytes"},
        {"a", "set"},
        "\ud800",
        ["\udfff"],
    ],
)
def test_what_has_no_canonical_form_is_refused(value: Any) -> None:
    with pytest.raises(rfc8785.CanonicalizationError):
        canonical(value)


@given(st.binary())
def test_every_digest_is_one(data: bytes) -> None:
    assert is_digest(digest_bytes(data))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sha256:",
        "sha256:" + "a" * 63,
        "sha256:" + "a" * 65,
        "sha256:" + "A" * 64,
        "sha256:" + "a" * 64 + "\n",
        "SHA256:" + "a" * 64,
        "sha512:" + "a" * 64,
        "a" * 64,
        "sha256:" + "\N{FULLWIDTH DIGIT ONE}" * 64,
        b"sha256:" + b"a" * 64,
        None,
    ],
)
def test_what_looks_like_a_digest_is_none(text: object) -> None:
    assert not is_digest(text)
