"""Parquet's own bytes, read strictly: not to use the data, but to know that nothing else is in the file.

Invariants:
1. Everything that is not known is refused: a field, an encoding, a codec, a page of another kind. A reader
   that skips what it does not know is the wrong one here, because what is skipped crosses.
2. A number that tells of the file (a size, an offset, a count) is computed again and compared: an original
   can be hidden in a 64-bit size as well as in a string.
3. Nothing is believed before it was found inside the file's own bounds.

Source: the Parquet format's `parquet.thrift`, `Encodings.md`, `BloomFilter.md`, `PageIndex.md`.
"""
