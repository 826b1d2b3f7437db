"""Starting a run of a pipeline from outside: read its parameters here, then ask the server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from environments.site import Site
from environments.trust.grants import GRANTS_PARAMETER
from environments.trust.tokens import REQUEST_PARAMETER
from flows.runtime.calls import tags_of
from flows.runtime.catalogue import find_pipeline
from flows.runtime.server import Ask, RunView, Server

__all__ = ["start"]


def start(
    server: Server,
    site: Site,
    name: str,
    params: Mapping[str, Any],
    signed: str | None = None,
    grants: str = "",
) -> RunView:
    """Create a run of a pipeline in its home; `signed` is the token of who asks, `grants` those of its steps.

    Raises:
        UsageError: no such pipeline, not registered, or a parameter is not of its kind.
    """
    pipeline = find_pipeline(site, name)
    pipeline.read(params)
    deployment = server.deployment(pipeline.name, pipeline.home)
    tags = tags_of(site, pipeline.home)
    # Without a signature of one's own a run acts under none: not under that of runs started in the UI.
    given = dict(params) | {REQUEST_PARAMETER: signed or ""}
    if grants:
        given[GRANTS_PARAMETER] = grants
    return server.run(server.create_run(Ask(deployment, None, given, tags=tags)))
