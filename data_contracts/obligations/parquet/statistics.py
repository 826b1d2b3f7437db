"""Statistics and size statistics: the ends of the values that are there, and true counts."""

from __future__ import annotations

from typing import Any

from data_contracts.obligations.parquet.cells import Cells
from data_contracts.obligations.parquet.leaves import BYTES, Leaf
from data_contracts.obligations.parquet.thrift import UnaccountedError

__all__ = ["check_sizes", "check_statistics"]


def check_statistics(
    found: dict[str, Any], cells: Cells, nulls: int, *, first: int = 0, count: int | None = None
) -> None:
    """Compare statistics with the values that they are about: `count` from `first` on, or all.

    Raises:
        UnaccountedError: they say something else.
    """
    low, high = cells.ends(first, len(cells) if count is None else count)
    for name, allowed in (("min", low), ("old_min", low), ("max", high), ("old_max", high)):
        if name in found and found[name] not in allowed:
            raise UnaccountedError("statistics")
    if found.get("nulls", nulls) != nulls or not (
        found.get("max_exact", True) and found.get("min_exact", True)
    ):
        raise UnaccountedError("statistics")


def check_sizes(found: dict[str, Any], size: int, levels: dict[str, list[int]], leaf: Leaf) -> None:
    """Compare size statistics (or an index's) with the bytes of all values and the counts of levels.

    Raises:
        UnaccountedError: they say something else.
    """
    if found.get("bytes", size) != size or ("bytes" in found and leaf.type != BYTES):
        raise UnaccountedError("statistics")
    for name in ("repetitions", "definitions"):
        if found.get(name) and found[name] != levels[name]:
            raise UnaccountedError("statistics")
