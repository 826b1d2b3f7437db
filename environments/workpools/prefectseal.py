"""What is changed in Prefect's own client code inside a run's process, and why.

Invariants:
1. Where results would be kept is never asked of the server: `PUT /api/admin/storage` there can make a
   flow anywhere load a block of the server's choice and send it pickled results.
2. No heartbeat thread: the worker sees a process end at once, and the thread would hold each run back
   for a second at its end.
3. What is replaced must exist: with another Prefect this fails at start, not open.
"""

from __future__ import annotations

from typing import NoReturn

from data_contracts.errors import DefectError

__all__ = ["seal"]


def seal() -> None:
    """Replace, in this process, what would take orders from the server.

    Raises:
        DefectError: this Prefect has no such parts.
    """
    from prefect import flow_engine, results

    names = ("_read_server_default_result_storage_block_id", "_aread_server_default_result_storage_block_id")
    if not all(hasattr(results, name) for name in names):
        _unknown()
    if not isinstance(getattr(flow_engine.BaseFlowRunEngine, "heartbeat_seconds", None), property):
        _unknown()
    results._read_server_default_result_storage_block_id = _nowhere  # noqa: SLF001
    results._aread_server_default_result_storage_block_id = _anowhere  # noqa: SLF001
    flow_engine.BaseFlowRunEngine.heartbeat_seconds = property(lambda _engine: None)  # type: ignore[assignment,method-assign]


def _nowhere() -> None:
    return None


async def _anowhere() -> None:
    return None


def _unknown() -> NoReturn:
    raise DefectError(
        "this version of Prefect keeps its results in a way that we do not know how to seal",
        remedy="install the version that requirements.lock names",
    )
