"""The catalogue, the workstation and the facts that the global options name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from atsam_safe.catalogue.load import load_catalogue
from atsam_safe.report.result import origin_of
from atsam_safe.words.model import Problem, UsageError

if TYPE_CHECKING:
    from atsam_safe.catalogue.model import Catalogue
    from atsam_safe.cli.session import Session


def catalogue_of(session: Session) -> Catalogue:
    """The embedded catalogue, or the one ``--manifests`` names (absolute, because it is written to reports and journals)."""
    folder = session.options.manifests
    catalogue = load_catalogue(None if folder is None else Path(folder).absolute())
    session.catalogue = origin_of(catalogue)
    return catalogue


def existing(path: str) -> Path:
    """``path``, which must exist; raises ``UsageError`` (``usage.file-not-found``). A dangling link does not exist."""
    try:
        Path(path).stat()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UsageError(Problem(ref="usage.file-not-found", params={"path": path}, evidence={"path": path})) from error
    except (OSError, ValueError) as error:
        detail = getattr(error, "strerror", None) or str(error)
        raise UsageError(Problem(ref="usage.file-unreadable", params={"path": path, "detail": detail})) from error
    return Path(path)
