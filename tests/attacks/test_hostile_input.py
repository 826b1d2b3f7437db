"""Files that others sent: truncated, corrupt, swollen. No crash, a clear refusal, bounded time and memory."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_contracts.errors import DeclarationError, IsthmusError
from data_contracts.formats import open_source
from data_contracts.loading import parse_contract
from data_contracts.sandbox import GIB, MIB, Child, HostileFileError, Limits, Probe, probe_files

pytestmark = pytest.mark.attack

_SPEC = importlib.util.spec_from_file_location("hostile_files", Path(__file__).with_name("hostile_files.py"))
assert _SPEC is not None
assert _SPEC.loader is not None
hostile: Any = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(hostile)

MUTANTS = int(os.environ.get("ISTHMUS_FUZZ", "120"))
LIMITS = Limits(memory_bytes=GIB // 2, cpu_seconds=30, wall_seconds=60)
EACH = "data_contracts.sandbox.work.decoding:decode_each"


@pytest.mark.parametrize("kind", sorted(hostile.KINDS))
def test_mutants_are_read_or_refused(kind: str, tmp_path: Path) -> None:
    raw = hostile.KINDS[kind](tmp_path / f"whole.{kind}")
    names = []
    for number, mutant in enumerate(hostile.mutants(raw, 20, MUTANTS)):
        path = tmp_path / f"{number}.{kind}"
        path.write_bytes(mutant)
        names.append(str(path))
    limits = Limits(memory_bytes=GIB, cpu_seconds=60 + MUTANTS, wall_seconds=60 + MUTANTS)
    with Child(EACH, limits, read=[tmp_path], bare=kind != "jsonl") as child:  # as a probe starts it
        found = Counter(child.call(names))
    assert set(found) <= {"read", "refused"}, found
    assert found["refused"] > MUTANTS // 20
    assert sum(found.values()) == MUTANTS


@pytest.fixture(scope="module")
def bombs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    made: dict[str, Path] = hostile.bombs(tmp_path_factory.mktemp("bombs"))
    return made


@pytest.mark.parametrize("codec", ["zstd", "gzip", "snappy"])
def test_a_bomb_ends_in_the_child(bombs: dict[str, Path], codec: str) -> None:
    path = bombs[f"dictionary-{codec}.parquet"]
    assert path.stat().st_size < 64 * 1024
    start = time.monotonic()
    with pytest.raises(HostileFileError) as caught:
        probe_files([path], LIMITS)
    assert caught.value.code == "memory"
    assert path.name in str(caught.value)
    assert time.monotonic() - start < 30


@pytest.mark.parametrize(
    "name", ["claims.parquet", "nulls.arrow", "deep.jsonl", "long.jsonl", "gzip.csv", "cell.csv"]
)
def test_what_only_claims_to_be_large_is_refused_in_good_order(bombs: dict[str, Path], name: str) -> None:
    start = time.monotonic()
    probe_files([bombs[name]], LIMITS)
    with pytest.raises(IsthmusError):
        for _ in open_source(bombs[name]).read(None):
            pass
    assert time.monotonic() - start < 30


def test_a_sound_file_passes_and_a_missing_one_is_the_callers(tmp_path: Path) -> None:
    path = tmp_path / "whole.parquet"
    hostile.parquet(path)
    probe_files([path, tmp_path / "missing.parquet"], LIMITS)
    with Probe([tmp_path / "missing.parquet"]) as probe:
        probe.finish()


@pytest.mark.parametrize("kind", sorted(hostile.KINDS))
def test_every_kind_is_decoded_whole_by_a_child_that_has_what_its_readers_need(
    kind: str, tmp_path: Path
) -> None:
    path = tmp_path / f"whole.{kind}"
    hostile.KINDS[kind](path)
    with Probe([path], LIMITS) as probe:
        assert probe._child is not None
        rows = probe._child.answer()
    assert rows == sum(table.num_rows for table in open_source(path).read(None)) > 0


def test_a_hundred_thousand_columns(bombs: dict[str, Path]) -> None:
    start = time.monotonic()
    probe_files([bombs["wide.csv"]], LIMITS)
    assert time.monotonic() - start < 60


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("a.csv", b"a,a\n1,2\n"),
        ("a.csv", b"a,b\n1,\xff\xfe\n"),
        ("a.csv", b'a,b\n"1,2\n'),
        ("a.csv", b"a,b\n1\n"),
        ("a.csv", b""),
        ("a.jsonl", b'{"a": 1, "a": 2}\n'),
        ("a.jsonl", b'{"a": "\xff"}\n'),
        ("a.jsonl", b'{"a": NaN}\n'),
        ("a.jsonl", b'{"a": Infinity}\n'),
        ("a.jsonl", b'{"a": 1e999999999}\n'),
        ("a.jsonl", b'{"a": '),
        ("a.parquet", b"PAR1"),
        ("a.parquet", b"PAR1" + b"\x00" * 100 + b"\xff\xff\xff\x7fPAR1"),
        ("a.arrow", b"ARROW1\x00\x00"),
    ],
)
def test_small_hostile_files_are_refused(tmp_path: Path, name: str, raw: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(raw)
    with pytest.raises(IsthmusError) as caught:
        for _ in open_source(path).read(None):
            pass
    assert "\\xff" not in str(caught.value)


def test_duplicate_columns_in_parquet_break_the_contract_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "twice.parquet"
    pq.write_table(pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"]), path)
    probe_files([path], LIMITS)
    assert [table.column_names for table in open_source(path).read(None)] == [["a", "a"]]


HEAD = b"apiVersion: v3.1.0\nkind: DataContract\nid: my.names\nversion: 1.0.0\nstatus: active\n"


def test_a_billion_laughs_and_deep_nesting_in_a_contract() -> None:
    laughs = b"a: &a [x, x]\n" + b"".join(
        b"%c: &%c [*%c, *%c]\n" % (c + 1, c + 1, c, c) for c in range(ord("a"), ord("z"))
    )
    deep = b"schema: " + b"[" * 50_000
    for raw in (laughs, deep, b"\xff" * 100, b"a: !!python/object/apply:os.system [ls]\n"):
        start = time.monotonic()
        with pytest.raises(DeclarationError):
            parse_contract(HEAD + raw, file="x")
        assert time.monotonic() - start < 10


def test_a_pattern_that_backtracks_for_ever_elsewhere(tmp_path: Path) -> None:
    from data_contracts.checks import check_files, compile_plan

    raw = HEAD + (
        b"schema:\n- name: t\n  properties:\n  - name: s\n    logicalType: string\n"
        b"    logicalTypeOptions: {pattern: '^(a+)+$'}\n"
    )
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"s": ["a" * 100_000 + "b"] * 20}), path)
    start = time.monotonic()
    found = {rule.id: rule for rule in check_files(compile_plan(parse_contract(raw, file="x")), [path]).rules}
    assert not found["s.pattern"].success
    assert time.monotonic() - start < 20


def test_no_value_of_the_file_is_in_a_refusal(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(json.dumps({"name": "planted-secret"}) + "\n{")
    with pytest.raises(IsthmusError) as caught:
        for _ in open_source(path).read(None):
            pass
    assert "planted" not in str(caught.value)


def test_memory_of_this_process_stays_small(bombs: dict[str, Path]) -> None:
    import resource

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for name in ("dictionary-zstd.parquet", "text-dictionary.parquet", "runs.parquet"):
        with contextlib.suppress(HostileFileError):
            probe_files([bombs[name]], LIMITS)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown * 1024 < 64 * MIB
