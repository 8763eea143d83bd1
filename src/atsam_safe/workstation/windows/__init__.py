"""The live Windows adapter: the registry, Windows Installer and the service manager asked directly, msiexec run with a time limit."""
