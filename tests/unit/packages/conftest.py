from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from atsam_safe.packages import inspect_path
from atsam_safe.packages.limits import DEFAULT_LIMITS, Limits
from lab.authority import Authority
from lab.inspecting import NOW, InspectBytes, small_catalogue

if TYPE_CHECKING:
    import datetime as dt
    from pathlib import Path

    from atsam_safe.catalogue.model import Catalogue, Trust
    from atsam_safe.packages.model import Inspection


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority.create()


@pytest.fixture(scope="session")
def foreign_authority() -> Authority:
    return Authority.create()


@pytest.fixture(scope="session")
def catalogue(authority: Authority) -> Catalogue:
    return small_catalogue(authority.trust())


@pytest.fixture
def inspect_bytes(tmp_path: Path, catalogue: Catalogue) -> InspectBytes:
    """Inspect one package given as bytes; ``trust``, ``now`` and ``limits`` may be replaced."""

    def inspect(data: bytes, *, trust: Trust | None = None, now: dt.datetime = NOW, limits: Limits = DEFAULT_LIMITS) -> Inspection:
        path = tmp_path / "sample.pkg"
        path.write_bytes(data)
        (inspection,) = inspect_path(path, catalogue.trust if trust is None else trust, catalogue, now, limits)
        return inspection

    return inspect
