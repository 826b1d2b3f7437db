from __future__ import annotations

import hashlib
import hmac

import pyarrow as pa
import pytest
from contract_builder import CLOUD, column, contract, crossing
from hypothesis import given
from hypothesis import strategies as st
from obligation_suite import HERE, KEY

from data_contracts.arrow import arrow_schema
from data_contracts.errors import DataBreaksContractError, UsageError
from data_contracts.labels import Classification, Labels
from data_contracts.obligations import OBLIGATIONS, Context, ObligationBrokenError, apply
from data_contracts.obligations.generalise import bands_of
from data_contracts.policy import select_terms
from data_contracts.projection import project

BANDS = [0, 18, 40, 65, 90]


def test_bands_are_half_open_and_the_last_has_no_end() -> None:
    told = contract(column("age", "number"))
    output = OBLIGATIONS["generalise"].transform(
        {"bands": BANDS}, told.object.columns[0], pa.array([0.0, 17.999, 18.0, 90.0, 1e300, None]), HERE
    )
    assert output is not None
    assert output.to_pylist() == ["[0,18)", "[0,18)", "[18,40)", "[90,)", "[90,)", None]
    assert bands_of(BANDS) == ["[0,18)", "[18,40)", "[40,65)", "[65,90)", "[90,)"]
    assert bands_of([-1.5, 2]) == ["[-1.5,2)", "[2,)"]


@pytest.mark.parametrize("value", [-0.001, float("nan"), -1e300])
def test_a_value_below_the_bands_is_a_broken_rule_and_is_not_told(value: float) -> None:
    told = contract(column("age", "number"))
    with pytest.raises(ObligationBrokenError) as caught:
        OBLIGATIONS["generalise"].transform(
            {"bands": BANDS}, told.object.columns[0], pa.array([1.0, value, value]), HERE
        )
    assert (caught.value.rule, caught.value.count) == ("age.generalise", 2)
    assert str(value) not in str(caught.value)


def test_a_pseudonym_is_the_hmac_that_the_design_names() -> None:
    told = contract(column("id", "string"))
    made = OBLIGATIONS["pseudonymise"].transform({}, told.object.columns[0], pa.array(["p1"]), HERE)
    domain = '["isthmus-pseudonym-1","separate","cloud","study","id","string"]'
    own = hmac.new(KEY, domain.encode(), hashlib.sha256).hexdigest().encode()
    expected = hmac.new(own, b"p1", hashlib.sha256).digest()[:16]
    assert made is not None
    assert made.to_pylist() == [expected]


def test_pseudonyms_of_another_destination_purpose_column_type_or_key_are_unrelated() -> None:
    seen = set()
    contexts = [
        HERE,
        Context("edge", "study", KEY),
        Context("cloud", "care", KEY),
        Context("cloud", "study", KEY[::-1]),
    ]
    for context in contexts:
        for name, values in (("a", pa.array(["7"])), ("b", pa.array(["7"])), ("a", pa.array([7]))):
            told = contract(column(name, "string" if pa.types.is_string(values.type) else "integer"))
            made = OBLIGATIONS["pseudonymise"].transform({}, told.object.columns[0], values, context)
            assert made is not None
            seen.add(made[0].as_py())
    assert len(seen) == len(contexts) * 3


@pytest.mark.parametrize("key", [None, b"", b"short"])
def test_without_a_real_key_there_is_no_pseudonym(key: bytes | None) -> None:
    told = contract(column("id", "string"))
    with pytest.raises(UsageError, match=r"id\.pseudonymise"):
        OBLIGATIONS["pseudonymise"].transform(
            {}, told.object.columns[0], pa.array(["p1"]), Context("cloud", "study", key)
        )


def test_declassification_is_one_step_and_never_below_internal() -> None:
    generalise, pseudonymise = OBLIGATIONS["generalise"], OBLIGATIONS["pseudonymise"]
    steps = [generalise.labels(Labels(level)).classification.word for level in Classification]
    assert steps == ["public", "internal", "internal", "confidential"]
    steps = [pseudonymise.labels(Labels(level)).classification.word for level in Classification]
    assert steps == ["public", "internal", "confidential", "confidential"]
    lowered = pseudonymise.labels(
        Labels(Classification.RESTRICTED, frozenset({"direct-identifier", "health"}))
    )
    assert lowered.categories == {"pseudonym", "health"}


def _applied(columns: dict[str, object], table: pa.Table) -> pa.Table:
    made = contract(
        column("id", "string"),
        column("age", "number", options={"minimum": 0}),
        column("note", "string"),
        column("other", "integer"),
        crossings=[crossing(columns)],
    )
    terms = select_terms(made, CLOUD, "study")
    assert terms is not None
    output = apply(terms, made, table, pseudonym_key=KEY)
    assert output.schema.equals(arrow_schema(project(made, CLOUD, "study")), check_metadata=True)
    return output


def _table(**changes: object) -> pa.Table:
    columns = {"other": pa.array([1, 2]), "note": pa.array(["s", "t"]), "age": pa.array([1.0, 70.0])}
    return pa.table({**columns, "id": pa.array(["a", "b"]), **changes})


def test_a_column_that_is_not_named_does_not_cross() -> None:
    output = _applied({"id": {"pseudonymise": {}}, "age": {"generalise": {"bands": BANDS}}}, _table())
    assert output.column_names == ["id", "age"]


def test_nothing_rides_along_in_metadata_or_dictionaries() -> None:
    table = _table(note=pa.array(["s", "t"]).dictionary_encode()).replace_schema_metadata({"pandas": "s"})
    output = _applied({"note": "keep", "id": "drop"}, table)
    assert output.schema.metadata is None
    assert output.schema.field("note").type == pa.string()


def test_a_column_of_another_type_is_refused_without_its_values() -> None:
    with pytest.raises(DataBreaksContractError) as caught:
        _applied({"other": "keep"}, _table(other=pa.array(["sentinel", "2"])))
    assert "sentinel" not in str(caught.value)
    with pytest.raises(DataBreaksContractError, match=r"other\.type"):
        _applied({"other": "keep"}, _table().drop_columns(["other"]))


@given(st.lists(st.floats(min_value=0, allow_infinity=False) | st.none(), max_size=40))
def test_every_number_falls_into_the_band_whose_bounds_hold_it(values: list[float | None]) -> None:
    told = contract(column("age", "number"))
    bounds = [0, 0.5, 18, 1e6]
    output = OBLIGATIONS["generalise"].transform(
        {"bands": bounds}, told.object.columns[0], pa.array(values, pa.float64()), HERE
    )
    assert output is not None
    for value, band in zip(values, output.to_pylist(), strict=True):
        if value is None:
            assert band is None
            continue
        place = bands_of(bounds).index(band)
        assert bounds[place] <= value
        assert place + 1 == len(bounds) or value < bounds[place + 1]


def test_a_nan_inside_of_an_object_that_was_kept_is_the_same_as_itself() -> None:
    told = contract(column("x", "object", properties=[column("b", "number")])).object.columns[0]
    source = pa.array([{"b": float("nan")}, {"b": 1.0}])
    for output, outside in ((source, 0), (pa.array([{"b": float("nan")}, {"b": None}]), 1)):
        assert OBLIGATIONS["keep"].prove({}, told, source, output, HERE, bytes(32)).outside == outside
