"""The references, one module per topic; each has a tuple ``REFERENCES``. ``words.registry`` gathers them all."""
