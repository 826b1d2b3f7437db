"""One contestant of the contract benchmark, in a process of its own: CPU and memory above its imports.

    python benchmarks/contracts_tools.py TOOL FILE    prints {cpu, wall, peak, found} as JSON

`found` says of each of the 22 rules whether it is kept; of ours and GX's also how many rows break it.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from contracts_data import (
    BEST,
    COUNTRIES,
    FIRST_BIRTH,
    FIRST_SEEN,
    LEAST_ROWS,
    LONGEST,
    MOST_NULLS,
    OLDEST,
    POSTCODE,
    REFERENCE,
    STATES,
    WORST,
    document,
    suite,
)

Found = dict[str, Any]
Job = Callable[[Path], Found]


def arrow() -> Job:
    """Only reading: the baseline."""
    import pyarrow.parquet as pq

    def run(path: Path) -> Found:
        pq.read_table(path)
        return {}

    return run


def ours() -> Job:
    """The check of this project, uniqueness and types included."""
    import numpy as np
    import polars as pl
    import pyarrow.parquet as pq

    from data_contracts.checks import check_files, compile_plan
    from data_contracts.loading import contract_from_document

    del np, pl, pq
    compile_plan(contract_from_document(document()))  # what it imports when it is first used

    def run(path: Path) -> Found:
        verdict = check_files(compile_plan(contract_from_document(document())), [path])
        asked = suite()
        assert verdict.success or all(rule.id in asked for rule in verdict.failed)
        return {rule.id: [rule.success, rule.unexpected_count] for rule in verdict.rules if rule.id in asked}

    return run


def polars() -> Job:
    """The whole file in memory, one select."""
    import polars as pl

    c = pl.col
    moment = FIRST_SEEN.replace(tzinfo=None)

    def run(path: Path) -> Found:
        kept = {
            "id.unique": c("id").drop_nulls().is_duplicated().sum() == 0,
            "reference.unique": c("reference").drop_nulls().is_duplicated().sum() == 0,
            **{
                f"{n}.required": c(n).null_count() == 0
                for n in ("id", "reference", "amount", "email", "seen")
            },
            **{f"{n}.minimum": (c(n) < 0).sum() == 0 for n in ("age", "visits", "amount")},
            "score.minimum": (c("score") < WORST).sum() == 0,
            "birth.minimum": (c("birth") < FIRST_BIRTH).sum() == 0,
            "seen.minimum": (c("seen") < moment).sum() == 0,
            "age.maximum": (c("age") > OLDEST).sum() == 0,
            "score.maximum": (c("score") > BEST).sum() == 0,
            "country.valid": (~c("country").is_in(COUNTRIES)).sum() == 0,
            "status.valid": (~c("status").is_in(STATES)).sum() == 0,
            "reference.pattern": (~c("reference").str.contains(REFERENCE)).sum() == 0,
            "postcode.pattern": (~c("postcode").str.contains(POSTCODE)).sum() == 0,
            "email.maxLength": (c("email").str.len_chars() > LONGEST).sum() == 0,
            "visits.few": c("visits").null_count() * 100 <= MOST_NULLS * pl.len(),
            "rows.some": pl.len() >= LEAST_ROWS,
        }
        told = pl.read_parquet(path).select([test.alias(name) for name, test in kept.items()])
        return {name: [bool(value)] for name, value in told.row(0, named=True).items()}

    return run


def duckdb() -> Job:
    """One query over the file."""
    import duckdb as engine

    def listed(words: list[str]) -> str:
        return ", ".join(f"'{word}'" for word in words)

    kept = {
        **{f"{n}.unique": f"count({n}) = count(distinct {n})" for n in ("id", "reference")},
        **{f"{n}.required": f"count({n}) = count(*)" for n in ("id", "reference", "amount", "email", "seen")},
        **{f"{n}.minimum": f"count(*) filter ({n} < 0) = 0" for n in ("age", "visits", "amount")},
        "score.minimum": f"count(*) filter (score < {WORST}) = 0",
        "birth.minimum": f"count(*) filter (birth < date '{FIRST_BIRTH}') = 0",
        "seen.minimum": f"count(*) filter (seen < timestamp '{FIRST_SEEN.replace(tzinfo=None)}') = 0",
        "age.maximum": f"count(*) filter (age > {OLDEST}) = 0",
        "score.maximum": f"count(*) filter (score > {BEST}) = 0",
        "country.valid": f"count(*) filter (country not in ({listed(COUNTRIES)})) = 0",
        "status.valid": f"count(*) filter (status not in ({listed(STATES)})) = 0",
        "reference.pattern": f"count(*) filter (not regexp_matches(reference, '{REFERENCE}')) = 0",
        "postcode.pattern": f"count(*) filter (not regexp_matches(postcode, '{POSTCODE}')) = 0",
        "email.maxLength": f"count(*) filter (length(email) > {LONGEST}) = 0",
        "visits.few": f"(count(*) - count(visits)) * 100 <= {MOST_NULLS} * count(*)",
        "rows.some": f"count(*) >= {LEAST_ROWS}",
    }

    def run(path: Path) -> Found:
        asked = ", ".join(kept.values())
        row = engine.connect().execute(f"select {asked} from read_parquet(?)", [str(path)]).fetchone()  # noqa: S608
        return {name: [bool(value)] for name, value in zip(kept, row or (), strict=True)}

    return run


def gx() -> Job:
    """Great Expectations on pandas, its suite validated at once, its results as they are by default."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations
    import pyarrow.parquet as pq

    great_expectations.get_context(mode="ephemeral")  # as above

    def run(path: Path) -> Found:
        context = great_expectations.get_context(mode="ephemeral")
        context.variables.progress_bars = {"globally": False}
        # Dates as pandas' own: as Python's objects, which `read_parquet` makes, GX compares them wrongly.
        frame = pq.read_table(path).to_pandas(date_as_object=False)
        batch = context.data_sources.add_pandas("pandas").add_dataframe_asset("asset")
        definition = batch.add_batch_definition_whole_dataframe("all")
        words = {
            name: getattr(great_expectations.expectations, camel(kind)) for name, (kind, _) in suite().items()
        }
        made = great_expectations.ExpectationSuite(name="suite")
        for name, (_, kwargs) in suite().items():
            made.add_expectation(words[name](**kwargs, meta={"id": name}))
        result = definition.get_batch({"dataframe": frame}).validate(made)
        told = {one.expectation_config.meta["id"]: one for one in result.results}
        return {name: [bool(one.success), one.result.get("unexpected_count")] for name, one in told.items()}

    return run


def camel(kind: str) -> str:
    """Return the name of the expectation's class."""
    return "".join(word.capitalize() for word in kind.split("_"))


TOOLS: dict[str, Callable[[], Job]] = {
    "arrow": arrow,
    "ours": ours,
    "polars": polars,
    "duckdb": duckdb,
    "gx": gx,
}


def cpu() -> float:
    """Return the process's seconds of CPU, in user code and in the kernel, with its children's."""
    parts = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(part.ru_utime + part.ru_stime for part in parts)


def resident() -> int:
    """Return the bytes that are resident now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    """Run one contestant once."""
    warnings.simplefilter("ignore")
    job = TOOLS[sys.argv[1]]()
    before, seconds, start = resident(), cpu(), time.perf_counter()
    found = job(Path(sys.argv[2]))
    spent, wall = cpu() - seconds, time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
    print(json.dumps({"cpu": spent, "wall": wall, "peak": peak, "found": found}))


if __name__ == "__main__":
    main()
