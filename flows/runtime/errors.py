"""What is wrong with a pipeline's own text, said with the place in it.

Example:
    >>> raise PlanError("a ref was looked into", "pipeline.py:12")
    Traceback (most recent call last):
    ...
    flows.runtime.errors.PlanError: pipeline.py:12: a ref was looked into
"""

from __future__ import annotations

import sys
from pathlib import Path

from data_contracts.errors import UsageError

__all__ = ["PlanError", "call_site"]

_OURS = (str(Path(__file__).parent), str(Path(__file__).parents[2] / "tasks" / "steps"))


class PlanError(UsageError):
    """A pipeline does what cannot be planned; its author must act.

    Attributes:
        place: `FILE:LINE` in the pipeline.
    """

    def __init__(self, message: str, place: str, *, remedy: str = "") -> None:
        """Keep the place and put it before the message."""
        self.place = place
        super().__init__(f"{place}: {message}", remedy=remedy)


def call_site() -> str:
    """Return `FILE:LINE` of the innermost frame that is the pipeline author's, not ours."""
    frame = sys._getframe(1)  # noqa: SLF001 - the place in the author's file is the whole point
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_OURS):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"
