"""Which cells of a summary may be released, and how finely.

Invariants:
1. No released cell rests on fewer than `LEAST` rows.
2. What is withheld cannot be had by subtraction from the grand total, which anyone may know (the
   number of rows scored is no secret): the withheld rows number at least `LEAST`, in at least two
   cells. Where the small cells alone do not, the smallest of the others is withheld with them.
3. The mean is given to two decimals. Over eleven rows or more that is coarser than what one row
   adds, so two releases that differ in one row do not give that row's score.

What this does not defend against: someone who knows most rows of a cell already, and many releases
over slowly changing rows. The summary's contract is for one release at a time, to one recipient.

Example:
    >>> release({"a": Cell(40, 4.0), "b": Cell(12, 1.2), "c": Cell(3, 0.9)}).cells
    {'a': Cell(rows=40, total=4.0)}
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

__all__ = ["DECIMALS", "LEAST", "Cell", "Release", "merge", "release"]

LEAST = 11
"""The least rows of a cell (CMS cell size suppression policy: no cell of 1 to 10)."""
DECIMALS = 2


@dataclass(frozen=True)
class Cell:
    """Rows of one group and the sum of their scores."""

    rows: int
    total: float

    def __add__(self, other: Cell) -> Cell:
        """Merge two."""
        return Cell(self.rows + other.rows, self.total + other.total)

    @property
    def mean(self) -> float:
        """The mean score, as coarse as it may be released."""
        return round(self.total / self.rows, DECIMALS)


@dataclass(frozen=True)
class Release:
    """What may be released.

    Attributes:
        cells: group to cell, sorted by group.
        withheld: how many groups are not in it.
    """

    cells: Mapping[str, Cell]
    withheld: int


def merge(parts: Iterable[Mapping[str, Cell]]) -> dict[str, Cell]:
    """Add up the cells of several partitions."""
    found: dict[str, Cell] = {}
    for part in parts:
        for group, cell in part.items():
            found[group] = found[group] + cell if group in found else cell
    return found


def release(cells: Mapping[str, Cell]) -> Release:
    """Withhold what is small, and as much more as keeps it from being found by subtraction."""
    by_size = sorted((cell.rows, group) for group, cell in cells.items())
    withheld: list[tuple[int, str]] = [entry for entry in by_size if entry[0] < LEAST]
    rest = by_size[len(withheld) :]
    # One small cell alone is always below LEAST, so a second one joins it.
    while withheld and rest and sum(rows for rows, _ in withheld) < LEAST:
        withheld.append(rest.pop(0))
    return Release({group: cells[group] for group in sorted(group for _, group in rest)}, len(withheld))
