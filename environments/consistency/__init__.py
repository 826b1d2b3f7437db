"""Consistency: what is where, what does not agree, and what may go.

Invariants:
1. Every question about an environment is answered by a process that opens that environment alone; what two
   sides have to agree on is compared by what each of them signed or recorded.
2. Nothing here permits or denies a crossing.

Example:
    >>> [(row.asset, row.destination, row.state) for row in status_of(open_source(folder, site))]
    [('covid_tests', 'cloud', 'current')]
"""

from environments.consistency.rows import STATES, Row
from environments.consistency.status import Share, Source, open_source, shares_of, status_of
from environments.consistency.texts import rows_text

__all__ = ["STATES", "Row", "Share", "Source", "open_source", "rows_text", "shares_of", "status_of"]
