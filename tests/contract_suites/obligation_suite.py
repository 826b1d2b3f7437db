"""What every obligation must do; each one's test subclasses `ObligationSuite`.

```python
class TestMask(ObligationSuite):
    obligation = Mask()
    parameters = {"keep": 2}
    declared = {"name": "code", "logicalType": "string", "classification": "restricted"}
    values = ("a1", "b2", "a1")
```
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

import pyarrow as pa
from contract_builder import contract

from data_contracts.arrow import column_type
from data_contracts.checks import check_tables, compile_plan
from data_contracts.labels import Classification, Labels
from data_contracts.model import Column
from data_contracts.obligations import Context, Obligation

KEY = bytes(range(32))
PROOF = bytes(32)
HERE = Context("cloud", "study", KEY)


class ObligationSuite:
    """The duties of `data_contracts.obligations.base`, each with the test that would see it broken."""

    obligation: ClassVar[Obligation]
    parameters: ClassVar[Mapping[str, Any]] = {}
    wrong_parameters: ClassVar[Mapping[str, Any]] = {"surely-unknown": 1}
    declared: ClassVar[Mapping[str, Any]]
    values: ClassVar[tuple[Any, ...]]

    @property
    def column(self) -> Column:
        return contract(dict(self.declared)).object.columns[0]

    def source(self, values: tuple[Any, ...] | None = None) -> Any:
        return pa.array(self.values if values is None else values, type=column_type(self.column))

    def done(self, values: tuple[Any, ...] | None = None, context: Context = HERE) -> Any:
        return self.obligation.transform(self.parameters, self.column, self.source(values), context)

    def proved(self, output: Any) -> int:
        source = self.source()
        evidence = self.obligation.prove(self.parameters, self.column, source, output, HERE, PROOF)
        if evidence.originals is None:
            return evidence.outside
        return evidence.outside + len(set(evidence.originals.tolist()) & set(evidence.outputs.tolist()))

    def test_its_declaration_is_checked(self) -> None:
        assert self.obligation.complaints(self.parameters, self.column) == []
        assert self.obligation.complaints(self.wrong_parameters, self.column)

    def test_it_lowers_labels_at_most_and_forgets_no_category_but_its_own(self) -> None:
        for level in Classification:
            before = Labels(level, frozenset({"health", "direct-identifier"}))
            after = self.obligation.labels(before)
            assert after.classification <= level
            if self.done() is not None:
                assert "health" in after.categories

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
        output = self.done((None, *self.values, None))
        if output is None:
            return
        assert len(output) == len(self.values) + 2
        assert output.is_null().to_pylist() == [True, *[v is None for v in self.values], True]
        assert output.slice(1, len(self.values)).equals(self.done())

    def test_the_same_value_gives_the_same_result_in_every_partition(self) -> None:
        whole = self.done()
        if whole is None:
            return
        for index, value in enumerate(self.values):
            assert self.done((value,))[0] == whole[index]

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

    def test_it_is_picklable_by_its_name_alone(self) -> None:
        assert dataclasses.is_dataclass(self.obligation) or not vars(self.obligation)
