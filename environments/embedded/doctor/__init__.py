"""`isthmus doctor`: look for trouble before it finds you; every finding says what to do.

Invariants:
1. It changes nothing.
2. It opens no environment's folder: a child of its own for each environment answers with findings.
3. A check that cannot be made is a finding, never silence.

Example:
    >>> [finding.check for finding in examine(home, site) if finding.severity == "error"]
    []
"""

from environments.embedded.doctor.examine import examine
from environments.embedded.doctor.finding import Finding

__all__ = ["Finding", "examine"]
