"""The joint property of obligations, parameters and data.

For all of them that keep the contract, the output keeps the arrival contract and is proved; and the output
with one value changed is not.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import pyarrow as pa
from contract_builder import CLOUD, column, contract, crossing
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from obligation_suite import KEY, MemoryCodes

from data_contracts.arrow import arrow_schema
from data_contracts.checks import check_tables, compile_plan
from data_contracts.model import Contract
from data_contracts.obligations import apply, compile_proof, merge_proofs
from data_contracts.policy import select_terms
from data_contracts.projection import project
from data_contracts.terms import CrossingTerms

FIRST, LAST = dt.date(1, 1, 1), dt.date(9999, 12, 31)
TEXT = st.text(st.characters(codec="utf-8"), min_size=6, max_size=12)
GROUP = st.just({}) | st.just({"joinable": "patients"})
WHO = "who"


def identifying() -> st.SearchStrategy[Any]:
    return st.builds(lambda word, group: {word: group}, st.sampled_from(["pseudonymise", "code"]), GROUP)


def generalised(**parameters: Any) -> st.SearchStrategy[Any]:
    return st.just({"generalise": parameters})


@st.composite
def bands(draw: st.DrawFn) -> Any:
    bounds = draw(st.lists(st.integers(-99, 99), min_size=1, max_size=5, unique=True))
    return {"generalise": {"bands": [-100, *sorted(bounds)]}}


@st.composite
def limits(draw: st.DrawFn) -> Any:
    low, high = sorted(draw(st.lists(st.integers(-99, 99), min_size=2, max_size=2, unique=True)))
    said = [{"topCode": {"at": high}}, {"bottomCode": {"at": low}}, {"clamp": {"bottom": low, "top": high}}]
    return draw(st.sampled_from(said))


@st.composite
def masks(draw: st.DrawFn) -> Any:
    said: dict[str, Any] = {"first": draw(st.integers(0, 2)), "last": draw(st.integers(0, 1))}
    least = said["first"] + said["last"] + 1
    length = draw(st.none() | st.just("same") | st.integers(least, 20))
    return {"mask": said if length is None else {**said, "length": length}}


@st.composite
def dates(draw: st.DrawFn) -> Any:
    said: dict[str, Any] = {"date": draw(st.sampled_from(["year", "quarter", "month", "decade"]))}
    earliest = draw(st.none() | st.integers(1, 9999))
    return {"generalise": said if earliest is None else {**said, "earliest": earliest}}


@st.composite
def shifts(draw: st.DrawFn) -> Any:
    return {"shift": {"subject": WHO, "days": draw(st.integers(1, 400)), **draw(GROUP)}}


BOUNDED = {"minimum": -100, "maximum": 100}
TABLE = "11th;Secondary;*\nHS-grad;Secondary;*\nMasters;Higher;*\n"
LISTED = [
    {"metric": "invalidValues", "arguments": {"validValues": ["11th", "HS-grad", "Masters"]}, "mustBe": 0}
]
MOMENT = st.datetimes(dt.datetime(1, 2, 1), dt.datetime(9999, 11, 30))  # noqa: DTZ001 - without a zone
KINDS: dict[str, tuple[dict[str, Any], Any, Any]] = {
    "integer": (
        column("c", "integer", options=BOUNDED),
        st.integers(-100, 100),
        identifying() | bands() | limits(),
    ),
    "number": (
        column("c", "number", options=BOUNDED),
        st.floats(-100, 100),
        identifying() | bands() | limits(),
    ),
    "decimal": (
        column("c", "number", physicalType="decimal(12,2)", options=BOUNDED),
        st.decimals(-100, 100, places=2),
        identifying() | limits(),
    ),
    "text": (
        column("c", "string", options={"minLength": 6, "maxLength": 12}),
        TEXT,
        identifying() | masks(),
    ),
    "zip": (
        column("c", "string", options={"pattern": "^[0-9]{5}$"}),
        st.from_regex(r"[0-9]{5}", fullmatch=True).filter(str.isascii) | st.just("03601"),
        identifying() | generalised(zip=3),
    ),
    "education": (
        column("c", "string", quality=LISTED),
        st.sampled_from(["11th", "HS-grad", "Masters"]),
        generalised(table=TABLE, level=1),
    ),
    "date": (
        column("c", "date", options={"minimum": "0003-01-01", "maximum": "9997-12-31"}),
        st.dates(dt.date(3, 1, 1), dt.date(9997, 12, 31)),
        identifying() | dates() | shifts(),
    ),
    "timestamp": (column("c", "timestamp"), MOMENT, identifying() | dates() | shifts()),
    "zoned": (
        column("c", "timestamp", options={"timezone": True}),
        MOMENT.map(lambda moment: moment.replace(tzinfo=dt.UTC)),
        identifying() | dates() | shifts(),
    ),
    "object": (
        column("c", "object", properties=[column("a", "string"), column("b", "integer")]),
        st.fixed_dictionaries({"a": st.none() | TEXT, "b": st.none() | st.integers(0, 9)}),
        identifying(),
    ),
}


@st.composite
def lawful(draw: st.DrawFn) -> tuple[Contract, pa.Table]:
    """A contract whose columns are transformed, and rows that keep it."""
    rows = draw(st.integers(0, 12))
    declared: list[dict[str, Any]] = [column(WHO, "string", required=True)]
    data: dict[str, list[Any]] = {WHO: draw(st.lists(st.sampled_from("abc"), min_size=rows, max_size=rows))}
    crosses: dict[str, Any] = {WHO: "keep"}
    for index in range(draw(st.integers(1, 3))):
        told, values, treatments = KINDS[draw(st.sampled_from(sorted(KINDS)))]
        name, required = f"c{index}", draw(st.booleans())
        level = draw(st.sampled_from(["internal", "confidential", "restricted"]))
        declared.append({**told, "name": name, "required": required, "classification": level})
        cells = values if required else st.none() | values
        data[name] = draw(st.lists(cells, min_size=rows, max_size=rows))
        crosses[name] = draw(treatments | st.just("keep"))
    made = contract(*declared, crossings=[crossing(crosses)])
    return made, pa.table(data, schema=arrow_schema(made))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(lawful(), st.data())
def test_lawful_input_gives_output_that_keeps_its_promises(
    drawn: tuple[Contract, pa.Table], data: st.DataObject
) -> None:
    made, table = drawn
    verdict = check_tables(compile_plan(made), [table])
    assert verdict.success, verdict.failed
    terms = select_terms(made, CLOUD, "study")
    assert terms is not None
    assume(not _told(terms, table))
    arrival, codes = project(made, CLOUD, "study"), MemoryCodes()
    output = apply(terms, made, table, pseudonym_key=KEY, codes=codes)
    assert output.schema.equals(arrow_schema(arrival), check_metadata=True)
    verdict = check_tables(compile_plan(arrival), [output])
    assert verdict.success, verdict.failed
    proof = compile_proof(terms, made, key=KEY)
    cut = data.draw(st.integers(0, table.num_rows))
    pairs = [(table.slice(0, cut), output.slice(0, cut)), (table.slice(cut), output.slice(cut))]
    partials = [proof.partial(*pair, pseudonym_key=KEY, codes=codes) for pair in pairs]
    assert proof.verdict(merge_proofs(reversed(partials))).success
    _change_one(data, output, lambda changed: _proved(proof, table, changed, codes))


def _told(terms: CrossingTerms, table: pa.Table) -> bool:
    """Whether a column that is kept may hold, as a word, what another hides: that is refused, lawfully."""
    kept = [name for name, said in terms.columns.items() if said.obligation == "keep"]
    texts = {str(value).casefold() for name in kept for value in table.column(name).to_pylist()}
    treated = [name for name in table.column_names if name not in kept]
    hidden = {str(value).casefold() for name in treated for value in table[name].to_pylist()}
    return any(len(value) >= 8 and value in text for value in hidden for text in texts)


def _proved(proof: Any, table: pa.Table, output: pa.Table, codes: MemoryCodes) -> list[str]:
    verdict = proof.verdict(merge_proofs([proof.partial(table, output, pseudonym_key=KEY, codes=codes)]))
    return [rule.column for rule in verdict.failed]


def _change_one(data: st.DataObject, output: pa.Table, failing: Any) -> None:
    """Give one row another value of its own column's results, or none, and want that column named."""
    assume(output.num_rows > 0)
    name = data.draw(st.sampled_from([item for item in output.column_names if item != WHO]))
    cells = output[name].to_pylist()
    row = data.draw(st.integers(0, len(cells) - 1))
    others = [cell for cell in [*cells, None] if repr(cell) != repr(cells[row]) and cell != cells[row]]
    if not others:
        return
    cells[row] = data.draw(st.sampled_from(others))
    place, kind = output.column_names.index(name), output.schema.field(name).type
    changed = output.set_column(place, name, pa.array(cells, kind))
    assert failing(changed) == [name]
