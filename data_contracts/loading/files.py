"""Hierarchies in files beside the contract: read once, compared with their digest, written into the document.

Invariants:
1. `generalise: {file: NAME.csv, digest: sha256:…, level: N}` is `{table: …, level: N}` before anything else
   looks at the document. What is checked, digested, stored and sent is the contract with its words in it.
2. The file lies in the contract's own folder, is no link, and has the very bytes that the digest names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from data_contracts.digest import digest_bytes
from data_contracts.errors import Problem
from data_contracts.yamlsource import Source

__all__ = ["with_files"]

_MAX_BYTES = 1 << 20
_KEYS = {"file", "digest", "level"}
_Place = tuple[str | int, ...]


def with_files(source: Source, folder: Path) -> tuple[Source, list[Problem]]:
    """Return the document with every table in it, and what is wrong with the files."""
    places = list(_places(source.data))
    if not places:
        return source, []
    problems: list[Problem] = []
    data = source.data
    for place, said in places:
        text, complaint = _read(folder, said)
        if complaint:
            problems.append(source.problem((*place, complaint[0]), *complaint[1:]))
        else:
            rest = {key: value for key, value in said.items() if key not in {"file", "digest"}}
            data = _changed(data, place, {"table": text, **rest})
    return replace(source, data=data), problems


def _places(data: Any) -> Iterator[tuple[_Place, Mapping[str, Any]]]:  # noqa: ANN401 - any JSON value
    """Find `generalise` with a `file`, in whatever the author wrote; other mistakes are found later."""
    properties = data.get("customProperties") if isinstance(data, dict) else None
    for index, item in enumerate(properties if isinstance(properties, list) else ()):
        value = item.get("value") if isinstance(item, dict) else None
        crossings = value.get("crossings") if isinstance(value, dict) else None
        for at, crossing in enumerate(crossings if isinstance(crossings, list) else ()):
            columns = crossing.get("columns") if isinstance(crossing, dict) else None
            for name, said in columns.items() if isinstance(columns, dict) else ():
                inner = said.get("generalise") if isinstance(said, dict) else None
                if isinstance(inner, dict) and "file" in inner:
                    place = ("customProperties", index, "value", "crossings", at, "columns", name)
                    yield (*place, "generalise"), inner


def _read(folder: Path, said: Mapping[str, Any]) -> tuple[str, tuple[str, str, str] | None]:
    """Return (the file's text, nothing) or (nothing, (key, what is wrong, what is expected))."""
    name, digest = said["file"], said.get("digest")
    if set(said) - _KEYS:
        return "", (
            "file",
            "`file` takes `digest` and `level`",
            "{file: NAME.csv, digest: sha256:…, level: 1}",
        )
    if not isinstance(name, str) or name != Path(name).name or name in {"", ".", ".."}:
        return "", ("file", "no file of the contract's own folder", "a name without a folder")
    path = folder / name
    try:
        if path.is_symlink() or path.stat().st_size > _MAX_BYTES:
            return "", ("file", "a link, or too large", f"a file of at most {_MAX_BYTES} bytes")
        raw = path.read_bytes()
        text = raw.decode("utf-8-sig")
    except OSError as error:
        return "", ("file", f"cannot be read: {error.strerror}", "a file beside the contract")
    except UnicodeDecodeError:
        return "", ("file", "bytes that are no UTF-8", "UTF-8 text")
    found = digest_bytes(raw)
    if digest != found:
        return "", ("digest", "not the digest of the file's bytes", found)
    return text, None


def _changed(data: Any, place: _Place, value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Return the document with another value in one place; nothing of the old one is touched."""
    if not place:
        return value
    key = place[0]
    if isinstance(data, dict):
        return {**data, key: _changed(data[key], place[1:], value)}
    return [_changed(item, place[1:], value) if at == key else item for at, item in enumerate(data)]
