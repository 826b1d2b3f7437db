"""Starting a run of a pipeline from outside: read its parameters here, then ask the server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from environments.site import Site
from flows.runtime.calls import tags_of
from flows.runtime.catalogue import find_pipeline
from flows.runtime.server import Ask, RunView, Server

__all__ = ["start"]


def start(server: Server, site: Site, name: str, params: Mapping[str, Any]) -> RunView:
    """Create a run of a pipeline in its home.

    Raises:
        UsageError: no such pipeline, not registered, or a parameter is not of its kind.
    """
    pipeline = find_pipeline(site, name)
    pipeline.read(params)
    deployment = server.deployment(pipeline.name, pipeline.home)
    tags = tags_of(site, pipeline.home)
    return server.run(server.create_run(Ask(deployment, None, dict(params), tags=tags)))
