"""Strict YAML: JSON values only, a position for each, and a clear refusal of everything hostile."""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.digest import canonical
from data_contracts.errors import DeclarationError
from data_contracts.yamlsource import MAX_BYTES, MAX_DEPTH, Source, load_yaml, parse_yaml

# Text that YAML can carry: no surrogates, no control characters, no byte order mark.
TEXT = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Cn"], exclude_characters="\ufeff\u2028\u2029"), max_size=40
)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False).filter(lambda x: not 2**53 <= abs(x) < 1e21)
    | TEXT
)
DOCUMENTS = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


class _NoAliases(yaml.SafeDumper):
    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - yaml's signature
        return True


def parse(text: str | bytes) -> Source:
    return parse_yaml(text.encode() if isinstance(text, str) else text, file="f.yaml")


def refusal(text: str | bytes) -> str:
    with pytest.raises(DeclarationError) as caught:
        parse(text)
    return str(caught.value)


@given(DOCUMENTS)
def test_json_is_read_as_json(value: Any) -> None:
    read = parse(json.dumps(value, ensure_ascii=False, indent=1)).data
    assert read == value
    assert json.dumps(read) == json.dumps(value)  # also 1 against 1.0 against true


@given(DOCUMENTS)
def test_yaml_as_others_write_it_is_read_back(value: Any) -> None:
    text = yaml.dump(value, Dumper=_NoAliases, allow_unicode=True, sort_keys=False)
    assert json.dumps(parse(text).data) == json.dumps(value)


@given(
    st.binary(max_size=200)
    | st.text(st.sampled_from("-:?[]{}&*!|>'\"%@`#, \n\tab1.~<=\\"), max_size=60).map(str.encode)
)
def test_any_bytes_give_json_values_or_a_refusal_with_a_place(raw: bytes) -> None:
    try:
        source = parse(raw)
    except DeclarationError as error:
        places = [re.match(r"f\.yaml:(\d+:){0,2} .", str(problem)) for problem in error.problems]
    else:
        places = [source.position()]
        assert parse(canonical(source.data)).data == source.data
    assert places
    assert all(places)


def test_dates_and_look_alikes_stay_text() -> None:
    text = "[2024-01-31, 12:30:00, yes, No, on, 012, 0x1F, 1_000, .inf, .NaN, True, '1', \"true\", =, <<]"
    assert parse(text).data == [
        *("2024-01-31", "12:30:00", "yes", "No", "on", "012", "0x1F", "1_000", ".inf", ".NaN", "True"),
        *("1", "true", "=", "<<"),
    ]


def test_numbers_and_constants() -> None:
    data = parse("[0, -7, +3, 1.5, .5, 2., 1e3, -0.0, ~, null, true, false, ]").data
    assert json.dumps(data) == "[0, -7, 3, 1.5, 0.5, 2.0, 1000.0, -0.0, null, null, true, false]"


def test_every_value_has_its_place() -> None:
    source = parse("name: a\ncolumns:\n  - {id: x}\n  -   id: y\n")
    assert source.position("name") == (1, 7)
    assert source.position("columns", 1, "id") == (4, 11)
    assert source.position("columns", 1, "missing", "deeper") == (4, 7)
    assert source.position("nothing") == (1, 1)
    problem = source.problem(("columns", 0, "id"), "not known", "one of a, b")
    assert str(problem) == "f.yaml:3:10: columns.0.id: not known; expected one of a, b"


def test_all_problems_at_once_with_their_lines() -> None:
    text = refusal("a: 1\nb: 1\na: 2\n? [x]\n: 1\nc: 1e999\nd: {e: 1, e: 2}\n7: x\n")
    assert re.findall(r"^f\.yaml:(\d+):", text, re.MULTILINE) == ["3", "4", "6", "7", "8"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: &x 1\nb: *x\n", "f.yaml:2:4: an alias"),
        ("a: !!python/object/apply:os.system ['id']\n", "f.yaml:1:4: the tag"),
        ("a: !!str 5\n", "f.yaml:1:4: the tag"),
        ("%TAG ! tag:x,2000:\n---\na: !y 5\n", "f.yaml:3:4: the tag"),
        ("a: 1\n---\nb: 2\n", "a second document"),
        ("a: [1\n", "no YAML"),
        ("a: 'x\n", "no YAML"),
        ("\ta: 1\n", "no YAML"),
        ("a: \x00\n", "no YAML"),
        (b"a: \xff\n", "no UTF-8"),
        ("a: 1\n".encode("utf-16"), "no UTF-8"),
        ("{1: a}", "f.yaml:1:2: a key that is no string"),
        ("{true: a}", "a key that is no string"),
        ("{~: a}", "a key that is no string"),
        ("{a: 9007199254740992}", "f.yaml:1:5: a: a number too large"),
        ("a: " + "9" * 5000, "a number too large"),
        ("a: 1e20", "a number too large"),
        ("a: -1e400", "a number too large"),
        ("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), "nested too deep"),
        ("- " * (MAX_DEPTH + 1) + "x", "nested too deep"),
    ],
)
def test_the_hostile_and_the_broken_are_refused(text: str | bytes, told: str) -> None:
    assert told in refusal(text)


def test_the_deepest_that_is_taken() -> None:
    assert parse("[" * MAX_DEPTH + "]" * MAX_DEPTH).data


def test_a_billion_laughs_is_refused_before_it_laughs() -> None:
    lines = ["a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    started = time.process_time()
    assert "an alias" in refusal("\n".join(lines))
    assert time.process_time() - started < 0.5


def test_a_hundred_thousand_brackets_neither_crash_nor_take_long() -> None:
    started = time.process_time()
    assert "nested too deep" in refusal("[" * 100_000)
    assert time.process_time() - started < 1


def test_a_file_too_large_is_refused_unread() -> None:
    assert f"at most {MAX_BYTES} bytes" in refusal(b"a" * (MAX_BYTES + 1))


def test_nothing_is_null() -> None:
    assert parse("").data is None
    assert parse("# only a comment\n").data is None


def test_a_file_is_read_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("a: 1\n")
    source = load_yaml(path)
    assert (source.data, source.raw, source.file) == ({"a": 1}, b"a: 1\n", str(path))


@pytest.mark.parametrize("name", ["absent.yaml", "."])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(DeclarationError, match=re.escape(f"{tmp_path / name}: cannot be read")):
        load_yaml(tmp_path / name)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.yaml"
    os.mkfifo(pipe)
    with pytest.raises(DeclarationError, match="no ordinary file"):
        load_yaml(pipe)
    with pytest.raises(DeclarationError, match="no ordinary file"):
        load_yaml(Path("/dev/zero"))


def test_a_file_of_terabytes_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.yaml"
    with path.open("wb") as file:
        file.truncate(1 << 40)  # Sparse: it takes no room.
    started = time.process_time()
    with pytest.raises(DeclarationError, match="a file too large"):
        load_yaml(path)
    assert time.process_time() - started < 1


@pytest.mark.parametrize(
    "text",
    [
        "a: &x [*x]",
        "a: &x {b: *x}",
        "<<: &m {a: 1}\nb: *m",
        "a: !!python/object/apply:os.system [id]",
        "a: !!binary aGk=",
        "? [a, b]\n: c",
        "a: 1\n---\nb: 2",
        "a: 1\na: 2",
        "{a: 1, a: 2}",
        "a: " + "9" * 100_000,
        "a: [" * 5000,
        "a: {" * 5000,
        "- " * 5000 + "x",
        "a: 'x" + "y" * 1000,
        "a: \ud7ff\x00",
        "%YAML 9.9\n---\na: 1",
    ],
)
def test_each_trick_is_refused_at_once(text: str) -> None:
    started = time.process_time()
    assert refusal(text)
    assert time.process_time() - started < 2


def test_one_scalar_of_megabytes_is_text_and_soon_read() -> None:
    started = time.process_time()
    assert parse("a: " + "x" * 3_000_000).data == {"a": "x" * 3_000_000}
    assert time.process_time() - started < 2
