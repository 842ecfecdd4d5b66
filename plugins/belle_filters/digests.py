"""A set of 16-byte digests that takes little more room than the digests themselves."""

from __future__ import annotations

BUCKETS = 1 << 16


class DigestSet:
    """Digests in buckets by their first two bytes, each bucket one string of bytes: 14 bytes a digest and what the buckets cost.

    A bucket is searched from end to end, which takes no longer than its few kilobytes; ``bytes.find`` runs at memory speed.
    """

    def __init__(self) -> None:
        self._buckets: list[bytearray | None] = [None] * BUCKETS

    def add(self, digest: bytes) -> bool:
        """Put *digest* in; whether it is new."""
        number = digest[0] << 8 | digest[1]
        rest = digest[2:]
        bucket = self._buckets[number]
        if bucket is None:
            self._buckets[number] = bytearray(rest)
            return True
        at = bucket.find(rest)
        while at >= 0 and at % len(rest):  # across two neighbours
            at = bucket.find(rest, at + 1)
        if at >= 0:
            return False
        bucket += rest
        return True
