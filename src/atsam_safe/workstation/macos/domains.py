"""Where a job may run, in launchd's own names.

``system``: daemons. ``gui/UID``: agents of a person who is logged in at the screen. ``user/UID``: what was loaded for that person without a
screen (by ``ssh``, by ``sudo -u``): the vendors' scripts can have done so, hence it is looked at, but nothing is started there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from atsam_safe.workstation.macos import people

if TYPE_CHECKING:
    from collections.abc import Iterable

    from atsam_safe.workstation.macos.mac import Mac


def domains_of(workstation: Mac, domain: str, path: str | None) -> tuple[str, ...]:
    """Every place for a job of ``domain`` (``daemon``, ``agent``, ``user-agent``); a user's own agent runs for that person only."""
    if domain == "daemon":
        return ("system",)
    accounts = people.ACCOUNTS.ask(workstation.runner) or ()
    if domain == "user-agent" and path is not None:
        accounts = tuple(
            (name, uid) for name, uid in accounts if path.startswith(f"{people.home_of(name).ask(workstation.runner) or '?'}/")
        )
    return tuple(f"{kind}/{uid}" for kind in ("gui", "user") for _name, uid in accounts)


def session_domains(domains: Iterable[str]) -> tuple[str, ...]:
    """Those in which a job is started."""
    return tuple(domain for domain in domains if not domain.startswith("user/"))
