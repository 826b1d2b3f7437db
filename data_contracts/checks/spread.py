"""The end of a check whose parts were looked at by workers: what is left is spread over them as well.

Invariants:
1. The verdict is the one of the same partials in one process, whatever computes.
2. Hashes of keys that are more than `TRAVELS` stay in the files that the workers wrote. Paths and bounds
   go out, a range of buckets to a task; what comes back are counts, and the hashes that repeat.
3. Hashes that repeat come back while they are few; where they are many, the worker that compares their keys
   finds them itself, and nothing is left out.
4. The asset is read again, by one worker, only where a rule needs it: keys whose hashes repeat, a later
   pass, another asset, Great Expectations' own engine.

Example, `over` being `Client.map` and `gather`, and every worker having the same files::

    with Workspace(scratch, TRAVELS) as work:
        room = work.room(plan.hashes_size(rows))
        partials = over(CheckPart(plan, room), parts)
        verdict = judge_spread(plan, partials, paths, over, spill_to=scratch)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from data_contracts.buckets import BucketFile, spans
from data_contracts.checks.hashes import Hashes, Repeats, added, repeats
from data_contracts.checks.partial import Partial, merge
from data_contracts.checks.plan import CheckPlan
from data_contracts.checks.running import check_whole
from data_contracts.errors import DefectError
from data_contracts.verdict import RuleResult, Verdict

__all__ = ["TRAVELS", "Over", "judge_spread"]

TRAVELS = 2**20
"""Bytes of hashes that go with the partials of all parts; more lie in files."""
_EACH = 2**20
"""Hashes (8 MiB) that one task compares."""
_MOST = 2**14
"""Repeating hashes (128 KiB) that one task answers."""


class Over(Protocol):
    """Runs a picklable function over items somewhere, and returns the answers in their order."""

    def __call__(self, function: Callable[[Any], Any], items: Sequence[Any], /) -> Sequence[Any]:
        """Run it."""


def judge_spread(
    plan: CheckPlan,
    partials: Iterable[Partial],
    paths: Sequence[Path],
    over: Over,
    *,
    spill_to: Path | None = None,
) -> Verdict:
    """Return the verdict of partials that were made elsewhere, with the rules that need the whole asset.

    Args:
        plan: the plan that made them.
        partials: of all parts.
        paths: the asset's files.
        over: the workers, which see these files and those that the hashes lie in.
        spill_to: where a worker works when memory is not enough.

    Raises:
        DefectError: they are another plan's, or there are none.
    """
    merged = merge(partials)
    if merged.plan != plan.fingerprint:
        raise DefectError("a partial of another plan")
    merged = _told(merged, over)
    whole: tuple[RuleResult, ...] = ()
    if _needs_asset(plan, merged):
        [whole] = over(_Whole(plan, merged, spill_to), [tuple(paths)])
    known = {result.id: result for result in whole}
    return Verdict(merged.rows, tuple(known.get(rule.id) or plan.judge(rule, merged) for rule in plan.rules))


@dataclass(frozen=True)
class _Comparison:
    """Some buckets of one rule's keys."""

    rule: str
    files: tuple[BucketFile, ...]


def _compare(asked: _Comparison) -> Repeats | None:
    """Return what repeats there; None where that is much."""
    found = repeats(asked.files)
    return found if len(found.hashes) <= _MOST else None


@dataclass(frozen=True)
class _Whole:
    plan: CheckPlan
    partial: Partial
    spill_to: Path | None

    def __call__(self, paths: tuple[Path, ...]) -> tuple[RuleResult, ...]:
        return check_whole(self.plan, paths, self.partial, spill_to=self.spill_to)


def _told(partial: Partial, over: Over) -> Partial:
    """Return the partial with what repeats in hashes on disk, as far as it is little."""
    states = {rule: state for rule, state in partial.states.items() if _on_disk(state)}
    asked = [
        _Comparison(rule, tuple(run.cut(*span) for run in state.runs))
        for rule, state in states.items()
        for span in spans(state.runs, most=_EACH)
    ]
    answers: dict[str, list[Repeats | None]] = {rule: [] for rule in states}
    for one, answer in zip(asked, over(_compare, asked) if asked else (), strict=True):
        answers[one.rule].append(answer)
    for rule, found in answers.items():
        few = [answer for answer in found if answer is not None]
        if len(few) == len(found):
            states[rule] = states[rule].knowing(added(few))
    return replace(partial, states=partial.states | states)


def _on_disk(state: object) -> bool:
    return isinstance(state, Hashes) and state.on_disk


def _needs_asset(plan: CheckPlan, partial: Partial) -> bool:
    return (
        any(rule.whole is not None or rule.reference is not None for rule in plan.rules)
        or any(_repeat(state) for state in partial.states.values() if isinstance(state, Hashes))
        or plan.following(partial) is not None
    )


def _repeat(state: Hashes) -> bool:
    """Whether a hash repeats, or that is not known of hashes on disk."""
    return (state.on_disk and state.told is None) or bool(state.repeated.rows)
