"""The three components, and two that ATSAM carries beside them, with their real identifiers and payload layout; content in our own words.

``component_items`` is the single description of what a component puts on a disk: the package builder wraps it and the
workstation builder lays it out.
"""

from __future__ import annotations

import dataclasses
import plistlib
from typing import TYPE_CHECKING, Final

from lab.items import Item, directory, file, symlink
from lab.macho import image
from lab.packages import INSTALLATION_CHECK, Component, Product, component_package, product_package

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lab.cpio import Compression
    from lab.xar import TocSigner, XarOptions

GALSS: Final = "galss"
SRVSVCNAM: Final = "srvsvcnam"
CRYPTOLIB: Final = "cryptolib"
COMPONENTS: Final = (GALSS, SRVSVCNAM, CRYPTOLIB)
DIAGAM: Final = "diagam"
AMELIPRO: Final = "amelipro-connect"

IDENTIFIERS: Final = {
    GALSS: "fr.sesamvitale.galss.pkg",
    SRVSVCNAM: "org.cnamts.SrvSVcnam",
    CRYPTOLIB: "fr.asipsante.pkg.cryptolibCPS",
    DIAGAM: "fr.sesamvitale.diagAM.pkg",
    AMELIPRO: "fr.sesam-vitale.navigateur-amelipro",
}
# What is known of each: of the SrvSVCNAM of 4.50 only « 3.43 », which its full number may continue.
ATSAM_VERSIONS: Final = {
    "4.41": {GALSS: "3.42.03", SRVSVCNAM: "3.40.02", CRYPTOLIB: "5.1.5"},
    "4.50": {GALSS: "3.43.02", SRVSVCNAM: "3.43", CRYPTOLIB: "5.1.8"},
}
# What genuine bundles carry beside the unit; in which release the builds of the story do is not known.
BESIDE: Final = {DIAGAM: "2.01.19", AMELIPRO: "2.02.04"}

# Frameworks of GALSS: two follow the package's two first numbers, the others have their own numbering.
_GALSS_FRAMEWORKS: Final = {"galinosx": "3.28", "pcscosx": "3.32", "galssosx": None, "pssinosx": "3.36", "galclosx": None}
_IGC_SANTE: Final = (
    "ACR_ELEMENTAIRE",
    "ACR_FORT",
    "ACR_STANDARD",
    "AC_ELEMENTAIRE_ORGANISATIONS",
    "AC_ELEMENTAIRE_PERSONNES",
    "AC_FORT_ORGANISATIONS",
    "AC_FORT_PERSONNES",
    "AC_STANDARD_ORGANISATIONS",
    "AC_STANDARD_PERSONNES",
)

DEFAULT_GALSS_INI: Final = (
    "; Configuration livrée : lecteur série\r\n"
    "[CONFIG]\r\nNbCanaux=1\r\n"
    "[PROTOCOLE0]\r\nNomLib=/Library/Frameworks/pssinosx.framework\r\nConfig=0\r\n"
    "[CANAL1]\r\nTCanal=1\r\nIndex=1\r\nProtocole=0\r\nCaracteristiques=9600,8,N,1\r\nNbPAD=1\r\n"
    "PAD1=2\r\nNbLAD1=3\r\n"
    "LAD11=0\r\nNomLAD11=CPS\r\nNbAlias11=1\r\nNomAlias11=TRANSPA1\r\n"
    "LAD12=1\r\nNomLAD12=Log_SV\r\nNbAlias12=0\r\n"
    "LAD13=2\r\nNomLAD13=Vitale\r\nNbAlias13=1\r\nNomAlias13=TRANSPA2\r\n"
).encode("latin-1")
DEFAULT_IO_COMM_INI: Final = (
    b"[PORTS]\r\nCOM1=/dev/cu.modem\r\nCOM2=/dev/cu.printer\r\n[TRACES]\r\nFichier=/Library/Logs/santesocial/galss/pss.log\r\n"
)


def framework_version(name: str, galss_version: str) -> str:
    """The version a GALSS framework declares inside the package of ``galss_version`` (3.43.02 ships a galssosx 3.43)."""
    own = _GALSS_FRAMEWORKS[name]
    return own if own is not None else ".".join(galss_version.split(".")[:2])


def _info_plist(identifier: str, name: str, version: str, *, kind: str) -> bytes:
    return plistlib.dumps(
        {
            "CFBundleIdentifier": identifier,
            "CFBundleName": name,
            "CFBundleExecutable": name,
            "CFBundlePackageType": kind,
            "CFBundleShortVersionString": version,
            "CFBundleVersion": version,
        },
    )


def _framework(name: str, identifier: str, version: str, architectures: Sequence[str]) -> list[Item]:
    top = f"Library/Frameworks/{name}.framework"
    inner = f"{top}/Versions/A"
    binary = image(
        architectures, dylib_name=f"/{top}/Versions/A/{name}", dylib_version=version, filling=f"{name} {version}\n".encode() * 40
    )
    return [
        directory(top),
        file(f"{inner}/{name}", binary, 0o755),
        file(f"{inner}/Resources/Info.plist", _info_plist(identifier, name, version, kind="FMWK")),
        file(f"{inner}/_CodeSignature/CodeResources", plistlib.dumps({"files": {}, "version": version})),
        symlink(f"{top}/Versions/Current", "A"),
        symlink(f"{top}/{name}", f"Versions/Current/{name}"),
        symlink(f"{top}/Resources", "Versions/Current/Resources"),
    ]


def _application(top: str, identifier: str, version: str, architectures: Sequence[str], *, kind: str = "APPL") -> list[Item]:
    name = top.rsplit("/", 1)[-1].rsplit(".", 1)[0]
    return [
        file(f"{top}/Contents/Info.plist", _info_plist(identifier, name, version, kind=kind)),
        file(f"{top}/Contents/MacOS/{name}", image(architectures, filling=f"{name} {version}\n".encode() * 60), 0o755),
        file(f"{top}/Contents/PkgInfo", b"APPL????"),
    ]


def _galss(version: str) -> list[Item]:
    architectures = ("x86_64",) if version >= "3.43" else ("i386", "x86_64")
    support = "Library/Application Support"
    items = [
        directory(f"{support}/santesocial/galss"),
        file(
            f"{support}/santesocial/galss/log4crc.xml", "<?xml version='1.0'?>\n<log4c><category name='GALSV' priority='error'/></log4c>\n"
        ),
        directory(f"{support}/Galss"),
        file(f"{support}/Galss/galsvosx", image(architectures, minimum_os="10.6", filling=f"galsvosx {version}\n".encode() * 80), 0o755),
        file(f"{support}/Galss/ListSerial", image(architectures, minimum_os="10.10", filling=b"ListSerial\n" * 30), 0o755),
        file(f"{support}/Galss/uninstall.sh", "#!/bin/sh\n# removes GALSS, keeps galss.ini and io_comm.ini\nexit 0\n", 0o755),
        file("Library/Preferences/galss.ini", DEFAULT_GALSS_INI),
        file("Library/Preferences/io_comm.ini", DEFAULT_IO_COMM_INI),
        directory("Library/Logs/santesocial/galss"),
    ]
    for name in _GALSS_FRAMEWORKS:
        items += _framework(name, f"fr.sesamvitale.{name}", framework_version(name, version), architectures)
    return items


def _srvsvcnam(version: str) -> list[Item]:
    architectures = ("x86_64",)
    support = "Library/Application Support/santesocial/SrvSVcnam"
    agent = {
        "Label": "org.cnamts.srvsvcnam.launchd",
        "ProgramArguments": ["/Applications/SrvSVcnam_Lanceur.app/Contents/MacOS/SrvSVcnam_Lanceur"],
        "RunAtLoad": True,
    }
    return [
        directory(support),
        file(f"{support}/AC-SRVSVCNAM.pem", "-----BEGIN CERTIFICATE-----\nbGFi\n-----END CERTIFICATE-----\n"),
        file(AGENT_FILE, plistlib.dumps(agent)),
        *_application("Applications/SrvSVcnam_Lanceur.app", "org.cnamts.SrvSVcnam-Lanceur", version, architectures),
        *_application("Applications/SrvSVcnam_Moniteur.app", "org.cnamts.SrvSVcnam-Moniteur", version, architectures),
        *_application(
            "Library/PreferencePanes/Composant SrvSVCNAM.prefPane", "org.cnamts.SrvSVcnam.prefpane", version, architectures, kind="BNDL"
        ),
    ]


def _cryptolib_architectures(version: str) -> tuple[str, ...]:
    numbers = tuple(int(part) for part in version.split("."))
    if numbers < (5, 1, 6):
        return ("i386", "x86_64")
    return ("x86_64", "arm64") if numbers >= (5, 2) else ("x86_64",)


def _cryptolib(version: str) -> list[Item]:
    architectures = _cryptolib_architectures(version)
    support = "Library/Application Support/santesocial"
    preferences = "Library/Preferences/santesocial/CPS"
    library = image(
        architectures,
        minimum_os="10.15" if version >= "5.2" else "10.10",
        dylib_name="/usr/local/lib/libcps3_pkcs11_osx.dylib",
        dylib_version="3.1.0" if version >= "5.2" else "2.5.0",
        filling=f"libcps3 {version}\n".encode() * 200,
    )
    top = "fr.asipsante.macosx"
    return [
        file("usr/local/lib/libcps3_pkcs11_osx.dylib", library, 0o777),
        directory("Library/Application Support/Mozilla/PKCS11Modules", 0o777),
        file(f"{support}/CPS/uninstall.sh", "#!/bin/sh\n# asks O or N on the terminal, then removes the Cryptolib\nexit 0\n", 0o755),
        file(f"{support}/CPS/postinstall.sh", "#!/bin/sh\nexec ./uninstall.sh --menu\n", 0o755),
        file(f"{support}/CPS/postinstall.command", "#!/bin/sh\nexec ./uninstall.sh --menu\n", 0o755),
        file(f"{support}/CPS/license.txt", "Licence d'utilisation de la Cryptolib CPS.\n"),
        directory(f"{support}/commun/adm", 0o777),
        directory(preferences, 0o777),
        *(file(f"{preferences}/coffre/{name}.cer", f"certificat {name}\n") for name in _IGC_SANTE),
        file(f"{preferences}/cps3_pkcs11.conf", "traces { active = false; debug = 0; }\ngalss { tpc_polling_time = 3; }\n", 0o666),
        directory(f"{preferences}/tmpinstall", 0o777),
        file(f"{preferences}/tmpinstall/fr.asipsante.startpcscd.plist", plistlib.dumps({"Label": "fr.asipsante.startpcscd"})),
        file("Library/Preferences/DICO-FR.GIP", "DICTIONNAIRE 2.18\n"),
        directory("Library/Logs/santesocial/CPS", 0o777),
        *_application("Library/PreferencePanes/PrefsCPS.prefPane", "fr.asip.esante.prefscps", "2.0", architectures, kind="BNDL"),
        *_framework("cptabosx", f"{top}.framework.cptabosx", "5.13", architectures),
        file("private/etc/reader.conf", "# lecteurs série\n"),
        *_application("Applications/cpgesosx.app", f"{top}.app.cpgesosx", "6.09", architectures),
    ]


def _diagam(version: str) -> list[Item]:
    return [
        directory("Library/Application Support/santesocial/diagAM"),
        directory("Library/Logs/santesocial/DiagAM"),
        *_application("Applications/DiagAM.app", "fr.sesamvitale.diagAM", version, ("x86_64",)),
    ]


def _amelipro(version: str) -> list[Item]:
    support = "Library/Application Support/santesocial/amelipro"
    return [
        file(f"{support}/uninstall.sh", "#!/bin/sh\n# removes amelipro connect\nexit 0\n", 0o755),
        directory("Library/Logs/santesocial/amelipro"),
        *_application("Applications/amelipro connect.app", "fr.sesam-vitale.navigateur-amelipro", version, ("x86_64",)),
    ]


AGENT_FILE: Final = "Library/LaunchAgents/org.cnamts.srvsvcnam.launchd.plist"


def labelled_agent(label: object) -> bytes:
    """The job file of SrvSVCNAM, named as ever, with another name inside: launchd knows a job by the one inside."""
    original = next(item.data for item in _srvsvcnam("3.40.02") if item.path == AGENT_FILE)
    return plistlib.dumps({**plistlib.loads(original), "Label": label})


_LAYOUTS: Final = {GALSS: _galss, SRVSVCNAM: _srvsvcnam, CRYPTOLIB: _cryptolib, DIAGAM: _diagam, AMELIPRO: _amelipro}


def component_items(component: str, version: str) -> list[Item]:
    """What the package of ``component`` (``galss``, ``srvsvcnam``, ``cryptolib``, ``diagam``, …) installs, relative to ``/``.

    Folders that only lead to something are not listed (``lab.items.with_parents`` adds them).
    """
    return _LAYOUTS[component](version)


_APPLE_DOUBLE: Final = b"\0\x05\x16\x07\0\x02\0\0Mac OS X        " + bytes(58)


def attribute_members(component: str, version: str) -> list[Item]:
    """The « ._name » members of a package: macOS makes attributes of them, so that no disk has them; the bill of materials lists them.

    A sixth of the genuine Cryptolib's members are such, of files and of folders.
    """
    if component != CRYPTOLIB:
        return []
    items = [item for item in component_items(component, version) if item.kind == "file"][::3]
    folder, _, name = items[0].path.rpartition("/")
    above, _, last = folder.rpartition("/")
    beside = [file(f"{item.path.rpartition('/')[0]}/._{item.path.rpartition('/')[2]}", _APPLE_DOUBLE) for item in items]
    return [*beside, file(f"{above}/._{last}", _APPLE_DOUBLE, 0o755)] if name and above else beside


_SCRIPTS: Final = {
    GALSS: {
        "preinstall": "#!/bin/sh\n# keeps galss.ini and io_comm.ini beside, then clears the old folder\nexit 0\n",
        "postinstall": "#!/bin/sh\n# opens the modes, detects readers, puts the kept ini files back\nexit 0\n",
    },
    SRVSVCNAM: {"postinstall": "#!/bin/sh\n# adds the local certificate and starts the agent\nexit 0\n"},
    CRYPTOLIB: {
        "preinstall": "#!/bin/bash\n# . ./common\nexit 0\n",
        "postinstall": "#!/bin/bash\n# . ./common\nexit 0\n",
        "common": "# shared by both scripts\n",
    },
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sabotage:
    """What is wrong with a package, in one place.

    ``missing``: a path left out of payload and bill alike. ``unpacked_missing``: left out of the payload only.
    ``contents``: other bytes for a path. ``extra``: more items. ``identifier``/``version``: what PackageInfo claims instead.
    """

    missing: tuple[str, ...] = ()
    unpacked_missing: tuple[str, ...] = ()
    contents: tuple[tuple[str, bytes], ...] = ()
    extra: tuple[Item, ...] = ()
    identifier: str | None = None
    version: str | None = None


def atsam_component(component: str, version: str, sabotage: Sabotage | None = None, *, compression: Compression = "gzip") -> Component:
    """One component as the package builder wants it, sound or sabotaged."""
    wrong = sabotage or Sabotage()
    listed = [*component_items(component, version), *attribute_members(component, version)]
    items = [item for item in listed if item.path not in wrong.missing] + list(wrong.extra)
    changed = dict(wrong.contents)
    items = [dataclasses.replace(item, data=changed.get(item.path, item.data)) for item in items]
    payload = [item for item in items if item.path not in wrong.unpacked_missing]
    return Component(
        identifier=wrong.identifier or IDENTIFIERS[component],
        version=wrong.version or version,
        items=tuple(payload),
        declared_items=tuple(items),
        scripts=_SCRIPTS.get(component, {}),
        compression=compression,
        bundles=tuple(
            (f"./{item.path.removesuffix('/Resources/Info.plist')}", plist["CFBundleIdentifier"], plist["CFBundleShortVersionString"])
            for item in items
            if item.path.endswith("/Info.plist") and item.data.startswith(b"<?xml")
            for plist in (plistlib.loads(item.data),)
        ),
    )


def unknown_part() -> Component:
    """A part that no catalogue knows."""
    items = [file("Applications/Autre.app/Contents/MacOS/Autre", image(("x86_64",), filling=b"autre\n" * 20), 0o755)]
    return Component(identifier="fr.exemple.autre", version="1.0", items=tuple(items))


def build_component(
    component: str,
    version: str,
    signer: TocSigner | None = None,
    *,
    sabotage: Sabotage | None = None,
    options: XarOptions | None = None,
    as_product: bool = False,
    compression: Compression = "gzip",
) -> bytes:
    """A package with one component: bare, or as the product archive that publishers sign (``as_product``)."""
    part = atsam_component(component, version, sabotage, compression=compression)
    if as_product:
        product = Product(title=f"{component} {version}", components=(part,), checks=INSTALLATION_CHECK if component == GALSS else "")
        return product_package(product, signer, options)
    return component_package(part, signer, options)


def build_atsam(
    build: str,
    signer: TocSigner | None = None,
    *,
    sabotage: Mapping[str, Sabotage] | None = None,
    versions: Mapping[str, str] | None = None,
    options: XarOptions | None = None,
    compression: Compression = "gzip",
    conclusion: str = "none",
    more: Sequence[Component] = (),
    choices: Mapping[str, str] | None = None,
) -> bytes:
    """The ATSAM product package of ``build`` (``4.41``, ``4.50``). ``versions`` replaces single versions (a mixture) or adds (``BESIDE``).

    ``conclusion``: what the package asks for at its end (``RequireRestart``). ``more``: parts of any kind after the components.
    ``choices``: component → attributes of its choice (``start_selected="false"``).
    """
    chosen = {**ATSAM_VERSIONS[build], **(versions or {})}
    parts = (
        *(
            dataclasses.replace(
                atsam_component(component, version, (sabotage or {}).get(component), compression=compression),
                choice=(choices or {}).get(component, ""),
            )
            for component, version in chosen.items()
        ),
        *more,
    )
    return product_package(Product(title=f"ATSAM {build}", components=parts, conclusion=conclusion), signer, options)
