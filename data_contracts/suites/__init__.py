"""Suites of Great Expectations (GX): read, compiled to measures that stream, and answered as GX answers.

Invariants:
1. An expectation means what GX's Pandas engine makes of it; each divergence is a decision
   (docs/guides/expectations.md).
2. Every core expectation of GX has a row in `TABLE`. What is not evaluated has failed, by name.
3. GX is imported only where its own engine must judge, or a page is rendered.
"""

from __future__ import annotations

from data_contracts.suites.compiling import Compiled, compile_expectation
from data_contracts.suites.document import Suite, load_suite, read_suite
from data_contracts.suites.table import TABLE, Row
from data_contracts.suites.wanted import Mode, Wanted

__all__ = [
    "TABLE",
    "Compiled",
    "Mode",
    "Row",
    "Suite",
    "Wanted",
    "compile_expectation",
    "load_suite",
    "read_suite",
]
