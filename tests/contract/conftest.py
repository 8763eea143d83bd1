"""The stage on which whole commands are run."""

from lab.stage_fixtures import materials, stage

__all__ = ["materials", "stage"]
