"""Exit codes: from the families of errors, and the three that no error has."""

from __future__ import annotations

from pathlib import Path

from data_contracts import errors
from flows.cli.report import INTERRUPTED, READER_GONE
from generator.page import Page, reference, table

__all__ = ["page"]

_PLAIN = {
    0: "Done.",
    INTERRUPTED: "Interrupted (Ctrl-C, or SIGINT).",
    READER_GONE: "Whoever read the output went away (`| head`) before all of it was written: 128 + SIGPIPE.",
}


def page(root: Path) -> Page:
    """Return docs/reference/exit-codes.md."""
    families = [
        (family.exit_code, f"`{name}`", str(family.__doc__).splitlines()[0])
        for name in errors.__all__
        if (family := getattr(errors, name)) is not errors.Problem and errors.IsthmusError in family.__bases__
    ]
    rows = [*families, *((code, "", text) for code, text in _PLAIN.items())]
    return reference(
        root,
        "exit-codes",
        "Exit codes",
        "A code is never used for a second meaning. With `--json` an error is one document on stdout: "
        '`{"error", "remedy", "exit_code", "kind"}`, and `"problems"` when declarations are wrong. '
        "What to do about each: [when something fails](../guides/errors.md).",
        table(
            ["exit code", "error", "what it means"],
            ([str(code), name, text] for code, name, text in sorted(rows)),
        ),
    )
