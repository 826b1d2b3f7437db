"""Who answers when a pipeline calls a step.

A step's code is an ordinary function; inside a pipeline its *name* is called, and what that means
(record it in a plan) is decided above this package. One context variable joins the two.

Example:
    >>> current_caller() is None
    True
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol

__all__ = ["Caller", "current_caller", "use_caller"]


class Caller(Protocol):
    """What a running pipeline does with a call."""

    def call(self, step: Any, environment: str | None, arguments: Mapping[str, object]) -> object:  # noqa: ANN401
        """Take one call of a `Step`; `environment` is what `.on(…)` named, or None."""


_CURRENT: ContextVar[Caller | None] = ContextVar("isthmus_caller", default=None)


def current_caller() -> Caller | None:
    """Return who answers here; None outside a pipeline."""
    return _CURRENT.get()


@contextmanager
def use_caller(caller: Caller) -> Iterator[None]:
    """Let `caller` answer inside the block."""
    token = _CURRENT.set(caller)
    try:
        yield
    finally:
        _CURRENT.reset(token)
