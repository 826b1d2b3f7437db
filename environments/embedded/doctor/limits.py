"""The limits that the server holds: a pipeline keeps a slot while its steps wait for one (design §3).

The sealed worker gives each queue slots of its own, so its own limit is always above that of `pipelines`;
the pool's limit is the server's, and somebody may have edited it in the UI.

Example:
    >>> pools = [{"name": "cloud", "concurrency_limit": 4, "is_paused": False}]
    >>> queues = [{"work_pool_name": "cloud", "name": "pipelines", "concurrency_limit": 4}]
    >>> [finding.severity for finding in judge(["cloud"], pools, queues)]
    ['warning']
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from data_contracts.errors import IsthmusError
from environments.embedded.client import Client
from environments.embedded.doctor.finding import Finding

__all__ = ["check_limits", "judge"]

_LIMIT = 200
_REMEDY = "run `isthmus deploy`: it sets pools and queues to what the environments' files say"


def check_limits(client: Client, pools: Sequence[str]) -> list[Finding]:
    """Look at the limits of these environments' pools and queues, as the server holds them."""
    try:
        found = client.post("/work_pools/filter", {"limit": _LIMIT})
        queues = client.post("/work_queues/filter", {"limit": _LIMIT})
    except IsthmusError as error:
        return [Finding("limits", "warning", f"could not be asked for: {error}", error.remedy)]
    return judge(pools, found, queues)


def judge(
    names: Sequence[str], pools: Iterable[Mapping[str, Any]], queues: Iterable[Mapping[str, Any]]
) -> list[Finding]:
    """Judge what the server told of pools and queues; `names` are the pools that there should be."""
    limits = {pool["name"]: pool.get("concurrency_limit") for pool in pools}
    paused = sorted(
        f"{queue['work_pool_name']}/{queue['name']}"
        for queue in queues
        if queue["work_pool_name"] in names and queue.get("is_paused")
    )
    parents = {
        queue["work_pool_name"]: queue.get("concurrency_limit")
        for queue in queues
        if queue["name"] == "pipelines"
    }
    findings = [
        Finding("limits", "warning", f"{name}: its pool is not registered", _REMEDY)
        for name in names
        if name not in limits
    ]
    for name in names:
        most, parent = limits.get(name), parents.get(name)
        if most is not None and (parent is None or most <= parent):
            what = (
                f"{name}: {most} runs at once in the pool, of which pipelines may take "
                f"{'all' if parent is None else parent}: their steps may wait for ever"
            )
            findings.append(Finding("limits", "warning", what, _REMEDY))
    if paused:
        remedy = "resume them in the Prefect UI when their runs shall start"
        findings.append(
            Finding("limits", "warning", f"paused, nothing of theirs starts: {', '.join(paused)}", remedy)
        )
    return findings or [Finding("limits", "ok", "every pool leaves its steps room beside the pipelines")]
