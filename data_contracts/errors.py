"""One root error, with families by who must act, each with its exit code (docs/guides/errors.md).

Every error says what is wrong and where in its text, and what to do next in `remedy`. No message
ever carries a value from the data: names of columns, rules, files, environments and counts only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

__all__ = [
    "ConflictError",
    "DataBreaksContractError",
    "DeclarationError",
    "DefectError",
    "DeniedError",
    "IsthmusError",
    "NotVerifiableError",
    "Problem",
    "StepFailedError",
    "UnreachableError",
    "UsageError",
]


class IsthmusError(Exception):
    """The root of every error that Isthmus raises on purpose.

    Attributes:
        remedy: what to do next, one sentence; empty where the text already says it.
        exit_code: the process's exit status when nobody handles the error.
    """

    exit_code: ClassVar[int] = 70

    def __init__(self, message: str, *, remedy: str = "") -> None:
        """Keep the message (what is wrong, and where) and the remedy (what to do next)."""
        super().__init__(message)
        self.remedy = remedy


class DataBreaksContractError(IsthmusError):
    """The data breaks its contract: whoever made the data must act."""

    exit_code = 1


class UsageError(IsthmusError):
    """A wrong name, argument or declaration: whoever typed or wrote it must act."""

    exit_code = 2


class DeniedError(IsthmusError):
    """Terms or policy deny it: whoever owns the data or the rules may act."""

    exit_code = 3


class NotVerifiableError(IsthmusError):
    """A signature, digest, freshness or store does not verify: the operator must look at it."""

    exit_code = 4


class UnreachableError(IsthmusError):
    """A needed part (port, disk, server, worker) cannot be reached: the operator must act."""

    exit_code = 5


class StepFailedError(IsthmusError):
    """A step's own code failed, or its run was cancelled or crashed: the step's author must act."""

    exit_code = 6


class ConflictError(IsthmusError):
    """Another writer won: try again on top of what it wrote."""

    exit_code = 7


class DefectError(IsthmusError):
    """Something that cannot happen did: a defect of Isthmus."""

    exit_code = 70


@dataclass(frozen=True, order=True)
class Problem:
    """One mistake in a declaration.

    Attributes:
        file: the file as the user named it.
        line: 1-based; 0 where the whole file is meant.
        column: 1-based; 0 where the whole line is meant.
        path: the place inside the document, dotted, list items by index (`schema.0.name`).
        message: what is wrong.
        expected: what would be right; empty where the message says it.
        severity: `error`; `warning` for what is lawful and will not do what it seems to promise; `note` for
            what is lawful and worth knowing.
    """

    file: str
    line: int
    column: int
    path: str
    message: str
    expected: str = ""
    severity: str = "error"

    def __str__(self) -> str:
        """Render as `file:line:column: path: message; expected …`, without what is 0."""
        place = ":".join(map(str, (self.file, *(number for number in (self.line, self.column) if number))))
        tail = f"; expected {self.expected}" if self.expected else ""
        return f"{place}: {self.path + ': ' if self.path else ''}{self.message}{tail}"


class DeclarationError(UsageError):
    """Every problem of one or more declarations, reported at once."""

    def __init__(self, problems: list[Problem] | tuple[Problem, ...], *, remedy: str = "") -> None:
        """Keep the problems, sorted by file and line."""
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(str(problem) for problem in self.problems), remedy=remedy)
