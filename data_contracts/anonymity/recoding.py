"""What was found: a level for each quasi-identifier, the classes to leave out, and what it costs.

Invariants:
1. Applying is a function of one row: no partition looks at another.
2. A row of a suppressed class is not in the output, in no form.
3. The output has one level of each column: nothing finer, nothing coarser.

Example:
    ```python
    parts = data.write(recode, found, into=out, as_="polars")     # recode(frame, found) -> frame
    ```
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from data_contracts.anonymity.hierarchy import Hierarchy, label
from data_contracts.errors import DataBreaksContractError

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Loss", "Recoding", "recode"]


@dataclass(frozen=True)
class Loss:
    """What anonymity cost.

    Attributes:
        rows: before.
        suppressed: rows left out.
        classes: in the output.
        smallest: rows of the smallest class; 0 where nothing is left.
        information: the mean loss over rows and quasi-identifiers, 0 to 1; a suppressed row loses all (the
            normalised certainty penalty, with Iyengar's loss of a label).
        discernibility: Bayardo and Agrawal's (2005): for each row, the rows that it cannot be told from;
            for a suppressed row, all rows.
    """

    rows: int
    suppressed: int
    classes: int
    smallest: int
    information: float
    discernibility: int

    @property
    def share(self) -> float:
        """The share of rows left out."""
        return self.suppressed / self.rows if self.rows else 0.0

    @property
    def average(self) -> float:
        """Rows of a class on average."""
        return (self.rows - self.suppressed) / self.classes if self.classes else 0.0

    def to_json(self) -> dict[str, Any]:
        """Return counts and shares; none of them is a value of the data."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class Recoding:
    """A way to make a table anonymous; picklable, and it stays in the environment.

    Attributes:
        hierarchies: by quasi-identifier.
        levels: by quasi-identifier.
        suppressed: the labels of each class to leave out, one column for each quasi-identifier.
        loss: over the rows that were counted.
        nodes: how many combinations of levels there are.
        tried: how many of them were looked at.
    """

    hierarchies: Mapping[str, Hierarchy]
    levels: Mapping[str, int]
    suppressed: pl.DataFrame = field(repr=False)
    loss: Loss
    nodes: int = 1
    tried: int = 1


def recode(frame: pl.DataFrame, found: Recoding) -> pl.DataFrame:
    """Return the rows that stay, in their order, with each quasi-identifier at its level, as text.

    Raises:
        DataBreaksContractError: a column is not there.
        NoLabelError: a value has no label.
    """
    absent = [name for name in found.levels if name not in frame.columns]
    if absent:
        raise DataBreaksContractError(f"columns {', '.join(absent)}: absent, and the levels are theirs")
    made = frame.with_columns(
        label(found.hierarchies[name], frame[name], level) for name, level in found.levels.items()
    )
    if not found.suppressed.height:
        return made
    return made.join(
        found.suppressed, on=list(found.levels), how="anti", nulls_equal=True, maintain_order="left"
    )
