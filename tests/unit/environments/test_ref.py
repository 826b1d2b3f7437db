"""AssetRef: exactly one shape, and no value of what was refused in any message."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.errors import UsageError
from environments.ref import CONTRACT_REFERENCE, NAME, AssetRef, check_name, parse_asset

VERSION = "sha256:" + "0f" * 32
NAMES = st.from_regex(NAME, fullmatch=True).filter(lambda name: len(name) <= 63 and name.isascii())
VERSIONS = st.binary(min_size=32, max_size=32).map(lambda raw: f"sha256:{raw.hex()}")
CONTRACTS = st.from_regex(CONTRACT_REFERENCE, fullmatch=True).filter(str.isascii)
REFS = st.builds(
    AssetRef,
    NAMES,
    NAMES,
    VERSIONS,
    CONTRACTS,
    st.fixed_dictionaries({}, optional={"classification": st.sampled_from(["public", "restricted"])}),
)
GOOD: dict[str, Any] = {
    "name": "tests",
    "environment": "onprem",
    "version": VERSION,
    "contract": "hospital.covid-tests@1.0.0",
    "labels": {"classification": "restricted"},
}
BAD_NAMES = [
    "",
    "A",
    "1a",
    "a b",
    "a.b",
    "a/b",
    "../a",
    "a__b",
    "a-",
    "-a",
    "_a",
    "a\n",
    "ä",
    "a" * 64,
    "latest@",
]


@given(REFS)
def test_a_ref_survives_json(ref: AssetRef) -> None:
    again = AssetRef.from_json(ref.to_json())
    assert again == ref
    assert again.to_json() == ref.to_json()


@given(REFS)
def test_what_a_ref_prints_is_what_a_person_may_type(ref: AssetRef) -> None:
    assert parse_asset(str(ref)) == (ref.name, ref.version)


def test_labels_are_for_display_only() -> None:
    assert AssetRef.from_json(GOOD) == AssetRef.from_json({**GOOD, "labels": {"classification": "public"}})


@pytest.mark.parametrize("name", ["a", "a1", "covid-tests", "a_b-c", "a" * 63])
def test_names(name: str) -> None:
    assert check_name(name, "the asset") == name
    assert parse_asset(name) == (name, None)
    assert parse_asset(f"{name}@latest") == (name, None)


@pytest.mark.parametrize("name", [*BAD_NAMES, None, 7, b"a"])
def test_no_names(name: object) -> None:
    with pytest.raises(UsageError, match=r"^the asset: not a name$"):
        check_name(name, "the asset")


@pytest.mark.parametrize(
    "text", [*BAD_NAMES, "a@", "a@sha256:0", f"a@{VERSION}0", f"a@{VERSION.upper()}", "a@b@c", "@latest"]
)
def test_no_assets(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_asset(text)
    assert "latest" in caught.value.remedy


@pytest.mark.parametrize(
    "change",
    [
        *({"name": name} for name in BAD_NAMES),
        *({"environment": name} for name in BAD_NAMES),
        *({"version": version} for version in ["latest", "", VERSION[:-1], VERSION + "\n", None, 7]),
        *(
            {"contract": text}
            for text in ["a", "a@1", "a@1.0", "a@1.0.0\n", "A@1.0.0", "a@v1.0.0", "../a@1.0.0", None]
        ),
        {"labels": "public"},
        {"labels": ["public"]},
        {"path": "/etc/passwd"},
        {"data": b"bytes"},
    ],
    ids=repr,
)
def test_any_other_shape_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        AssetRef.from_json({**GOOD, **change})


@pytest.mark.parametrize("key", ["name", "environment", "version", "contract"])
def test_a_missing_key_is_refused(key: str) -> None:
    with pytest.raises(UsageError, match=re.escape("name, environment, version and contract are needed")):
        AssetRef.from_json({name: value for name, value in GOOD.items() if name != key})


@pytest.mark.parametrize("value", [None, 7, "tests", [], ["name"], {}])
def test_what_is_no_object_is_refused(value: object) -> None:
    with pytest.raises(UsageError):
        AssetRef.from_json(value)


def test_a_refusal_repeats_nothing_of_what_was_refused() -> None:
    secret = "Mallory-1970-01-01"
    shapes: list[dict[str, Any]] = [{**GOOD, key: secret} for key in GOOD]
    for shape in [*shapes, {**GOOD, secret: secret}]:
        with pytest.raises(UsageError) as caught:
            AssetRef.from_json(shape)
        assert secret not in f"{caught.value} {caught.value.remedy}"
