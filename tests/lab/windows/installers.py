"""Windows Installer packages with the genuine codes, names, places, keys and versions, and none of the genuine bytes."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
import tempfile
import uuid
from pathlib import Path
from typing import Final

TOOLS: Final = ("wixl", "msibuild", "msiinfo")
# Codes that are not known from genuine packages are the laboratory's own.
UNINSTALL: Final = r"SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall"
LABORATORY: Final = uuid.UUID("0c9f7b52-4d0e-4c55-9d0d-6f6c61620001")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Placed:
    """One file: Windows Installer's folder property, folders below it, name."""

    folder: str
    below: tuple[str, ...]
    name: str
    content: bytes = b""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Product:
    """What a package says of itself and puts in place. ``keys``: registry key → values (machine-wide, the package's own view).

    ``refused_over``: codes of newer products that keep this one from being installed. They are looked for by name, because Wine forgets
    what is related to an upgrade code as soon as one of its products goes.
    """

    code: str
    name: str
    version: str
    publisher: str
    family: str
    wide: bool = True
    files: tuple[Placed, ...] = ()
    keys: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = ()
    upgrade: bool = False
    refused_over: tuple[str, ...] = ()
    condition: tuple[str, str] | None = None
    statements: tuple[str, ...] = ()


def laboratory_code(*parts: str) -> str:
    """A code of the laboratory, always the same for the same parts."""
    return "{" + str(uuid.uuid5(LABORATORY, "|".join(parts))).upper() + "}"


GIE: Final = "GIE SESAM-Vitale"
ANS: Final = "Agence du Numérique en Santé"
CNAM: Final = "CNAM"


def galss(version: str = "3.45.01", code: str = "{82AB7DB2-140E-4166-A04E-1FD805EE0A74}") -> Product:
    """GALSS for 64-bit Windows."""
    folder = ("santesocial", "galss")
    return Product(
        code=code,
        name=f"GALSS v{version[:4]} x64",
        version=version,
        publisher=GIE,
        family="galss",
        files=(
            Placed(folder="ProgramFiles64Folder", below=folder, name="galsvw64.exe", content=f"galss {version}".encode()),
            Placed(folder="ProgramFiles64Folder", below=folder, name="galclw64.dll"),
        ),
    )


def with_its_own_ini(product: Product) -> Product:
    """The same GALSS with a ``galss.ini`` of its own: it goes with the package (incident 021), and a set-up writes another (051)."""
    ini = Placed(folder="WindowsFolder", below=(), name="galss.ini", content=f"; {product.name}\r\n[CANAL1]\r\n".encode())
    return dataclasses.replace(product, files=(*product.files, ini))


def cryptolib(version: str, code: str) -> Product:
    """Cryptolib CPS for 64-bit Windows, with its identity in the registry."""
    return Product(
        code=code,
        name=f"Composants Cryptographiques CPS v{version} (x64)",
        version=version,
        publisher=ANS,
        family="cryptolib",
        files=(
            Placed(folder="System64Folder", below=(), name="cps3_pkcs11_w64.dll", content=f"pkcs11 {version}".encode()),
            Placed(folder="System64Folder", below=(), name="cps3_csp_w64.dll"),
            Placed(folder="WindowsFolder", below=(), name="cptabw64.dll"),
            Placed(folder="ProgramFiles64Folder", below=("santesocial", "CPS"), name="cpgesw64.exe", content=version.encode()),
        ),
        keys=((r"SOFTWARE\ASIP\Cryptolib CPS", (("Version", version), ("ProductCode", code))),),
    )


def srvsvcnam(version: str, code: str) -> Product:
    """SrvSvCnam, a 32-bit component."""
    return Product(
        code=code,
        name=f"Composant SrvSvCnam {version}",
        version=version,
        publisher=CNAM,
        family="srvsvcnam",
        wide=False,
        files=(Placed(folder="ProgramFilesFolder", below=("santesocial", "srvsvcnam"), name="SRVSVCNAM.exe", content=version.encode()),),
    )


# Several of one workstation (win-09): the older ones stayed registered when software brought newer ones.
_SEVERAL: Final = (
    ("5.0.42", "{370D799B-992B-49E0-8325-F2E10110A861}"),
    ("5.1.7", "{297EFD05-38C7-479C-BC34-BC269DCDE018}"),
    ("5.2.6", "{CF3BEBDD-16A0-4AE8-8764-ADDF9A104998}"),
)
SEVERAL_CRYPTOLIBS: Final = tuple(
    dataclasses.replace(cryptolib(version, code), refused_over=tuple(newer for _version, newer in _SEVERAL[number + 1 :]))
    for number, (version, code) in enumerate(_SEVERAL)
)
OLD_SET: Final = (
    galss(),
    cryptolib("5.2.2", "{D8609B2B-CE98-43A8-B2D2-77811A6ECAE1}"),
    srvsvcnam("5.08.04", "{36D412C8-AB7D-4818-9A4D-3ADF339D5BDE}"),
)
NEW_SET: Final = (
    galss(),
    cryptolib("5.2.6", "{CF3BEBDD-16A0-4AE8-8764-ADDF9A104998}"),
    srvsvcnam("5.10.04", "{306912F2-76F5-4BA3-9260-E9F581C886DD}"),
)
# For Windows 11 alone, as far as is known.
ELEVEN_SET: Final = (
    galss(),
    cryptolib("5.2.5", "{8E7E05AF-341D-412A-937E-B80867AE8D2B}"),
    NEW_SET[2],
)
# What the package leaves in the registry says another version than the package itself.
LYING_SET: Final = (
    galss(),
    dataclasses.replace(
        NEW_SET[1],
        keys=((r"SOFTWARE\ASIP\Cryptolib CPS", (("Version", "5.2.2"), ("ProductCode", "{CF3BEBDD-16A0-4AE8-8764-ADDF9A104998}"))),),
    ),
    NEW_SET[2],
)


def _refusals(product: Product) -> list[str]:
    """As the genuine Cryptolib: an older product stays beside a newer one, and cannot come where a newer one is."""
    said = "Une version plus recente est deja installee."
    found: list[str] = []
    for number in range(len(product.refused_over)):
        name, condition, place = f"Refuse{number}", f"NEWER{number} AND NOT Installed", 90 + number
        found += [
            f"INSERT INTO `CustomAction` (`Action`,`Type`,`Source`,`Target`) VALUES ('{name}',19,'','{said}')",  # noqa: S608 - as above
            f"INSERT INTO `InstallExecuteSequence` (`Action`,`Condition`,`Sequence`) VALUES ('{name}','{condition}',{place})",  # noqa: S608
        ]
    return found


def build(product: Product, target: Path) -> Path:
    """Build ``product`` as ``target`` (an .msi)."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        (work / "x.wxs").write_text(_source(product, work), encoding="utf-8")
        _run(["wixl", "-a", "x64" if product.wide else "x86", "-o", "x.msi", "x.wxs"], work)
        for statement in (*_condition(product), *_refusals(product), *product.statements):
            _run(["msibuild", "x.msi", "-q", statement], work)
        shutil.copyfile(work / "x.msi", target)
    return target


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        raise RuntimeError(f"{command}: {done.stderr[-400:]}")


def _condition(product: Product) -> list[str]:
    if product.condition is None:
        return []
    condition, message = product.condition
    first = "INSERT INTO `InstallExecuteSequence` (`Action`, `Sequence`) VALUES ('LaunchConditions', 100)"
    row = f"INSERT INTO `LaunchCondition` (`Condition`, `Description`) VALUES ('{condition}', '{message}')"  # noqa: S608 - a test package's own table
    return [row] if product.upgrade else [first, row]


def _source(product: Product, work: Path) -> str:
    """The package's source as wixl reads it."""
    parts: list[str] = []
    folders: dict[str, list[str]] = {}
    for number, placed in enumerate(product.files):
        (work / f"f{number}").write_bytes(placed.content or f"{product.name} {placed.name}".encode())
        keys = _keys(product) if number == 0 else ""
        wide = " Win64='yes'" if product.wide else ""
        guid = laboratory_code(product.family, placed.name).strip("{}")
        component = (
            f"<Component Id='C{number}' Guid='{guid}'{wide}>"
            f"<File Id='F{number}' Name='{placed.name}' Source='f{number}' KeyPath='yes'/>{keys}</Component>"
        )
        opened = "".join(f"<Directory Id='D{number}_{depth}' Name='{name}'>" for depth, name in enumerate(placed.below))
        folders.setdefault(placed.folder, []).append(opened + component + "</Directory>" * len(placed.below))
        parts.append(f"<ComponentRef Id='C{number}'/>")
    tree = "".join(f"<Directory Id='{folder}'>{''.join(below)}</Directory>" for folder, below in folders.items())
    upgrade = "<MajorUpgrade DowngradeErrorMessage='Une version plus recente est deja installee.'/>" if product.upgrade else ""
    searches = "".join(
        f"<Property Id='NEWER{number}'><RegistrySearch Id='S{number}' Root='HKLM' Key='{UNINSTALL}\\{code}' Name='DisplayVersion'"
        " Type='raw' Win64='yes'/></Property>"
        for number, code in enumerate(product.refused_over)
    )
    return (
        "<?xml version='1.0' encoding='utf-8'?><Wix xmlns='http://schemas.microsoft.com/wix/2006/wi'>"
        f"<Product Id='{product.code.strip('{}')}' Name='{product.name}' Version='{product.version}' Manufacturer='{product.publisher}'"
        f" Language='1036' Codepage='1252' UpgradeCode='{laboratory_code('upgrade', product.family).strip('{}')}'>"
        f"<Package InstallerVersion='301' Compressed='yes' InstallScope='perMachine' Description='{product.name}' Comments='laboratory'/>"
        f"{upgrade}{searches}<Media Id='1' Cabinet='x.cab' EmbedCab='yes'/>"
        f"<Directory Id='TARGETDIR' Name='SourceDir'>{tree}</Directory>"
        f"<Feature Id='Complete' Level='1'>{''.join(parts)}</Feature></Product></Wix>"
    )


def _keys(product: Product) -> str:
    return "".join(
        f"<RegistryValue Root='HKLM' Key='{key}' Name='{name}' Type='string' Value='{value}'/>"
        for key, values in product.keys
        for name, value in values
    )
