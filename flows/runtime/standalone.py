"""A crossing that no pipeline asked for: runs of the built-in steps, watched from the command line."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from environments.ref import AssetRef, parse_asset
from environments.site import Site
from environments.trust.tokens import REQUEST_PARAMETER
from flows.runtime.calls import Call, Caller
from flows.runtime.crossing import Crosser, CrossingAsk, CrossingEnd
from flows.runtime.endings import rules_in
from flows.runtime.server import RunView, Server
from tasks.steps.errors import BrokenRule

__all__ = ["Rehearsed", "StandaloneCrossing"]


@dataclass(frozen=True)
class Rehearsed:
    """How a crossing would end at its source.

    Attributes:
        refs: the versions.
        outcome: `permitted`, `denied` or `broken`.
        rules: those that speak against it.
        rows: that would cross.
        size: bytes, before they are sealed, that the destination lacks.
    """

    refs: tuple[AssetRef, ...]
    outcome: str
    rules: tuple[BrokenRule, ...] = ()
    rows: int = 0
    size: int = 0


class StandaloneCrossing:
    """One crossing, asked for and watched."""

    def __init__(
        self,
        server: Server,
        site: Site,
        *,
        say: Callable[[str], None] | None = None,
        hear: Callable[[RunView, str], None] | None = None,
    ) -> None:
        """Ask `server`; `say` hears of every step, `hear` every line that a step says of itself."""
        self._say = say
        # Every call is a run of its own: the crossing's id, not the run's key, makes a retry the same.
        self._caller = Caller(
            server,
            site,
            parent=None,
            prefix=f"cli-{secrets.token_hex(8)}",
            watch=self._changed,
            hear=hear,
        )

    def _changed(self, view: RunView) -> None:
        if self._say is not None and view.final:
            self._say(f"  {view.name}: {view.state}, {view.seconds:.1f} s")

    def pin(self, environment: str, name: str, version: str | None) -> AssetRef:
        """Return the version; the latest where none is named.

        Raises:
            UsageError: there is no such asset or version.
        """
        parameters = {"asset": name} | ({} if version is None else {"version": version})
        return self._caller.call(Call("pin", "isthmus.pin", environment, parameters)).ref()

    def pin_all(self, environment: str, assets: Sequence[str]) -> tuple[AssetRef, ...]:
        """Return the versions of several assets (`NAME` or `NAME@VERSION`), as they are at one moment.

        Raises:
            UsageError: there is no such asset or version.
        """
        if len(assets) == 1:
            return (self.pin(environment, *parse_asset(assets[0])),)
        found = self._caller.call(Call("pin", "isthmus.pin", environment, {"assets": list(assets)}))
        return tuple(found.ref(f"ref.{parse_asset(asset)[0]}") for asset in assets)

    def run(self, ask: CrossingAsk) -> CrossingEnd:
        """Cross, and settle."""
        crosser = Crosser(self._caller)
        end = crosser.send(ask, ())
        crosser.settle(ask, end)
        return end

    def rehearse(
        self,
        ref: AssetRef,
        to: str,
        purpose: str,
        signed: str | None = None,
        more: Sequence[AssetRef] = (),
    ) -> Rehearsed:
        """Have the source do all but send; `signed` says who asks for that, `more` are others of a set."""
        asked: dict[str, Any] = {"to": to, "purpose": purpose, "request": "rehearsal", "rehearsal": True}
        if more:
            asked["members"] = sorted(f"{each.name}@{each.version}" for each in (ref, *more))
        else:
            asked |= {"asset": ref.name, "version": ref.version}
        if signed is not None:
            asked[REQUEST_PARAMETER] = signed
        done = self._caller.call(Call("rehearsal", "isthmus.egress", ref.environment, asked))
        counts = int(done.results["rows"]), int(done.results["bytes"])
        return Rehearsed((ref, *more), str(done.results["outcome"]), rules_in(done.run.labels), *counts)
