"""Checks: may these bytes pass? One plan, states per part, one verdict.

Invariants:
1. plan → `partial` per part → `merge` → `verdict`: the verdict does not depend on how the data is cut.
2. Exact: no sample, no sketch, no word of a file's footer about its values.
3. Never skipped: what cannot be evaluated has failed, by name.
4. Never a value: verdicts hold counts, ids and reason codes. Partials hold what measures remember, and
   stay inside the environment.

Example (over Dask, `table` being one row group and `number` its ordinal)::

    plan = compile_plan(contract)
    partials = client.gather(client.map(lambda table, number: plan.partial(table, position=number), ...))
    verdict = judge_spread(plan, partials, paths, over)
"""

from __future__ import annotations

from data_contracts.checks.files import Files, read_row_groups
from data_contracts.checks.partial import Partial, merge
from data_contracts.checks.plan import CheckPlan
from data_contracts.checks.proving import compile_plan
from data_contracts.checks.rules import Rule
from data_contracts.checks.running import (
    Examination,
    check_files,
    check_source,
    check_tables,
    check_whole,
    examine,
)
from data_contracts.checks.spread import TRAVELS, Over, judge_spread
from data_contracts.checks.text import check_csv
from data_contracts.checks.workspace import Workspace
from data_contracts.verdict import Reason, RuleResult, Verdict

__all__ = [
    "TRAVELS",
    "CheckPlan",
    "Examination",
    "Files",
    "Over",
    "Partial",
    "Reason",
    "Rule",
    "RuleResult",
    "Verdict",
    "Workspace",
    "check_csv",
    "check_files",
    "check_source",
    "check_tables",
    "check_whole",
    "compile_plan",
    "examine",
    "judge_spread",
    "merge",
    "read_row_groups",
]
