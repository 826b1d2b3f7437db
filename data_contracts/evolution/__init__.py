"""How contracts change: what breaks whom, what may cross that might not, and whether samples would notice.

Invariants:
1. Everything here is a function of contracts, sides and samples; nothing is read, written or remembered.
2. What cannot be compared counts as changed for the worse, on both sides.
"""

from __future__ import annotations

from data_contracts.evolution.changes import Change, changes
from data_contracts.evolution.difference import Difference, compare
from data_contracts.evolution.draft import draft_terms
from data_contracts.evolution.mutations import Mutation, mutations
from data_contracts.evolution.pages import contract_page, index_page, page_name
from data_contracts.evolution.passages import Opening, Passage, opened, passages, sides_named
from data_contracts.evolution.samples import Sample, Samples, read_samples, table_of
from data_contracts.evolution.testing import SampleReport, SampleResult, try_samples

__all__ = [
    "Change",
    "Difference",
    "Mutation",
    "Opening",
    "Passage",
    "Sample",
    "SampleReport",
    "SampleResult",
    "Samples",
    "changes",
    "compare",
    "contract_page",
    "draft_terms",
    "index_page",
    "mutations",
    "opened",
    "page_name",
    "passages",
    "read_samples",
    "sides_named",
    "table_of",
    "try_samples",
]
