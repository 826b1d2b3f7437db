"""The part `store` of an environment file, read with every mistake in it.

Invariants:
1. A wrong or missing value is a problem with file and line; whoever has problems uses nothing of it.
2. Credentials are a file by its path; whether it is there, and ours alone, is looked at where it is opened.

Example:
    >>> from data_contracts.yamlsource import parse_yaml
    >>> read_store(Fields(parse_yaml(b"store: {path: /mnt/assets}", file="cloud.yaml"))).path
    PosixPath('/mnt/assets')
"""

from __future__ import annotations

import pathlib
from collections.abc import Mapping

from environments.fields import Fields
from environments.profile import CACHE, AzureStoreSpec, S3StoreSpec, StoreSpec
from environments.transit_fields import azure_words, s3_words

__all__ = ["STORE_KEYS", "read_store"]

STORE_KEYS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "s3": (("bucket", "region", "credentials"), ("prefix", "endpoint", "cache")),
    "azure": (("account", "container", "credentials"), ("prefix", "endpoint", "cache")),
}
"""Kind of store to the keys that it must have, and those that it may have, beside `kind`."""
_PLACE = ("store",)


def read_store(fields: Fields) -> StoreSpec | S3StoreSpec | AzureStoreSpec:
    """Read where an environment's assets lie; absent is its own folder."""
    value = fields.get(_PLACE)
    if value is None or value == "local":
        return StoreSpec()
    if not isinstance(value, Mapping):
        expected = "`local`, or path: a folder of its own on this machine, or kind: s3 or azure"
        fields.complain(_PLACE, "not a store", expected)
        return StoreSpec()
    if "kind" not in value:
        fields.mapping(_PLACE, ("path",), ("path",))
        text = fields.text(("store", "path"), r"[/~][^\x00-\x1f]*", "an absolute path")
        return StoreSpec(path=pathlib.Path(text).expanduser() if text else None)
    kind = fields.choice(("store", "kind"), tuple(STORE_KEYS), "")
    if not kind:
        return StoreSpec()
    must, may = STORE_KEYS[kind]
    fields.mapping(_PLACE, ("kind", *must, *may), must)
    cache = fields.size(("store", "cache"), default=CACHE)
    if kind == "s3":
        return S3StoreSpec(**s3_words(fields, _PLACE), cache=cache)
    return AzureStoreSpec(**azure_words(fields, _PLACE), cache=cache)
