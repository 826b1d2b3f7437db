"""Make the anonymous version of a table, where the table is: an asset of its own, under its own contract.

The contract of the anonymous version declares how it is made (`isthmusAnonymity`): from which contract's
data, k, which columns along which hierarchies, how diverse what is sensitive must be, how many rows may be
left out.

Invariants:
1. Rows stay in their parts: counts of combinations are gathered, levels come back, each part is recoded by
   itself.
2. What was written is read again and verified over all of its parts before it is committed; a version that is
   not as anonymous as declared does not exist.
3. Labels are lowered by that verification alone, one step, and the lineage says by what.
4. What it cost is told: rows left out, information lost. Levels stay in the store's record.

Example, in a pipeline:
    ```python
    anonymise = anonymise_into("bank.anonymous-clients")
    ...
    anonymous = anonymise.on("onprem")(clients).anonymous
    ```
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from data_contracts.anonymity import (
    AnonymityCheck,
    Declaration,
    Declassified,
    Recoding,
    count,
    declaration_of,
    declassify,
    merge_anonymity,
    merge_counts,
    recode,
    verify_anonymity,
)
from data_contracts.anonymity.counting import Counts
from data_contracts.errors import UsageError
from data_contracts.model import Contract
from tasks.steps import AssetRef, Dataset, NewAsset, Step, StepRun, made_under, step
from tasks.steps.errors import ContractBroken, broken_rules

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

__all__ = ["Anonymised", "anonymise_into", "anonymise_like"]

PURPOSE, OUTPUT = "anonymisation", "anonymous"
LINEAGE = "anonymity"


class Anonymised(NamedTuple):
    """The anonymous version, and what it cost.

    Attributes:
        anonymous: the version.
        rows: that it was made from.
        rows_suppressed: of them left out.
        classes: groups of rows that cannot be told apart.
        smallest_class: rows of the smallest one, as verified on the output.
        information_loss: 0 where every value is as it was, 1 where nothing is left.
        discernibility: for each row, how many rows it cannot be told from; summed.
        combinations: of levels that there are.
        combinations_tried: of them looked at.
    """

    anonymous: AssetRef
    rows: int
    rows_suppressed: int
    classes: int
    smallest_class: int
    information_loss: float
    discernibility: int
    combinations: int
    combinations_tried: int


def anonymise_into(
    contract: str, *, name: str = "anonymise", asset: str = OUTPUT
) -> Step[[AssetRef], Anonymised]:
    """Return a step that makes anonymous versions under `contract`, at the levels that lose least.

    Args:
        contract: id of a contract with `isthmusAnonymity`.
        name: the step's, as environments list it.
        asset: the new asset's.
    """

    @step(
        purpose="anonymisation", outputs={OUTPUT: made_under(contract, name=asset, lowers="rows")}, name=name
    )
    def made(run: StepRun, rows: AssetRef) -> Anonymised:
        """Make an anonymous version, verify it, and say what it cost."""
        from data_contracts.anonymity import search

        def levels(counts: Counts, declared: Declaration) -> Recoding:
            return search(
                counts,
                declared.requirement,
                declared.hierarchies,
                max_suppressed=declared.max_suppressed,
                least=declared.least,
            )

        return _anonymise(run, rows, levels)

    return made


def anonymise_like(
    contract: str, *, name: str = "anonymise_like", asset: str = OUTPUT
) -> Step[[AssetRef, AssetRef], Anonymised]:
    """Return a step that makes anonymous versions at the levels of another one, for a model that knows those.

    Args: as for `anonymise_into`. The step takes the rows, and the version whose levels they get.
    """

    @step(
        purpose="anonymisation", outputs={OUTPUT: made_under(contract, name=asset, lowers="rows")}, name=name
    )
    def made(run: StepRun, rows: AssetRef, example: AssetRef) -> Anonymised:
        """Make an anonymous version of the shape of another, verify it, and say what it cost."""
        from data_contracts.anonymity import evaluate

        known = _levels_of(run, example)

        def levels(counts: Counts, declared: Declaration) -> Recoding:
            return evaluate(
                counts,
                declared.requirement,
                declared.hierarchies,
                known,
                max_suppressed=declared.max_suppressed,
            )

        return _anonymise(run, rows, levels)

    return made


def _levels_of(run: StepRun, example: AssetRef) -> dict[str, int]:
    """Return the levels that a version was made at, as the store recorded them.

    Raises:
        UsageError: it was not made anonymous here, or along other hierarchies than the output's contract has.
    """
    record, contract = run.store.record(example.name, example.version), run.contract_of(OUTPUT)
    made = record.lineage.get(LINEAGE)
    if example.environment != run.environment or not isinstance(made, Mapping):
        raise UsageError(f"{example.name} was not made anonymous in {run.environment}")
    run.open(example)  # Its levels are used, so its labels stick.
    theirs, ours = declaration_of(run.store.contract(record)), declaration_of(contract)
    if dict(theirs.hierarchies) != dict(ours.hierarchies):
        raise UsageError(
            f"{example.name} was made along other hierarchies than {contract.reference} declares",
            remedy="declare the same hierarchies in both contracts",
        )
    return {str(name): int(level) for name, level in made["levels"].items()}


def _anonymise(run: StepRun, rows: AssetRef, levels: Callable[[Counts, Declaration], Recoding]) -> Anonymised:
    contract = run.contract_of(OUTPUT)
    declared = declaration_of(contract)
    data = run.open(rows)
    wrong = declared.complaints_about(data.contract)
    if wrong:
        raise UsageError("; ".join(wrong), remedy=f"correct {contract.reference}")
    with run.phase("count", rows=data.rows):
        needed = data.select(*declared.requirement.columns)
        counts = merge_counts(needed.map(count, declared.requirement, as_="polars"))
    with run.phase("levels"):
        found = levels(counts, declared)
    with run.new(OUTPUT) as out:
        with run.phase("recode", rows=data.rows):
            data.select(*contract.object.names).write(_recoded, found, contract, into=out, as_="polars")
        with run.phase("verify"):
            lowered, smallest = _verified(run, rows, data, out, declared)
        made = {"levels": dict(found.levels), "loss": found.loss.to_json()}
        committed = out.commit(declassified=lowered, also={LINEAGE: made})
    loss = found.loss
    return Anonymised(
        committed,
        loss.rows,
        loss.suppressed,
        loss.classes,
        smallest,
        loss.information,
        loss.discernibility,
        found.nodes,
        found.tried,
    )


def _recoded(frame: pl.DataFrame, found: Recoding, contract: Contract) -> pa.Table:
    """Return one part's anonymous rows, in the contract's columns and types."""
    from data_contracts.arrow import arrow_schema

    schema = arrow_schema(contract)
    return recode(frame, found).select(schema.names).to_arrow().cast(schema)


def _check_part(table: pa.Table, check: AnonymityCheck) -> Any:  # noqa: ANN401 - an AnonymityPartial
    return check.partial(table)


def _verified(
    run: StepRun, rows: AssetRef, data: Dataset, out: NewAsset, declared: Declaration
) -> tuple[Declassified, int]:
    """Count what was written, as it is read back; return the labels that follow, and the smallest class.

    Raises:
        ContractBroken: it is not as anonymous as declared.
    """
    from data_contracts.verdict import Verdict

    check = verify_anonymity(
        declared.requirement, key=secrets.token_bytes(32), max_suppressed=declared.max_suppressed
    )
    paths: tuple[Path, ...] = tuple(sorted(out.path.glob("*.parquet")))
    written = Dataset(rows.name, out.contract, paths, data.cluster, data.partitions)
    partials = written.map(_check_part, check, as_="arrow")
    left_out = check.partial(_nothing(out.contract), source_rows=data.rows - written.rows)
    merged = merge_anonymity([*partials, left_out])
    results = check.verdict(merged)
    verdict = Verdict(written.rows, results)
    if not verdict.success or merged is None:
        raise ContractBroken(out.draft.name, broken_rules(verdict))
    recorded = run.store.record(rows.name, rows.version).labels
    return declassify(recorded, data.contract, out.contract, results), check.smallest(merged)


def _nothing(contract: Contract) -> pa.Table:
    """Return no rows of the contract, to count rows that are in no part of the output by."""
    from data_contracts.arrow import arrow_schema

    return arrow_schema(contract).empty_table()
