"""The seed of the day: what is drawn by chance changes from day to day, and is told, so that it can be drawn again."""

from __future__ import annotations

import os
from datetime import UTC, datetime

SEED = int(os.environ.get("SELFSUP_TEST_SEED") or datetime.now(UTC).strftime("%Y%m%d"))
ALL = bool(os.environ.get("SELFSUP_TEST_ALL"))  # everything, rather than a sample that takes a minute
