"""Requests for the ladder on a lab workstation: a GALSS file, the lab's authority, OpenSC in the place of the bundle's middleware."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from atsam_safe.cards.request import LadderRequest
from atsam_safe.catalogue.model import CertificateRule, MiddlewareRelease, MiddlewareRule
from lab.card.authority import authority, certificate, key
from lab.card.cps_card import CpsCard, CpsSpecification
from lab.card.galss_files import galss_ini
from lab.card.modules import OPENSC
from lab.card.rules import CARD_RULES

if TYPE_CHECKING:
    from pathlib import Path


def middleware_rule(path: Path = OPENSC, **changes: Any) -> MiddlewareRule:  # noqa: ANN401 - fields of the rule
    """A middleware rule for a module file; by default OpenSC, said to be brought by release 5.2.2."""
    fields: dict[str, Any] = {
        "id": "lab",
        "name": "Laboratoire",
        "family": "linux",
        "path": str(path),
        "component": "cryptolib",
        "architectures": ("x86_64",),
        "manufacturers": ("OpenSC Project",),
        "releases": (MiddlewareRelease(package="5.2.2", library="0.23", source="lab", certainty="confirmed"),),
        "source": "lab",
        "certainty": "confirmed",
    }
    return MiddlewareRule(**{**fields, **changes})


def certificates(**changes: Any) -> tuple[bytes, bytes]:  # noqa: ANN401 - arguments of the certificate
    """A pair of certificates: authentication, signature."""
    return certificate(use="authentication", **changes), certificate(use="signature", **changes)


def cps(**changes: Any) -> CpsCard:  # noqa: ANN401 - fields of the specification
    """A complete virtual CPS with keys."""
    fields = {"certificates": certificates(), **changes}
    return CpsCard(CpsSpecification(**fields), keys=(key("authentication"), key("signature")))


def cps4(**changes: Any) -> CpsCard:  # noqa: ANN401 - fields of the specification
    """A virtual CPS4, as far as its behaviour is known: no middleware of the lab knows it."""
    return cps(**{"label": "CPS4v1-8042410007", "serial": "80424100", "chipdoc": True, **changes})


def workstation_request(folder: Path, *, cps_reader: str, vitale_reader: str, **changes: Any) -> LadderRequest:  # noqa: ANN401 - fields
    """A request for a workstation laid out in ``folder``."""
    (folder / "state").mkdir(mode=0o700, exist_ok=True)
    vault = folder / "coffre"
    vault.mkdir(exist_ok=True)
    (vault / "AC_LABORATOIRE.cer").write_bytes(authority().der)
    configuration = folder / "galss.ini"
    if not configuration.exists():
        channels = [
            {"number": 1, "reader": cps_reader, "resources": ["CPS"]},
            {"number": 2, "reader": vitale_reader, "resources": ["Vitale"]},
        ]
        configuration.write_bytes(galss_ini(channels, line_end="\r"))
    pin = CertificateRule(
        common_name="AC LABORATOIRE PERSONNES", sha256=authority().sha256, role="intermediate", source="lab", certainty="confirmed"
    )
    fields: dict[str, Any] = {
        "family": "linux",
        "rules": CARD_RULES,
        "hardware": "x86_64",
        "state_folder": folder / "state",
        "middleware": middleware_rule(),
        "package": "5.2.2",
        "pins": (pin,),
        "authority_folders": (vault,),
        "caches": (folder / "cache",),
        "galss_ini": configuration,
        "galss_needed": True,
    }
    return LadderRequest(**{**fields, **changes})
