"""There are no free strings: what is not of a declared kind is refused, and never repeated."""

from __future__ import annotations

from datetime import date, timedelta
from enum import Enum
from typing import Annotated, Any, Literal

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.errors import UsageError
from environments.ref import AssetRef
from tasks.steps import Between
from tasks.steps.parameters import kind_of

VERSION = "sha256:" + "a" * 64


class Rhythm(Enum):
    DAILY = "daily"
    WEEKLY = "weekly"


GOOD: list[tuple[Any, object]] = [
    (bool, True),
    (date, date(2026, 11, 23)),
    (timedelta, timedelta(days=1, hours=6)),
    (Literal["a", "b"], "b"),
    (Rhythm, Rhythm.WEEKLY),
    (AssetRef, AssetRef("tests", "onprem", VERSION, "hospital.covid-tests@1.0.0")),
]


@pytest.mark.parametrize(("annotation", "value"), GOOD)
def test_a_value_survives_the_way_through_json_and_fits_its_form(annotation: Any, value: object) -> None:
    kind = kind_of(annotation)
    written = kind.write(value)
    assert kind.parse(written, "p", None) == value
    jsonschema.validate(written, kind.form())


@pytest.mark.parametrize("annotation", [str, object, list[AssetRef], dict, bytes, None, Literal[1, 2]])
def test_other_types_are_no_parameters(annotation: Any) -> None:
    with pytest.raises(UsageError, match="of this type is not taken"):
        kind_of(annotation)


@given(st.text(min_size=1).filter(lambda text: not text.startswith(("P", "2"))))
def test_a_free_string_is_refused_everywhere_and_not_repeated(text: str) -> None:
    for annotation, _ in GOOD:
        kind = kind_of(annotation)
        if text in {"a", "b", "daily", "weekly"}:
            continue
        with pytest.raises(UsageError) as caught:
            kind.parse(text, "p", None)
        assert str(caught.value) == f"parameter p: not {kind.word}"


@pytest.mark.parametrize("value", [True, "1", None, float("nan"), float("inf"), [1.0]])
def test_what_is_no_number_is_no_number(value: object) -> None:
    with pytest.raises(UsageError, match="not a number"):
        kind_of(float).parse(value, "p", (0, 1))


def test_a_number_needs_bounds_and_keeps_them() -> None:
    assert kind_of(int).parse(3, "p", (1, 3)) == 3
    with pytest.raises(UsageError, match="outside 1 to 3"):
        kind_of(int).parse(4, "p", (1, 3))
    with pytest.raises(UsageError, match="without bounds"):
        kind_of(int).parse(3, "p", None)
    with pytest.raises(UsageError, match="not a whole number"):
        kind_of(int).parse(3.0, "p", (1, 3))
    with pytest.raises(UsageError, match="not a whole number"):
        kind_of(int).parse(True, "p", (1, 3))


def test_the_authors_own_bounds_hold_and_show_in_the_form() -> None:
    kind = kind_of(Annotated[float, Between(0, 0.5)])
    assert kind.form() == {"type": "number", "minimum": 0, "maximum": 0.5}
    assert kind.parse(0.5, "p", None) == 0.5
    with pytest.raises(UsageError, match="outside"):
        kind.parse(0.6, "p", None)


def test_the_environments_bounds_win_over_the_authors() -> None:
    with pytest.raises(UsageError, match=r"outside 0 to 0\.1"):
        kind_of(Annotated[float, Between(0, 0.5)]).parse(0.4, "p", (0, 0.1))
