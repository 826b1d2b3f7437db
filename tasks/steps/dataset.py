"""A dataset as a step sees it: parts over the cluster, a contract, and never a loop over rows.

Example, in a step:
    ```python
    tests = run.open(ref, columns=("age", "gender"))
    counts = tests.map(count_by_gender, as_="pandas")          # one result for each part, in order
    held = tests.load(to_matrix, as_="arrow")                  # matrices stay on the workers
    for _ in range(10):
        gradients = held.map(gradient, weights)
    ```
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from data_contracts.model import Contract
from environments.assets import reference_files
from tasks.steps.cluster import Cluster, Held
from tasks.steps.errors import ContractBroken, broken_rules
from tasks.steps.partitions import Form, Part, WriteResult, apply_part, cut, read_part, write_part

if TYPE_CHECKING:
    from data_contracts.verdict import Verdict
    from environments.stores import AssetStore

__all__ = ["Dataset", "Target", "check_dataset"]


class Target(Protocol):
    """An asset in the making that parts are written into: `tasks.steps.NewAsset`."""

    @property
    def path(self) -> Path:
        """The folder."""

    def count(self, rows: int) -> None:
        """Hear of rows that were written."""


@dataclass(frozen=True)
class Dataset:
    """One version of one asset of data, verified byte for byte when it was opened.

    Attributes:
        name: the asset's name.
        contract: the contract that it was committed under.
        paths: its Parquet files.
        cluster: where its parts are worked on.
        partitions: at least so many parts; the cluster's width by default.
        columns: only these; None is all.
        store: where foreign keys find their other side; None: such a rule is not evaluated, and fails.
        scratch: where workers put what outgrows memory; None: it stays in memory.
    """

    name: str
    contract: Contract
    paths: tuple[Path, ...]
    cluster: Cluster = field(repr=False)
    partitions: int = 1
    columns: tuple[str, ...] | None = None
    store: AssetStore | None = field(default=None, repr=False)
    scratch: Path | None = field(default=None, repr=False)

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """The parts, in order of the rows."""
        return tuple(cut(self.paths, self.partitions, self.columns))

    @property
    def rows(self) -> int:
        """How many rows there are, as the files say that this store verified."""
        return sum(part.rows for part in self.parts)

    def select(self, *columns: str) -> Dataset:
        """Return the same data with only these columns."""
        return replace(self, columns=columns)

    def map(self, function: Callable[..., Any], *args: object, as_: Form = "arrow") -> list[Any]:
        """Return `function(table, *args)` of each part, in order, computed on the cluster.

        `function` must be importable where the workers are: one of a module, or of a flow file.
        What it returns travels to this process: return counts, sums and gradients, not rows.
        """
        return self.cluster.map(apply_part, self.parts, function, as_, *args)

    def load(self, prepare: Callable[..., Any], *args: object, as_: Form = "arrow") -> Held:
        """Compute `prepare(table, *args)` of each part and keep it on the workers, for many passes."""
        return self.cluster.hold(apply_part, self.parts, prepare, as_, *args)

    def write(
        self,
        function: Callable[..., Any],
        *args: object,
        into: Target | Sequence[Target],
        as_: Form = "arrow",
    ) -> list[WriteResult]:
        """Write the tables that `function(table, *args)` returns for each part, on the workers.

        `function` returns one table for each asset of `into` (as a tuple where there are several),
        in any of the three forms, and may add one more value, which comes back as `.value`.
        """
        assets = tuple(into) if isinstance(into, Sequence) else (into,)
        folders = tuple(str(asset.path) for asset in assets)
        results: list[WriteResult] = self.cluster.map(write_part, self.parts, function, as_, folders, *args)
        for index, asset in enumerate(assets):
            asset.count(sum(result.rows[index] for result in results))
        return results

    def check(self) -> Verdict:
        """Check every rule of the contract, part by part on the cluster; counts, never values."""
        return check_dataset(replace(self, columns=None), self.contract)

    def require(self) -> Dataset:
        """Return itself if it satisfies its contract.

        Raises:
            ContractBroken: it does not; the text names the rules and counts.
        """
        verdict = self.check()
        if not verdict.success:
            raise ContractBroken(self.name, broken_rules(verdict))
        return self


def check_dataset(dataset: Dataset, contract: Contract) -> Verdict:
    """Check data against a contract, on the cluster.

    What needs the whole asset runs on one worker: Great Expectations takes seconds to import, and
    a worker keeps it for the next step, until its environment rests.
    """
    from data_contracts.checks import TRAVELS, Workspace, compile_plan, judge_spread

    found = {} if dataset.store is None else reference_files(dataset.store, contract, dataset.paths)
    plan = compile_plan(contract, references=found)
    with Workspace(dataset.scratch, TRAVELS) as work:
        room = None if dataset.scratch is None else work.room(plan.hashes_size(dataset.rows))
        partials = dataset.cluster.map(_partial, dataset.parts, plan, room)
        return judge_spread(plan, partials, dataset.paths, dataset.cluster.map, spill_to=dataset.scratch)


def _partial(part: Part, plan: Any, room: Path | None) -> Any:  # noqa: ANN401 - a check plan, a partial
    return plan.partial(read_part(part), position=part.index, spill_to=room)
