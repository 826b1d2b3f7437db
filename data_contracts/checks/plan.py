"""The check plan: rules, ready to look at any part of the data.

Invariants:
1. `partial` sees one part and gives states; `verdict` sees only merged states. So the verdict is the same
   for every partitioning of the same rows.
2. A plan pickles, and works the same in every process that has the same versions.
3. What a plan cannot evaluate has failed; it is named in the verdict.
4. `verdict` alone says `not_evaluated` of what needs another pass or the whole asset, and takes keys whose
   hashes repeat for repeated: see `check_whole`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from data_contracts.arrow import Values, array_of
from data_contracts.buckets import HASH_BYTES
from data_contracts.checks.conforming import Shape, Sound, conform
from data_contracts.checks.hashes import Hashes, hashed, keys_of, spill
from data_contracts.checks.judging import found_alone, pending, result_of
from data_contracts.checks.nested import Flat
from data_contracts.checks.partial import Partial, Structural, Unevaluated
from data_contracts.checks.program import Place, Program, build_program
from data_contracts.checks.rules import Rule
from data_contracts.errors import DefectError
from data_contracts.measure import Finding, Reading
from data_contracts.verdict import RuleResult, Verdict

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["CheckPlan"]


@dataclass(frozen=True)
class CheckPlan:
    """Rules over data of one shape.

    Attributes:
        reference: what it was made from: `id@version` of a contract, or a suite's name.
        shape: the columns that the data has.
        rules: in the contract's order.
        key: 32 bytes that seed the hashes of this run.
        references: rows of other assets, for foreign keys, by object name.
        turn: 0 for the first pass; a plan of a later pass counts on.
    """

    reference: str
    shape: Shape
    rules: tuple[Rule, ...]
    key: bytes = field(repr=False)
    references: Mapping[str, Reading] = field(default_factory=dict, repr=False, compare=False)
    turn: int = 0

    @cached_property
    def fingerprint(self) -> str:
        """Tells partials of this plan from those of others, without telling the key."""
        said = "\n".join([self.reference, str(self.turn), *(rule.id for rule in self.rules)]).encode()
        return hashlib.blake2b(said, key=self.key, digest_size=16).hexdigest()

    @property
    def seed(self) -> int:
        """The seed of the hashes."""
        return int.from_bytes(self.key[:8], "big")

    @property
    def whole_asset_rules(self) -> tuple[Rule, ...]:
        """The rules that one part cannot answer: they are run on the whole asset."""
        return tuple(rule for rule in self.rules if rule.whole is not None)

    @property
    def unique_rules(self) -> tuple[Rule, ...]:
        """The rules on keys over the whole asset."""
        return tuple(rule for rule in self.rules if rule.keyed is not None)

    def hashes_size(self, rows: int) -> int:
        """Return how many bytes the hashes of so many rows' keys take."""
        return len(self.unique_rules) * rows * HASH_BYTES

    @cached_property
    def columns(self) -> list[str]:
        """The table's columns that some rule reads."""
        found = {name for rule in self.rules for name in self.tops(rule)}
        return [name for name in self.shape.names if name in found]

    def tops(self, rule: Rule) -> list[str]:
        """Return the table's columns that a rule reads."""
        nodes = self.shape.nodes
        return list(dict.fromkeys(nodes[path].top if path in nodes else path for path in rule.columns))

    def partial(
        self,
        table: pa.Table,
        *,
        position: int = 0,
        first_row: int | None = None,
        names: tuple[str, ...] | None = None,
        spill_to: Path | None = None,
    ) -> Partial:
        """Look at one part of the data.

        Args:
            table: the part's rows.
            position: the part's ordinal in the asset, from 0; rules on the order of rows need it.
            first_row: number of its first row in the asset, where that is known.
            names: all the columns that the part has, where `table` holds only some.
            spill_to: a folder for hashes of keys, which would else be in the partial.
        """
        sound = conform(self.shape, table, self.columns)
        flat = Flat(self.shape.nodes, sound.values, table.num_rows)
        structural = self._structural(sound, table.num_rows)
        states = self._program.run(flat, sound.nulls, Place(position, first_row), structural)
        for rule in self.unique_rules:
            if rule.id not in structural:
                states[rule.id] = self._hashed(rule, flat, spill_to)
        levels = {"": table.num_rows}
        for level in self._levels:
            if flat.has(self.shape.nodes[level].top):
                levels[level] = flat.rows(level)
        undeclared = self.shape.undeclared(table.column_names if names is None else names)
        return Partial(self.fingerprint, levels, undeclared, structural, states)

    def flat(self, rule: Rule, table: pa.Table) -> Flat | None:
        """Return the columns that a rule reads, of one part, or None where one is not sound."""
        tops = self.tops(rule)
        sound = conform(self.shape, table, tops)
        return None if sound.reasons else Flat(self.shape.nodes, sound.values, table.num_rows)

    def verdict(self, partial: Partial, findings: Mapping[str, Finding] | None = None) -> Verdict:
        """Judge merged partials.

        Args:
            partial: of all parts.
            findings: what later passes found, by rule id; in the place of what the partial says.

        Raises:
            DefectError: the partial is another plan's.
        """
        if partial.plan != self.fingerprint:
            raise DefectError("a partial of another plan")
        known = findings or {}
        return Verdict(
            partial.rows, tuple(self.judge(rule, partial, known.get(rule.id)) for rule in self.rules)
        )

    def judge(self, rule: Rule, partial: Partial, finding: Finding | None = None) -> RuleResult:
        """Judge one rule; `finding` is what a later pass found."""
        return result_of(rule, finding or self.finding(rule, partial))

    def finding(self, rule: Rule, partial: Partial) -> Finding:
        """Return what the first pass alone says of a rule."""
        return found_alone(rule, partial, self.rows(rule, partial))

    def rows(self, rule: Rule, partial: Partial) -> int:
        """Return how many rows there are at the rule's level."""
        node = self.shape.nodes.get(rule.columns[0]) if rule.columns else None
        return partial.levels.get("" if node is None else node.level, 0)

    def following(self, partial: Partial) -> CheckPlan | None:
        """Return the plan of the next pass, made from merged partials; None where none is needed."""
        rules: list[Rule] = []
        for rule in self.rules:
            measure = pending(rule, partial)
            if measure is not None:
                rules.append(replace(rule, measure=measure))
        return replace(self, rules=tuple(rules), turn=self.turn + 1) if rules else None

    def violations(self, table: pa.Table, *, tolerant: bool = False) -> Values:
        """Return one flag per row (a boolean array): it breaks some rule that a single row can break.

        A table that lacks a column, or has one too many or of the wrong type, is broken in every row. Rules
        on many rows (keys that repeat, row counts, whole-asset rules) flag none. An item of an array that
        breaks a rule flags its row.

        Args:
            table: the rows.
            tolerant: flag also rows that break a rule which some rows may break.
        """
        import numpy as np
        import pyarrow as pa

        names = self.columns
        sound = conform(self.shape, table, names)
        if sound.reasons or self.shape.undeclared(table.column_names):
            return array_of([True] * table.num_rows, pa.bool_())
        flat = Flat(self.shape.nodes, sound.values, table.num_rows)
        broken = np.zeros(table.num_rows, dtype=bool)
        for rule in self.rules:
            test = rule.streaming.broken() if rule.streaming is not None else None
            if test is None or (rule.tolerant and not tolerant):
                continue
            flags = flat.frame(rule.columns).select(test.alias("broken"))["broken"].to_numpy()
            node = self.shape.nodes.get(rule.columns[0])
            broken[flat.owners("" if node is None else node.level)[flags]] = True
        return array_of(broken.tolist(), pa.bool_())

    def __getstate__(self) -> dict[str, object]:
        """Return the fields alone; what was derived from them is derived again where it is needed."""
        return {entry.name: getattr(self, entry.name) for entry in fields(self)}

    @cached_property
    def _program(self) -> Program:
        wanted = [(rule.id, rule.streaming) for rule in self.rules if rule.streaming is not None]
        return build_program(wanted, self.shape.nodes)

    @cached_property
    def _levels(self) -> list[str]:
        return sorted({node.level for node in self.shape.nodes.values()} - {""})

    def _structural(self, sound: Sound, rows: int) -> dict[str, Structural]:
        found: dict[str, Structural] = {}
        for rule in self.rules if sound.reasons else ():
            reason = next((sound.reasons[name] for name in self.tops(rule) if name in sound.reasons), None)
            if reason is not None:
                found[rule.id] = Structural(reason, rows)
        return found

    def _hashed(self, rule: Rule, flat: Flat, spill_to: Path | None) -> Hashes | Unevaluated:
        import polars as pl

        if rule.keyed is None:
            raise DefectError("only keys are hashed")
        try:
            keys, rows = keys_of(flat.frame(rule.columns), rule.keyed.key())
            made = hashed(keys, rows, self.seed)
        except pl.exceptions.PolarsError:
            return Unevaluated()  # A type that has no hash; its text may hold values of the data.
        return made if spill_to is None else spill(made, spill_to)
