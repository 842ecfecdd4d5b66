"""A set of 16-byte digests that takes little more room than the digests themselves."""

from __future__ import annotations

REST = 14
"""Bytes of a digest that its bucket holds."""
MOST = 1 << 7
"""Digests to a bucket, in the mean, from which on there are more buckets."""


class DigestSet:
    """Digests in buckets by their first bits, each bucket one string of bytes: 14 bytes a digest and what the buckets cost.

    A bucket is searched from end to end, which takes no longer than its one or two kilobytes; ``bytes.find`` runs at memory speed. There
    are 2^16 buckets, and sixteen times as many whenever they get too long, so that a digest costs the same among a hundred million.
    """

    def __init__(self) -> None:
        self._count, self._bits = 0, 16
        self._buckets: list[bytearray | None] = [None] * (1 << self._bits)

    def add(self, digest: bytes) -> bool:
        """Put *digest* in; whether it is new."""
        bucket = self._bucket(digest[0] << 8 | digest[1], digest[2])
        rest = digest[2:]
        at = bucket.find(rest)
        while at >= 0 and at % REST:  # across two neighbours
            at = bucket.find(rest, at + 1)
        if at >= 0:
            return False
        bucket += rest
        self._count += 1
        if self._count > MOST * len(self._buckets) and self._bits < 24:
            self._divide()
        return True

    def _bucket(self, first: int, third: int) -> bytearray:
        """The bucket of digests that begin with two bytes, *first*, and a *third* one."""
        number = (first << 8 | third) >> (24 - self._bits)
        bucket = self._buckets[number]
        if bucket is None:
            bucket = self._buckets[number] = bytearray()
        return bucket

    def _divide(self) -> None:
        """Sixteen buckets from each."""
        old, shift = self._buckets, self._bits - 16
        self._bits += 4
        self._buckets = [None] * (1 << self._bits)
        for number, bucket in enumerate(old):
            for at in range(0, len(bucket or b""), REST):
                rest = bucket[at : at + REST]  # type: ignore[index]
                self._bucket(number >> shift, rest[0]).extend(rest)
            old[number] = None
