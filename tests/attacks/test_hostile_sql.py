"""Queries that a contract's author (or whoever changed the contract) might write to get out."""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from data_contracts.measure import Asset, Finding
from data_contracts.model import Column, QualityRule, SchemaObject
from data_contracts.sandbox.sql import SqlLimits, evaluate_sql, sql_measures
from data_contracts.verdict import Reason

pytestmark = pytest.mark.attack

TABLE = pa.table({"a": list(range(1000)), "name": ["planted-secret"] * 1000})
LIMITS = SqlLimits(memory_bytes=256 * 1024 * 1024, temporary_bytes=256 * 1024 * 1024, seconds=2)


def rule(query: str, name: str = "r") -> QualityRule:
    return QualityRule(
        id=name,
        kind="sql",
        column=None,
        metric=None,
        operator="mustBe",
        bound=0,
        query=query,
        dialect="duckdb",
    )


def read(columns: list[str] | None) -> Iterator[pa.Table]:
    yield TABLE if columns is None else TABLE.select(columns)


def evaluate(query: str) -> Finding:
    made = rule(query)
    item = SchemaObject("t", (Column("a"), Column("name")), (made,))
    return evaluate_sql(made, item, read, rows=1000, limits=LIMITS)


def refused(query: str) -> None:
    found = evaluate(query)
    assert (found.success, found.reason) == (False, Reason.NOT_EVALUATED), found.observed
    assert "planted" not in repr(found)
    assert "root:" not in repr(found)


READING = [
    "SELECT count(*) FROM read_csv('/etc/passwd')",
    "SELECT count(*) FROM read_text('/etc/passwd')",
    "SELECT count(*) FROM read_blob('/etc/passwd')",
    "SELECT count(*) FROM '/etc/passwd'",
    'SELECT count(*) FROM "/etc/passwd"',
    "SELECT count(*) FROM '/etc/*.conf'",
    "SELECT count(*) FROM glob('/etc/*')",
    "SELECT count(*) FROM read_json_auto('/proc/self/environ')",
    "SELECT count(*) FROM sniff_csv('/etc/passwd')",
    "SELECT count(*) FROM parquet_metadata('/etc/passwd')",
    "SELECT count(*) FROM query('SELECT * FROM read_csv(''/etc/passwd'')')",
    "SELECT count(*) FROM query_table('t')",
    "WITH x AS (SELECT * FROM read_text('/etc/passwd')) SELECT count(*) FROM x",
    "SELECT (SELECT count(*) FROM read_text('/etc/passwd'))",
    "SELECT count(*) FROM t WHERE a IN (SELECT 1 FROM read_text('/etc/passwd'))",
    "SELECT count(*) FROM t, LATERAL (SELECT * FROM read_text('/etc/passwd'))",
    "SELECT length(getenv('HOME'))",
    "SELECT length(current_setting('temp_directory'))",
    "SELECT count(*) FROM duckdb_settings()",
    "SELECT count(*) FROM duckdb_secrets()",
    "SELECT count(*) FROM duckdb_settings",
    "SELECT count(*) FROM information_schema.tables",
    "SELECT count(*) FROM pg_catalog.pg_class",
    "WITH pg_class AS (SELECT 1) SELECT count(*) FROM pg_class",
    "SELECT count(*) FROM arrow_scan(140000000, 140000000, 140000000)",
    "SELECT count(*) FROM pandas_scan(140000000)",
    "SELECT count(*) FROM python_arrow_scan('x')",
    "SELECT count(*) FROM memory.main.t",
    "SELECT count(*) FROM temp.t",
    "SELECT count(*) FROM os",
    "SELECT count(*) FROM TABLE",
    "SELECT count(*) FROM isthmus_incoming",
]
OTHERS = [
    "COPY t TO '{0}'",
    "COPY (SELECT 1) TO '{0}'",
    "EXPORT DATABASE '{0}'",
    "ATTACH '{0}' AS other",
    "ATTACH '{0}'; SELECT 0",
    "CREATE TABLE x AS SELECT 1",
    "CREATE MACRO f() AS 0",
    "INSERT INTO t VALUES (1, 'x')",
    "UPDATE t SET a = 0",
    "DELETE FROM t",
    "DROP TABLE t",
    "PRAGMA database_list",
    "SET threads = 4",
    "SET temp_directory = '{0}'",
    "RESET lock_configuration",
    "INSTALL httpfs",
    "LOAD httpfs",
    "LOAD '{0}'",
    "CALL enable_logging()",
    "EXPLAIN ANALYZE SELECT 0",
    "DESCRIBE t",
    "SHOW TABLES",
    "SUMMARIZE t",
    "PREPARE p AS SELECT 0",
    "EXECUTE p",
    "VACUUM",
    "CHECKPOINT",
    "USE memory",
    "BEGIN",
    "SELECT 0; COPY t TO '{0}'",
    "SELECT 0; --\nCOPY t TO '{0}'",
    "SELECT 0 /* */; /* ; */ COPY t TO '{0}' --",
    "SELECT 0;;;SELECT 0",
    "SELECT ?",
    "SELECT $1",
    "PIVOT t ON a",
    "SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT 0'))",
    "SELECT write_log('x')",
    "SELECT nextval('x')",
    "SELECT random()",
    "SELECT sleep_ms(1000)",
    "SELECT * FROM t TABLESAMPLE 1 ROWS",
    "SELECT 0 INTO x",
]


class Refused:
    """All queries of the two lists as rules of one object: one child judges them one after the other."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        queries = [query.format(folder / "written") for query in (*READING, *OTHERS)]
        rules = tuple(rule(query, f"r{number}") for number, query in enumerate(queries))
        item = SchemaObject("t", (Column("a"), Column("name")), rules)
        self._measures = list(
            sql_measures(item, SqlLimits(LIMITS.memory_bytes, LIMITS.temporary_bytes)).values()
        )
        self._asset = Asset(read, rows=1000)

    def __call__(self, query: str) -> None:
        found = self._measures[[*READING, *OTHERS].index(query)].evaluate(self._asset)
        assert (found.success, found.reason, found.observed) == (False, Reason.NOT_EVALUATED, "refused")
        assert list(self.folder.iterdir()) == []

    def close(self) -> None:
        for session in self._asset.shared.values():
            session.close()


@pytest.fixture(scope="module")
def refused_at_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Refused]:
    made = Refused(tmp_path_factory.mktemp("refused"))
    yield made
    made.close()


@pytest.mark.parametrize("query", READING)
def test_a_query_reads_nothing_but_the_asset(refused_at_once: Refused, query: str) -> None:
    refused_at_once(query)


@pytest.mark.parametrize("query", OTHERS)
def test_only_one_select_is_run(refused_at_once: Refused, query: str) -> None:
    refused_at_once(query)


def test_no_connection_is_opened() -> None:
    asked: list[str] = []

    class Listening(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)

        do_HEAD = do_GET  # noqa: N815 - the server's own name

    server = http.server.HTTPServer(("127.0.0.1", 0), Listening)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/x.csv"
    try:
        refused(f"SELECT count(*) FROM read_csv('{address}')")  # noqa: S608 - the attack
        refused(f"SELECT count(*) FROM '{address}'")  # noqa: S608 - the attack
        refused(f"SELECT count(*) FROM read_parquet('s3://x/{address}')")  # noqa: S608 - the attack
    finally:
        server.shutdown()
        server.server_close()
    assert asked == []


@pytest.mark.parametrize(
    "query",
    [
        "WITH RECURSIVE c AS (SELECT 1 x UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c",
        "WITH RECURSIVE c AS (SELECT 'x' s UNION ALL SELECT s || s FROM c) SELECT max(length(s)) FROM c",
        "SELECT count(*) FROM t a, t b, t c, t d WHERE a.a + b.a + c.a + d.a > 5",
        "SELECT count(*) FROM (SELECT DISTINCT a.a * 1000000000 + b.a * 1000000 + c.a FROM t a, t b, t c)",
        "SELECT length(repeat('x', 9000000000))",
        "SELECT length(repeat(repeat('x', 1000000), 1000000))",
        "SELECT length(lpad('x', 2000000000, 'y'))",
        "SELECT len(range(10000000000))",
        "SELECT count(*) FROM range(100000000000000)",
        "SELECT len(list(a.a)) FROM t a, t b, t c",
        "SELECT " + "(" * 20_000 + "0" + ")" * 20_000,
        "SELECT " + "1+" * 40_000 + "0",
        "SELECT " + "[" * 5_000 + "0" + "]" * 5_000,
        "SELECT " + "(SELECT " * 2_000 + "0" + ")" * 2_000,
        "SELECT 0" + " " * 200_000,
        "SELECT 170! + 1000000!",
    ],
    ids=range(16),
)
def test_a_bomb_ends_in_time(query: str) -> None:
    start = time.monotonic()
    refused(query)
    assert time.monotonic() - start < 12


def test_a_pattern_that_backtracks_elsewhere_is_linear_here() -> None:
    found = evaluate("SELECT count(*) FROM t WHERE regexp_matches(repeat('a', 1000000) || 'b', '(a+)+$')")
    assert found.success


def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A folder of its own: other tests run children of theirs at the same time.
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    evaluate("SELECT count(*) FROM (SELECT DISTINCT a.a * 1000 + b.a FROM t a, t b)")
    assert list(tmp_path.iterdir()) == []


def test_a_name_of_a_table_is_a_name() -> None:
    made = replace(rule("SELECT count(*) FROM ${table}"), bound=1)
    for name in ('t"; DROP TABLE t; --', "t' OR 1", "/etc/passwd", "read_text('/etc/passwd')", "a;b"):
        item = SchemaObject(name, (Column("a"),), (made,))
        found = evaluate_sql(made, item, lambda _: iter([pa.table({"a": [1]})]), rows=1, limits=LIMITS)
        assert found.success, name
