"""Guarded installation of the French health-card components (ATSAM) with proof and rollback."""

__version__ = "0.1.0"  # no Final: typing alone would double the time of --version
