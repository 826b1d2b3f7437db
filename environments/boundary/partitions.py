"""Data at the gate, partition by partition: apply the terms, check what was written.

Everything here that runs over partitions is a frozen, picklable object that holds plans and paths. The
pseudonym key is loaded by the process that uses it, from its environment's own folder: it is in no task
graph and passes no scheduler.

Invariants:
1. A part is row groups of one file that follow each other, less than twice `_ROOM` rows, or one larger
   group: memory is bounded by the largest row group. Where parts end follows from the groups around, so a
   change of the source changes few parts of the output.
2. An output part is judged as it was read back from the file that will cross, not as it was in memory.
3. The bytes of an output part are compared with the very rows that were read back from it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from data_contracts.checks import CheckPlan, Partial
from data_contracts.errors import DataBreaksContractError, NotVerifiableError
from data_contracts.model import Contract
from data_contracts.obligations import (
    ObligationBrokenError,
    OutputProof,
    ProofPartial,
    apply,
    verify_file,
)
from data_contracts.terms import CrossingTerms
from data_contracts.verdict import RuleResult
from environments.assets.grouping import USUAL_ROWS, cut_groups, repeating
from environments.boundary.result import GateRule
from environments.codes import open_codes
from environments.home import EnvironmentFolder
from environments.identity import load_identity
from environments.private import disk_errors

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

__all__ = [
    "Part",
    "TransformPart",
    "Transformed",
    "Untransformed",
    "parts_of",
]

_ROOM, _PARTS, _ENDS = 65_536, 16, 4
"""Rows from which on a part ends, parts that an asset shall have, and of how many groups one ends a part."""


@dataclass(frozen=True)
class Part:
    """Row groups of one file.

    Attributes:
        number: of the part, over all files, from 0.
        groups: those of the part, in order; None for all of the file.
        rows: how many, by the file's word.
        alone: whether the file has no other part.
    """

    number: int
    path: Path
    groups: tuple[int, ...] | None
    rows: int = 0
    alone: bool = True

    def read(self) -> pa.Table:
        """Return its rows.

        Raises:
            NotVerifiableError: it cannot be decoded.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            known = None if self.alone else _footer(self.path, *_stamp(self.path))
            with pq.ParquetFile(self.path, metadata=known) as file:
                return file.read() if self.groups is None else file.read_row_groups(list(self.groups))
        except (pa.ArrowException, OSError):
            # Arrow's own text may hold bytes of the file.
            raise NotVerifiableError(f"{self.path.name}: cannot be read as Parquet") from None


def _stamp(path: Path) -> tuple[int, ...]:
    found = path.stat()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


@lru_cache(maxsize=1)
def _footer(path: Path, *_stamp: int) -> pq.FileMetaData:
    """Return what a file of many parts says of itself, parsed once and not for each of its parts."""
    import pyarrow.parquet as pq

    return pq.read_metadata(path)


def parts_of(paths: Sequence[Path], *, whole: bool = False) -> list[Part]:
    """Return the parts of the files; a file without row groups is one part without rows.

    Args:
        paths: the files.
        whole: leave a file in one part where it is no larger than one may be: of files whose bytes are
            looked at beside their rows, none is then decoded for the one and again for the other.

    Raises:
        NotVerifiableError: a file is no Parquet file.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    told: list[tuple[Path, list[int]]] = []
    for path in paths:
        try:
            metadata = pq.read_metadata(path)
            told.append((path, [metadata.row_group(at).num_rows for at in range(metadata.num_row_groups)]))
        except (pa.ArrowException, OSError):
            raise NotVerifiableError(f"{path.name}: cannot be read as Parquet") from None
    room = min(_ROOM, sum(sum(groups) for _, groups in told) // _PARTS)
    room = 1 << (room.bit_length() - 1) if room > 0 else 0
    found: list[tuple[Path, tuple[int, ...] | None, int, bool]] = []
    for path, groups in told:
        at_once = whole and groups and sum(groups) <= 2 * room
        parts = [tuple(range(len(groups)))] if at_once else list(_together(groups, room))
        found += [(path, part, sum(groups[at] for at in part), len(parts) == 1) for part in parts] or [
            (path, None, 0, True)
        ]
    return [Part(number, *part) for number, part in enumerate(found)]


def _together(groups: list[int], room: int) -> Iterator[tuple[int, ...]]:
    """Yield groups that are one part: from half of `room` on it ends behind one whose size says so."""
    part: list[int] = []
    rows = 0
    for at, size in enumerate(groups):
        if part and rows + size > 2 * room:
            yield tuple(part)
            part, rows = [], 0
        part.append(at)
        rows += size
        if rows >= room or (2 * rows >= room and size % _ENDS == 0):
            yield tuple(part)
            part, rows = [], 0
    if part:
        yield tuple(part)


@dataclass(frozen=True)
class Transformed:
    """One written output part: its file, its rows, and what checking it again gave.

    Attributes:
        file: what the file carries beside its rows, if anything: rules that failed.
    """

    path: Path
    rows: int
    partial: Partial
    proof: ProofPartial
    file: tuple[RuleResult, ...] = ()


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
        arriving: the arrival contract.
        arrival: the same, compiled.
        proof: the comparison of output and source.
        keys: the environment's folder, whose pseudonym key and table of codes are used.
        output: the folder that output parts are written to.
        spill_to: of the hashes of the output's keys.
        proof_to: of the hashes that the proof compares over the whole asset.
    """

    terms: CrossingTerms
    contract: Contract
    arriving: Contract
    arrival: CheckPlan
    proof: OutputProof
    keys: EnvironmentFolder
    output: Path
    spill_to: Path | None = None
    proof_to: Path | None = None

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
            self.proof.partial(source, written, pseudonym_key=key, codes=codes, spill_to=self.proof_to),
            tuple(rule for rule in verify_file(path, self.arriving, written) if not rule.success),
        )


def write_part(table: pa.Table, path: Path) -> None:
    """Write one output part, its row groups ended by its own rows, without any metadata of its source."""
    import pyarrow.parquet as pq

    plain = table.replace_schema_metadata(None)
    with (
        disk_errors(f"{path.name}: the output cannot be written"),
        pq.ParquetWriter(path, plain.schema, compression="zstd", use_dictionary=repeating(plain)) as writer,
    ):
        for group in cut_groups(plain, size=USUAL_ROWS):
            writer.write_table(group, row_group_size=group.num_rows)
