"""Facts: what was seen of a workstation, as one value with a stable JSON form."""
