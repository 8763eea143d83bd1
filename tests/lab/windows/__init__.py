"""A laboratory for Windows: real installers built with wixl, signed by a test authority, run in a real Windows Python under Wine."""
