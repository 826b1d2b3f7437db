"""Where a step's work over partitions runs: the environment's Dask cluster, or this process in a test.

Invariants:
1. Functions are pure over their arguments: a killed worker's part is computed again, silently.
2. Results come back in the order of the items, whatever the order of computing.
3. A function of a site's own flow file travels by value: a cluster that the site only has the address of
   cannot import it, and a worker that did so before an edit would run the code of before.

Example:
    >>> InlineCluster().map(len, ["a", "bc"])
    [1, 2]
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["Cluster", "DaskCluster", "Held", "InlineCluster"]


class Held(Protocol):
    """Values that stay where they were computed, one for each item."""

    def map(self, function: Callable[..., Any], *args: object) -> list[Any]:
        """Return `function(value, *args)` for each held value, in order."""


class Cluster(Protocol):
    """What a step needs of its environment's cluster."""

    def map(self, function: Callable[..., Any], items: Sequence[Any], *args: object) -> list[Any]:
        """Return `function(item, *args)` for each item, in order."""

    def hold(self, function: Callable[..., Any], items: Sequence[Any], *args: object) -> Held:
        """Compute `function(item, *args)` for each item and keep the values on the workers."""

    def width(self) -> int:
        """How many workers could compute at once, at least 1."""

    def computed_by(self) -> frozenset[str]:
        """The workers that computed something for this step so far."""


class InlineCluster:
    """Everything in this process, one after another."""

    def map(self, function: Callable[..., Any], items: Sequence[Any], *args: object) -> list[Any]:
        """Compute here."""
        return [function(item, *args) for item in items]

    def hold(self, function: Callable[..., Any], items: Sequence[Any], *args: object) -> Held:
        """Keep the values here."""
        return _InlineHeld(self.map(function, items, *args))

    def width(self) -> int:
        """One process."""
        return 1

    def computed_by(self) -> frozenset[str]:
        """This process."""
        return frozenset({"inline"})


class _InlineHeld:
    def __init__(self, values: list[Any]) -> None:
        self._values = values

    def map(self, function: Callable[..., Any], *args: object) -> list[Any]:
        return [function(value, *args) for value in self._values]


class DaskCluster:
    """The environment's own cluster, through a client whose scheduler was verified."""

    def __init__(self, client: Client, *, workers: int) -> None:
        """Use `client`; `workers` is the number that the environment scales to."""
        self.client = client
        self._workers = workers
        self._seen: set[str] = set()

    def map(self, function: Callable[..., Any], items: Sequence[Any], *args: object) -> list[Any]:
        """Compute on the workers, spread over all of them."""
        return self._gather(self._submit(_WithWorker(function), items, args))

    def hold(self, function: Callable[..., Any], items: Sequence[Any], *args: object) -> Held:
        """Keep the values on the workers that computed them."""
        return _DaskHeld(self, self._submit(_ByValue(function), items, args))

    def width(self) -> int:
        """The number of workers that the environment scales to."""
        return self._workers

    def computed_by(self) -> frozenset[str]:
        """Addresses of the workers that answered."""
        return frozenset(self._seen)

    def _submit(self, call: _ByValue, items: Sequence[Any], args: tuple[object, ...]) -> list[Any]:
        places = sorted(self.client.scheduler_info(n_workers=-1)["workers"])
        # With a single worker there is nothing to choose, and the one that replaces it must do as well.
        spread = len(places) > 1
        return [
            self.client.submit(
                call,
                item,
                *args,
                pure=False,
                retries=2,
                # Dask would give small parts to one worker; a part each keeps all of them busy.
                workers=[places[index % len(places)]] if spread else None,
                allow_other_workers=spread,
            )
            for index, item in enumerate(items)
        ]

    def _gather(self, futures: list[Any]) -> list[Any]:
        answers = self.client.gather(futures)
        self._seen.update(worker for worker, _ in answers)
        return [value for _, value in answers]

    def gather_held(
        self, function: Callable[..., Any], futures: list[Any], args: tuple[object, ...]
    ) -> list[Any]:
        """Compute over held values, where they are."""
        call = _WithWorker(function)
        return self._gather(
            [self.client.submit(call, future, *args, pure=False, retries=2) for future in futures]
        )


class _DaskHeld:
    def __init__(self, cluster: DaskCluster, futures: list[Any]) -> None:
        self._cluster, self._futures = cluster, futures

    def map(self, function: Callable[..., Any], *args: object) -> list[Any]:
        return self._cluster.gather_held(function, self._futures, args)


class _ByValue:
    """A function that takes its own code along where its module is registered for that."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self.__name__ = getattr(function, "__name__", "part")

    def __getstate__(self) -> tuple[str, bytes]:
        import cloudpickle

        return self.__name__, cloudpickle.dumps(self._function)

    def __setstate__(self, state: tuple[str, bytes]) -> None:
        # What a client of this cluster sends is code in any case: `pickle` adds nothing that it could do.
        self.__name__, self._function = state[0], pickle.loads(state[1])  # noqa: S301

    def __call__(self, item: object, *args: object) -> Any:  # noqa: ANN401
        return self._function(item, *args)


class _WithWorker(_ByValue):
    """Says besides which worker computed."""

    def __call__(self, item: object, *args: object) -> tuple[str, Any]:
        from distributed import get_worker

        return get_worker().address, self._function(item, *args)
