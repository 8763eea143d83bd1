"""The command line: one module per command; it parses, asks and prints, and decides nothing."""
