"""The catalogue: what is known about the field, as data with its source."""
