"""One request on its way: who asks, what of it may pass, what became of the rest.

Invariants, in order:
1. A request is refused unless its speaker, its line in the table and every field of it are known.
2. What is withheld is kept first, as an incident of this environment; only then is the rest forwarded. Where
   the disk refuses, or too much is withheld, the mark says `unrecorded`.
3. One request has one incident; it never leaves.

Example:
    >>> Filter(folder, buckets).request(match, speaker, body)
    {'name': 'x', 'state': {...}}
"""

from __future__ import annotations

import json
import secrets
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

from environments.apigate.checks import Check, Passing, RefusedError
from environments.apigate.limits import Bucket
from environments.apigate.routes import Match
from environments.apigate.speaker import Speaker
from environments.folder import EnvironmentFolder
from environments.incidents import UNRECORDED, record_withheld

__all__ = ["Filter", "parsed"]

_INCIDENTS = Bucket(rate=2.0, burst=200)
_MOST_MADE = 10_000


def parsed(raw: bytes) -> Any:  # noqa: ANN401 - any JSON value
    """Return the JSON value of some bytes; None for none.

    Raises:
        RefusedError: they are no JSON.
    """
    try:
        return json.loads(raw) if raw else None
    except (ValueError, RecursionError):
        raise RefusedError("not JSON") from None


@dataclass
class Filter:
    """What one environment's gate lets pass.

    Attributes:
        folder: the environment's; incidents are kept there.
        withheld: how many texts were, since it started.
        incidents: how often something may be written down.
    """

    folder: EnvironmentFolder
    withheld: int = 0
    incidents: Bucket = field(default_factory=lambda: Bucket(_INCIDENTS.rate, _INCIDENTS.burst))
    _made: OrderedDict[str, str] = field(default_factory=OrderedDict)

    def passing(self, speaker: Speaker, incident: str) -> Passing:
        """Begin a message."""

        def owns(run: str) -> bool:
            return speaker.run is not None and speaker.run in (run, self._made.get(run))

        return Passing(speaker, self.folder.name, incident, owns=owns)

    def admit(self, match: Match, speaker: Speaker) -> None:
        """Return if a speaker may ask this.

        Raises:
            RefusedError: it may not.
        """
        match.check(self.passing(speaker, UNRECORDED))

    def told(self, check: Check | None, value: object, speaker: Speaker) -> Any:  # noqa: ANN401 - any JSON value
        """Return what of a request's body goes on, having kept the rest.

        Raises:
            RefusedError: it is not what may be said there.
        """
        if check is None:
            return None
        incident = secrets.token_hex(6)
        passing = self.passing(speaker, incident)
        told = check(value, passing)
        if not passing.withheld:
            return told
        self.withheld += len(passing.withheld)
        context = {"kept by": "the API gate", "speaker": speaker.kind, "run": speaker.run or "none"}
        kept = self.incidents.take(now=time.monotonic()) and record_withheld(
            self.folder, incident, passing.withheld, **context
        )
        return told if kept else check(value, self.passing(speaker, UNRECORDED))

    def heard(self, match: Match, value: object, speaker: Speaker) -> Any:  # noqa: ANN401 - any JSON value
        """Return what of the server's answer goes on.

        Raises:
            RefusedError: it is not what the server's schema says.
        """
        if match.route.answer is None:
            return None
        heard = match.route.answer(value, self.passing(speaker, UNRECORDED))
        if match.route.makes and speaker.run is not None:
            self._made[heard["id"]] = speaker.run
            if len(self._made) > _MOST_MADE:
                self._made.popitem(last=False)
        return heard
