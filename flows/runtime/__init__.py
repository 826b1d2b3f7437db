"""The runtime of pipelines: what their authors import, and what plans and runs them."""

from __future__ import annotations

from environments.ref import AssetRef
from flows.runtime.errors import PlanError
from flows.runtime.pipeline import Pipeline, latest, pipeline, queue, sync, when
from flows.runtime.symbols import Outcome
from tasks.steps import Between

__all__ = [
    "AssetRef",
    "Between",
    "Outcome",
    "Pipeline",
    "PlanError",
    "latest",
    "pipeline",
    "queue",
    "sync",
    "when",
]
