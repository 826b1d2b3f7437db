"""Obligations (being filled in): what is done to columns before they cross, and the proof that it was."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from data_contracts.model import Contract
from data_contracts.terms import CrossingTerms
from data_contracts.verdict import RuleResult, Verdict

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["OutputProof", "ProofPartial", "apply", "compile_proof", "merge_proofs", "verify_file"]


def apply(
    terms: CrossingTerms, contract: Contract, table: pa.Table, *, pseudonym_key: bytes | None = None
) -> pa.Table:
    """Return the part of the table that may cross, in its crossing form."""
    raise NotImplementedError


@dataclass(frozen=True)
class ProofPartial:
    """What one partition showed; picklable."""


@dataclass(frozen=True)
class OutputProof:
    """The extra checks of an output (design §6.3); picklable."""

    def partial(self, source: pa.Table, output: pa.Table) -> ProofPartial:
        """Compare one decoded output partition with its source partition."""
        raise NotImplementedError

    def verdict(self, partial: ProofPartial) -> Verdict:
        """Judge the merged proof."""
        raise NotImplementedError


def compile_proof(terms: CrossingTerms, contract: Contract) -> OutputProof:
    """Make the proof for one crossing."""
    raise NotImplementedError


def merge_proofs(partials: Iterable[ProofPartial]) -> ProofPartial:
    """Merge, in any order and grouping."""
    raise NotImplementedError


def verify_file(path: Path, arrival: Contract) -> tuple[RuleResult, ...]:
    """Check the output file's own schema and metadata: arrival's columns, nothing else."""
    raise NotImplementedError
