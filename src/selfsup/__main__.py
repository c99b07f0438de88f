"""``python -m selfsup``: the command line."""

from __future__ import annotations

import sys

from selfsup.cli.main import main

sys.exit(main())
