"""A small catalogue of the three components and some neighbours, for tests that must not depend on the shipped manifests."""

from __future__ import annotations

from typing import Final, Literal, TypedDict

from atsam_safe.catalogue.model import (
    Catalogue,
    Certainty,
    Component,
    ConfigRule,
    Dependent,
    PathRole,
    PathRule,
    ReceiptRule,
    Release,
    ServiceRule,
    Trust,
    WitnessRule,
)
from lab.atsam import CRYPTOLIB, GALSS, IDENTIFIERS, SRVSVCNAM


class Said(TypedDict):
    """Where a statement comes from."""

    source: str
    certainty: Certainty


SAID: Final[Said] = {"source": "lab", "certainty": "confirmed"}
SANTESOCIAL: Final = "/Library/Application Support/santesocial"
GALSSOSX: Final = "/Library/Frameworks/galssosx.framework/Versions/A"
FSV_FOLDER: Final = f"{SANTESOCIAL}/fsv/*"


def path_rule(
    path: str,
    scope: Literal["file", "tree", "directory"] = "file",
    role: PathRole = "program",
    on_uninstall: Literal["remove", "keep", "remove-if-unclaimed"] = "remove",
) -> PathRule:
    """A path rule with the lab as its source."""
    return PathRule(path=path, scope=scope, role=role, on_uninstall=on_uninstall, **SAID)


def _galss() -> Component:
    frameworks = ("galinosx", "pcscosx", "galssosx", "pssinosx", "galclosx")
    return Component(
        id=GALSS,
        name="GALSS",
        publisher="GIE SESAM-Vitale",
        core=True,
        receipts=(
            ReceiptRule(id=IDENTIFIERS[GALSS], current=True, **SAID),
            ReceiptRule(id="com.gipcps.galss", **SAID),
            ReceiptRule(id="galss.pkg", style="bundle", **SAID),
        ),
        paths=(
            *(path_rule(f"/Library/Frameworks/{name}.framework", "tree", "library") for name in frameworks),
            path_rule("/Library/Application Support/Galss", "tree"),
            path_rule("/Library/Application Support/Galss/galsvosx"),
            path_rule(f"{SANTESOCIAL}/galss", "tree"),
            path_rule("/Library/Preferences/galss.ini", role="config", on_uninstall="keep"),
            path_rule("/Library/Preferences/io_comm.ini", role="config", on_uninstall="keep"),
            path_rule(SANTESOCIAL, "directory", on_uninstall="remove-if-unclaimed"),
        ),
        configs=(
            ConfigRule(path="/Library/Preferences/galss.ini", pair="/Library/Preferences/io_comm.ini", **SAID),
            ConfigRule(path="/Library/Preferences/io_comm.ini", pair="/Library/Preferences/galss.ini", **SAID),
            ConfigRule(path=f"{SANTESOCIAL}/galss/log4crc.xml", format="xml", **SAID),
        ),
        witnesses=(
            WitnessRule(kind="info-plist", path=f"{GALSSOSX}/Resources/Info.plist", compare="prefix", **SAID),
            WitnessRule(kind="binary", path=f"{GALSSOSX}/galssosx", compare="prefix", **SAID),
        ),
        releases=(
            Release(
                version="3.43.02",
                witnesses=(WitnessRule(kind="checksum", path="/Library/Application Support/Galss/galsvosx", value="00" * 32, **SAID),),
                **SAID,
            ),
        ),
    )


def _srvsvcnam() -> Component:
    return Component(
        id=SRVSVCNAM,
        name="SrvSVCNAM",
        publisher="CNAM",
        core=True,
        receipts=(
            ReceiptRule(id=IDENTIFIERS[SRVSVCNAM], current=True, **SAID),
            ReceiptRule(id="org.cnamts.SrvSVcnam_", match="prefix", **SAID),
        ),
        paths=(
            path_rule(f"{SANTESOCIAL}/SrvSVcnam", "tree"),
            path_rule(f"{SANTESOCIAL}/commun/adm/157.adm", role="inventory", on_uninstall="remove-if-unclaimed"),
            path_rule("~/Library/Application Support/*/NativeMessagingHosts/fr.sesamvitale.srvsvcnam_native_messaging_host.json"),
            path_rule("~/Library/Application Support/Google/*/NativeMessagingHosts/fr.sesamvitale.srvsvcnam_native_messaging_host.json"),
        ),
        services=(
            ServiceRule(label="org.cnamts.srvsvcnam.launchd", **SAID),
            ServiceRule(label="org.cnamts.srvsvcnam", domain="user-agent", match="prefix", **SAID),
        ),
    )


def _cryptolib() -> Component:
    return Component(
        id=CRYPTOLIB,
        name="Cryptolib CPS",
        publisher="ANS",
        core=True,
        receipts=(ReceiptRule(id=IDENTIFIERS[CRYPTOLIB], current=True, **SAID),),
        paths=(
            path_rule("/usr/local/lib/libcps3_pkcs11_osx.dylib", role="library"),
            path_rule("/etc/reader.conf", role="config"),
            path_rule(f"{SANTESOCIAL}/commun/adm", "directory", on_uninstall="remove-if-unclaimed"),
            path_rule("~/Library/Application Support/Firefox/Profiles/*/prefs.js", role="data", on_uninstall="keep"),
        ),
    )


def _fsv() -> Component:
    return Component(
        id="fsv",
        name="FSV",
        publisher="GIE SESAM-Vitale",
        receipts=(ReceiptRule(id="fr.sesamvitale.fsv-", match="prefix", current=True, **SAID),),
        paths=(
            path_rule(f"{FSV_FOLDER}/ssv", "tree"),
            path_rule(f"{FSV_FOLDER}/conf", "tree", "private"),
            path_rule(f"{FSV_FOLDER}/travail", "tree", "private"),
        ),
        configs=(ConfigRule(path=f"{FSV_FOLDER}/conf/sesam.ini", **SAID),),
    )


def small_catalogue() -> Catalogue:
    """The three core components, the FSV as an optional one with private folders, and two dependents."""
    return Catalogue(
        origin="lab",
        digest="lab",
        components=(_galss(), _srvsvcnam(), _cryptolib(), _fsv()),
        bundles=(),
        dependents=(
            Dependent(
                id="dmp-connect",
                name="DMP Connect",
                receipts=("org.icanopee.dmpcjs*",),
                paths=("/Applications/DmpConnectJS2.app",),
                services=("com.icanopee.dmpcjs2", "com.icanopee.dmpcjsmonitor2"),
                uses=(GALSS,),
                **SAID,
            ),
            Dependent(id="medistory", name="MédiStory", paths=("/Applications/MédiStory*.app",), never_touch=True, **SAID),
        ),
        os_releases=(),
        trust=Trust(),
    )
