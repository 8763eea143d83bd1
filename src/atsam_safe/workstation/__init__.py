"""The workstation port and its adapters."""
