"""The part `transits` of an environment file, read with every mistake in it.

Invariants:
1. A wrong or missing value is a problem with file and line; whoever has problems uses nothing of it.
2. Credentials are files by their paths. Whether one is there, and ours alone, is looked at where it is
   opened: a peer's file names paths of the peer's machine.
3. No connection without encryption, but to this machine itself.

Example:
    >>> from data_contracts.yamlsource import parse_yaml
    >>> text = b"transits: [{with: cloud, kind: directory, path: /mnt/exchange}]"
    >>> read_transits(Fields(parse_yaml(text, file="onprem.yaml")))[0].place
    ('directory',)
"""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Mapping
from typing import Any

from data_contracts.errors import Problem
from environments.fields import Fields, Path, nearest
from environments.ref import NAME
from environments.transits import (
    AzureTransitSpec,
    DirectoryTransitSpec,
    HttpsTransitSpec,
    S3TransitSpec,
    SftpTransitSpec,
    TransitSpec,
)

__all__ = ["TRANSIT_KEYS", "azure_words", "disagreements", "read_transits", "s3_words"]

_PEER = rf"(?=.{{1,63}}$){NAME}"
_LOCAL = r"http://(?:127\.0\.0\.1|localhost):[0-9]{1,5}"
_SERVER = rf"(?:https://[^\s/@?#\\]+|{_LOCAL})(?:/[A-Za-z0-9._-]+)*"
_A_SERVER = "https://HOST[:PORT], without a name or password in it"
_PREFIX = r"(?!.*\.\.)[A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+)*"
_FOLDER = r"(?!.*/\.\.(?:/|$))/[^\x00-\x1f]*"
_HOST_KEY = r"(?:ssh-ed25519|ecdsa-sha2-nistp(?:256|384|521)|ssh-rsa) [A-Za-z0-9+/]{40,}={0,2}"
_PROMISES = r"one-writer-wins|durable"

TRANSIT_KEYS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "directory": (("path",), ("shared",)),
    "s3": (("bucket", "region", "credentials"), ("prefix", "endpoint")),
    "azure": (("account", "container", "credentials"), ("prefix", "endpoint")),
    "sftp": (("host", "user", "path", "host_key", "key"), ("port",)),
    "https": (("url", "ca", "cert", "key"), ("promises",)),
}
"""Kind of transit to the keys that it must have, and those that it may have, beside `with` and `kind`."""


def read_transits(fields: Fields) -> tuple[TransitSpec, ...]:
    """Read the list `transits`; absent is empty."""
    found: dict[str, TransitSpec] = {}
    items = fields.items(("transits",), "transits: with, kind, and what the kind asks for")
    for index, item in enumerate(items):
        place: Path = ("transits", index)
        spec = _transit(fields, place, item)
        if spec is not None and spec.peer in found:
            fields.complain((*place, "with"), f"a second transit with {spec.peer!r}", "one for each peer")
        if spec is not None:
            found[spec.peer] = spec
    return tuple(found.values())


def disagreements(found: Mapping[str, tuple[tuple[TransitSpec, ...], Fields]]) -> list[Problem]:
    """Return the problems of transits that two files, or no second file, make: by environment."""
    problems = []
    for name, (specs, fields) in found.items():
        for index, spec in enumerate(specs):
            where: Path = ("transits", index, "with")
            if spec.peer == name or spec.peer not in found:
                others = sorted(set(found) - {name})
                near = nearest(spec.peer, others)
                expected = repr(near) if near else "one of: " + ", ".join(others)
                message = f"{spec.peer!r} is no other environment"
                problems.append(fields.source.problem(where, message, expected))
                continue
            theirs, other = found[spec.peer]
            back = next((item for item in theirs if item.peer == name), None)
            if back is None or back.place != spec.place:
                what = "no transit" if back is None else "another place"
                message = f"{other.source.file} declares {what} with {name!r}: the two would never meet"
                problems.append(fields.source.problem(where, message, "the same place in both files"))
    return problems


def _transit(fields: Fields, place: Path, item: object) -> TransitSpec | None:
    kind = item.get("kind") if isinstance(item, Mapping) else None
    if not isinstance(kind, str) or kind not in TRANSIT_KEYS:
        if not isinstance(item, Mapping) or kind is None:
            fields.mapping(place, ("with", "kind"), ("with", "kind"))
        else:
            fields.choice((*place, "kind"), tuple(TRANSIT_KEYS), "")
        return None
    must, may = TRANSIT_KEYS[kind]
    fields.mapping(place, ("with", "kind", *must, *may), ("with", *must))
    peer = fields.text((*place, "with"), _PEER, "the other environment's name")
    return _READERS[kind](fields, place, peer)


def _file(fields: Fields, place: Path, what: str) -> pathlib.Path:
    """Read a path, relative to the file that names it."""
    text = fields.text(place, r"[^\x00-\x1f]+", f"the path of {what}")
    return (pathlib.Path(fields.source.file).parent / pathlib.Path(text).expanduser()).absolute()


def _directory(fields: Fields, place: Path, peer: str) -> TransitSpec:
    text = fields.text((*place, "path"), _FOLDER, "an absolute path", "/")
    shared = fields.choice((*place, "shared"), ("group",), "") == "group"
    return DirectoryTransitSpec(peer, pathlib.Path(text), shared)


def _prefix(fields: Fields, place: Path) -> str:
    return fields.text(
        (*place, "prefix"), _PREFIX, "words of letters, digits, '.', '_' and '-', parted by '/'"
    )


def s3_words(fields: Fields, place: Path) -> dict[str, Any]:
    """Read what a bucket of S3 is declared by."""
    bucket = r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"
    return {
        "bucket": fields.text((*place, "bucket"), bucket, "the name of a bucket"),
        "region": fields.text((*place, "region"), r"[a-z0-9-]{1,40}", "a region such as eu-central-1"),
        **_object_words(fields, place),
    }


def azure_words(fields: Fields, place: Path) -> dict[str, Any]:
    """Read what a container of Azure Blob Storage is declared by."""
    container = r"[a-z0-9](?:-?[a-z0-9]){2,62}"
    return {
        "account": fields.text((*place, "account"), r"[a-z0-9]{3,24}", "the name of a storage account"),
        "container": fields.text((*place, "container"), container, "the name of a container"),
        **_object_words(fields, place),
    }


def _object_words(fields: Fields, place: Path) -> dict[str, Any]:
    return {
        "prefix": _prefix(fields, place),
        "endpoint": fields.text((*place, "endpoint"), _SERVER, _A_SERVER),
        "credentials": _file(fields, (*place, "credentials"), "a file of yours alone, never the key itself"),
    }


def _s3(fields: Fields, place: Path, peer: str) -> TransitSpec:
    return S3TransitSpec(peer, **s3_words(fields, place))


def _azure(fields: Fields, place: Path, peer: str) -> TransitSpec:
    return AzureTransitSpec(peer, **azure_words(fields, place))


def _sftp(fields: Fields, place: Path, peer: str) -> TransitSpec:
    shown = "the server's public key, as in known_hosts: TYPE BASE64"
    return SftpTransitSpec(
        peer,
        host=fields.text((*place, "host"), r"[A-Za-z0-9.:-]{1,253}", "a name or an address"),
        port=fields.integer((*place, "port"), low=1, high=65535, default=22),
        user=fields.text((*place, "user"), r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}", "the account there"),
        path=fields.text((*place, "path"), _FOLDER, "an absolute path there"),
        host_key=fields.text((*place, "host_key"), _HOST_KEY, shown),
        key=_file(fields, (*place, "key"), "a private key of yours alone"),
    )


def _https(fields: Fields, place: Path, peer: str) -> TransitSpec:
    url = r"https://[^\s/@?#\\]+(?:/[A-Za-z0-9._~-]+)*/"
    return HttpsTransitSpec(
        peer,
        url=fields.text((*place, "url"), url, "https://HOST[:PORT]/FOLDER/"),
        ca=_file(fields, (*place, "ca"), "the certificate of the server's authority (PEM)"),
        cert=_file(fields, (*place, "cert"), "our client certificate (PEM)"),
        key=_file(fields, (*place, "key"), "its private key (PEM)"),
        promises=frozenset(
            fields.texts(
                (*place, "promises"), _PROMISES, "what the server promises: one-writer-wins, durable"
            )
        ),
    )


_READERS: Mapping[str, Callable[[Fields, Path, str], TransitSpec]] = {
    "directory": _directory,
    "s3": _s3,
    "azure": _azure,
    "sftp": _sftp,
    "https": _https,
}
