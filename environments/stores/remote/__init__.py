"""The store on an object store: S3, Azure Blob Storage, or whatever keeps objects.

    ROOT/FORMAT                      "1"
    ROOT/assets/NAME/SEQUENCE.json   the commit: version, digest of the record, who wrote it; created once
    ROOT/sets/SET.json               the mark that lets the commits of a set count, all at once
    ROOT/records/HEX.json            the record, and how its files are cut into objects
    ROOT/contracts/HEX.json          the contract as it was
    ROOT/erased/NAME/SEQUENCE.json   the tombstone of a version that was erased; its commit does not count
    ROOT/data/HEX                    some chunks of a file that follow each other

Everything but a commit is named by what it holds; files are read through a bounded folder of copies.

Example:
    >>> store = RemoteStore(bucket, folder / "cache", medium="s3", limit=16 * 1024**3)
    >>> store.names()
    ()
"""

from __future__ import annotations

from environments.stores.remote.store import RemoteStore

__all__ = ["RemoteStore"]
