"""An asset in the making: a draft folder, then one commit under the declared contract.

Invariants:
1. Nothing is visible before `commit`, and an exception inside the block leaves nothing behind.
2. What is declared as checked is checked, on the bytes that will be committed, before they are.
3. Labels stick: the new asset carries at least its inputs' and its contract's labels. Only a declared
   transform that was verified on the output lowers what an input brings (`Declassified`).

Example, in a step:
    ```python
    with run.new("summary") as out:
        out.write(table)
        return out.commit()
    ```
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from data_contracts.anonymity import Declassified
from data_contracts.errors import DefectError
from data_contracts.labels import Labels, join
from data_contracts.model import Contract
from environments.ref import AssetRef
from tasks.steps.cluster import Cluster
from tasks.steps.dataset import Dataset, check_dataset
from tasks.steps.errors import ContractBroken, broken_rules
from tasks.steps.partitions import to_arrow

if TYPE_CHECKING:
    from environments.stores.protocol import AssetStore, Draft

__all__ = ["NewAsset"]


@dataclass
class NewAsset:
    """One output of a step; made by `run.new(…)`.

    Attributes:
        draft: the store's draft.
        environment: where it will be.
        contract: under which it will be committed.
        checked: whether it must satisfy the contract.
        inputs: what the step has opened by the time of the commit, with the store's labels.
        cluster: where it is checked.
        store: where it will be, and where its foreign keys find their other side.
        lineage: what the record keeps besides the inputs.
        on_commit: told of the new version and its rows.
        lowers: the one input whose labels the declared transform may lower.
        scratch: where a check puts what outgrows memory.
    """

    draft: Draft = field(repr=False)
    environment: str
    contract: Contract
    checked: bool
    inputs: Callable[[], Sequence[tuple[AssetRef, Labels]]] = field(repr=False)
    cluster: Cluster = field(repr=False)
    store: AssetStore = field(repr=False)
    lineage: Mapping[str, Any] = field(default_factory=dict, repr=False)
    on_commit: Callable[[AssetRef, int | None], None] | None = field(default=None, repr=False)
    lowers: object = None
    scratch: Path | None = field(default=None, repr=False)
    _rows: int | None = None
    _parts: int = 0

    @property
    def path(self) -> Path:
        """The draft's folder; workers of this environment may write into it, too."""
        return self.draft.path

    def file(self, name: str) -> Path:
        """Return the path of a file of the asset, to write it with any library (`model.onnx`)."""
        return self.path / name

    def write(self, table: Any) -> None:  # noqa: ANN401 - one of three kinds of table
        """Add a table (Arrow, Polars or pandas) as the next part."""
        import pyarrow.parquet as pq

        arrow = to_arrow(table)
        pq.write_table(arrow, self.path / f"part-{self._parts:05d}.parquet", compression="zstd")
        self._parts += 1
        self.count(arrow.num_rows)

    def write_all(self, dataset: Dataset) -> None:
        """Add all of a dataset, unchanged, part by part on the cluster."""
        dataset.write(_unchanged, into=self)

    def count(self, rows: int) -> None:
        """Say that `rows` more rows were written into the folder."""
        self._rows = (self._rows or 0) + rows

    def commit(
        self,
        *,
        rows: int | None = None,
        declassified: Declassified | None = None,
        also: Mapping[str, Any] | None = None,
    ) -> AssetRef:
        """Check what was written and make it one version.

        Args:
            rows: how many there are, where `count` was not told.
            declassified: what sticks of one input after a declared transform that was verified on the output.
            also: what the record's lineage keeps besides.

        Raises:
            DefectError: what was declassified is not the input whose labels this output may lower.
            ContractBroken: it breaks its contract; nothing was committed.
            ConflictError: another writer kept the asset locked for too long.
        """
        paths = tuple(sorted(self.path.glob("*.parquet")))
        if self.checked and self.contract.model is None:
            data = Dataset(
                self.draft.name,
                self.contract,
                paths,
                self.cluster,
                self.cluster.width(),
                store=self.store,
                scratch=self.scratch,
            )
            verdict = check_dataset(data, self.contract)
            if not verdict.success:
                raise ContractBroken(self.draft.name, broken_rules(verdict))
        counted = self._rows if rows is None else rows
        inputs = self.inputs()
        record = self.draft.commit(
            self.contract,
            join(self.contract.labels, *self._sticking(inputs, declassified)),
            lineage={
                "inputs": [ref.to_json() for ref, _ in inputs],
                **self.lineage,
                **({} if declassified is None else {"declassified": declassified.to_json()}),
                **(also or {}),
            },
            rows=counted,
        )
        ref = record.ref(self.environment)
        if self.on_commit is not None:
            self.on_commit(ref, counted)
        return ref

    def _sticking(
        self, inputs: Sequence[tuple[AssetRef, Labels]], lowered: Declassified | None
    ) -> Iterator[Labels]:
        """Yield what sticks of each input: its labels, or what a verified transform left of them."""
        found = False
        for ref, labels in inputs:
            known = None if lowered is None or ref != self.lowers else (lowered.source, lowered.before)
            if lowered is not None and known == (ref.contract, labels):
                found = True
                yield lowered.after
            else:
                yield labels
        if lowered is not None and not found:
            raise DefectError("labels were lowered of what this output does not declare to lower")

    def __enter__(self) -> Self:
        """Begin; the draft is thrown away unless it is committed."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Throw away what was not committed; nothing happens after a commit."""
        self.draft.abandon()


def _unchanged(table: Any) -> Any:  # noqa: ANN401 - an Arrow table
    return table
