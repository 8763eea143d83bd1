"""A card lab: virtual cards, a private PC/SC daemon, PKCS#11 modules that misbehave."""
