"""What a step's code sees of the world: its environment, its assets, its cluster, and nothing else.

Invariants:
1. Assets are of this environment; a ref to another is refused, whatever a caller says.
2. What a step opened is its input: labels and lineage of what it makes follow from it.
3. Progress is phase, rows and seconds, and a phase is a literal of the code: no text from the data.

Example, in a step:
    ```python
    with run.phase("fit"):
        model = fit(run.open(tests))
    run.progress("score", rows=len(model))
    ```
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Protocol

from data_contracts.errors import UsageError
from data_contracts.labels import Labels
from data_contracts.model import Contract
from environments.ref import AssetRef
from tasks.steps.cluster import Cluster, DaskCluster
from tasks.steps.dataset import Dataset
from tasks.steps.models import ModelAsset
from tasks.steps.outputs import NewAsset

if TYPE_CHECKING:
    from distributed import Client

    from environments.stores.protocol import AssetStore

__all__ = ["ContractSource", "OutputPlan", "Report", "StepRun", "silent"]

Report = Callable[[str, int | None, float | None], None]
"""Takes (phase, rows, seconds)."""


class ContractSource(Protocol):
    """Where a contract of the site is found by `ID` or `ID@VERSION`."""

    def get(self, reference: str) -> Contract:
        """Return the contract; raises UsageError for an unknown one."""


class OutputPlan(Protocol):
    """What `tasks.steps.definition.Made` says of an output."""

    @property
    def contract(self) -> str | None:
        """The contract's id."""

    @property
    def like(self) -> str | None:
        """The input whose contract it carries."""

    @property
    def name(self) -> str | None:
        """The asset's name."""

    @property
    def checked(self) -> bool:
        """Whether it must satisfy the contract."""

    @property
    def lowers(self) -> str | None:
        """The input whose labels a verified transform lowers."""


def silent(_phase: str, _rows: int | None, _seconds: float | None) -> None:
    """Report to nobody."""


@dataclass
class StepRun:
    """One run of one step, in its environment.

    Attributes:
        environment: the environment's name.
        step: the step's name.
        purpose: the step's purpose.
        store: the environment's assets.
        contracts: the site's contracts.
        connect: makes the cluster on first use.
        outputs: what the step declares to make.
        arguments: the step's arguments by parameter, for `same_as`.
        report: takes progress.
        lineage: what every new asset records besides its inputs.
        scratch: a folder of this environment for what outgrows memory.
    """

    environment: str
    step: str
    purpose: str
    store: AssetStore = field(repr=False)
    contracts: ContractSource = field(repr=False)
    connect: Callable[[], Cluster] = field(repr=False)
    outputs: Mapping[str, OutputPlan] = field(default_factory=dict, repr=False)
    arguments: Mapping[str, object] = field(default_factory=dict, repr=False)
    report: Report = field(default=silent, repr=False)
    lineage: Mapping[str, Any] = field(default_factory=dict, repr=False)
    scratch: Path | None = field(default=None, repr=False)
    made: list[AssetRef] = field(default_factory=list)
    _opened: dict[AssetRef, Labels] = field(default_factory=dict, repr=False)

    @cached_property
    def cluster(self) -> Cluster:
        """The environment's cluster, connected on first use and verified."""
        return self.connect()

    def client(self) -> Client:
        """Return the Dask client itself, for what `Dataset` does not offer.

        Raises:
            UsageError: this run computes in its own process, as tests do.
        """
        if not isinstance(self.cluster, DaskCluster):
            raise UsageError(
                "this run has no Dask cluster", remedy="use run.open(ref).map(…), which needs none"
            )
        return self.cluster.client

    @property
    def workers_used(self) -> int:
        """How many workers of the cluster computed something for this step so far."""
        return len(self.cluster.computed_by())

    def open(
        self, ref: AssetRef, *, columns: tuple[str, ...] | None = None, partitions: int | None = None
    ) -> Dataset:
        """Open data, every byte of it verified now.

        Args:
            ref: one version of one asset of this environment.
            columns: only these.
            partitions: at least so many parts; by default one for each worker.

        Raises:
            UsageError: it is no data, is of another environment, or is not there.
            NotVerifiableError: a byte is wrong.
        """
        contract, paths = self._verified(ref)
        if contract.model is not None:
            raise UsageError(f"{ref.name} is a model", remedy="use run.open_model")
        width = partitions or self.cluster.width()
        return Dataset(
            ref.name, contract, tuple(paths.values()), self.cluster, width, columns, self.store, self.scratch
        )

    def open_model(self, ref: AssetRef) -> ModelAsset:
        """Open a model, every byte of it verified now.

        Raises:
            UsageError: it is no model, is of another environment, or is not there.
            NotVerifiableError: a byte is wrong.
        """
        contract, paths = self._verified(ref)
        if contract.model is None:
            raise UsageError(f"{ref.name} is no model", remedy="use run.open")
        return ModelAsset(ref.name, contract, paths)

    def _verified(self, ref: AssetRef) -> tuple[Contract, dict[str, Any]]:
        if ref.environment != self.environment:
            raise UsageError(
                f"step {self.step} runs in {self.environment}, and {ref.name} is in {ref.environment}",
                remedy="let it cross first: sync(ref, to=…, purpose=…)",
            )
        record = self.store.record(ref.name, ref.version)
        self._opened[ref] = record.labels
        paths = dict(zip((entry.path for entry in record.files), self.store.open(record), strict=True))
        return self.store.contract(record), paths

    def contract_of(self, output: str) -> Contract:
        """Return the contract that an output is made under."""
        made = self._declared(output)
        if made.contract is not None:
            return self.contracts.get(made.contract)
        source = self._like(made)
        return self.store.contract(self.store.record(source.name, source.version))

    def new(self, output: str) -> NewAsset:
        """Begin an output that the step declares; use it in a `with` block and `commit` it.

        Raises:
            UsageError: the step declares no such output.
        """
        made = self._declared(output)
        name = made.name or (output if made.like is None else f"{self._like(made).name}_{output}")
        if made.like is not None and self._like(made) not in self._opened:
            # Its labels must stick even if the code reads the input some other way.
            source = self._like(made)
            self._opened[source] = self.store.record(source.name, source.version).labels
        return NewAsset(
            draft=self.store.begin(name),
            environment=self.environment,
            contract=self.contract_of(output),
            checked=made.checked,
            inputs=lambda: tuple(self._opened.items()),
            cluster=self.cluster,
            store=self.store,
            lineage={"step": self.step, "purpose": self.purpose, **self.lineage},
            on_commit=self._made,
            lowers=self.arguments.get(made.lowers or ""),
            scratch=self.scratch,
        )

    def _declared(self, output: str) -> OutputPlan:
        try:
            return self.outputs[output]
        except KeyError:
            known = ", ".join(self.outputs) or "none"
            raise UsageError(
                f"step {self.step} declares no output of that name", remedy=f"it declares: {known}"
            ) from None

    def _like(self, made: OutputPlan) -> AssetRef:
        source = self.arguments.get(made.like or "")
        if not isinstance(source, AssetRef):
            raise UsageError(f"step {self.step}: same_as names a parameter that is no asset")
        return source

    def _made(self, ref: AssetRef, rows: int | None) -> None:
        self.made.append(ref)
        self.report("committed", rows, None)

    def progress(self, phase: str, *, rows: int | None = None) -> None:
        """Say in the run's log tab where the step is.

        Args:
            phase: a word that stands in the calling function's code; anything else could be data.
            rows: how many rows it is about.

        Raises:
            UsageError: the phase was computed.
        """
        self.report(_literal(phase, sys._getframe(1)), rows, None)  # noqa: SLF001 - the caller's code

    def phase(self, name: str, *, rows: int | None = None) -> AbstractContextManager[None]:
        """Report how long the block took; `name` as in `progress`.

        Raises:
            UsageError: the name was computed.
        """
        return self._timed(_literal(name, sys._getframe(1)), rows)  # noqa: SLF001 - the caller's code

    @contextmanager
    def _timed(self, name: str, rows: int | None) -> Iterator[None]:
        begin = time.monotonic()
        yield
        self.report(name, rows, time.monotonic() - begin)


def _literal(phase: str, caller: FrameType) -> str:
    """Return a phase if it is a constant of the caller's code: the log tab is read by everybody."""
    if type(phase) is not str or phase not in caller.f_code.co_consts:
        raise UsageError(
            "a phase that is no literal of the code that reports it",
            remedy='write it out: run.progress("fit"); a text that is computed could be data',
        )
    return phase
