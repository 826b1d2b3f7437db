"""Keyed pseudonyms of a million strings: CPU-seconds of ours and of what one would write otherwise.

Each contestant runs in a process of its own, one after the other in every round, on the same strings: a
million distinct record numbers in an Arrow column. Counted is user and system time from the column to the
column of 16 bytes, without imports. What computes the same HMAC must give the same bytes, or nothing is
printed.

    make bench NAME=pseudonyms                         about a minute
    python benchmarks/pseudonyms.py --peers DIR        also Presidio's anonymiser, 1 % of the rows, scaled;
                                                       DIR: pip install --target DIR presidio-anonymizer

    ours            the obligation `pseudonymise`, as the gate runs it
    ours, no wheel  the same without polars-hash: a loop over distinct values
    hmac loop       one `hmac.digest` for each string
    duckdb          SHA-256 in SQL, written out as HMAC (FIPS 198-1)
    sha256, duckdb  for comparison only: a plain hash, which protects nobody
    presidio        its `hash` operator, for comparison only: a salted hash
"""

from __future__ import annotations

import argparse
import hashlib
import hmac
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "contract_suites")]

import pyarrow as pa  # noqa: E402 - after the path

Run = Callable[[], Any]
KEY = bytes(range(32))
LIMIT = 0.4
PRESIDIO_SHARE = 100
SAME = ("ours", "ours, no wheel", "hmac loop", "duckdb")


def strings(rows: int) -> pa.Array:
    """The column: distinct, of the length of a record number."""
    import polars as pl

    numbers = pl.Series("v", range(rows)).cast(pl.String).str.zfill(8)
    return ("patient-" + numbers).to_arrow().cast(pa.string())


def own_key() -> bytes:
    """The key of one domain, as the obligation derives it."""
    from data_contracts.obligations.keyed import subkey

    return subkey(KEY, ["isthmus-pseudonym-1", "separate", "cloud", "study", "id", "string"])


def ours(values: pa.Array) -> Run:
    """The obligation."""
    from contract_builder import column, contract

    from data_contracts.obligations import OBLIGATIONS, Context

    told = contract(column("id", "string")).object.columns[0]
    context = Context("cloud", "study", KEY)
    return lambda: OBLIGATIONS["pseudonymise"].transform({}, told, values, context)


def without_wheel(values: pa.Array) -> Run:
    """The obligation where polars-hash is not installed."""
    from data_contracts.obligations import keyed

    keyed._native = lambda: None  # noqa: SLF001 - as where polars-hash is not installed
    return ours(values)


def hmac_loop(values: pa.Array) -> Run:
    """The standard library."""
    key = own_key()
    return lambda: [hmac.digest(key, value.encode(), "sha256")[:16] for value in values.to_pylist()]


def duckdb_hmac(values: pa.Array) -> Run:
    """HMAC in SQL."""
    import duckdb

    connection = duckdb.connect(config={"threads": 1})
    connection.register("v", pa.table({"v": values}))
    inner, outer = (bytes(byte ^ pad for byte in own_key()) for pad in (0x36, 0x5C))
    hashed = "sha256(?::BLOB || unhex(sha256(?::BLOB || v::BLOB)))"
    query = f"SELECT unhex(left({hashed}, 32)) AS p FROM v"  # noqa: S608 - no value in it
    return lambda: connection.sql(query, params=[outer, inner]).to_arrow_table()["p"]


def duckdb_sha(values: pa.Array) -> Run:
    """A plain hash in SQL."""
    import duckdb

    connection = duckdb.connect(config={"threads": 1})
    connection.register("v", pa.table({"v": values}))
    return lambda: connection.sql("SELECT sha256(v) AS p FROM v").to_arrow_table()["p"]


def presidio(values: pa.Array) -> Run:
    """Presidio's operator."""
    from presidio_anonymizer import AnonymizerEngine
    from presidio_anonymizer.entities import OperatorConfig, RecognizerResult

    engine, operators = AnonymizerEngine(), {"ID": OperatorConfig("hash", {"salt": KEY})}
    some = values.slice(0, len(values) // PRESIDIO_SHARE).to_pylist()

    def run() -> list[str]:
        found = []
        for value in some:
            whole = [RecognizerResult("ID", 0, len(value), 1.0)]
            found.append(engine.anonymize(value, whole, operators).text)
        return found

    return run


CONTESTANTS: dict[str, Callable[[pa.Array], Run]] = {
    "ours": ours,
    "ours, no wheel": without_wheel,
    "hmac loop": hmac_loop,
    "duckdb": duckdb_hmac,
    "sha256, duckdb": duckdb_sha,
    "presidio": presidio,
}


def child(name: str, rows: int) -> None:
    """Run one contestant once and print its CPU-seconds and the digest of its answer."""
    values = strings(rows)
    run = CONTESTANTS[name](values)
    CONTESTANTS[name](values.slice(0, 1000))()  # what is imported at the first call
    begin = time.process_time()
    made = run()
    spent = time.process_time() - begin
    answer = made if isinstance(made, list) else made.to_pylist()
    joined = b"".join(item if isinstance(item, bytes) else str(item).encode() for item in answer)
    print(json.dumps({"cpu": spent, "digest": hashlib.sha256(joined).hexdigest()}))


def measured(name: str, rows: int, peers: str) -> dict[str, Any]:
    """Run one contestant in a process of its own."""
    command = [
        sys.executable,
        "-P",
        str(Path(__file__)),
        "--child",
        name,
        "--rows",
        str(rows),
        "--peers",
        peers,
    ]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    answer: dict[str, Any] = json.loads(told.splitlines()[-1])
    return answer


def main() -> None:
    """Print the table, then one line of JSON; status 1 where ours is above its limit."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peers", default="", metavar="DIR", help="a folder with presidio-anonymizer")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.peers:
        sys.path.append(asked.peers)
    if asked.child:
        child(asked.child, asked.rows)
        return
    names = [name for name in CONTESTANTS if name != "presidio" or asked.peers]
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for _ in range(asked.rounds):
        for name in names:
            runs[name].append(measured(name, asked.rows, asked.peers))
    digests = {run["digest"] for name in SAME for run in runs[name]}
    assert len(digests) == 1, "contestants that compute the same HMAC gave different bytes"
    scale = {"presidio": PRESIDIO_SHARE}
    medians = {
        name: statistics.median(run["cpu"] for run in told) * scale.get(name, 1)
        for name, told in runs.items()
    }
    print(f"{asked.rows:,} distinct strings, median of {asked.rounds}, CPU-seconds\n")
    for name, median in medians.items():
        least = min(run["cpu"] for run in runs[name]) * scale.get(name, 1)
        print(f"  {name:<16} {median:8.3f}   least {least:8.3f}   {median / medians['ours']:7.1f} x")
    print(json.dumps({"rows": asked.rows, "limit": LIMIT, "cpu_seconds": medians}))
    sys.exit(medians["ours"] > LIMIT * asked.rows / 1_000_000)


if __name__ == "__main__":
    main()
