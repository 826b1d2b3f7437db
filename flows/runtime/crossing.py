"""A crossing is step runs in two environments; whoever asks for one only asks and watches.

`egress@SRC`, then `ingress@DST`, then `settle@SRC`. The asset is there for other steps as soon as it
is committed; the receipt is settled while they go on.

A side that cannot reach the transit is asked again, under the same request id and so for the same crossing,
for as long as whoever asks is patient: a link that is down for a while costs a pipeline time and no more.
"""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from data_contracts.errors import IsthmusError, StepFailedError
from environments.ref import AssetRef
from environments.trust.tokens import REQUEST_PARAMETER
from flows.runtime.calls import Call, Caller, Finished
from flows.runtime.endings import AwayError, rules_in
from tasks.steps.errors import BrokenRule, ContractBroken, CrossingDenied

__all__ = ["PATIENCE", "Crosser", "CrossingAsk", "CrossingEnd"]

PATIENCE = 3600.0
"""Seconds for which a pipeline asks a side again that cannot reach the transit."""
_FIRST_PAUSE, _LONGEST_PAUSE = 2.0, 300.0


@dataclass(frozen=True)
class CrossingAsk:
    """What shall cross.

    Attributes:
        key: the call site, unique in the run.
        ref: the version.
        to: where.
        purpose: what for.
        request: the request id.
        resume: whether an unfinished crossing of the same kind is gone on with, under its own id.
        signed: who asks, as a token; None where nobody signed.
        more: of a set, the other members, in the same environment as `ref`.
    """

    key: str
    ref: AssetRef
    to: str
    purpose: str
    request: str
    resume: bool = False
    signed: str | None = None
    more: tuple[AssetRef, ...] = ()

    @property
    def refs(self) -> tuple[AssetRef, ...]:
        """Everything that shall cross."""
        return (self.ref, *self.more)

    @property
    def title(self) -> str:
        """What shall cross, for people."""
        what = self.ref.name if not self.more else f"{self.ref.name} and {len(self.more)} more"
        return f"{what} from {self.ref.environment} to {self.to} for {self.purpose}"


@dataclass(frozen=True)
class CrossingEnd:
    """How a crossing ended.

    Attributes:
        title: for people.
        outcome: `permitted`, `denied`, `broken` or `failed`.
        rules: those that spoke against it.
        crossing: its id; empty where it failed before it had one.
        size: bytes that crossed.
        request: the request id.
        arrived: the asset at the destination; of a set, that of the asked-for first.
        version: of what arrived; of a set, its digest.
        members: everything that arrived, in the order in which it was asked for.
        runs: the flow runs that it took, the last one last.
        error: what failed.
        not_before: where a boundary holds it back (rules `window`, `budget`), when it can go, in seconds of
            1970; 0 where it cannot by waiting; else None.
    """

    title: str
    outcome: str
    rules: tuple[BrokenRule, ...] = ()
    crossing: str = ""
    size: int = 0
    request: str = ""
    arrived: AssetRef | None = None
    runs: tuple[str, ...] = ()
    error: IsthmusError | None = None
    not_before: int | None = None
    version: str = ""
    members: tuple[AssetRef, ...] = ()

    def refusal(self) -> IsthmusError:
        """Return the error that `.require()` raises for this outcome."""
        if self.outcome == "denied":
            return CrossingDenied(self.title, self.rules)
        if self.outcome == "broken":
            return ContractBroken(self.title, self.rules)
        return self.error or StepFailedError(f"{self.title}: failed")

    def to_json(self) -> dict[str, Any]:
        """Return the shape that `isthmus sync --json` promises, and the request id."""
        return {
            "crossing": self.crossing or None,
            "outcome": self.outcome,
            "rules": [rule.to_json() for rule in self.rules],
            "bytes": self.size,
            "version": self.version or None,
            "members": [{"name": ref.name, "version": ref.version} for ref in self.members],
            "request": self.request or None,
            "not_before": moment_of(self.not_before),
        }


def moment_of(seconds: int | None) -> str | None:
    """Return a moment as documents hold it; None where there is none, or none that waiting reaches."""
    return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if seconds else None


class Crosser:
    """Asks for crossings through a caller."""

    def __init__(
        self,
        caller: Caller,
        *,
        patience: float = 0.0,
        stopping: threading.Event | None = None,
        say: Callable[[str], None] = lambda _: None,
        first_pause: float = _FIRST_PAUSE,
    ) -> None:
        """Use `caller`.

        Args:
            caller: calls the two sides.
            patience: seconds for which a side is asked again that cannot reach the transit.
            stopping: set once nothing shall be waited for any more.
            say: told of every wait, with its reason.
            first_pause: seconds until a side is asked again; twice as long each time, at most five minutes.
        """
        self._caller, self._patience, self._say = caller, patience, say
        self._stopping = stopping or threading.Event()
        self._first_pause = first_pause

    def _call(self, call: Call) -> Finished:
        """Call a side, and again while it cannot reach the transit.

        Raises:
            IsthmusError: it did not complete; `AwayError` once the patience is over.
        """
        number, pause, since = 1, self._first_pause, None
        while True:
            try:
                return self._caller.call(call if number == 1 else replace(call, key=f"{call.key}.{number}"))
            except AwayError as error:
                since = time.monotonic() if since is None else since
                if time.monotonic() + pause > since + self._patience:
                    raise
                self._say(f"{call.title} is asked again in {pause:.0f} s: {error}")
                if self._stopping.wait(pause):
                    raise
            number, pause = number + 1, min(2 * pause, _LONGEST_PAUSE)

    def send(self, ask: CrossingAsk, origins: tuple[str, ...], because: tuple[str, ...] = ()) -> CrossingEnd:
        """Ask the two sides in turn, up to the commit; never raises what a step ended with.

        Args:
            ask: what shall cross.
            origins: the runs that made the asset, for the graph.
            because: the runs that decided that it shall.
        """
        title = ask.title
        try:
            return self._send(ask, origins, because, title)
        except IsthmusError as error:
            return CrossingEnd(title, "failed", request=ask.request, error=error)

    def queue(self, ask: CrossingAsk, origins: tuple[str, ...], because: tuple[str, ...] = ()) -> Finished:
        """Have the source put it into its outbox; its pump sends it when it can.

        Raises:
            IsthmusError: the outbox takes nothing more, or the step did not complete.
        """
        inputs = {"asset": origins, "because": because}
        return self._call(
            Call(f"{ask.key}.queue", "isthmus.queue", ask.ref.environment, _asked(ask) | _who(ask), inputs)
        )

    def _send(
        self, ask: CrossingAsk, origins: tuple[str, ...], because: tuple[str, ...], title: str
    ) -> CrossingEnd:
        who = _who(ask)
        parameters = _asked(ask) | ({"resume": True} if ask.resume else {})
        inputs: Mapping[str, tuple[str, ...]] = {"asset": origins, "because": because}
        sent = self._call(
            Call(f"{ask.key}.egress", "isthmus.egress", ask.ref.environment, parameters | who, inputs)
        )
        crossing, request = str(sent.results["crossing"]), str(sent.results["request"])
        outcome = str(sent.results["outcome"])
        if outcome != "permitted":
            runs = (sent.run.id,)
            held, rules = sent.results.get("not_before"), rules_in(sent.run.labels)
            return CrossingEnd(title, outcome, rules, crossing, request=request, runs=runs, not_before=held)
        arrived = self._call(
            Call(
                f"{ask.key}.ingress",
                "isthmus.ingress",
                ask.to,
                {"source": ask.ref.environment, "crossing": crossing} | who,
                {"crossing": (sent.run.id,)},
            )
        )
        outcome = str(arrived.results["outcome"])
        names = [f"ref.{ref.name}" for ref in ask.refs] if ask.more else ["ref"]
        members = tuple(arrived.ref(name) for name in names) if outcome == "permitted" else ()
        version = members[0].version if len(members) == 1 else str(arrived.results.get("version", ""))
        return CrossingEnd(
            title,
            outcome,
            rules_in(arrived.run.labels),
            crossing,
            int(sent.results["bytes"]) if outcome == "permitted" else 0,
            request,
            members[0] if members else None,
            (sent.run.id, arrived.run.id),
            not_before=arrived.results.get("not_before"),
            version=version,
            members=members,
        )

    def settle(self, ask: CrossingAsk, end: CrossingEnd) -> Finished | None:
        """Have the source read the receipt, if anything was sent.

        Raises:
            IsthmusError: the receipt does not verify, or the source cannot be reached.
        """
        if len(end.runs) < len(("egress", "ingress")) or end.not_before is not None:
            return None  # nothing was sent, or the destination has not answered yet
        return self._call(
            Call(
                f"{ask.key}.settle",
                "isthmus.settle",
                ask.ref.environment,
                {"to": ask.to, "crossing": end.crossing},
                {"receipt": (end.runs[-1],)},
            )
        )


def _asked(ask: CrossingAsk) -> dict[str, Any]:
    """Return what the source is asked."""
    parameters: dict[str, Any] = {"to": ask.to, "purpose": ask.purpose, "request": ask.request}
    if ask.more:
        return parameters | {"members": sorted(f"{ref.name}@{ref.version}" for ref in ask.refs)}
    return parameters | {"asset": ask.ref.name, "version": ask.ref.version}


def _who(ask: CrossingAsk) -> dict[str, Any]:
    return {} if ask.signed is None else {REQUEST_PARAMETER: ask.signed}
