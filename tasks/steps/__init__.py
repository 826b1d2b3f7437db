"""Steps: functions over assets, bound to environments; the API that step authors write against.

```python
from typing import NamedTuple
from tasks.steps import AssetRef, StepRun, same_as, step

class Quarantined(NamedTuple):
    accepted: AssetRef
    rejected: AssetRef
    rows_rejected: int

@step(purpose="quality", outputs={"accepted": same_as("tests"), "rejected": same_as("tests", checked=False)})
def quarantine(run: StepRun, tests: AssetRef) -> Quarantined:
    data = run.open(tests)
    with run.new("accepted") as good, run.new("rejected") as bad:
        parts = data.write(split, data.contract, into=(good, bad))
        return Quarantined(good.commit(), bad.commit(), sum(part.rows[1] for part in parts))
```

In a pipeline: `quarantine.on("onprem")(tests).accepted`. In a test: `quarantine.fn(run, ref)` with
`StepRun(environment=…, step=…, purpose=…, store=…, contracts=…, connect=InlineCluster)`, or, with
outputs and arguments filled in for you, `tasks.steps.run_here(quarantine, store, contracts, tests=ref)`.
"""

from __future__ import annotations

from environments.ref import AssetRef
from tasks.steps.cluster import Cluster, DaskCluster, InlineCluster
from tasks.steps.dataset import Dataset
from tasks.steps.definition import BoundStep, Made, Needs, Step, made_under, same_as, step
from tasks.steps.errors import BrokenRule, ContractBroken, CrossingDenied
from tasks.steps.execution import run_here
from tasks.steps.models import ModelAsset
from tasks.steps.outputs import NewAsset
from tasks.steps.parameters import Between
from tasks.steps.partitions import WriteResult
from tasks.steps.run import StepRun

__all__ = [
    "AssetRef",
    "Between",
    "BoundStep",
    "BrokenRule",
    "Cluster",
    "ContractBroken",
    "CrossingDenied",
    "DaskCluster",
    "Dataset",
    "InlineCluster",
    "Made",
    "ModelAsset",
    "Needs",
    "NewAsset",
    "Step",
    "StepRun",
    "WriteResult",
    "made_under",
    "run_here",
    "same_as",
    "step",
]
