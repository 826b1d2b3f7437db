"""The question whether a fingerprint is right: never answered by silence.

Invariants:
1. What is asked about is the fingerprint of the file that is being taken, computed here.
2. Without a terminal, or with `--json`, it must be given; a wrong one is refused.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Protocol

import click

from data_contracts.errors import UsageError

__all__ = ["confirming", "fingerprint_option", "show_fingerprint"]


class Compared(Protocol):
    """What has a fingerprint: an answer, or a renewal."""

    @property
    def name(self) -> str:
        """The environment."""

    @property
    def digest(self) -> str:
        """Of all that it says."""


fingerprint_option = click.option(
    "--fingerprint",
    "given",
    metavar="DIGITS",
    help="The fingerprint that the other side reads; else it is asked for on the terminal.",
)


def show_fingerprint(answer: Compared) -> None:
    """Print the fingerprint as two people compare it."""
    from environments.joining import spoken

    groups = spoken(answer.digest).split()
    click.echo(f"fingerprint of {answer.name}:")
    for at in range(0, len(groups), 4):
        click.echo("    " + " ".join(groups[at : at + 4]))


def confirming(given: str | None, *, as_json: bool) -> Callable[[Compared], None]:
    """Return what asks, or compares what was given.

    It raises JoiningRefusedError where the fingerprint is another one or nobody says that it is right, and
    UsageError where there is nobody to ask.
    """

    def confirm(answer: Compared) -> None:
        from environments.joining import agrees, spoken
        from environments.members import JoiningRefusedError

        if given is not None:
            if not agrees(given, answer.digest):
                raise JoiningRefusedError(
                    "fingerprint",
                    f"{answer.name}: the fingerprint given is not that of this file",
                    remedy="if both sides read theirs aloud and they differ, a file was exchanged on its "
                    "way: withdraw the invitation, and carry a new one yourself",
                )
            return
        if as_json or not sys.stdin.isatty():
            raise UsageError(
                f"{answer.name}: nobody says that the fingerprint {spoken(answer.digest)} is right",
                remedy="compare it with what the other side reads, by voice; then --fingerprint 'DIGITS'",
            )
        show_fingerprint(answer)
        if not click.confirm("Does the other side read the same?", default=False):
            raise JoiningRefusedError("fingerprint", f"{answer.name}: not confirmed; nothing was changed")

    return confirm
