"""The proof of an output: every obligation was done, on every row, and nothing else crossed.

Invariants:
1. It reads the decoded output beside the source, partition by partition, and believes neither the
   code that made the output nor any count that it gave.
2. Partials merge in any order and grouping to the same verdict, and hold counts and keyed hashes only.
   k and diversity, where the terms ask for them, are counted over the classes of the whole output.
3. Where the terms have a condition on rows, the output is compared row by row with the source's rows that
   meet it, found by other code than `apply` uses: a row too many, too few or in another's place shows.
4. Originals and pseudonyms are compared over the whole asset, so that an original that poses as
   another row's pseudonym is found as well, also one of a row that does not cross. So are originals that
   turn up as words in a text that crosses as it is (`words`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data_contracts.anonymity import AnonymityCheck, AnonymityPartial, check_of_terms, merge_anonymity
from data_contracts.arrow import Values, compute
from data_contracts.errors import DefectError
from data_contracts.model import Contract
from data_contracts.obligations.applying import beside, source_column
from data_contracts.obligations.base import CodeTable, Context, Evidence
from data_contracts.obligations.hashes import put_aside, shared, union
from data_contracts.obligations.identifiers import original_hashes
from data_contracts.obligations.known import OBLIGATIONS
from data_contracts.obligations.words import (
    WordsPartial,
    merge_words,
    spoken,
    watched,
    words_aside,
    words_partial,
)
from data_contracts.terms import CrossingTerms
from data_contracts.verdict import Reason, RuleResult, Verdict

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["OutputProof", "ProofPartial", "compile_proof", "merge_proofs"]

_HASHED = frozenset({"pseudonymise", "code"})
"""Obligations whose originals and outputs are compared over the whole asset."""


@dataclass(frozen=True)
class ProofPartial:
    """What some partitions showed; picklable.

    Attributes:
        rows: rows of the source.
        surplus: columns of the output that no term lets cross, and rows that are not the source's.
        strays: rows that are too many or too few for the terms' condition on rows.
        metadata: partitions whose schema carries metadata.
        evidence: by column.
        anonymity: classes of the output, where the terms ask for some.
        words: originals of treated columns, and words of the texts that cross as they are.
    """

    rows: int = 0
    surplus: int = 0
    metadata: int = 0
    evidence: dict[str, Evidence] = field(default_factory=dict)
    strays: int = 0
    anonymity: AnonymityPartial | None = None
    words: WordsPartial = field(default_factory=WordsPartial)


@dataclass(frozen=True)
class OutputProof:
    """The checks of one crossing's output (design §6.3); picklable."""

    terms: CrossingTerms
    contract: Contract
    key: bytes = field(repr=False)

    def partial(
        self,
        source: pa.Table,
        output: pa.Table,
        *,
        pseudonym_key: bytes | None = None,
        codes: CodeTable | None = None,
        spill_to: Path | None = None,
    ) -> ProofPartial:
        """Compare one decoded output partition with its source partition.

        `pseudonym_key` and `codes` are the source's own, as for `apply`: they come with the call and are no
        part of the proof, which may travel. What depends on one that is not given is not proved, and fails.
        `spill_to` is a folder for the hashes, which would else be in the partial.
        """
        context = Context(self.terms.destination, self.terms.purpose, pseudonym_key, codes)
        whole, source, rest = source, *self._split(source)
        evidence: dict[str, Evidence] = {}
        seen: set[str] = set()
        for column in self.contract.object.columns:
            treatment = self.terms.columns.get(column.name)
            found = _output_column(output, column.name)
            if treatment is None:
                continue
            seen.add(column.name)
            obligation = OBLIGATIONS[treatment.obligation]
            values = source_column(column, source)
            seen_by = replace(context, beside=beside(treatment, self.contract, source))
            shown = obligation.prove(treatment.parameters, column, values, found, seen_by, self.key)
            if rest.num_rows and shown.originals is not None:
                # Rows that stay have no output; only that they are in nobody's pseudonym is asked of them.
                stays = original_hashes(source_column(column, rest), self.key)
                shown = replace(shown, originals=union(shown.originals, stays))
            evidence[column.name] = shown if spill_to is None else _aside(shown, spill_to)
        surplus = sum(name not in seen for name in output.column_names)
        rows = abs(source.num_rows - output.num_rows) if output.num_columns else 0
        carried = output.schema.metadata or any(item.metadata for item in output.schema)
        check = self._anonymity()
        classes = None if check is None else check.partial(output, source_rows=source.num_rows)
        held = {name: source_column(self.contract.object.column(name), whole) for name in self._watched()}
        words = words_partial(self.terms, held, output, self.key)
        words = words if spill_to is None else words_aside(words, spill_to)
        strays = rows if self.terms.rows is not None else 0
        return ProofPartial(
            whole.num_rows, surplus + rows - strays, int(bool(carried)), evidence, strays, classes, words
        )

    def hashes_size(self, rows: int) -> int:
        """Return how many bytes the hashes of so many rows take, words in texts apart."""
        treated = sum(said.obligation in _HASHED for said in self.terms.columns.values())
        return 8 * rows * (2 * treated + len(self._watched()))

    def _watched(self) -> tuple[str, ...]:
        return watched(self.contract, self.terms)

    def _anonymity(self) -> AnonymityCheck | None:
        return check_of_terms(self.terms.anonymity, key=self.key)

    def _split(self, source: pa.Table) -> tuple[pa.Table, pa.Table]:
        """Return the rows that may cross, and the others."""
        if self.terms.rows is None:
            return source, source.slice(0, 0)
        names = self.terms.rows.columns
        mask = self.terms.rows.met(
            {name: source_column(self.contract.object.column(name), source) for name in names}
        )
        return source.filter(mask), source.filter(compute().invert(mask))

    def verdict(self, partial: ProofPartial) -> Verdict:
        """Judge the merged proof."""
        results = [
            _result("output.columns", None, partial.rows, partial.surplus, Reason.COLUMN_UNDECLARED),
            _result("output.metadata", None, partial.rows, partial.metadata, Reason.UNEXPECTED_VALUES),
        ]
        if self.terms.rows is not None:
            reason = Reason.UNEXPECTED_VALUES
            results.append(_result("output.rows", None, partial.rows, partial.strays, reason))
        for column in self.contract.object.columns:
            treatment = self.terms.columns.get(column.name)
            if treatment is None:
                continue
            rule = f"{column.name}.{treatment.obligation}"
            evidence = partial.evidence.get(column.name)
            if evidence is None:
                results.append(_result(rule, column.name, partial.rows, 1, Reason.NOT_EVALUATED))
                continue
            count = evidence.outside
            if evidence.originals is not None:
                count += shared(evidence.originals, evidence.outputs)
            results.append(_result(rule, column.name, partial.rows, count, Reason.UNEXPECTED_VALUES))
        for name in self._watched():
            count = spoken(partial.words, name)
            results.append(_result(f"{name}.words", name, partial.rows, count, Reason.UNEXPECTED_VALUES))
        check = self._anonymity()
        if check is not None:
            results += check.verdict(partial.anonymity)
        return Verdict(partial.rows, tuple(results))


def compile_proof(terms: CrossingTerms, contract: Contract, *, key: bytes) -> OutputProof:
    """Make the proof for one crossing; `key` is any 32 random bytes, the same for all partitions.

    Raises:
        DefectError: the key is short.
    """
    if len(key) < 32:  # noqa: PLR2004 - bytes
        raise DefectError("a proof needs a key of at least 32 bytes")
    return OutputProof(terms, contract, key)


def merge_proofs(partials: Iterable[ProofPartial]) -> ProofPartial:
    """Merge, in any order and grouping.

    Neighbours first, then what these gave: one after the other, the hashes of all partitions before would be
    sorted again for each.
    """
    level = list(partials)
    while len(level) > 1:
        pairs = zip(level[::2], level[1::2], strict=False)
        level = [_merged(left, right) for left, right in pairs] + level[len(level) & ~1 :]
    return level[0] if level else ProofPartial()


def _merged(left: ProofPartial, right: ProofPartial) -> ProofPartial:
    evidence = dict(left.evidence)
    for name, found in right.evidence.items():
        evidence[name] = _join(evidence[name], found) if name in evidence else found
    return ProofPartial(
        left.rows + right.rows,
        left.surplus + right.surplus,
        left.metadata + right.metadata,
        evidence,
        left.strays + right.strays,
        merge_anonymity([left.anonymity, right.anonymity]),
        merge_words(left.words, right.words),
    )


def _aside(shown: Evidence, folder: Path) -> Evidence:
    if shown.originals is None:
        return shown
    return replace(
        shown, originals=put_aside(shown.originals, folder), outputs=put_aside(shown.outputs, folder)
    )


def _join(left: Evidence, right: Evidence) -> Evidence:
    return Evidence(
        left.outside + right.outside,
        union(left.originals, right.originals),
        union(left.outputs, right.outputs),
    )


def _output_column(output: pa.Table, name: str) -> Values:
    import pyarrow as pa

    if output.column_names.count(name) != 1:
        return None
    values: Any = output.column(name)
    return pa.concat_arrays(values.chunks) if values.num_chunks else pa.nulls(0, values.type)


def _result(rule: str, column: str | None, rows: int, count: int, reason: Reason) -> RuleResult:
    kind = rule.rsplit(".", 1)[-1]
    return RuleResult(rule, column, kind, not count, rows, 0, count, reason if count else None)
