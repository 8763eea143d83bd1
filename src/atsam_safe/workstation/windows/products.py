"""Products of a workstation: product codes first (Windows Installer's own list), then the uninstall entries of both views."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from atsam_safe.catalogue.product_codes import is_code, normal, packed
from atsam_safe.facts.model import InstalledProduct, RegistryFact

if TYPE_CHECKING:
    from atsam_safe.catalogue.model import Catalogue
    from atsam_safe.facts.model import Architecture
    from atsam_safe.workstation.windows.native import Hive, Native, RegistryValue, View
    from atsam_safe.workstation.windows.people import Person

UNINSTALL: Final = r"SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall"
MACHINE_PRODUCTS: Final = r"SOFTWARE\Microsoft\Windows\CurrentVersion\Installer\UserData\S-1-5-18\Products"
_VIEWS: Final[tuple[View, ...]] = ("64", "32")
_MOST: Final = 20_000
_ARCHITECTURES: Final[dict[View, Architecture]] = {"64": "x86_64", "32": "i386"}


def read_products(native: Native, person: Person | None = None) -> tuple[InstalledProduct, ...] | None:
    """Every product, those of Windows Installer by their code; ``None`` when nothing could be asked.

    ``person``: whose own products count besides the machine's (default: this account's). Windows Installer removes nothing that another
    account installed for itself alone: such a product is told as one that needs another uninstaller.
    """
    codes = native.products()
    if codes is None:
        return None
    entries = _uninstall_entries(native, person)
    found: dict[str, InstalledProduct] = {}
    for code in codes[:_MOST]:
        product = _installer_product(native, normal(code), entries)
        found[product.code] = product
    for name, (hive, view, values) in entries.items():
        if name in found or not _text(values, "displayname"):
            continue
        found[name] = _entry_product(name, hive, view, values)
    return tuple(sorted(found.values(), key=lambda product: product.code))


def _uninstall_entries(native: Native, person: Person | None) -> dict[str, tuple[Hive, View, dict[str, RegistryValue]]]:
    own: tuple[Hive, View, str] = ("HKCU", "64", UNINSTALL) if person is None else ("HKU", "64", f"{person.identifier}\\{UNINSTALL}")
    places: tuple[tuple[Hive, View, str], ...] = (("HKLM", "64", UNINSTALL), ("HKLM", "32", UNINSTALL), own)
    entries: dict[str, tuple[Hive, View, dict[str, RegistryValue]]] = {}
    for hive, view, place in places:
        for name in native.subkeys(hive, place, view)[:_MOST]:
            values = native.values(hive, f"{place}\\{name}", view)
            if values:
                entries.setdefault(normal(name) if is_code(name) else name, (hive, view, values))
    return entries


def _installer_product(native: Native, code: str, entries: dict[str, tuple[Hive, View, dict[str, RegistryValue]]]) -> InstalledProduct:
    entry = entries.get(code)
    values = entry[2] if entry is not None else {}
    registered = native.values("HKLM", f"{MACHINE_PRODUCTS}\\{packed(code)}\\InstallProperties", "64") or {}

    def told(detail: str, *names: str) -> str | None:
        return native.product(code, detail) or next(
            (text for name in names if (text := _text(values, name) or _text(registered, name))), None
        )

    return InstalledProduct(
        code=code,
        name=told("InstalledProductName", "displayname") or code,
        version=told("VersionString", "displayversion"),
        architecture=_ARCHITECTURES[entry[1]] if entry is not None else None,
        publisher=told("Publisher", "publisher"),
        windows_installer=True,
        local_package=told("LocalPackage", "localpackage"),
        install_source=told("InstallSource", "installsource"),
        package_name=native.product(code, "PackageName"),
        per_user=native.product(code, "AssignmentType") == "0",
    )


def _entry_product(name: str, hive: Hive, view: View, values: dict[str, RegistryValue]) -> InstalledProduct:
    return InstalledProduct(
        code=name,
        name=_text(values, "displayname") or name,
        version=_text(values, "displayversion"),
        architecture=_ARCHITECTURES[view],
        publisher=_text(values, "publisher"),
        windows_installer=values.get("windowsinstaller") == 1 and hive != "HKU",
        install_source=_text(values, "installsource"),
        per_user=hive != "HKLM",
    )


def read_identities(native: Native, catalogue: Catalogue) -> tuple[RegistryFact, ...]:
    """The keys in which components say what they are, in both views: texts alone, of the values the catalogue names."""
    found: list[RegistryFact] = []
    rules = [rule for one in catalogue.components if one.windows is not None for rule in one.windows.registry]
    for rule in rules:
        if rule.hive != "HKLM" or rule.role != "identity" or not rule.values:
            continue
        for view in _VIEWS:
            values = native.values("HKLM", rule.key, view) if rule.view in {view, "both"} else None
            texts = {name.casefold(): text for name in rule.values if (text := _text(values or {}, name.casefold()))}
            if texts:
                found.append(RegistryFact(key=rule.key, view=view, values=texts))
    return tuple(found)


def _text(values: dict[str, RegistryValue], name: str) -> str | None:
    value = values.get(name)
    return value if isinstance(value, str) and value else None
