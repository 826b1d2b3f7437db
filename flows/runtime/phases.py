"""The phases that a step's code can report: literals of functions that call `progress` or `phase`.

`StepRun.progress` takes only a literal of the calling function. The API gate, which sees the line and not the
call, gets the literals from here: from the step's own module, and from the packages of tasks that are loaded.

Example:
    >>> def fit(run):
    ...     with run.phase("fit"):
    ...         pass
    >>> "fit" in phases_of(fit)
    True
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any

__all__ = ["phases_of"]

_OURS = "tasks"
_CALLS = frozenset({"progress", "phase", "report"})
_LONGEST, _MOST = 60, 200


def phases_of(function: Callable[..., Any]) -> frozenset[str]:
    """Return the phases that a step's function, its module and our tasks can report."""
    found: set[str] = set()
    module = sys.modules.get(function.__module__)
    modules = [one for name, one in list(sys.modules.items()) if name.split(".")[0] == _OURS]
    codes = [code for one in [module, *modules] if one is not None for code in _codes(one)]
    for code in [*codes, getattr(function, "__code__", None)]:
        found.update(_literals(code))
    return frozenset(sorted(found)[:_MOST])


def _codes(module: ModuleType) -> Iterator[CodeType]:
    for value in list(vars(module).values()):
        members = vars(value).values() if isinstance(value, type) else (value,)
        for member in members:
            inner = getattr(member, "fn", member)  # a step holds its function
            if isinstance(inner, FunctionType) and inner.__module__ == module.__name__:
                yield inner.__code__


def _literals(code: CodeType | None) -> Iterator[str]:
    if code is None:
        return
    if _CALLS & set(code.co_names):
        for constant in code.co_consts:
            if isinstance(constant, str) and 0 < len(constant) <= _LONGEST:
                yield constant
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _literals(constant)
