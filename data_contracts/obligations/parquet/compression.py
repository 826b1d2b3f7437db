"""Pages out of their compression, with no byte beside what a reader takes.

A zstd stream may carry frames that readers skip; they are a place to hide. So a page is exactly one frame,
of blocks that end where the page ends (RFC 8878 §3.1).
"""

from __future__ import annotations

from data_contracts.obligations.parquet.thrift import UnaccountedError

__all__ = ["expanded"]

_NONE, _SNAPPY, _ZSTD = 0, 1, 6
_MAGIC = b"\x28\xb5\x2f\xfd"
_RLE, _RESERVED = 1, 3
_MOST = 1 << 30
_RATIO = 1 << 16


def expanded(raw: memoryview, codec: int, size: int) -> memoryview:
    """Return a page's `size` bytes.

    Raises:
        UnaccountedError: the codec is none of ours, or something beside the page is in it.
    """
    if codec == _NONE:
        if len(raw) != size:
            raise UnaccountedError("pages")
        return raw
    if codec not in {_SNAPPY, _ZSTD} or not 0 <= size <= min(_MOST, len(raw) * _RATIO):
        raise UnaccountedError("pages")
    if codec == _ZSTD and not _one_frame(raw, size):
        raise UnaccountedError("bytes")
    import pyarrow as pa

    try:
        codec_of = pa.Codec("zstd" if codec == _ZSTD else "snappy")
        found = codec_of.decompress(pa.py_buffer(raw), decompressed_size=size)
    except (pa.ArrowException, OSError, ValueError):
        raise UnaccountedError("pages") from None
    if found.size != size:
        raise UnaccountedError("pages")
    return memoryview(found)


def _one_frame(raw: memoryview, content: int) -> bool:
    """Whether the bytes are one frame, whole, that says how much is in it, and nothing more."""
    if bytes(raw[:4]) != _MAGIC or len(raw) < 6:  # noqa: PLR2004 - magic, descriptor, one more
        return False
    descriptor = raw[4]
    single = bool(descriptor & 0x20)
    if descriptor & 0x1B:  # a dictionary's id, a reserved bit, an unused bit
        return False
    width = {0: 1 if single else 0, 1: 2, 2: 4, 3: 8}[descriptor >> 6]
    at = 5 + (0 if single else 1)
    said = int.from_bytes(raw[at : at + width], "little") + (256 if width == 2 else 0)  # noqa: PLR2004 - the RFC's
    if width and said != content:
        return False
    at += width
    while True:
        if at + 3 > len(raw):
            return False
        head = int.from_bytes(raw[at : at + 3], "little")
        last, kind, size = head & 1, (head >> 1) & 3, head >> 3
        if kind == _RESERVED:
            return False
        at += 3 + (1 if kind == _RLE else size)
        if last:
            return at + (4 if descriptor & 0x04 else 0) == len(raw)
