"""Reading what this home wrote of other machines: exactly these keys, or it is damaged.

Light on purpose: every command that asks what lives here imports it, and nothing of cryptography.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from data_contracts.errors import NotVerifiableError
from environments.private import make_private, read_private, write_private

__all__ = ["damaged", "is_nonce", "read_record", "read_time", "write_record", "write_time"]

_FORM = "%Y-%m-%dT%H:%M:%SZ"


def is_nonce(text: object) -> bool:
    """Whether this is an invitation's nonce: 32 hexadecimal digits."""
    return isinstance(text, str) and re.fullmatch(r"[0-9a-f]{32}", text) is not None


def write_time(time: dt.datetime) -> str:
    """Return a time to the second, in UTC."""
    return time.astimezone(dt.UTC).strftime(_FORM)


def read_time(text: str) -> dt.datetime:
    """Return what `write_time` wrote; ValueError where it did not."""
    return dt.datetime.strptime(text, _FORM).replace(tzinfo=dt.UTC)


def read_record(path: Path, keys: set[str]) -> Mapping[str, Any]:
    """Return the object of exactly these keys that a file holds.

    Raises:
        FileNotFoundError: there is no such file.
        NotVerifiableError: it is not ours alone, or not what we wrote.
    """
    try:
        read = json.loads(read_private(path))
    except ValueError:
        read = None
    if not isinstance(read, dict) or set(read) != {"format", *keys} or read["format"] != 1:
        raise damaged(path)
    return read


def damaged(path: Path) -> NotVerifiableError:
    """Return the error that says that a file is not what we wrote."""
    return NotVerifiableError(f"{path}: not what we wrote", remedy="restore it from a backup")


def write_record(path: Path, value: Mapping[str, Any]) -> None:
    """Keep an object, in one durable step."""
    make_private(path.parent)
    write_private(path, json.dumps({"format": 1, **value}, indent=1).encode())
