"""The conditions a Windows Installer package sets for the computer it goes on, asked before anything is touched.

Windows Installer asks them in the middle of a change; a package that refuses then has already cost the removal of what was there. What
a running installation alone could know is never taken for granted: it is said.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from atsam_safe.catalogue.product_codes import normal
from atsam_safe.guard.case import PASS, Case, Rule, Verdict, fail, notice
from atsam_safe.guard.installer_properties import INSTALLERS_OWN
from atsam_safe.packages.launch_condition import PRESENT, UNKNOWN, ConditionError, Told, evaluate, parse
from atsam_safe.verify.products import component_products

if TYPE_CHECKING:
    from atsam_safe.facts.model import OperatingSystem
    from atsam_safe.packages.model import InstallerFact

# What every call of ours gives Windows Installer, and what it never has: nothing is repaired, patched, advertised or resumed.
_OURS: Final[dict[str, Told]] = {"UILevel": "2", "ACTION": "INSTALL", "REBOOT": "ReallySuppress", "Privileged": "1", "AdminUser": "1"}
_NEVER: Final = ("REMOVE", "REINSTALL", "PATCH", "RESUME", "Preselected", "UPGRADINGPRODUCTCODE", "TRANSFORMS", "Version9X", "AFTERREBOOT")
# Windows 10 and all later ones tell Windows Installer that they are 6.3, build 9600, without a service pack.
_NEWEST_TOLD: Final = ("603", "9600", "0")
_TEN: Final = 10
_RELEASES: Final = {("6", "3"): ("603", "0"), ("6", "2"): ("602", "0")}
_TOKEN: Final = re.compile(r"\[([A-Za-z_][A-Za-z0-9_.]*)\]")


class _Computer:
    """What the properties of one package are on the computer of one case."""

    def __init__(self, case: Case, installer: InstallerFact) -> None:
        self._given = {one.name: one.value for one in installer.properties}
        self._undecided = frozenset(installer.undecided)
        self._own: dict[str, Told] = {
            **dict.fromkeys(_NEVER, ""),
            **_OURS,
            **_of_the_system(case.facts.os),
            "ProductName": installer.name,
            "ProductVersion": installer.version,
            "ProductCode": installer.product_code,
            "Manufacturer": installer.publisher,
            "Installed": _installed(case, installer),
        }

    def told(self, name: str) -> Told:
        """The text of a property, or a doubt about it."""
        if name in self._own:
            return self._own[name]
        if name in self._undecided or name in INSTALLERS_OWN or name.endswith("Folder"):
            return UNKNOWN
        if name in self._given:
            return self._given[name]
        return UNKNOWN if "*" in self._undecided else ""

    def worded(self, message: str) -> str:
        """The publisher's sentence with its ``[Property]`` marks filled in as far as they are known."""

        def text(match: re.Match[str]) -> str:
            told = self.told(match[1])
            return told if isinstance(told, str) else match[0]

        return _TOKEN.sub(text, message).strip()


def _of_the_system(system: OperatingSystem) -> dict[str, Told]:
    """``VersionNT`` and its like, as Windows Installer on this system has them."""
    told: dict[str, Told] = dict.fromkeys(
        ("VersionNT", "VersionNT64", "WindowsBuild", "ServicePackLevel", "MsiNTProductType", "Intel64", "VersionMsi"), UNKNOWN
    )
    told |= dict.fromkeys(("Msix64", "MsiAMD64", "Intel"), UNKNOWN)
    fields = (system.version or "").split(".")
    if fields[0].isdigit() and int(fields[0]) >= _TEN:
        told["VersionNT"], told["WindowsBuild"], told["ServicePackLevel"] = _NEWEST_TOLD
    elif tuple(fields[:2]) in _RELEASES:
        told["VersionNT"], told["ServicePackLevel"] = _RELEASES[fields[0], fields[1]]
        told["WindowsBuild"] = system.build or UNKNOWN
    elif fields[:2] == ["6", "1"]:
        told["VersionNT"], told["WindowsBuild"] = "601", system.build or UNKNOWN
        told["ServicePackLevel"] = {"7600": "0", "7601": "1"}.get(system.build or "", UNKNOWN)
    if system.name:
        told["MsiNTProductType"] = PRESENT if "server" in system.name.casefold() else "1"
    if told["VersionNT"] != UNKNOWN:
        told["VersionMsi"] = "5.00"
    if system.hardware == "x86_64":
        told |= {"VersionNT64": told["VersionNT"], "Msix64": PRESENT, "MsiAMD64": PRESENT, "Intel": PRESENT, "Intel64": ""}
    elif system.hardware == "i386":
        told |= {"VersionNT64": "", "Msix64": "", "MsiAMD64": "", "Intel": PRESENT, "Intel64": ""}
    return told


def _installed(case: Case, installer: InstallerFact) -> Told:
    """Whether the same product will still be there: what this run removes first is not."""
    if case.facts.products is None:
        return UNKNOWN
    removed = {normal(product.code) for component in case.catalogue.core for product in component_products(component, case.facts)}
    there = {normal(product.code) for product in case.facts.products if product.windows_installer}
    return PRESENT if normal(installer.product_code) in there - removed else ""


def launch_condition(case: Case) -> Verdict | None:
    """Each package accepts this computer; the publisher's own sentence is told when one does not."""
    if case.facts.os.family != "windows":
        return None
    unsure: dict[str, str] = {}
    for installer in (inspection.installer for inspection in case.inspections if inspection.installer is not None):
        computer = _Computer(case, installer)
        name = f"{installer.name} {installer.version}".strip()
        for one in installer.conditions:
            answer = _answer(one.condition, computer)
            if answer is False:
                evidence = {"condition": one.condition, "message": one.message}
                return fail(product=name, message=computer.worded(one.message) or one.condition, evidence=evidence)
            if answer is None:
                unsure.setdefault(one.condition, name)
    if unsure:
        named = ", ".join(dict.fromkeys(unsure.values()))
        return notice(
            words="package.launch-condition.unknown", products=named, conditions="; ".join(unsure), evidence={"conditions": list(unsure)}
        )
    return PASS


def _answer(text: str, computer: _Computer) -> bool | None:
    try:
        return evaluate(parse(text), computer.told)
    except ConditionError:
        return None


RULES: Final = (Rule(ref="package.launch-condition", evaluate=launch_condition),)
