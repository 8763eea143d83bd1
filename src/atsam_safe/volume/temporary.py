"""Names of our temporary files: whoever finds one knows that a run of ours was killed there."""

from __future__ import annotations

import os
import re

# the second form: a file of restore.sh, which knows no better number than its process's
TEMPORARY_NAME = re.compile(r"\.atsam-safe-(?:[0-9a-f]{16}|restore-[0-9]{1,10})\.tmp\Z")


def is_temporary(name: str) -> bool:
    """True for the name of a temporary file of ours: whatever a killed run left behind is known by it."""
    return TEMPORARY_NAME.match(name) is not None


def temporary_name() -> str:
    """A fresh name for a temporary file of ours."""
    # the system's randomness itself: the module ``secrets`` would load five others, and ``status`` must start fast
    return f".atsam-safe-{os.urandom(8).hex()}.tmp"
