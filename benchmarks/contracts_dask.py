"""Seconds that a check over so many Dask workers takes by the clock, part by part, as a step does it.

python benchmarks/contracts_dask.py WORKERS FILE
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from contracts_data import document


def main() -> None:
    """Check once to warm up, then for the clock; the faster of two times."""
    from distributed import Client, LocalCluster

    from data_contracts.loading import contract_from_document
    from tasks.steps.cluster import DaskCluster
    from tasks.steps.dataset import Dataset

    workers, path = int(sys.argv[1]), Path(sys.argv[2])
    contract = contract_from_document(document())
    with (
        tempfile.TemporaryDirectory(prefix="isthmus-bench-") as scratch,
        LocalCluster(
            n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        Client(cluster) as client,
    ):
        over = DaskCluster(client, workers=workers)
        data = Dataset("measured", contract, (path,), over, partitions=workers, scratch=Path(scratch))
        seconds = []
        for _ in range(3):
            start = time.perf_counter()
            assert data.check().success
            seconds.append(time.perf_counter() - start)
    print(min(seconds[1:]))


if __name__ == "__main__":
    main()
