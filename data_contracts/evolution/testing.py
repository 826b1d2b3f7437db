"""`isthmus contract test`: do the samples say what the contract says, and would they notice a lie?

Invariants:
1. A rule that nothing here evaluates is told, and is no reason for a sample to fail or to be noticed.
2. A mutation is noticed if under it some sample's failing rules are others than it says. One that none
   notices has survived, unless the samples' author accepted it by name.
3. An accepted mutation that is noticed, or that there is not, is told: the list says what is so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from data_contracts.errors import DeclarationError, UsageError
from data_contracts.evolution.mutations import mutations
from data_contracts.evolution.samples import Sample, Samples, table_of
from data_contracts.model import Contract
from data_contracts.verdict import Reason, Verdict

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["SampleReport", "SampleResult", "try_samples"]

Judge = Callable[[Contract, "pa.Table"], Verdict]
"""Checks a table against a contract, whole-asset rules included."""


@dataclass(frozen=True)
class SampleResult:
    """What one sample did: rules that failed and must not, and rules that must fail and did not."""

    name: str
    unexpected: tuple[str, ...]
    missing: tuple[str, ...]

    @property
    def success(self) -> bool:
        """Whether exactly the rules failed that the sample names."""
        return not self.unexpected and not self.missing


@dataclass(frozen=True)
class SampleReport:
    """What the samples showed.

    Attributes:
        results: one for each sample.
        mutations: how many there were.
        survivors: the ids of those that no sample noticed and nobody accepted.
        accepted: the ids of those that no sample noticed and that are accepted.
        stale: accepted ids of mutations that some sample notices, or that there are not.
        untested: the ids of rules that nothing here evaluates.
    """

    results: tuple[SampleResult, ...]
    mutations: int
    survivors: tuple[str, ...]
    accepted: tuple[str, ...]
    stale: tuple[str, ...]
    untested: tuple[str, ...]

    @property
    def success(self) -> bool:
        """Whether every sample is right and every mutation is noticed or accepted."""
        return all(result.success for result in self.results) and not self.survivors and not self.stale

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {
            "success": self.success,
            "samples": [
                {
                    "name": result.name,
                    "success": result.success,
                    "failed_unexpectedly": list(result.unexpected),
                    "did_not_fail": list(result.missing),
                }
                for result in self.results
            ],
            "mutations": self.mutations,
            "survivors": list(self.survivors),
            "accepted": list(self.accepted),
            "stale": list(self.stale),
            "untested": list(self.untested),
        }


def try_samples(contract: Contract, samples: Samples, judge: Judge, *, mutate: bool = True) -> SampleReport:
    """Run the samples against the contract and, where they are right, against its mutations.

    Raises:
        UsageError: the samples are another contract's, or the contract has not one data object.
    """
    if samples.contract != contract.id:
        raise UsageError(
            f"the samples are of {samples.contract}, the contract is {contract.id}",
            remedy="name the contract's id under `contract`",
        )
    tables = [(sample, table_of(sample.rows, contract.object, sample.absent)) for sample in samples.samples]
    results: list[SampleResult] = []
    untested: set[str] = set()
    for sample, table in tables:
        failed, silent = _failed(contract, table, judge)
        untested |= silent
        results.append(_result(sample, failed))
    unnoticed: list[str] = []
    count = 0
    if mutate and all(result.success for result in results):
        for mutation in mutations(contract):
            count += 1
            if not any(_notices(mutation.contract, sample, table, judge) for sample, table in tables):
                unnoticed.append(mutation.id)
    ran = count > 0
    return SampleReport(
        tuple(results),
        count,
        tuple(name for name in unnoticed if name not in samples.accepted),
        tuple(name for name in unnoticed if name in samples.accepted),
        tuple(name for name in samples.accepted if ran and name not in unnoticed),
        tuple(sorted(untested)),
    )


def _failed(contract: Contract, table: pa.Table, judge: Judge) -> tuple[frozenset[str], frozenset[str]]:
    """Return the ids of the rules that failed, and of those that nothing evaluated."""
    verdict = judge(contract, table)
    silent = frozenset(rule.id for rule in verdict.rules if rule.reason is Reason.NOT_EVALUATED)
    return frozenset(rule.id for rule in verdict.failed) - silent, silent


def _result(sample: Sample, failed: frozenset[str]) -> SampleResult:
    return SampleResult(
        sample.name, tuple(sorted(failed - sample.failing)), tuple(sorted(sample.failing - failed))
    )


def _notices(contract: Contract, sample: Sample, table: pa.Table, judge: Judge) -> bool:
    try:
        failed, _ = _failed(contract, table, judge)
    except (DeclarationError, UsageError):
        return True  # The engine itself refuses the mutated contract.
    return failed != sample.failing
