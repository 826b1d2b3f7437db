"""A recall as step runs: asked at the source, answered where the version went, and where it went on to.

Whoever asks only asks and watches. A destination whose worker is away has its run waiting, and answers when
it is back; whoever asks does not wait longer than it said.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from data_contracts.errors import IsthmusError
from environments.site import Site
from environments.trust.tokens import REQUEST_PARAMETER
from flows.runtime.calls import Call, Caller
from flows.runtime.endings import rules_in
from flows.runtime.server import RunView, Server
from tasks.steps.errors import BrokenRule

__all__ = ["RecallAsk", "RecallEnd", "Recaller", "recall_caller"]


@dataclass(frozen=True)
class RecallAsk:
    """What is recalled.

    Attributes:
        source: the environment that sent it.
        name: the asset.
        version: its version there.
        again: whether those that have answered are asked once more.
        signed: who wants it, as a token; None where nobody signed.
    """

    source: str
    name: str
    version: str
    again: bool = False
    signed: str | None = None


@dataclass(frozen=True)
class RecallEnd:
    """How far it came.

    Attributes:
        outcome: `permitted`, or `denied` by the source.
        rules: those that spoke against it.
        failed: environment to what went wrong there; who is only away is not among them.
    """

    outcome: str
    rules: tuple[BrokenRule, ...] = ()
    failed: Mapping[str, IsthmusError] | None = None


def recall_caller(server: Server, site: Site, say: Callable[[str], None] | None = None) -> Caller:
    """Return what calls steps for one recall; `say` hears how each ends."""

    def changed(view: RunView) -> None:
        if say is not None and view.final:
            say(f"  {view.name}: {view.state}, {view.seconds:.1f} s")

    return Caller(server, site, parent=None, prefix=f"recall-{secrets.token_hex(8)}", watch=changed)


class Recaller:
    """Asks for a recall through the control plane."""

    def __init__(self, caller: Caller, *, patience: float) -> None:
        """Ask through `caller`; wait `patience` seconds for all answers together."""
        self._caller = caller
        self._patience = patience
        self._failed: dict[str, IsthmusError] = {}
        self._until = 0.0
        self._count = 0

    def run(self, ask: RecallAsk) -> RecallEnd:
        """Ask, and collect the answers that come in time.

        Raises:
            IsthmusError: the source cannot be reached, or refuses for another reason than a rule.
        """
        given: dict[str, Any] = {"asset": ask.name, "version": ask.version}
        if ask.again:
            given["again"] = True
        if ask.signed is not None:
            given[REQUEST_PARAMETER] = ask.signed
        asked = self._caller.call(Call("recall", "isthmus.recall", ask.source, given))
        outcome = str(asked.results["outcome"])
        if outcome == "permitted":
            self._until = time.monotonic() + self._patience
            self._pursue(ask.source, _requests(asked.results))
        return RecallEnd(outcome, rules_in(asked.run.labels), dict(self._failed))

    def _pursue(self, source: str, requests: Iterable[tuple[str, str]]) -> None:
        """Have all destinations erase at once, read their answers, and follow what they passed on."""
        begun = [(where, request, *self._begin_erase(source, where, request)) for where, request in requests]
        for where, request, first, run in begun:
            if not self._ended(where, first, run):
                continue
            forwarded = self._settle(source, where, request)
            if forwarded:
                self._pursue(where, forwarded)
                # What it passed on was answered, as far as it was: now its own answer can say so.
                if self._ended(where, *self._begin_erase(source, where, request)):
                    self._settle(source, where, request)

    def _begin_erase(self, source: str, where: str, request: str) -> tuple[Call, str]:
        self._count += 1
        call = Call(f"erase-{self._count}", "isthmus.erase", where, {"source": source, "recall": request})
        return call, self._caller.begin(call)

    def _ended(self, where: str, call: Call, run: str) -> bool:
        try:
            return self._caller.finish(call, run, until=self._until) is not None
        except IsthmusError as error:
            self._failed[where] = error
            return False

    def _settle(self, source: str, where: str, request: str) -> list[tuple[str, str]]:
        self._count += 1
        given = {"to": where, "recall": request}
        call = Call(f"settle-{self._count}", "isthmus.recall-settle", source, given)
        try:
            found = self._caller.finish(call, self._caller.begin(call), until=self._until)
        except IsthmusError as error:
            self._failed[where] = error
            return []
        return [] if found is None else _requests(found.results)


def _requests(results: Mapping[str, Any]) -> list[tuple[str, str]]:
    count = int(results.get("requests", 0))
    return [(str(results[f"to-{n}"]), str(results[f"request-{n}"])) for n in range(1, count + 1)]
