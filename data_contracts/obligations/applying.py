"""Apply the terms to one partition.

Invariants:
1. The output has exactly the columns of the arrival contract, in its order and types, and no metadata.
2. A column that the terms do not name is not in the output.
3. Values are decoded before they are treated: no dictionary of the source survives in the output.
4. Rows that do not meet the terms' condition are left out before anything is done to the others.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from data_contracts.arrow import Values, column_type
from data_contracts.errors import DataBreaksContractError
from data_contracts.model import Column, Contract
from data_contracts.obligations.base import CodeTable, Context
from data_contracts.obligations.known import OBLIGATIONS
from data_contracts.terms import CrossingTerms, Treatment

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["apply", "beside", "source_column"]


def apply(
    terms: CrossingTerms,
    contract: Contract,
    table: pa.Table,
    *,
    pseudonym_key: bytes | None = None,
    codes: CodeTable | None = None,
) -> pa.Table:
    """Return what may cross of the table, in the form in which it may.

    Args:
        terms: the declaration that applies (`policy.select_terms`).
        contract: the source's contract.
        table: rows of the source that keep the contract; those that meet the condition of `terms` cross.
        pseudonym_key: the source's key, at least 32 bytes; needed where a column is pseudonymised or its
            dates are shifted.
        codes: the source's table of random codes; needed where a column gets codes.

    Raises:
        DataBreaksContractError: a named column is not there or not of its type; an obligation cannot
            take some values (`ObligationBrokenError`, with the rule's id and count).
        UsageError: the key or the table of codes is missing.
    """
    import pyarrow as pa

    table = _meeting(terms, contract, table)
    context = Context(terms.destination, terms.purpose, pseudonym_key, codes)
    columns: dict[str, Values] = {}
    for column in contract.object.columns:
        treatment = terms.columns.get(column.name)
        if treatment is None:
            continue
        obligation = OBLIGATIONS[treatment.obligation]
        values = source_column(column, table)
        seen = replace(context, beside=beside(treatment, contract, table))
        output = obligation.transform(treatment.parameters, column, values, seen)
        if output is not None:
            columns[column.name] = output
    return pa.table(columns) if columns else pa.table({})


def beside(treatment: Treatment, contract: Contract, table: pa.Table) -> dict[str, Values]:
    """Return the source's other columns that the column's obligation looks at."""
    names = OBLIGATIONS[treatment.obligation].beside(treatment.parameters)
    return {name: source_column(contract.object.column(name), table) for name in names}


def _meeting(terms: CrossingTerms, contract: Contract, table: pa.Table) -> pa.Table:
    """Return the rows that may cross, in their order."""
    if terms.rows is None:
        return table
    import polars as pl

    columns = {name: source_column(contract.object.column(name), table) for name in terms.rows.columns}
    frame = pl.DataFrame({name: pl.Series(pl.from_arrow(values)) for name, values in columns.items()})
    mask: Values = frame.select(met=terms.rows.expression())["met"].to_arrow()
    return table.filter(mask)


def source_column(column: Column, table: pa.Table) -> Values:
    """Return one column of the source as a single array in the contract's own type.

    Raises:
        DataBreaksContractError: it is not there once, or cannot be cast without loss.
    """
    import pyarrow as pa

    if table.column_names.count(column.name) != 1:
        raise DataBreaksContractError(f"{column.name}.type: the column is not in the data once")
    values: Any = table.column(column.name)
    try:
        values = values.cast(column_type(column), safe=True)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        # Arrow's own text holds the value that did not fit.
        raise DataBreaksContractError(f"{column.name}.type: values that do not fit the type") from None
    return pa.concat_arrays(values.chunks) if values.num_chunks else pa.nulls(0, values.type)
