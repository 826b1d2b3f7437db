"""What is left of a document when all that the standard's schema refuses is taken out.

Our own rules need a sound document. So that one run still reports every problem, what is broken is cut out,
piece by piece, until the rest is sound; then our rules read the rest, and tell where it stands in the file.

Invariants:
1. A problem is told with the place in the author's file, not in the rest.
2. Nothing is told that follows only from a cut: what a cut column would have said of itself stays unsaid.
3. The rest is for problems only. No contract is ever made of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from data_contracts.errors import Problem
from data_contracts.standard.validation import odcs_problems
from data_contracts.yamlsource import Source

__all__ = ["Rest", "rest_of"]

Path = tuple[str | int, ...]
_ROUNDS = 6
_NEEDED = {
    "apiVersion": "v3.1.0",
    "kind": "DataContract",
    "id": "none",
    "version": "0.0.0",
    "status": "draft",
}
# Without one of these of a column, nobody can say what terms, conditions and options may say of it.
_SHAPE = {
    "logicalType",
    "logicalTypeOptions",
    "physicalType",
    "properties",
    "items",
    "required",
    "primaryKey",
}


@dataclass(frozen=True)
class Rest(Source):
    """A source whose values stand elsewhere in the author's file.

    Attributes:
        author: the file as it is.
        origin: where each value of the rest stands there.
        cut: what was taken out, as places there.
    """

    author: Source
    origin: dict[Path, Path]
    cut: frozenset[Path]
    asked: list[Path]

    def position(self, *path: str | int) -> tuple[int, int]:
        """Return (line, column) in the author's file."""
        return self.author.position(*self.back(path))

    def problem(self, path: Path, message: str, expected: str = "", *, severity: str = "error") -> Problem:
        """Make a problem at the place in the author's file, and note that place."""
        there = self.back(path)
        self.asked.append(there)
        return self.author.problem(there, message, expected, severity=severity)

    def back(self, path: Path) -> Path:
        """Return where a place of the rest is in the author's file."""
        known = path
        while known not in self.origin:
            known = known[:-1]
        return (*self.origin[known], *path[len(known) :])

    def follows_from_a_cut(self, problem: Problem) -> bool:
        """Whether a problem may be there only because something was taken out."""
        words = problem.path.split(".")
        if words[-1] == "rule" and any({"quality", "logicalTypeOptions"} & set(place) for place in self.cut):
            return True  # The rule that is acknowledged may be one that was cut.
        for place in self.cut:
            if place[-1] not in _SHAPE or not self._depth(place):
                continue
            name = self._column(place).get("name")
            if words[-1] == "rows" or ("columns" in words and words[-1] == name):
                return True
            own = ".".join(map(str, place[: self._depth(place)]))
            if f"{problem.path}.".startswith(f"{own}."):
                return True
        return False

    def _depth(self, place: Path) -> int:
        """Return how long the path of the column is in which the place lies."""
        return 4 if place[:1] == ("schema",) and len(place) > 4 and place[2] == "properties" else 0  # noqa: PLR2004 - schema, its index, properties, its index

    def _column(self, place: Path) -> dict[str, Any]:
        value: Any = self.author.data
        for step in place[: self._depth(place)]:
            value = value[step]
        return dict(value)


def rest_of(source: Source) -> Rest | None:
    """Return the sound rest of a document, or None where too little would be left to judge it."""
    cut: set[Path] = set()
    for _ in range(_ROUNDS):
        rest = _without(source, frozenset(cut))
        if not odcs_problems(rest):
            return None if any(_breaks_the_frame(place) for place in cut) else rest
        found = {place for place in rest.asked if place}
        if not found - cut:
            return None
        cut |= found
    return None


def _breaks_the_frame(place: Path) -> bool:
    """Whether a whole object, all columns or one of them are gone: then much else follows from that."""
    return place[0] == "schema" and len(place) <= 4 and (len(place) < 3 or place[2] in {"properties", "name"})  # noqa: PLR2004 - schema, its index, properties, its index


def _without(source: Source, cut: frozenset[Path]) -> Rest:
    origin: dict[Path, Path] = {(): ()}
    data = _copy(source.data, (), (), cut, origin)
    for key, value in _NEEDED.items():
        if key not in data:
            data[key] = value
            origin[key,] = (key,)
    return Rest(source.file, data, source.raw, source.positions, source, origin, cut, [])


def _copy(value: Any, there: Path, here: Path, cut: frozenset[Path], origin: dict[Path, Path]) -> Any:  # noqa: ANN401 - any JSON value
    origin[here] = there
    if isinstance(value, dict):
        return {
            key: _copy(inner, (*there, key), (*here, key), cut, origin)
            for key, inner in value.items()
            if (*there, key) not in cut
        }
    if isinstance(value, list):
        kept = [(index, inner) for index, inner in enumerate(value) if (*there, index) not in cut]
        return [
            _copy(inner, (*there, index), (*here, number), cut, origin)
            for number, (index, inner) in enumerate(kept)
        ]
    return value
