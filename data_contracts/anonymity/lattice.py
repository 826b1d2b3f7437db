"""Which level for each column? The lattice of all combinations, searched for the one that loses least.

Full-domain recoding: all rows have the same level of a column. A combination of levels is admitted if the
rows of its failing classes, which are left out, are no more than the declared share. Among the admitted ones
the one with the least information loss is taken, suppressed rows counted as lost; it is the least there is,
no approximation. docs/adr says why not Mondrian.

What keeps it fast, for what is asked of k and of distinct values:

1. A coarser combination never suppresses more rows (classes only merge), so whatever is finer than one that
   fails fails too (Samarati 2001; LeFevre, DeWitt and Ramakrishnan 2005).
2. The mean loss of a combination without suppression is known from the columns alone, and no combination
   can lose less. Rows that are suppressed at some levels are suppressed at all finer ones: what they cost
   there is added to that bound for all finer combinations.
3. Classes are made from the smallest finer table at hand, not from the rows.

Always the middle of what is left is tried, by that bound: it fails and the finer ones go, or it holds and
whatever loses more goes. Entropy is not monotone under suppression; for it only the bound without suppression
is used.

Invariants:
1. The same counts give the same answer, whatever order or partitioning they came in.
2. Ties go to the combination whose levels come first.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_contracts.anonymity.classes import Classes, Grouped
from data_contracts.anonymity.counting import Counts
from data_contracts.anonymity.hierarchy import Hierarchy
from data_contracts.anonymity.ladders import Coded, Ladder, encode
from data_contracts.anonymity.recoding import Loss, Recoding
from data_contracts.anonymity.requirement import Requirement
from data_contracts.errors import DataBreaksContractError, UsageError

__all__ = ["NotAnonymousError", "evaluate", "search"]

MOST_NODES = 200_000
_SAME = 1e-12
"""Losses nearer than this are one loss: sums of shares differ in their last bits."""
_KEPT_TABLES = 2  # times the rows of the finest one


class NotAnonymousError(DataBreaksContractError):
    """No admitted combination of levels makes these rows anonymous enough."""


def search(
    counts: Counts,
    requirement: Requirement,
    hierarchies: Mapping[str, Hierarchy],
    *,
    max_suppressed: float = 0.0,
    least: Mapping[str, int] | None = None,
) -> Recoding:
    """Return the levels that lose least, and the classes to leave out.

    Args:
        counts: of all parts, merged.
        requirement: what every class must reach.
        hierarchies: one for each quasi-identifier.
        max_suppressed: the largest share of rows, 0 to 1, that may be left out.
        least: the finest level that a column may have; 0, its values, where it is not named.

    Raises:
        NotAnonymousError: no combination of levels reaches it within the share.
        NoLabelError: some values have no label.
        UsageError: there are more combinations than can be searched.
    """
    coded = encode(counts, requirement, hierarchies)
    ranges = [
        range(min((least or {}).get(ladder.name, 0), ladder.levels - 1), ladder.levels)
        for ladder in coded.ladders
    ]
    total = math.prod(map(len, ranges))
    if total > MOST_NODES:
        raise UsageError(
            f"{total:,} combinations of levels, and {MOST_NODES:,} can be searched",
            remedy="declare fewer levels, or fewer quasi-identifiers",
        )
    lattice = _Lattice(coded, requirement, ranges, max_suppressed)
    best = lattice.best()
    if best is None:
        raise NotAnonymousError(
            f"anonymity.k: out of reach for {counts.rows} rows with a share of {max_suppressed:g} left out",
            remedy="allow more suppression, coarser levels, or a smaller k; or bring more rows",
        )
    return _recoding(coded, hierarchies, best, nodes=total, tried=lattice.tried)


def evaluate(
    counts: Counts,
    requirement: Requirement,
    hierarchies: Mapping[str, Hierarchy],
    levels: Mapping[str, int],
    *,
    max_suppressed: float = 1.0,
) -> Recoding:
    """Return the recoding at given levels: for rows that must have the shape of others.

    Raises:
        NotAnonymousError: more rows would be left out than may be.
        NoLabelError: some values have no label.
    """
    coded = encode(counts, requirement, hierarchies)
    wanted = tuple(levels[name] for name in requirement.quasi_identifiers)
    classes = Grouped.of(coded).lifted(wanted).classes(requirement)
    if classes.suppressed > _most(max_suppressed, coded.rows):
        raise NotAnonymousError(
            f"anonymity.k: {classes.suppressed} of {coded.rows} rows would be left out at these levels",
            remedy="allow more suppression, or bring more rows at once",
        )
    return _recoding(coded, hierarchies, _Node(wanted, classes, 0.0))


@dataclass(frozen=True, eq=False)
class _Node:
    levels: tuple[int, ...]
    classes: Classes
    loss: float

    def before(self, other: _Node) -> bool:
        """Whether it is the better one: it loses less, or as much at levels that come first."""
        if abs(self.loss - other.loss) > _SAME:
            return self.loss < other.loss
        return self.levels < other.levels


class _Lattice:
    """The combinations that may still be the best."""

    def __init__(
        self, coded: Coded, requirement: Requirement, ranges: list[range], max_suppressed: float
    ) -> None:
        self._coded, self._requirement = coded, requirement
        self._most = _most(max_suppressed, coded.rows)
        axes = np.meshgrid(*[np.array(one) for one in ranges], indexing="ij")
        self._levels: NDArray[np.int64] = np.stack([axis.ravel() for axis in axes], axis=1)
        bounds: Any = np.zeros(len(self._levels))
        for index, ladder in enumerate(coded.ladders):
            bounds = bounds + np.array(ladder.means)[self._levels[:, index]]
        self._means = bounds / len(coded.ladders)
        self._bounds = self._means.copy()
        self._tables = _Tables(Grouped.of(coded))
        # For k alone, without the sensitive columns: far fewer combinations, and most that fail fail by it.
        self._plain = _Tables(Grouped.of(coded).plain()) if requirement.sensitive else self._tables
        self._k_alone = replace(requirement, sensitive={})
        self.tried = 0

    def best(self) -> _Node | None:
        """Try combinations until none is left that could be better."""
        found: _Node | None = None
        left = np.arange(len(self._levels))
        while len(left):
            order = left[np.lexsort((left, self._bounds[left]))]
            place = int(order[len(order) // 2])
            node = self._try(place, math.inf if found is None else found.loss)
            holds = node.loss < math.inf
            if holds and (found is None or node.before(found)):
                found = node
            left = left[left != place]
            if self._requirement.monotone:
                left = self._prune(left, place, node, holds=holds)
            if found is not None:
                left = left[self._bounds[left] <= found.loss + _SAME]
        return found

    def _try(self, place: int, best: float) -> _Node:
        """Return a combination with its loss.

        That is infinite where it is not admitted, and a lower bound where the bound is above `best` already.
        """
        self.tried += 1
        levels = tuple(int(level) for level in self._levels[place])
        node = self._node(levels, self._plain.at(levels).classes(self._k_alone))
        if not self._requirement.sensitive or node.loss > best + _SAME:
            return node
        return self._node(levels, self._tables.at(levels).classes(self._requirement))

    def _node(self, levels: tuple[int, ...], classes: Classes) -> _Node:
        if classes.suppressed > self._most:
            return _Node(levels, classes, math.inf)
        return _Node(levels, classes, _information(self._coded.ladders, levels, classes, self._coded.rows))

    def _prune(self, left: NDArray[np.int64], place: int, node: _Node, *, holds: bool) -> NDArray[np.int64]:
        finer = np.all(self._levels[left] <= self._levels[place], axis=1)
        if not holds:
            rest: NDArray[np.int64] = left[~finer]
            return rest
        below = left[finer]
        cost = node.loss - self._means[place]
        self._bounds[below] = np.maximum(self._bounds[below], self._means[below] + cost)
        return left


class _Tables:
    """Tables of combinations, each made from the smallest finer one, within a bound of memory."""

    def __init__(self, finest: Grouped) -> None:
        self._finest, self._made = finest, list[Grouped]()

    def at(self, levels: tuple[int, ...]) -> Grouped:
        """Return the combinations at some levels."""
        finer = [table for table in self._made if table.finer(levels)]
        made = min(finer, key=len, default=self._finest).lifted(levels)
        self._made.append(made)
        while len(self._made) > 1 and sum(map(len, self._made)) > _KEPT_TABLES * len(self._finest):
            self._made.remove(max(self._made, key=len))
        return made


def _most(share: float, rows: int) -> int:
    # A share such as 0.05 of 100 rows is 5 rows, whatever its last bit says.
    return math.floor(share * rows + 1e-9)


def _information(ladders: tuple[Ladder, ...], levels: tuple[int, ...], classes: Classes, rows: int) -> float:
    if not rows:
        return 0.0
    lost: Any = np.zeros(len(classes.sizes))
    for ladder, level, codes in zip(ladders, levels, classes.codes, strict=True):
        lost = lost + ladder.losses[level][codes]
    kept = float((classes.sizes * lost)[classes.holds].sum()) / len(ladders)
    return (kept + classes.suppressed) / rows


def _recoding(
    coded: Coded, hierarchies: Mapping[str, Hierarchy], node: _Node, *, nodes: int = 1, tried: int = 1
) -> Recoding:
    import polars as pl

    classes = node.classes
    out = np.flatnonzero(~classes.holds)
    suppressed = pl.DataFrame(
        [
            ladder.labels[level][codes[out]].alias(ladder.name)
            for ladder, level, codes in zip(coded.ladders, node.levels, classes.codes, strict=True)
        ]
    )
    kept = classes.sizes[classes.holds]
    left_out = classes.suppressed
    loss = Loss(
        rows=coded.rows,
        suppressed=left_out,
        classes=len(kept),
        smallest=int(kept.min()) if len(kept) else 0,
        information=round(_information(coded.ladders, node.levels, classes, coded.rows), 9),
        discernibility=int((kept * kept).sum()) + left_out * coded.rows,
    )
    names = [ladder.name for ladder in coded.ladders]
    return Recoding(
        {name: hierarchies[name] for name in names},
        dict(zip(names, node.levels, strict=True)),
        suppressed,
        loss,
        nodes,
        tried,
    )
