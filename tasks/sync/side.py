"""One environment's side of a crossing, as the built-in steps have it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tasks.steps.cluster import Cluster
from tasks.steps.run import Report, silent

if TYPE_CHECKING:
    from environments.boundary import EnvironmentContext
    from environments.home import EnvironmentFolder
    from environments.site import Site

__all__ = ["Side"]


def _unheard(_phase: str, _done: int, _total: int) -> None:
    """Tell nobody."""


@dataclass
class Side:
    """What a built-in step may use: its own environment, and nothing of another's.

    Attributes:
        folder: the environment's folder.
        site: what is declared here.
        connect: makes the cluster on first use; a crossing that is denied never needs one.
        report: takes progress.
        moved: takes a phase, and how many bytes of how many it has moved.
    """

    folder: EnvironmentFolder
    site: Site
    connect: Callable[[], Cluster] = field(repr=False)
    report: Report = field(default=silent, repr=False)
    moved: Callable[[str, int, int], None] = field(default=_unheard, repr=False)
    _cluster: Cluster | None = field(default=None, repr=False)

    def gate(self) -> EnvironmentContext:
        """Open the environment at the gate, with its partitions worked on by its cluster."""
        from environments.boundary import open_environment

        return open_environment(
            self.folder,
            self.site,
            partition_map=self._over_partitions,
            progress=lambda phase: self.report(phase, None, None),
            moved=self.moved,
        )

    def _over_partitions(self, function: Callable[[Any], Any], items: Iterable[Any], /) -> list[Any]:
        if self._cluster is None:
            self._cluster = self.connect()
        return self._cluster.map(function, list(items))
