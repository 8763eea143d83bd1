"""One renderer per form: JSON envelope and text, from the same result value."""
