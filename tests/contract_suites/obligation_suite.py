"""What every obligation must do; each one's test subclasses `ObligationSuite`.

```python
class TestMask(ObligationSuite):
    obligation = Mask()
    parameters = {"last": 2}
    declared = {"name": "code", "logicalType": "string", "logicalTypeOptions": {"minLength": 4}}
    values = ("a111", "b222", "a111")
```

`values` are rows that keep the contract, with a value that occurs twice and two that differ; `beside` are the
columns that the obligation looks at beside its own, row by row.
"""

from __future__ import annotations

import dataclasses
import pickle
import secrets
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import pyarrow as pa
from contract_builder import contract

from data_contracts.arrow import column_type
from data_contracts.checks import check_tables, compile_plan
from data_contracts.labels import Classification, Labels
from data_contracts.model import Column
from data_contracts.obligations import Context, Evidence, Keeps, Obligation
from data_contracts.obligations.hashes import shared

KEY = bytes(range(32))
PROOF = bytes(32)


class MemoryCodes:
    """A table of codes that forgets with its process."""

    def __init__(self) -> None:
        self.codes: dict[tuple[bytes, bytes], bytes] = {}

    def assign(self, domain: bytes, values: Sequence[bytes]) -> list[bytes]:
        return [self.codes.setdefault((domain, value), secrets.token_bytes(16)) for value in values]

    def find(self, domain: bytes, values: Sequence[bytes]) -> list[bytes | None]:
        return [self.codes.get((domain, value)) for value in values]


HERE = Context("cloud", "study", KEY, MemoryCodes())


class ObligationSuite:
    """The duties of `data_contracts.obligations.base`, each with the test that would see it broken."""

    obligation: ClassVar[Obligation]
    parameters: ClassVar[Mapping[str, Any]] = {}
    wrong_parameters: ClassVar[Sequence[Mapping[str, Any]]] = ({"surely-unknown": 1},)
    declared: ClassVar[Mapping[str, Any]]
    values: ClassVar[tuple[Any, ...]]
    beside: ClassVar[Mapping[str, tuple[Any, ...]]] = {}
    needs_secret: ClassVar[bool] = False

    @property
    def column(self) -> Column:
        return contract(dict(self.declared)).object.columns[0]

    def source(self, values: tuple[Any, ...] | None = None) -> Any:
        return pa.array(self.values if values is None else values, type=column_type(self.column))

    def context(self, rows: Sequence[int] | None = None, of: Context = HERE) -> Context:
        """The context with the columns beside, those rows of them."""
        places = range(len(self.values)) if rows is None else rows
        held = {name: pa.array([column[at] for at in places]) for name, column in self.beside.items()}
        return dataclasses.replace(of, beside=held)

    def done(self, rows: Sequence[int] | None = None, of: Context = HERE) -> Any:
        """What becomes of those rows; of all of them without `rows`."""
        places = range(len(self.values)) if rows is None else rows
        source = self.source(tuple(self.values[at] for at in places))
        return self.obligation.transform(self.parameters, self.column, source, self.context(places, of))

    def evidence(self, output: Any, of: Context = HERE) -> Evidence:
        context = self.context(of=of)
        return self.obligation.prove(self.parameters, self.column, self.source(), output, context, PROOF)

    def proved(self, output: Any) -> int:
        evidence = self.evidence(output)
        if evidence.originals is None:
            return evidence.outside
        return evidence.outside + shared(evidence.originals, evidence.outputs)

    def test_its_declaration_is_checked(self) -> None:
        assert self.obligation.complaints(self.parameters, self.column) == []
        for wrong in self.wrong_parameters:
            found = self.obligation.complaints(wrong, self.column)
            assert found, wrong
            assert all(message and expected for message, expected in found)

    def test_it_lowers_labels_at_most_and_forgets_no_category_but_its_own(self) -> None:
        for level in Classification:
            before = Labels(level, frozenset({"health", "direct-identifier"}))
            after = self.obligation.labels(before)
            assert after.classification <= level
            if self.done() is not None:
                assert "health" in after.categories
                assert after.classification >= min(level, Classification.INTERNAL)

    def test_output_keeps_what_arrival_promises(self) -> None:
        arrived = self.obligation.arrival(self.parameters, self.column, self.declared)
        output = self.done()
        assert (arrived is None) == (output is None)
        if arrived is None:
            return
        promised = contract(arrived)
        assert output.type == column_type(promised.object.columns[0])
        verdict = check_tables(compile_plan(promised), [pa.table({self.column.name: output})])
        assert verdict.success, verdict.failed

    def test_arrival_tells_no_examples_and_no_logic(self) -> None:
        told = {**self.declared, "examples": ["x"], "transformLogic": "secret", "physicalName": "db.t.c"}
        arrived = self.obligation.arrival(self.parameters, self.column, told)
        assert arrived is None or not {"examples", "transformLogic", "physicalName"} & set(arrived)

    def test_null_stays_null_and_rows_keep_their_place(self) -> None:
        if self.done() is None:
            return
        rows = [0, *range(len(self.values)), 0]
        blanked = list(self.source(tuple(self.values[at] for at in rows)).to_pylist())
        blanked[0] = blanked[-1] = None
        source = pa.array(blanked, type=column_type(self.column))
        output = self.obligation.transform(self.parameters, self.column, source, self.context(rows))
        assert output.is_null().to_pylist() == [True, *[v is None for v in self.values], True]
        assert output.slice(1, len(self.values)).equals(self.done())

    def test_the_same_row_gives_the_same_result_in_every_partition(self) -> None:
        whole = self.done()
        if whole is None:
            return
        for index in range(len(self.values)):
            assert self.done([index])[0] == whole[index]

    def test_no_row_gives_no_row(self) -> None:
        whole, empty = self.done(), self.done([])
        assert (whole is None) == (empty is None)
        assert empty is None or (len(empty) == 0 and empty.type == whole.type)

    def test_its_own_output_is_proved(self) -> None:
        assert self.proved(self.done()) == 0

    def test_an_absent_or_short_output_is_seen(self) -> None:
        output = self.done()
        if output is None:
            assert self.proved(self.source()) > 0
            return
        assert self.proved(None) > 0
        assert self.proved(output.slice(1)) > 0

    def test_one_row_that_became_null_is_seen(self) -> None:
        output = self.done()
        if output is None:
            return
        values = output.to_pylist()
        place = next(index for index, value in enumerate(values) if value is not None)
        values[place] = None
        assert self.proved(pa.array(values, type=output.type)) > 0

    def test_one_row_that_holds_anothers_result_is_seen(self) -> None:
        output = self.done()
        if output is None:
            return
        values = output.to_pylist()
        first = values[0]
        other = next((value for value in values if value not in (first, None)), None)
        assert other is not None, "give the suite values with two results"
        assert self.proved(pa.array([other, *values[1:]], type=output.type)) > 0

    def test_an_obligation_that_did_nothing_is_seen(self) -> None:
        if self.obligation.keeps is Keeps.VALUES:
            return
        untouched = self.source()
        assert self.proved(untouched) > 0
        output = self.done()
        if output is None:
            return
        # The same in the type that is expected there, where it can be had.
        try:
            posing = untouched.cast(output.type)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            return
        assert self.proved(posing) > 0

    def test_ninety_nine_percent_is_not_enough(self) -> None:
        if self.obligation.keeps is Keeps.VALUES or self.done() is None:
            return
        output, source = self.done().to_pylist(), self.source().to_pylist()
        place = next(at for at, (a, b) in enumerate(zip(output, source, strict=True)) if a != b)
        output[place] = source[place]
        try:
            left = pa.array(output, type=self.done().type)
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            return  # The original does not fit into the output's type: the type itself is proved.
        assert self.proved(left) > 0

    def test_without_its_secret_it_is_neither_done_nor_proved(self) -> None:
        if not self.needs_secret:
            return
        made = self.done()
        assert self.evidence(made, Context("cloud", "study")).outside == len(self.values)

    def test_it_travels_by_its_name_and_declaration_alone(self) -> None:
        assert dataclasses.is_dataclass(self.obligation) or not vars(self.obligation)
        assert pickle.loads(pickle.dumps(self.obligation)).name == self.obligation.name  # noqa: S301 - ours
