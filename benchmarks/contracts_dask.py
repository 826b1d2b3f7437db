"""Seconds that a check over so many Dask workers takes by the clock, part by part, as the gate does it.

python benchmarks/contracts_dask.py WORKERS FILE
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parent))

from contracts_data import document

if TYPE_CHECKING:
    from data_contracts.checks import CheckPlan, Partial


def part(plan: CheckPlan, path: str, group: int, folder: Path) -> Partial:
    """Check one row group, on a worker."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        return plan.partial(file.read_row_group(group, use_threads=False), position=group, spill_to=folder)


def main() -> None:
    """Check once to warm up, then once for the clock."""
    import pyarrow.parquet as pq
    from distributed import Client, LocalCluster

    from data_contracts.checks import check_whole, compile_plan, merge
    from data_contracts.checks.workspace import Workspace
    from data_contracts.loading import contract_from_document

    workers, path = int(sys.argv[1]), sys.argv[2]
    groups = pq.read_metadata(path).num_row_groups
    with (
        LocalCluster(
            n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        Client(cluster) as client,
    ):
        seconds = 0.0
        for _ in range(2):
            plan = compile_plan(contract_from_document(document()))
            start = time.perf_counter()
            with Workspace() as work:
                folders = [work.root] * groups
                many = client.map(part, [plan] * groups, [path] * groups, range(groups), folders, pure=False)
                merged = merge(client.gather(many))
                whole = check_whole(plan, [Path(path)], merged)
                verdict = plan.verdict(merged).with_results(whole)
            seconds = time.perf_counter() - start
            assert verdict.success
    print(seconds)


if __name__ == "__main__":
    main()
