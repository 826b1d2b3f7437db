"""Column and offset indexes: of each page its own bounds, its own place, and nothing else."""

from __future__ import annotations

from typing import Any

from data_contracts.obligations.parquet.cells import Cells
from data_contracts.obligations.parquet.chunk import Pages
from data_contracts.obligations.parquet.format import COLUMN_INDEX, OFFSET_INDEX
from data_contracts.obligations.parquet.thrift import UnaccountedError, read_struct

__all__ = ["check_column_index", "check_offset_index"]

_ORDERS = {0, 1, 2}


def _whole(raw: bytes, spec: Any) -> dict[str, Any]:  # noqa: ANN401 - a Spec
    found, end = read_struct(raw, 0, spec)
    if end != len(raw):
        raise UnaccountedError("indexes")
    return found


def check_offset_index(raw: bytes, pages: Pages, cells: Cells) -> None:
    """Compare the places of pages with where they are.

    Raises:
        UnaccountedError: one is elsewhere, or a number is none of theirs.
    """
    found = _whole(raw, OFFSET_INDEX)
    row = 0
    wanted = []
    for page in pages.data:
        wanted.append({"offset": page.offset, "size": page.size, "row": row})
        row += page.rows
    if found.get("pages") != wanted:
        raise UnaccountedError("indexes")
    sizes = found.get("bytes")
    if sizes is not None and sizes != [cells.size(page.first, page.count) for page in pages.data]:
        raise UnaccountedError("indexes")


def check_column_index(raw: bytes, pages: Pages, cells: Cells) -> None:
    """Compare the bounds of pages with those of the values in them.

    Raises:
        UnaccountedError: a bound is none of the page's values, or a count is wrong.
    """
    found = _whole(raw, COLUMN_INDEX)
    count = len(pages.data)
    lists = [found.get(name) for name in ("empty", "min", "max")]
    if (
        any(not isinstance(item, list) or len(item) != count for item in lists)
        or found.get("order") not in _ORDERS
    ):
        raise UnaccountedError("indexes")
    for place, page in enumerate(pages.data):
        low, high = cells.ends(page.first, page.count)
        empty = frozenset({b""})
        if found["empty"][place] != (page.count == 0):
            raise UnaccountedError("indexes")
        if found["min"][place] not in (low or empty) or found["max"][place] not in (high or empty):
            raise UnaccountedError("indexes")
    if found.get("nulls", []) not in ([], [page.nulls for page in pages.data]):
        raise UnaccountedError("indexes")
    for name in ("repetitions", "definitions"):
        wanted = [count for page in pages.data for count in page.levels[name]]
        if found.get(name, []) not in ([], wanted):
            raise UnaccountedError("indexes")
