"""The obligations by name. Adding one: write its file, add it here, and run its conformance suite."""

from __future__ import annotations

from data_contracts.obligations.base import Obligation
from data_contracts.obligations.code import Code
from data_contracts.obligations.drop import Drop
from data_contracts.obligations.generalise import Generalise
from data_contracts.obligations.keep import Keep
from data_contracts.obligations.mask import Mask
from data_contracts.obligations.pseudonymise import Pseudonymise
from data_contracts.obligations.shift import Shift
from data_contracts.obligations.topcode import Limit

__all__ = ["OBLIGATIONS", "unknown_obligation"]

_ALL: tuple[Obligation, ...] = (
    Keep(),
    Drop(),
    Pseudonymise(),
    Code(),
    Mask(),
    Generalise(),
    Shift(),
    Limit("topCode", top_key="at"),
    Limit("bottomCode", bottom_key="at"),
    Limit("clamp", bottom_key="bottom", top_key="top"),
)
OBLIGATIONS: dict[str, Obligation] = {obligation.name: obligation for obligation in _ALL}

_HASH = (
    "a plain hash of an identifier protects nobody: whoever lists all identifiers hashes them and compares",
    "pseudonymise (keyed, the key stays here) or code (random, the table stays here)",
)
_REDACT = (
    "free text is never redacted: what a redaction misses would cross unseen",
    "drop",
)
_NOISE = (
    "noise on single values averages out, and nothing here could prove how much of it was added",
    "generalise, or the counts of groups with `minimumCell`",
)
_SAID_OTHERWISE = {
    "encrypt": (
        "an encrypted identifier is the identifier, to whoever has the key",
        "pseudonymise or code",
    ),
    "aggregate": (
        "rows are aggregated by a step, under a contract of their own",
        "a step that counts, and `minimumCell` in its contract's crossing",
    ),
    "k-anonymity": ("k-anonymity is of the whole output, not of a column", "`anonymity` beside `columns`"),
}
_FAMILIES = (
    (("hash", "sha", "md5", "digest", "blake", "crc", "tokenis", "tokeniz"), _HASH),
    (("redact", "scrub", "anonymise-text"), _REDACT),
    (("noise", "perturb", "jitter", "round"), _NOISE),
)


def unknown_obligation(name: str) -> tuple[str, str]:
    """Return (why there is none of that name, what to say instead); hashes are refused by name."""
    word = name.lower()
    for stems, answer in _FAMILIES:
        if any(stem in word for stem in stems):
            return answer
    return _SAID_OTHERWISE.get(word, ("unknown obligation", ", ".join(OBLIGATIONS)))
