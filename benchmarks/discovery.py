"""How well `isthmus contract infer` tells which columns may be personal, on real data with a ground truth.

The truth stands in tests/unit/data_contracts/discovery/truth.toml, with a reason for every column. Each
table is examined twice: with its own names, and with names that say nothing (c1, c2, …), so that only values
and neighbours can tell. `worst case` counts the arguable columns against us, both ways at once.

    make bench NAME=discovery                 about two minutes
    python benchmarks/discovery.py --quick    own names only, the five sets of the target
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests/unit/data_contracts/discovery"))

from discovery_truth import DATA, Score, truths, written

from data_contracts.discovery import examine

TARGET = (
    "userdata_pii_parquet",
    "transactions_pii",
    "synthea_stu3_tables",
    "covid_testing_chop",
    "presidio_generated",
)


def measure(*, obfuscated: bool, quick: bool) -> tuple[dict[str, Score], float]:
    """Examine every table; return scores by data set, and the seconds that it took."""
    scores: dict[str, Score] = defaultdict(Score)
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as name:
        for number, truth in enumerate(truths()):
            if quick and truth.set not in TARGET:
                continue
            folder = Path(name) / str(number)
            folder.mkdir()
            path, names = written(truth, folder, obfuscated=obfuscated)
            scores[truth.set].add(truth, examine(path).columns, names)
    return scores, time.perf_counter() - began


def together(scores: dict[str, Score], sets: tuple[str, ...] | None = None) -> Score:
    """Return the sum of some sets' scores."""
    total = Score()
    for name, score in scores.items():
        if sets is None or name in sets:
            for key in ("found", "missed", "wrong", "arguable_told", "arguable_not"):
                setattr(total, key, getattr(total, key) + getattr(score, key))
    return total


def line(title: str, score: Score) -> str:
    """Return one row of the table."""
    worst_recall, worst_precision = score.worst
    return (
        f"{title:28}{score.found:>7}{score.missed:>8}{score.wrong:>7}{score.recall:>9.3f}{score.precision:>11.3f}"
        f"{worst_recall:>10.2f}{worst_precision:>6.2f}"
    )


def main() -> int:
    """Print a table and, as the last line, one JSON document."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="own names only, the sets of the target")
    quick = parser.parse_args().quick
    if not DATA.is_dir():
        print("the data sets are not here: ../shared/data", file=sys.stderr)
        return 2
    document: dict[str, object] = {"benchmark": "discovery", "unit": "columns"}
    for obfuscated in (False,) if quick else (False, True):
        title = "names that say nothing" if obfuscated else "own names"
        scores, seconds = measure(obfuscated=obfuscated, quick=quick)
        heads = f"{'found':>7}{'missed':>8}{'wrong':>7}{'recall':>9}{'precision':>11}{'worst case':>16}"
        print(f"\n{title:28}{heads}")
        for name, score in scores.items():
            print(line(name, score))
        print(line("the five sets together", together(scores, TARGET)))
        print(line("all", together(scores)))
        for word in ("missed", "wrong"):
            said = [column for score in scores.values() for column in score.said[word]]
            print(f"{word}: {', '.join(said) or 'none'}")
        document[title] = {
            **{
                name: {"recall": round(score.recall, 3), "precision": round(score.precision, 3)}
                for name, score in scores.items()
            },
            "seconds": round(seconds, 1),
        }
    print(json.dumps(document))
    return 0


if __name__ == "__main__":
    sys.exit(main())
