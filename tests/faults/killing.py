"""A process that forks one for each crossing that is to be killed: it imports once, and uses nothing before.

What is run is `run` of the module that it is told, by default `killed_crossing`.
One line of JSON each way: `{"world": PICKLE as hex, "point": NAME or null, "flush": NUMBER or null}`, and the
status of the one that was killed.
"""

from __future__ import annotations

import importlib
import json
import os
import pickle
import signal
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / "contract_suites")]

killed = importlib.import_module(sys.argv[1] if len(sys.argv) > 1 else "killed_crossing")

_BOUND_S = 60


def _child(order: dict[str, object]) -> None:
    """Run the crossing; die at the named point, or at the numbered flush of a file or folder."""
    signal.alarm(_BOUND_S)
    flushed, real = 0, os.fsync

    def fsync(descriptor: int) -> None:
        nonlocal flushed
        flushed += 1
        if flushed == order["flush"]:
            os.kill(os.getpid(), signal.SIGKILL)
        real(descriptor)

    os.fsync = fsync
    world = pickle.loads(bytes.fromhex(str(order["world"])))  # noqa: S301 - of the test that started this
    point = order["point"]
    killed.run(world, stop=None if point is None else str(point))


def main() -> None:
    """Answer orders until there are no more."""
    for line in sys.stdin:
        order = json.loads(line)
        if (child := os.fork()) == 0:
            try:
                _child(order)
            finally:
                os._exit(0)
        sys.stdout.write(f"{os.waitpid(child, 0)[1]}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
