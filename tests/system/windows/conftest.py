from __future__ import annotations

from lab.windows.fixtures import practice

__all__ = ["practice"]
