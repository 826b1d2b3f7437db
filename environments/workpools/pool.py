"""What is registered for an environment: its work pool, of our type, and the pool's two queues.

Invariants:
1. The pool's template has no variable: there is nothing that a user could fill in, and nothing that
   the worker would read.
2. `pipelines` and `steps` are queues of their own, so that a parent's slot is never its child's.
"""

from __future__ import annotations

from typing import Any

from environments.workpools.catalogue import QUEUES
from environments.workpools.control import ControlPlane

__all__ = ["BASE_JOB_TEMPLATE", "POOL_TYPE", "ensure_pool", "pool_document"]

POOL_TYPE = "isthmus-sealed"
BASE_JOB_TEMPLATE: dict[str, Any] = {
    "job_configuration": {"sealed": True},  # the server insists on a key; nobody reads it
    "variables": {"type": "object", "properties": {}},
}


def pool_document(name: str, description: str) -> dict[str, Any]:
    """Return the body that registers an environment's work pool."""
    return {
        "name": name,
        "type": POOL_TYPE,
        "description": description,
        "base_job_template": BASE_JOB_TEMPLATE,
    }


async def ensure_pool(plane: ControlPlane, name: str, description: str) -> None:
    """Register the pool and its queues where they are missing; change nothing that stands."""
    await plane.create_pool(pool_document(name, description))
    for priority, queue in enumerate(reversed(QUEUES), start=1):
        await plane.create_queue(name, queue, priority)
