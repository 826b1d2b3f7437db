"""Running one step's function over a store: the same few lines in a worker and in a test.

Example, in a test:
    ```python
    result = run_here(quarantine, store, contracts, environment="onprem", tests=ref)
    assert result["rows_rejected"] == 4
    ```
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.steps.cluster import Cluster, InlineCluster
from tasks.steps.definition import AnyStep
from tasks.steps.run import ContractSource, Report, StepRun, silent

if TYPE_CHECKING:
    from environments.stores.protocol import AssetStore

__all__ = ["run_here", "run_step"]


def run_step(  # noqa: PLR0913 - everything that a step may see, named once
    step: AnyStep,
    arguments: Mapping[str, object],
    *,
    environment: str,
    store: AssetStore,
    contracts: ContractSource,
    connect: Callable[[], Cluster],
    report: Report = silent,
    lineage: Mapping[str, Any] | None = None,
    scratch: Path | None = None,
) -> dict[str, object]:
    """Run a step and return its results by name."""
    run = StepRun(
        environment=environment,
        step=step.name,
        purpose=step.purpose,
        store=store,
        contracts=contracts,
        connect=connect,
        outputs=step.outputs,
        arguments=arguments,
        lineage=lineage or {},
        report=report,
        scratch=scratch,
    )
    return step.unpack(step.fn(run, **step.bind((), arguments)))


def run_here(
    step: AnyStep,
    store: AssetStore,
    contracts: ContractSource,
    *,
    environment: str = "here",
    **arguments: object,
) -> dict[str, object]:
    """Run a step in this process, without a cluster: for tests and notebooks."""
    return run_step(
        step,
        arguments,
        environment=environment,
        store=store,
        contracts=contracts,
        connect=InlineCluster,
    )
