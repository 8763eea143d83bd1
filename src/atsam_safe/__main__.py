"""The door of the program. ``--version`` answers before anything else is loaded; everything else goes to ``cli.dispatch``."""

import _signal  # type: ignore[import-not-found] # ``signal`` without what loads ``enum``
import gc
import os
import sys

from atsam_safe import __version__

# macOS refuses more than 10240, whatever its limit says
OPEN_FILES = 8192


def main() -> None:
    """Run the command line and end the process with its exit code."""
    _show_no_traceback()
    _hold_standard_streams()
    if sys.argv[1:] == ["--version"]:
        _say_version()
        return
    try:
        from atsam_safe.cli import signals  # noqa: PLC0415 - before what takes time to load, and after --version, which needs none

        signals.install()
        _allow_many_files()
        # Loading modules makes thousands of objects that live to the end: collecting among them costs a tenth of a short command.
        gc.disable()
        _load_models()
        from atsam_safe.cli.dispatch import run  # noqa: PLC0415 - loading the command line first would triple the time of --version
    except (ImportError, OSError) as error:
        _say_unloadable(error)
        os._exit(1)

    code = run(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    # Everything is written, closed and joined by now; taking the interpreter apart would cost another tenth.
    os._exit(code & 0xFFFF if os.name == "nt" else code & 0xFF)


def _show_no_traceback() -> None:
    """Until ``cli.signals`` is loaded Ctrl-C ends the process at once: Python's own answer is a traceback."""
    if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
        _signal.signal(_signal.SIGINT, lambda number, _frame: os._exit(128 + number))


def _allow_many_files() -> None:
    """As many open files as the system grants: deep folders are held open level by level, and 256, as macOS begins with, are few."""
    if os.name == "nt":
        return
    import contextlib  # noqa: PLC0415 - of no use to --version
    import resource  # noqa: PLC0415 - not on Windows

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _say_version() -> None:
    """Write the version; a reader who went away is no fault, a full disk below the answer is."""
    try:
        sys.stdout.write(f"atsam-safe {__version__}\n")
        sys.stdout.flush()
    except BrokenPipeError:
        os._exit(0)
    except OSError:
        os._exit(1)


def _say_unloadable(error: Exception) -> None:
    """A part of the program itself cannot be read: said in both languages, since the sentences are one of the parts."""
    import contextlib  # noqa: PLC0415 - of no use to --version

    with contextlib.suppress(OSError):
        sys.stderr.write(
            f"atsam-safe : une partie du programme ne peut pas être lue ({error}). Rien n’a été touché. Réinstallez le programme.\n"
            f"atsam-safe: a part of the program cannot be read ({error}). Nothing was touched. Install the program again.\n"
        )
        sys.stderr.flush()


def _hold_standard_streams() -> None:
    """Put the null device where a caller closed a standard stream (``>&-``, a service without console).

    Otherwise the next file that is opened takes the free number: a stray message would then be written into a snapshot.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is not None:
            continue
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free number, which is this one
        setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", errors="replace", closefd=False))


def _load_models() -> None:
    """Import msgspec without ``typing_extensions``, which it tries first and which loads the inspection of source code.

    Since Python 3.11 ``typing`` has all that msgspec asks for. Whoever wants ``typing_extensions`` later (typer) still gets it.
    """
    name = "typing_extensions"
    if name in sys.modules:
        return
    sys.modules[name] = None  # type: ignore[assignment] # the documented way to make an import fail
    try:
        import msgspec  # noqa: F401, PLC0415 - loaded here for its effect
    finally:
        del sys.modules[name]


if __name__ == "__main__":
    main()
