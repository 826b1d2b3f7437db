"""Removable media: crossings that are carried on a disk to a site that no link reaches, and the answers back.

Invariants:
1. A disk is a transit like any other, and as hostile: what lies on it is sealed to the destination, signed by
   the source, and verified by `ingress` and `settle`, byte for byte. Nothing is believed of its index.
2. Each step opens one environment: the source writes the disk, the destination takes in what is on it and
   writes its receipts there, the source takes these home.
3. Unplugged, full or killed at any moment: the same command again goes on where it stopped. The same crossing
   ends in the same one version and receipt.

Example:
    >>> write_disk(onprem, open_disk(Path("/media/stick/isthmus"), "onprem", "cloud"))[0].state
    'written'
    >>> take_in(cloud, open_disk(Path("/media/stick/isthmus"), "onprem", "cloud"))[0].outcome
    'permitted'
"""

from __future__ import annotations

from environments.boundary.media.arriving import Taken, take_in
from environments.boundary.media.disk import Disk, open_disk, pairs_on
from environments.boundary.media.homecoming import Closed, take_home
from environments.boundary.media.writing import Waiting, Written, waiting_for, write_disk

__all__ = [
    "Closed",
    "Disk",
    "Taken",
    "Waiting",
    "Written",
    "open_disk",
    "pairs_on",
    "take_home",
    "take_in",
    "waiting_for",
    "write_disk",
]
