"""k-anonymity of a table: from a Parquet file to a verified anonymous Parquet file, and what it loses.

Ours: counts per row group, the levels that lose least, each row group recoded and written, the written file
read again and verified. k = 5, five quasi-identifiers, at most 2 % of the rows left out, drawn so that hardly
two rows are alike: the hard case, in which every row is a combination of its own.

Beside it, on fewer rows because they take longer, in turns and in processes of their own:

- a plain Mondrian (LeFevre, DeWitt and Ramakrishnan 2006) on numpy: cuts at the median of the widest column,
  as deep as k allows. It is no product but the baseline that papers use, written here in forty lines.
- anjana 1.2.3 (Apache-2.0), where it is installed beside the data; its pins exclude ours, so it has an
  environment of its own: `python3.11 -m venv benchmarks/.data/anjana` and
  `benchmarks/.data/anjana/bin/pip install anjana==1.2.3`.

Each output is judged by one and the same brute force. The loss is one measure: the share of a column's
distinct values that a row's label stands for, the mean over rows and columns, where a row left out has lost
all. Of anjana's output the classes are told.

    make bench NAME=anonymity             about two minutes
    python benchmarks/anonymity.py --quick
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq

from data_contracts.anonymity import (
    Bands,
    DateParts,
    Diversity,
    Hierarchy,
    Prefix,
    Requirement,
    Star,
    count,
    merge_anonymity,
    merge_counts,
    parse_table,
    recode,
    search,
    verify_anonymity,
)

DATA = Path(__file__).resolve().parent / ".data"
ANJANA = DATA / "anjana" / "bin" / "python"
K, SHARE, SEED = 5, 0.02, 20_261_123
HIERARCHIES: dict[str, Hierarchy] = {
    "zip": Prefix((4, 3, 2)),
    "born": DateParts(("month", "quarter", "year", "decade")),
    "sex": Star(),
    "education": parse_table("".join(f"e{i:02};g{i // 4};h{i // 8};*\n" for i in range(16))),
    "income": Bands(tuple(tuple(range(0, 400_000, step)) for step in (1_000, 5_000, 20_000, 100_000))),
}
QUASI = tuple(HIERARCHIES)
PLAIN = Requirement(K, QUASI)
DIVERSE = Requirement(K, QUASI, {"illness": Diversity(distinct=3)})


def table(rows: int) -> Path:
    """Return the path of a generated file of so many rows."""
    path = DATA / f"anonymity-{rows}.parquet"
    if path.exists():
        return path
    DATA.mkdir(exist_ok=True)
    random = np.random.default_rng(SEED)
    frame = pl.DataFrame(
        {
            "zip": pl.Series(random.zipf(1.3, rows) % 8_000 + 10_000).cast(pl.String),
            "born": pl.Series(random.integers(-14_600, 7_300, rows, dtype=np.int32)).cast(pl.Date),
            "sex": pl.Series(random.integers(0, 2, rows)).cast(pl.String),
            "education": pl.Series([f"e{i:02}" for i in random.binomial(15, 0.4, rows)]),
            "income": random.gamma(2.0, 20_000.0, rows).astype(np.int64),
            "illness": pl.Series([f"i{i}" for i in random.integers(0, 20, rows)]),
        }
    )
    pq.write_table(frame.to_arrow(), path, compression="zstd", row_group_size=250_000)
    return path


def ours(path: Path, asked: Requirement) -> tuple[Path, dict[str, float], float]:
    """Anonymise a file; return the output, the seconds of each phase, and CPU seconds of all."""
    marks, began = [time.perf_counter()], time.process_time()
    made = path.with_suffix(".ours.parquet")
    with pq.ParquetFile(path) as file:
        groups = range(file.metadata.num_row_groups)
        counts = merge_counts(
            count(pl.DataFrame(file.read_row_group(group, columns=list(asked.columns))), asked)
            for group in groups
        )
        marks.append(time.perf_counter())
        found = search(counts, asked, HIERARCHIES, max_suppressed=SHARE)
        marks.append(time.perf_counter())
        first = recode(pl.DataFrame(file.read_row_group(0)), found).to_arrow()
        with pq.ParquetWriter(made, first.schema, compression="zstd") as writer:
            writer.write_table(first)
            for group in groups[1:]:
                writer.write_table(recode(pl.DataFrame(file.read_row_group(group)), found).to_arrow())
        marks.append(time.perf_counter())
    check = verify_anonymity(asked, key=bytes(32), max_suppressed=SHARE)
    with pq.ParquetFile(made) as file:
        partials = [check.partial(file.read_row_group(group)) for group in groups]
    assert all(result.success for result in check.verdict(merge_anonymity(partials)))
    marks.append(time.perf_counter())
    names = ("count", "levels", "recode", "verify")
    phases = {name: b - a for name, a, b in zip(names, marks, marks[1:], strict=False)}
    return made, phases, time.process_time() - began


def mondrian(frame: pl.DataFrame) -> np.ndarray:
    """Return the class of each row, by a plain Mondrian over ranks."""
    ranks = np.column_stack([frame[name].rank("dense").to_numpy().astype(np.int64) for name in QUASI])
    span = ranks.max(axis=0) - ranks.min(axis=0)
    classes = np.zeros(len(ranks), dtype=np.int64)
    waiting, found = [np.arange(len(ranks))], 0
    while waiting:
        rows = waiting.pop()
        mine = ranks[rows]
        width = (mine.max(axis=0) - mine.min(axis=0)) / np.maximum(1, span)
        for column in np.argsort(-width, kind="stable"):
            low = mine[:, column] <= np.median(mine[:, column])
            if K <= low.sum() <= len(rows) - K:
                waiting += [rows[low], rows[~low]]
                break
        else:
            classes[rows] = found
            found += 1
    return classes


def loss(frame: pl.DataFrame, classes: pl.Series) -> float:
    """Return the mean share of a column's distinct values that a row's class stands for."""
    together = frame.with_columns(classes.alias("class"))
    stands = together.group_by("class").agg(pl.len(), *(pl.col(name).n_unique() for name in QUASI))
    lost = sum(
        ((stands[name] - 1) / (frame[name].n_unique() - 1) * stands["len"]).sum() / frame.height
        for name in QUASI
    )
    return float(lost) / len(QUASI)


def judge(output: pl.DataFrame) -> dict[str, float]:
    """Count classes by brute force, with other code than ours."""
    sizes = output.to_pandas().groupby(list(QUASI), dropna=False, observed=True).size()
    assert sizes.min() >= K, "not k-anonymous"
    return {"classes": len(sizes), "smallest": int(sizes.min()), "rows left": int(sizes.sum())}


def ours_loss(path: Path, made: Path) -> tuple[float, float]:
    """Return (loss by the search's own measure, share left out) of an output, from the two files alone."""
    before, output = pl.read_parquet(path), pl.read_parquet(made)
    found = search(count(before, PLAIN), PLAIN, HIERARCHIES, max_suppressed=SHARE)
    return found.loss.information, 1 - output.height / before.height


def peer(function: Callable[[], object]) -> float:
    """Return the seconds that a function takes."""
    begin = time.perf_counter()
    function()
    return time.perf_counter() - begin


ANJANA_CODE = """
import sys, time, pandas as pd
from anjana.anonymity import k_anonymity
frame = pd.read_csv(sys.argv[1], dtype=str, keep_default_na=False)
tables = pd.read_csv(sys.argv[2], dtype={"label": str}, keep_default_na=False)
quasi = sys.argv[3].split(",")
hierarchies = {
    name: {
        level: part["label"].to_numpy()
        for level, part in tables[tables["column"] == name].sort_values("place").groupby("level")
    }
    for name in quasi
}
begin = time.perf_counter()
made = k_anonymity(frame, [], quasi, int(sys.argv[4]), 100 * float(sys.argv[5]), hierarchies)
print("seconds", time.perf_counter() - begin)
made[quasi].to_csv(sys.argv[6], index=False)
"""


def anjana(path: Path) -> tuple[float, Path] | None:
    """Run anjana in its own environment; None where it is not installed, or ends without a result."""
    if not ANJANA.exists():
        return None
    from data_contracts.anonymity import label

    frame = pl.read_parquet(path)
    parts = []
    for name, hierarchy in HIERARCHIES.items():
        distinct = frame[name].unique().sort()
        for level in range(hierarchy.levels):
            words = label(hierarchy, distinct, level)
            part = pl.DataFrame({"column": name, "level": level, "label": words}).with_row_index("place")
            parts.append(part)
    tables, made = path.with_suffix(".hierarchies.csv"), path.with_suffix(".anjana.csv")
    pl.concat(parts).write_csv(tables)
    plain = path.with_suffix(".csv")
    frame.select(QUASI).write_csv(plain)
    order = [str(ANJANA), "-c", ANJANA_CODE, str(plain), str(tables), ",".join(QUASI), str(K), str(SHARE)]
    done = subprocess.run([*order, str(made)], capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"anjana gave up: {done.stderr.strip().splitlines()[-1]}", file=sys.stderr)
        return None
    return float(done.stdout.split("seconds")[-1]), made


def main() -> int:
    """Print a table and, as the last line, one JSON document."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="one run each, 200,000 and 10,000 rows")
    quick = parser.parse_args().quick
    rows, few, runs = (200_000, 10_000, 1) if quick else (1_000_000, 20_000, 5)
    document: dict[str, object] = {"benchmark": "anonymity", "unit": "seconds", "rows": rows, "k": K}
    path = table(rows)
    print(f"{'':34}{'rows':>10}{'seconds':>9}{'loss':>8}{'left out':>10}{'classes':>9}")
    for title, asked in (("ours", PLAIN), ("ours, three illnesses each", DIVERSE)):
        timed, spent = [], []
        for _ in range(runs):
            made, phases, cpu = ours(path, asked)
            timed.append(phases)
            spent.append(cpu)
        best = sorted(timed, key=lambda item: sum(item.values()))[len(timed) // 2]
        total = statistics.median(sum(item.values()) for item in timed)
        judged = judge(pl.read_parquet(made))
        lost, left = ours_loss(path, made)
        shown = f"{lost:>8.3f}" if asked is PLAIN else f"{'':>8}"
        print(f"{title:34}{rows:>10,}{total:>9.2f}{shown}{left:>10.2%}{judged['classes']:>9,}")
        print(
            f"{'':34}"
            + ", ".join(f"{name} {seconds:.2f}" for name, seconds in best.items())
            + f"; CPU {min(spent):.2f}"
        )
        document[title] = {
            "seconds": round(total, 2),
            "CPU seconds": min(spent),
            "phases": best,
            "left out": left,
        } | judged
    small = table(few)
    frame = pl.read_parquet(small)
    made, phases, _ = ours(small, PLAIN)
    lost, left = ours_loss(small, made)
    print(
        f"{'ours':34}{few:>10,}{sum(phases.values()):>9.2f}{lost:>8.3f}{left:>10.2%}{judge(pl.read_parquet(made))['classes']:>9,}"
    )
    document["ours, few rows"] = {
        "rows": few,
        "seconds": sum(phases.values()),
        "loss": lost,
        "left out": left,
    }
    classes = pl.Series(dtype=pl.Int64)

    def cut() -> None:
        nonlocal classes
        classes = pl.Series(mondrian(frame))

    seconds = peer(cut)
    sizes = classes.value_counts()["count"]
    assert sizes.min() >= K
    lost = loss(frame, classes)
    print(f"{'Mondrian, plain numpy':34}{few:>10,}{seconds:>9.2f}{lost:>8.3f}{0:>10.2%}{len(sizes):>9,}")
    document["Mondrian"] = {"rows": few, "seconds": seconds, "loss": lost}
    answer = anjana(small)
    if answer is None:
        print("anjana: not installed (see the text at the top of this file)")
    else:
        output = pl.read_csv(answer[1], infer_schema=False)
        judged = judge(output)
        left = 1 - output.height / few
        print(f"{'anjana 1.2.3':34}{few:>10,}{answer[0]:>9.2f}{'':>8}{left:>10.2%}{judged['classes']:>9,}")
        document["anjana"] = {"rows": few, "seconds": answer[0], "left out": left} | judged
    document["peak MiB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps(document))
    return 0


if __name__ == "__main__":
    sys.exit(main())
