"""Data at the gate against a contract, partition by partition.

Invariants:
1. A verdict covers every rule: what needs the whole asset is run over all files, and what was not
   evaluated has failed.
2. Of what arrived, every byte of every file is looked at too, beside the very rows that are checked.
3. Nothing that arrived is decoded here before a child decoded it, whoever signed it: of a set some hundred
   files in one child, and where that one refuses or ends, each member's in a child of its own.
4. Hashes of keys lie in a folder that goes with the check, where they are too many to travel; they are
   compared where the parts are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from data_contracts.checks import (
    TRAVELS,
    CheckPlan,
    Partial,
    Workspace,
    compile_plan,
    judge_spread,
    merge,
)
from data_contracts.model import Contract
from data_contracts.obligations import verify_file
from data_contracts.sandbox.probing import HostileFileError, probe_files
from data_contracts.verdict import RuleResult, Verdict
from environments.assets import reference_files
from environments.boundary.context import EnvironmentContext
from environments.boundary.partitions import Part, parts_of

__all__ = ["check_arrived", "check_parts", "decoded_together", "judge", "room_for_keys"]

_AT_ONCE = 256
"""Files that one child decodes: a child costs a tenth of a second, a small file a thousandth."""


@dataclass(frozen=True)
class _CheckPart:
    plan: CheckPlan
    spill_to: Path | None

    def __call__(self, part: Part) -> Partial:
        return self.plan.partial(part.read(), position=part.number, spill_to=self.spill_to)


@dataclass(frozen=True)
class _CheckArrived:
    """As `_CheckPart`, and the rules that the part's file breaks; asked of each file once."""

    arrival: Contract
    check: _CheckPart

    def __call__(self, part: Part) -> tuple[Partial, tuple[RuleResult, ...]]:
        table = part.read()
        found: tuple[RuleResult, ...] = ()
        if part.alone:
            found = verify_file(part.path, self.arrival, table)
        elif part.groups and part.groups[0] == 0:
            found = verify_file(part.path, self.arrival)
        partial = self.check.plan.partial(table, position=part.number, spill_to=self.check.spill_to)
        return partial, tuple(rule for rule in found if not rule.success)


@contextmanager
def room_for_keys(env: EnvironmentContext, plan: CheckPlan, parts: Sequence[Part]) -> Iterator[Path | None]:
    """Give the folder that hashes of keys are put into where they are many; it goes with the check."""
    with Workspace(env.folder.tmp, TRAVELS) as work:
        yield work.room(plan.hashes_size(sum(part.rows for part in parts)))


def check_parts(env: EnvironmentContext, contract: Contract, paths: Sequence[Path]) -> Verdict:
    """Check files against a contract, over their partitions.

    Foreign keys are looked up in the environment's own store, service levels judged at this moment.

    Raises:
        NotVerifiableError: a file cannot be read as Parquet, or a byte of another asset is wrong.
    """
    plan = _plan(env, contract, paths)
    parts = parts_of(paths)
    with room_for_keys(env, plan, parts) as spill_to:
        return judge(env, plan, env.partition_map(_CheckPart(plan, spill_to), parts), paths)


def decoded_together(members: Sequence[Sequence[Path]]) -> frozenset[Path]:
    """Decode the files of many members in few children; return those that need no child any more.

    What is not among them says nothing against a file: a child ends with the first that it does not decode.
    """
    found: set[Path] = set()
    batch: list[Path] = []
    for at, files in enumerate(members, 1):
        batch += files
        if len(batch) < _AT_ONCE and at < len(members):
            continue
        try:
            whole = probe_files(batch)
        except HostileFileError:
            whole = False
        found |= set(batch) if whole else set()
        batch = []
    return frozenset(found)


def check_arrived(env: EnvironmentContext, arrival: Contract, paths: Sequence[Path]) -> Verdict:
    """Check files that arrived, rows and bytes; where a file carries more than its rows, that alone is told.

    Raises:
        DataBreaksContractError: a file is no Parquet file.
        NotVerifiableError: as `check_parts`.
    """
    plan = _plan(env, arrival, paths)
    parts = parts_of(paths, whole=True)
    with room_for_keys(env, plan, parts) as spill_to:
        answers = env.partition_map(_CheckArrived(arrival, _CheckPart(plan, spill_to)), parts)
        partials = [partial for partial, _ in answers]
        broken = tuple(rule for _, rules in answers for rule in rules)
        return Verdict(merge(partials).rows, broken) if broken else judge(env, plan, partials, paths)


def _plan(env: EnvironmentContext, contract: Contract, paths: Sequence[Path]) -> CheckPlan:
    references = reference_files(env.store, contract, paths)
    return compile_plan(contract, references=references, now=env.clock())


def judge(
    env: EnvironmentContext, plan: CheckPlan, partials: Sequence[Partial], paths: Sequence[Path]
) -> Verdict:
    """Return the verdict of merged partials, with the rules that need the whole asset.

    Those run where the parts do: Great Expectations takes seconds to import, and a Dask worker keeps it
    for the next check, until its environment rests.
    """
    return judge_spread(plan, partials, paths, env.partition_map, spill_to=env.folder.tmp)
