"""One module per command: ``run(session, **arguments) -> CommandResult``. No decision is made here."""
