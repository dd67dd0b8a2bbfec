"""How long runs take, as counts in logarithmic buckets, so that no percentile ever scans the history."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import timedelta


def duration_bucket(duration: timedelta) -> int:
    """The logarithmic bucket of a duration: a quarter of a power of two of microseconds each."""
    return bucket_of(duration // timedelta(microseconds=1))


def bucket_of(microseconds: int) -> int:
    """The same of a number of microseconds."""
    return math.floor(math.log2(max(microseconds, 1)) * 4)


def bucket_top(bucket: int) -> timedelta:
    """The longest duration that falls into the bucket."""
    return timedelta(microseconds=2 ** ((bucket + 1) / 4))


def percentile(buckets: Sequence[tuple[int, int]], share: float) -> timedelta | None:
    """The top of the bucket that this share of the runs does not exceed."""
    total = sum(runs for _, runs in buckets)
    seen = 0
    for bucket, runs in buckets:
        seen += runs
        if seen >= share * total:
            return bucket_top(bucket)
    return None
