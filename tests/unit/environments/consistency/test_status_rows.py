"""Rows of `asset status` as text: what the JSON encoder would have written, whatever stands in them."""

from __future__ import annotations

import datetime as dt
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from environments.consistency import STATES, Row, rows_text
from environments.outbox import Lane

TEXT = st.text(max_size=12) | st.sampled_from(['"', "\\", "\n\x00\u2028", "sha256:" + "a" * 64])
LANE = st.none() | st.builds(
    Lane, st.integers(1, 9), st.just(dt.datetime(2026, 11, 30, tzinfo=dt.UTC)), TEXT, TEXT, reason=TEXT
)
ROWS = st.builds(
    Row,
    asset=TEXT,
    destination=TEXT,
    state=st.sampled_from(sorted(STATES)),
    there=TEXT,
    arrived=TEXT,
    received=TEXT,
    latest=TEXT,
    behind=st.none() | st.integers(0, 10**6),
    since=TEXT,
    seconds=st.integers(0, 10**9),
    asked=TEXT,
    crossing=TEXT,
    rules=st.just(()) | st.just(({"id": "clearance", "reason": "above", "unexpected_count": 0},)),
    note=TEXT,
    queued=LANE,
)


@given(st.lists(ROWS, max_size=4), st.booleans())
def test_rows_are_written_as_the_encoder_writes_them(rows: list[Row], agree: bool) -> None:
    if agree:  # the version that is there is the latest, and the one that was asked for last
        rows = [row._replace(latest=row.there, asked=row.there) for row in rows]
    told = [row.to_json() for row in rows]
    written = "".join(rows_text(rows))
    assert written == ",\n".join(json.dumps(one, ensure_ascii=False) for one in told)
    assert json.loads(f"[{written}]") == json.loads(json.dumps(told))


@pytest.mark.parametrize("count", [0, 1, 3, 4, 5, 8])
def test_pieces_make_one_document(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("environments.consistency.texts._TOGETHER", 4)
    rows = [Row(f"asset-{number}", "cloud", "current") for number in range(count)]
    assert json.loads(f"[{''.join(rows_text(rows))}]") == [
        json.loads(json.dumps(row.to_json())) for row in rows
    ]
