"""The one internal exception of observation: something on the workstation could not be read. It never leaves this room."""

from __future__ import annotations


class UnreadableError(ValueError):
    """A file is absent, refused, too large or not what it should be; the text (English, for the log) becomes a ``problem``."""
