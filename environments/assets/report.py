"""What an `add` answers: counts, rule ids and references, never a value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from data_contracts.errors import DataBreaksContractError
from data_contracts.verdict import Verdict
from environments.stores import AssetRecord

__all__ = ["AddReport", "UnreadableCell", "UnreadableError"]


@dataclass(frozen=True)
class UnreadableCell:
    """Cells of one column that are not of its type.

    Attributes:
        id: the rule's, such as `age.type`.
        column: the column.
        count: how many cells.
    """

    id: str
    column: str
    count: int

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {"id": self.id, "column": self.column, "count": self.count}


@dataclass(frozen=True)
class AddReport:
    """What was committed.

    Attributes:
        record: the new version, or the one that already held exactly this.
        fresh: whether it is new.
        verdict: of the contract's rules (reported, not enforced); None if not asked for.
        unreadable: counts of cells that were not read; empty without `reject_to`.
        rejects: the version of the rejected rows, if any.
    """

    record: AssetRecord
    fresh: bool
    verdict: Verdict | None
    unreadable: tuple[UnreadableCell, ...] = ()
    rejects: AssetRecord | None = None


class UnreadableError(DataBreaksContractError):
    """Some cells are not of their column's type; nothing was committed.

    Attributes:
        unreadable: counts by rule.
        rows: rows with at least one such cell.
    """

    def __init__(self, file: str, unreadable: tuple[UnreadableCell, ...], rows: int, total: int) -> None:
        """Name every rule with its count."""
        self.unreadable = unreadable
        self.rows = rows
        lines = "".join(f"\n  {cell.id}: {cell.count}" for cell in unreadable)
        super().__init__(
            f"{file}: {rows} of {total} rows have cells that cannot be read:{lines}",
            remedy="mend the file, or keep those rows as an asset of their own with --reject-to NAME;"
            " nothing was committed",
        )
