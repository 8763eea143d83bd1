"""The live macOS adapter: Apple's own commands, each a probe (command and pure parser) or an action."""
