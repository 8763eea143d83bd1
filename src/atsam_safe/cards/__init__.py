"""The card room: PC/SC, PKCS#11 (always in a child process), galss.ini, the association ladder.

Importing this package imports none of it: a command that was not asked to look at a card never touches a reader.
"""
