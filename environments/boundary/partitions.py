"""Data at the gate, partition by partition: check, apply the terms, check what was written.

Everything here that runs over partitions is a frozen, picklable object that holds plans and paths. The
pseudonym key is loaded by the process that uses it, from its environment's own folder: it is in no task
graph and passes no scheduler.

Invariants:
1. A part is one row group of one Parquet file, so memory is bounded by the largest row group.
2. An output part is judged as it was read back from the file that will cross, not as it was in memory.
3. A verdict covers every rule: what needs the whole asset is run over all files, and what was not
   evaluated has failed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data_contracts.checks import CheckPlan, Partial, Workspace, check_whole, compile_plan, merge
from data_contracts.errors import DataBreaksContractError, NotVerifiableError
from data_contracts.model import Contract
from data_contracts.obligations import ObligationBrokenError, OutputProof, ProofPartial, apply
from data_contracts.terms import CrossingTerms
from data_contracts.verdict import RuleResult, Verdict
from environments.assets import reference_files
from environments.boundary.context import EnvironmentContext
from environments.boundary.result import GateRule
from environments.codes import open_codes
from environments.home import EnvironmentFolder
from environments.identity import load_identity
from environments.private import disk_errors

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "Part",
    "TransformPart",
    "Transformed",
    "Untransformed",
    "check_parts",
    "judge",
    "parts_of",
    "room_for_keys",
]


@dataclass(frozen=True)
class Part:
    """One row group of one file; `number` counts parts over all files, from 0, `rows` is the file's word."""

    number: int
    path: Path
    group: int | None
    rows: int = 0

    def read(self) -> pa.Table:
        """Return its rows.

        Raises:
            NotVerifiableError: it cannot be decoded.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            with pq.ParquetFile(self.path) as file:
                return file.read() if self.group is None else file.read_row_group(self.group)
        except (pa.ArrowException, OSError):
            # Arrow's own text may hold bytes of the file.
            raise NotVerifiableError(f"{self.path.name}: cannot be read as Parquet") from None


def parts_of(paths: Sequence[Path]) -> list[Part]:
    """Return the parts of the files; a file without row groups is one part without rows.

    Raises:
        NotVerifiableError: a file is no Parquet file.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    found: list[tuple[Path, int | None, int]] = []
    for path in paths:
        try:
            metadata = pq.read_metadata(path)
            groups = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
        except (pa.ArrowException, OSError):
            raise NotVerifiableError(f"{path.name}: cannot be read as Parquet") from None
        found += [(path, group, rows) for group, rows in enumerate(groups)] or [(path, None, 0)]
    return [Part(number, *part) for number, part in enumerate(found)]


@dataclass(frozen=True)
class _CheckPart:
    plan: CheckPlan
    spill_to: Path | None

    def __call__(self, part: Part) -> Partial:
        return self.plan.partial(part.read(), position=part.number, spill_to=self.spill_to)


@contextmanager
def room_for_keys(env: EnvironmentContext, plan: CheckPlan, parts: Sequence[Part]) -> Iterator[Path | None]:
    """Give the folder that hashes of keys are put into where they outgrow memory; it goes with the check."""
    with Workspace(env.folder.tmp) as work:
        yield work.room(plan.hashes_size(sum(part.rows for part in parts)))


def check_parts(env: EnvironmentContext, contract: Contract, paths: Sequence[Path]) -> Verdict:
    """Check files against a contract, over their partitions.

    Foreign keys are looked up in the environment's own store, service levels judged at this moment.

    Raises:
        NotVerifiableError: a file cannot be read as Parquet, or a byte of another asset is wrong.
    """
    found = reference_files(env.store, contract, paths)
    plan = compile_plan(contract, references=found, now=env.clock())
    parts = parts_of(paths)
    with room_for_keys(env, plan, parts) as spill_to:
        return judge(env, plan, env.partition_map(_CheckPart(plan, spill_to), parts), paths)


@dataclass(frozen=True)
class _CheckWhole:
    plan: CheckPlan
    partial: Partial
    spill_to: Path

    def __call__(self, paths: tuple[Path, ...]) -> tuple[RuleResult, ...]:
        return check_whole(self.plan, paths, self.partial, spill_to=self.spill_to)


def judge(
    env: EnvironmentContext, plan: CheckPlan, partials: Sequence[Partial], paths: Sequence[Path]
) -> Verdict:
    """Return the verdict of merged partials, with the rules that need the whole asset.

    Those run where the parts do: Great Expectations takes seconds to import, and a Dask worker keeps it
    for the next check, until its environment rests.
    """
    merged = merge(partials)
    [whole] = env.partition_map(_CheckWhole(plan, merged, env.folder.tmp), [tuple(paths)])
    return plan.verdict(merged).with_results(whole)


@dataclass(frozen=True)
class Transformed:
    """One written output part: its file, its rows, and what checking it again gave."""

    path: Path
    rows: int
    partial: Partial
    proof: ProofPartial


@dataclass(frozen=True)
class Untransformed:
    """A part that the terms cannot be applied to, and the rule that says so."""

    rule: GateRule


@dataclass(frozen=True)
class TransformPart:
    """Applies the terms to one part and writes, reads back and checks the output.

    Attributes:
        terms: of this destination and purpose.
        contract: of the source's version.
        arrival: the compiled arrival contract.
        proof: the comparison of output and source.
        keys: the environment's folder, whose pseudonym key and table of codes are used.
        output: the folder that output parts are written to.
        spill_to: of the hashes of the output's keys.
    """

    terms: CrossingTerms
    contract: Contract
    arrival: CheckPlan
    proof: OutputProof
    keys: EnvironmentFolder
    output: Path
    spill_to: Path | None = None

    def __call__(self, part: Part) -> Transformed | Untransformed:
        """Return what became of one part."""
        try:
            return self._transformed(part)
        except ObligationBrokenError as error:
            return Untransformed(GateRule(error.rule, "unexpected_values", error.count))
        except DataBreaksContractError:
            return Untransformed(GateRule("output", "the terms cannot be applied to the data"))

    def _transformed(self, part: Part) -> Transformed:
        source = part.read()
        key = load_identity(self.keys).pseudonym_key()
        path = self.output / f"part-{part.number:05d}.parquet"
        codes = open_codes(self.keys)
        write_part(apply(self.terms, self.contract, source, pseudonym_key=key, codes=codes), path)
        written = Part(part.number, path, None).read()
        return Transformed(
            path,
            written.num_rows,
            self.arrival.partial(written, position=part.number, spill_to=self.spill_to),
            self.proof.partial(source, written, pseudonym_key=key, codes=codes),
        )


def write_part(table: pa.Table, path: Path) -> None:
    """Write one output part as one row group, without any metadata of its source."""
    import pyarrow.parquet as pq

    # A table of no rows still has one row group less than one: the group's size must be positive.
    options: dict[str, Any] = {"compression": "zstd", "row_group_size": max(1, table.num_rows)}
    with disk_errors(f"{path.name}: the output cannot be written"):
        pq.write_table(table.replace_schema_metadata(None), path, **options)
