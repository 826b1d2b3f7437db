"""The measures of a plan, run together over one part: one select for each level.

Invariants:
1. Equal expressions of different rules are evaluated once.
2. What the engine cannot evaluate on some part fails its own rule, never another's, and never aborts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from data_contracts.checks.nested import Flat, Node
from data_contracts.checks.partial import Unevaluated
from data_contracts.measure import Measure, PartView

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Place", "Program", "build_program"]


@dataclass(frozen=True)
class Place:
    """Where a part stands in the asset: its ordinal, and its first row where that is known."""

    position: int = 0
    first_row: int | None = None


@dataclass
class _Level:
    """The expressions of one level, each once."""

    expressions: list[pl.Expr] = field(default_factory=list)
    known: dict[bytes, int] = field(default_factory=dict)

    def place(self, expression: pl.Expr) -> int:
        """Return the expression's number."""
        key = expression.meta.serialize(format="binary")
        if key not in self.known:
            self.known[key] = len(self.expressions)
            self.expressions.append(expression.alias(str(self.known[key])))
        return self.known[key]


@dataclass(frozen=True)
class _Step:
    rule: str
    measure: Measure
    level: str
    numbers: tuple[int, ...]


@dataclass
class Program:
    """What to run on each part."""

    steps: list[_Step] = field(default_factory=list)
    levels: dict[str, _Level] = field(default_factory=dict)
    nulls: list[tuple[str, Measure, str]] = field(default_factory=list)

    def run(
        self, flat: Flat, nulls: Mapping[str, int], place: Place, skipped: Iterable[str]
    ) -> dict[str, Any]:
        """Return the state of each rule that is not skipped.

        Args:
            flat: the part's columns.
            nulls: how many nulls each column has, for rules that need no more.
            place: where the part stands.
            skipped: ids of rules whose columns are not sound.
        """
        left_out = set(skipped)
        states: dict[str, Any] = {}
        for rule, measure, name in self.nulls:
            if rule not in left_out:
                states[rule] = measure.state((nulls[name],), _bare(flat, place))
        for level, found in self.levels.items():
            steps = []
            for step in self.steps:
                if step.level != level or step.rule in left_out:
                    continue
                count = _quick(step, flat)
                if count is None:
                    steps.append(step)
                else:
                    answers = (nulls[step.measure.columns[0]], count)
                    states[step.rule] = _state(step, answers, _bare(flat, place))
            states |= _run_level(found, level, steps, flat, place)
        return states


def build_program(measures: Iterable[tuple[str, Measure]], nodes: Mapping[str, Node]) -> Program:
    """Return the program of these rules' measures."""
    program = Program()
    for rule, measure in measures:
        first = nodes.get(measure.columns[0]) if measure.columns else None
        level = "" if first is None else first.level
        top = first is None or first.parent is None
        if getattr(measure, "only_nulls", False) and top:
            program.nulls.append((rule, measure, measure.columns[0]))
            continue
        found = program.levels.setdefault(level, _Level())
        numbers = tuple(found.place(expression) for expression in measure.expressions())
        program.steps.append(_Step(rule, measure, level, numbers))
    return program


def _quick(step: _Step, flat: Flat) -> int | None:
    """Return what breaks the rule, where that can be told without converting its column."""
    quick = getattr(step.measure, "quick", None)
    values = flat.arrow(step.measure.columns[0]) if quick is not None and step.measure.columns else None
    if quick is None or values is None:
        return None
    found: int | None = quick(values)
    return found


def _bare(flat: Flat, place: Place) -> PartView:
    import polars as pl

    return PartView(pl.DataFrame(), flat.rows(""), place.position, place.first_row)


def _run_level(found: _Level, level: str, steps: list[_Step], flat: Flat, place: Place) -> dict[str, Any]:
    if not steps:
        return {}
    wanted = sorted({number for step in steps for number in step.numbers})
    paths = dict.fromkeys(path for step in steps for path in step.measure.columns)
    frame = flat.frame(paths)
    first_row = None if level else place.first_row
    part = PartView(frame, flat.rows(level), place.position, first_row)
    answers = _select(frame, [found.expressions[number] for number in wanted])
    if answers is None:
        return {step.rule: _alone(step, found, part) for step in steps}
    by_number = dict(zip(wanted, answers, strict=True))
    return {
        step.rule: _state(step, tuple(by_number[number] for number in step.numbers), part) for step in steps
    }


def _alone(step: _Step, found: _Level, part: PartView) -> Any:  # noqa: ANN401 - a state
    """Run one rule by itself, because running all together failed."""
    answers = _select(part.frame, [found.expressions[number] for number in step.numbers])
    return Unevaluated() if answers is None else _state(step, answers, part)


def _select(frame: pl.DataFrame, expressions: list[pl.Expr]) -> tuple[Any, ...] | None:
    """Return one value for each expression, or None where the engine refuses one of them."""
    import polars as pl

    if not expressions:
        return ()
    try:
        return frame.lazy().select(expressions).collect().row(0)
    except pl.exceptions.PolarsError:
        return None  # Its text may hold values of the data.


def _state(step: _Step, answers: tuple[Any, ...], part: PartView) -> Any:  # noqa: ANN401 - a state
    import polars as pl

    try:
        return step.measure.state(answers, part)
    except (pl.exceptions.PolarsError, ArithmeticError, TypeError, ValueError):
        return Unevaluated()  # As above.
