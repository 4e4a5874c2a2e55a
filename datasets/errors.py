"""The error of a data set, an annotation file or a picture that cannot be used."""

from __future__ import annotations

from vision.errors import ConfigError


class DataError(ConfigError):
    """A data set, labelling file or picture that is missing, broken or contradicts itself (exit code 2)."""
