"""Is it anonymous? The decoded output, counted over all of its parts, against what was asked.

Invariants:
1. It reads the output alone and believes nobody: not the search, not the levels, not the classes left out.
2. Exact: every class of the whole output is counted, across all parts.
3. Partials merge in any order and grouping to the same verdict. They hold counts and keyed 128-bit hashes
   (BLAKE2b, RFC 7693) of classes and sensitive values, and no value. Two classes that are taken for one would
   take a collision, which 2^32 classes have with a probability below 2^-64.
4. A column that is not there, or that makes no classes, is a failed rule.

Example:
    ```python
    check = verify_anonymity(Requirement.of_terms(terms.anonymity), key=key)
    partials = [check.partial(part) for part in parts]
    assert all(result.success for result in check.verdict(merge_anonymity(partials)))
    ```
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from data_contracts.anonymity.hierarchy import TOP, as_text
from data_contracts.anonymity.requirement import Diversity, Requirement
from data_contracts.errors import DefectError
from data_contracts.terms import AnonymityTerms
from data_contracts.verdict import Reason, RuleResult

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

__all__ = ["AnonymityCheck", "AnonymityPartial", "check_of_terms", "merge_anonymity", "verify_anonymity"]

_BYTES = 16
_LEAST_KEY = 32
_CLASS, _ROWS = "class", "rows"


@dataclass(frozen=True, eq=False)
class AnonymityPartial:
    """What some parts of an output showed; picklable.

    Attributes:
        rows: of the output.
        starred: rows whose quasi-identifiers are all `*`.
        left_out: rows of the source that are not in the output.
        absent: columns that some part lacks or that make no classes.
        classes: rows by class and sensitive values, all of them hashes; None before the first part.
    """

    rows: int = 0
    starred: int = 0
    left_out: int = 0
    absent: frozenset[str] = frozenset()
    classes: pl.DataFrame | None = field(default=None, repr=False)


@dataclass(frozen=True)
class AnonymityCheck:
    """The check of one output.

    Attributes:
        requirement: what every class must reach.
        max_suppressed: the largest share of the source's rows that may be left out or be `*` throughout.
        key: keys the hashes; the same for all parts.
    """

    requirement: Requirement
    max_suppressed: float
    key: bytes = field(repr=False)

    def partial(self, output: pa.Table, *, source_rows: int | None = None) -> AnonymityPartial:
        """Count one decoded part.

        Args:
            output: the part.
            source_rows: rows of the source that this part was made from; None where that is not known.
        """
        import polars as pl

        wanted = self.requirement.columns
        once = [name for name in wanted if output.column_names.count(name) == 1]
        frame = pl.DataFrame(pl.from_arrow(output.select(once).combine_chunks()))
        absent = frozenset(wanted) - {name for name in once if not frame[name].dtype.is_nested()}
        left_out = max(0, (source_rows if source_rows is not None else output.num_rows) - output.num_rows)
        if absent:
            return AnonymityPartial(output.num_rows, 0, left_out, absent)
        columns = [frame[name] for name in self.requirement.quasi_identifiers]
        starred = pl.select(pl.all_horizontal(_is_star(column) for column in columns)).to_series().sum()
        hashed = pl.DataFrame(
            [
                self._hashes(columns, _CLASS),
                *(self._hashes([frame[name]], name) for name in self.requirement.sensitive),
            ]
        )
        classes = hashed.group_by(hashed.columns).agg(pl.len().cast(pl.Int64).alias(_ROWS))
        return AnonymityPartial(output.num_rows, int(starred or 0), left_out, frozenset(), classes)

    def verdict(self, partial: AnonymityPartial | None) -> tuple[RuleResult, ...]:
        """Judge the merged counts: `anonymity.k`, `COLUMN.diversity`, `anonymity.suppressed`.

        Where no part was counted at all (None), nothing was verified: every rule has failed.
        """
        if partial is None:
            return self._unevaluated()
        sensitive = self.requirement.sensitive
        rules: list[tuple[str, str | None, int]] = []
        if partial.absent or partial.classes is None:
            missing = partial.rows if partial.absent else 0
            rules.append(("anonymity.k", None, missing))
            rules += [(f"{name}.diversity", name, missing) for name in sensitive]
        else:
            rules.append(("anonymity.k", None, _small(partial.classes, self.requirement.k)))
            for name, asked in sensitive.items():
                rules.append((f"{name}.diversity", name, _alike(partial.classes, name, asked)))
        reason = Reason.COLUMN_MISSING if partial.absent else Reason.UNEXPECTED_VALUES
        results = [
            _result(rule, column, partial.rows, count, failed=bool(count or partial.absent), reason=reason)
            for rule, column, count in rules
        ]
        lost, before = partial.starred + partial.left_out, partial.rows + partial.left_out
        too_many = lost > self.max_suppressed * before + 1e-9
        results.append(
            _result(
                "anonymity.suppressed",
                None,
                before,
                lost if too_many else 0,
                failed=too_many,
                reason=Reason.OUT_OF_BOUNDS,
            )
        )
        return tuple(results)

    def _unevaluated(self) -> tuple[RuleResult, ...]:
        results = self.verdict(AnonymityPartial(absent=frozenset(self.requirement.columns)))
        return tuple(replace(item, success=False, reason=Reason.NOT_EVALUATED) for item in results)

    def smallest(self, partial: AnonymityPartial) -> int:
        """Return the rows of the smallest class; 0 where there is none."""
        import polars as pl

        if partial.classes is None or not partial.classes.height:
            return 0
        sizes = partial.classes.group_by(_CLASS).agg(pl.col(_ROWS).sum())
        smallest: int = min(sizes[_ROWS].to_list())
        return smallest

    def _hashes(self, columns: list[pl.Series], name: str) -> pl.Series:
        """Return one hash for each row's values; equal only where type and value are."""
        import polars as pl

        kinds = ",".join(str(column.dtype) for column in columns)
        words = [_delimited(column) for column in columns]
        texts = pl.select(pl.concat_str(words)).to_series()
        distinct = texts.unique()
        key, prefix = self.key[:64], f"{kinds}\n".encode()
        made = [
            hashlib.blake2b(prefix + text.encode(), digest_size=_BYTES, key=key).digest()
            for text in distinct.to_list()
        ]
        index = pl.DataFrame({"text": distinct, "hash": pl.Series(made, dtype=pl.Binary)})
        joined = texts.to_frame("text").join(index, on="text", how="left", maintain_order="left")
        return joined["hash"].alias(name)


def verify_anonymity(requirement: Requirement, *, key: bytes, max_suppressed: float = 1.0) -> AnonymityCheck:
    """Make the check of one output; `key` is any 32 random bytes, the same for all parts.

    Raises:
        DefectError: the key is short.
    """
    if len(key) < _LEAST_KEY:
        raise DefectError("a check of anonymity needs a key of at least 32 bytes")
    return AnonymityCheck(requirement, max_suppressed, key)


def check_of_terms(terms: AnonymityTerms | None, *, key: bytes) -> AnonymityCheck | None:
    """Return the check that boundary terms ask for; None where they ask for none."""
    if terms is None:
        return None
    return verify_anonymity(Requirement.of_terms(terms), key=key, max_suppressed=terms.max_suppressed)


def merge_anonymity(partials: Iterable[AnonymityPartial | None]) -> AnonymityPartial | None:
    """Merge, in any order and grouping; None of nothing."""
    import polars as pl

    parts = [part for part in partials if part is not None]
    if len(parts) < 2:  # noqa: PLR2004 - nothing to merge
        return parts[0] if parts else None
    frames = [part.classes for part in parts if part.classes is not None]
    classes = None
    if frames:
        together = pl.concat(frames)
        names = [name for name in together.columns if name != _ROWS]
        classes = together.group_by(names).agg(pl.col(_ROWS).sum())
    return AnonymityPartial(
        sum(part.rows for part in parts),
        sum(part.starred for part in parts),
        sum(part.left_out for part in parts),
        frozenset().union(*(part.absent for part in parts)),
        classes,
    )


def _is_star(column: pl.Series) -> pl.Series:
    import polars as pl

    if column.dtype != pl.String:
        return pl.repeat(value=False, n=column.len(), dtype=pl.Boolean, eager=True)
    return (column == TOP).fill_null(value=False)


def _delimited(column: pl.Series) -> pl.Series:
    """Return each value's text behind its length, and `-` for null: no two rows run into one text."""
    import polars as pl

    text = as_text(column)
    marked = pl.concat_str([text.str.len_bytes().cast(pl.String), pl.lit(":"), text])
    return pl.select(pl.when(text.is_null()).then(pl.lit("-")).otherwise(marked)).to_series()


def _small(classes: pl.DataFrame, k: int) -> int:
    import polars as pl

    sizes = classes.group_by(_CLASS).agg(pl.col(_ROWS).sum())
    return int(sizes.filter(pl.col(_ROWS) < k)[_ROWS].sum())


def _alike(classes: pl.DataFrame, name: str, asked: Diversity) -> int:
    """Return the rows of classes in which a sensitive column is less diverse than asked."""
    import polars as pl

    share = pl.col(_ROWS) / pl.col(_ROWS).sum()
    found = (
        classes.group_by(_CLASS, name)
        .agg(pl.col(_ROWS).sum())
        .group_by(_CLASS)
        .agg(
            pl.col(_ROWS).sum(),
            pl.len().alias("distinct"),
            (-(share * share.log()).sum()).exp().alias("entropy"),
        )
    )
    fails = (pl.col("distinct") < asked.distinct) | (pl.col("entropy") < asked.entropy - 1e-9)
    return int(found.filter(fails)[_ROWS].sum())


def _result(
    rule: str, column: str | None, rows: int, count: int, *, failed: bool, reason: Reason
) -> RuleResult:
    kind = rule.rsplit(".", 1)[-1]
    return RuleResult(rule, column, kind, not failed, rows, 0, count, reason if failed else None)
