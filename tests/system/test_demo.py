"""The demonstration is also a test: it ends 0 only when every command of the story ended as it should."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]


@pytest.mark.system
@pytest.mark.slow
def test_the_story_goes_as_it_should(tmp_path: Path) -> None:
    command = [sys.executable, str(PROJECT / "scripts/demo_story.py"), str(tmp_path / "demo")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=250)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    assert "Tout s’est passé comme prévu" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
