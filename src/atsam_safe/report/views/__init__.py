"""From a result's data to blocks, one module per kind of answer."""
