"""Which component, release and build: by identifier, version and digest."""

from __future__ import annotations

import msgspec
import pytest

from atsam_safe.catalogue.model import BundleMember, Catalogue, Trust
from atsam_safe.packages.identify import bundle_of, component_of, identify
from atsam_safe.packages.model import ComponentPackage, Inspection, PartSelection, SignatureFact
from lab.atsam import BESIDE, IDENTIFIERS
from lab.decisions import shipped_catalogue
from lab.inspecting import release, small_catalogue

CATALOGUE = small_catalogue(Trust())


def inspection(versions: dict[str, str], *, verdict: str = "unsigned") -> Inspection:
    parts = tuple(
        ComponentPackage(identifier=IDENTIFIERS.get(component, component), version=version) for component, version in versions.items()
    )
    signature = SignatureFact(verdict=verdict)  # type: ignore[arg-type]  # parametrised text
    return Inspection(path="anything.pkg", sha256="ab" * 32, size=1, format="macos-flat-package", components=parts, signature=signature)


def build_of(versions: dict[str, str]) -> str | None:
    build = identify(inspection(versions), CATALOGUE).build
    return None if build is None else build.id


@pytest.mark.parametrize(
    ("versions", "expected"),
    [
        ({"galss": "3.42.03", "srvsvcnam": "3.40.02", "cryptolib": "5.1.5"}, "atsam-macos-4.41"),
        ({"galss": "3.42.03", "srvsvcnam": "3.42.02", "cryptolib": "5.1.5"}, "atsam-macos-4.41"),
        ({"galss": "3.43.02", "srvsvcnam": "3.43", "cryptolib": "5.1.8"}, "atsam-macos-4.50"),
        ({"galss": "3.43.02", "srvsvcnam": "3.43.17", "cryptolib": "5.1.8"}, "atsam-macos-4.50"),
        ({"galss": "3.43.02", "srvsvcnam": "3.430", "cryptolib": "5.1.8"}, None),
        ({"galss": "3.43.02", "srvsvcnam": "3.40.02", "cryptolib": "5.1.5"}, None),
        ({"galss": "3.42.03", "srvsvcnam": "3.40.02"}, None),
        # the parts of the unit say which build it is; what lies beside them, known or not, does not
        ({"galss": "3.42.03", "srvsvcnam": "3.40.02", "cryptolib": "5.1.5", "org.exemple": "1"}, "atsam-macos-4.41"),
        ({"org.exemple": "1", "galss": "3.43.02", "srvsvcnam": "3.43.02", "cryptolib": "5.1.8"}, "atsam-macos-4.50"),
        ({"galss": "3.43.02", "srvsvcnam": "3.40.02", "cryptolib": "5.1.5", "org.exemple": "1"}, None),
        ({"galss": "3.42.03", "srvsvcnam": "3.40.02", "org.exemple": "1"}, None),
        ({"org.exemple": "1"}, None),
        ({"galss": "3.42.03"}, None),
        ({}, None),
    ],
)
def test_build_is_the_exact_set(versions: dict[str, str], expected: str | None) -> None:
    assert build_of(versions) == expected


STORY = {"galss": "3.42.03", "srvsvcnam": "3.40.02", "cryptolib": "5.1.5"}


@pytest.mark.parametrize(
    ("versions", "expected"),
    [
        ({**STORY, **BESIDE}, "atsam-macos-4.41"),
        ({**BESIDE, **STORY}, "atsam-macos-4.41"),
        # no release of an optional component makes another build, and none makes one up
        ({**STORY, "diagam": "9.9"}, "atsam-macos-4.41"),
        ({"galss": "3.43.02", "cryptolib": "5.2.6", "diagam": "9.9"}, "field-macos-26-cryptolib-5.2.6"),
        ({**STORY, "cryptolib": "5.1.6", **BESIDE}, None),
        ({"galss": "3.42.03", "srvsvcnam": "3.40.02", **BESIDE}, None),
        (BESIDE, None),
        # a part of the unit that the build does not list is never « beside » it
        ({"galss": "3.43.02", "cryptolib": "5.2.6", "srvsvcnam": "3.43"}, None),
    ],
)
def test_optional_components_of_the_catalogue_do_not_void_a_build(versions: dict[str, str], expected: str | None) -> None:
    build = identify(inspection(versions), shipped_catalogue()).build
    assert (None if build is None else build.id) == expected


def test_two_releases_of_a_part_of_the_unit_are_no_build_even_if_each_would_fit() -> None:
    parts = [ComponentPackage(identifier=component, version=version, component=component) for component, version in STORY.items()]
    twice = [*parts, ComponentPackage(identifier="x", version="3.42.02", component="srvsvcnam")]
    assert bundle_of(parts, shipped_catalogue()) is not None
    assert bundle_of(twice, shipped_catalogue()) is None
    assert bundle_of(twice[::-1], shipped_catalogue()) is None
    optional = [ComponentPackage(identifier="x", version=version, component="diagam") for version in ("2.01.19", "3.2.16")]
    assert bundle_of([*parts, *optional], shipped_catalogue()) is not None


@pytest.mark.parametrize("selection", ["installed", "undecided", "left-out"])
def test_a_part_of_the_unit_that_is_left_out_makes_no_build(selection: PartSelection) -> None:
    parts = [ComponentPackage(identifier=component, version=version, component=component) for component, version in STORY.items()]
    for number in range(len(parts)):
        changed = msgspec.structs.replace(parts[number], selection=selection)
        assert (bundle_of([*parts[:number], changed, *parts[number + 1 :]], shipped_catalogue()) is None) is (selection == "left-out")
        # nor does a second one beside it, whatever its version: this is about who may sign
        for version in (changed.version, "9"):
            second = msgspec.structs.replace(changed, version=version)
            assert (bundle_of([*parts, second], shipped_catalogue()) is None) is (selection == "left-out" or version == "9")
    optional = ComponentPackage(identifier="x", version="9", component="diagam", selection=selection)
    assert bundle_of([*parts, optional], shipped_catalogue()) is not None


def test_what_a_set_requires_beside_the_unit_must_be_there_in_its_release() -> None:
    outside = BundleMember(component="mica", versions=("4.01.00",))
    catalogue = shipped_catalogue()
    story = next(entry for entry in catalogue.bundles if entry.id == "atsam-macos-4.41")
    catalogue = msgspec.structs.replace(catalogue, bundles=(msgspec.structs.replace(story, members=(*story.members, outside)),))
    unit = [ComponentPackage(identifier=component, version=version, component=component) for component, version in STORY.items()]
    for versions, fits in (((), False), (("4.01.00",), True), (("9",), False), (("4.01.00", "9"), False)):
        more = [ComponentPackage(identifier="x", version=version, component="mica") for version in versions]
        assert (bundle_of([*unit, *more], catalogue) is not None) is fits


def test_refused_package_is_no_build() -> None:
    versions = {"galss": "3.42.03", "srvsvcnam": "3.40.02", "cryptolib": "5.1.5"}
    assert identify(inspection(versions, verdict="refused"), CATALOGUE).build is None


@pytest.mark.parametrize(
    ("identifier", "expected"),
    [
        ("fr.sesamvitale.galss.pkg", "galss"),
        ("fr.sesamvitale.galss.pkg2", None),
        ("org.cnamts.SrvSVcnam_Install.pkg", "srvsvcnam"),
        ("org.cnamts.srvsvcnam", None),
        ("", None),
    ],
)
def test_component_by_receipt(identifier: str, expected: str | None) -> None:
    component = component_of(identifier, CATALOGUE)
    assert (component.id if component is not None else None) == expected


def pinned(catalogue: Catalogue, sha256: str) -> Catalogue:
    galss = catalogue.component("galss")
    assert galss is not None
    changed = msgspec.structs.replace(galss, releases=(*galss.releases, release("9.9", sha256=(sha256,))))
    return msgspec.structs.replace(catalogue, components=(changed, *catalogue.components[1:]))


def test_release_is_known_by_version_or_by_digest() -> None:
    assert identify(inspection({"galss": "3.42.03"}), CATALOGUE).components[0].known_release
    assert not identify(inspection({"galss": "3.42.04"}), CATALOGUE).components[0].known_release
    assert identify(inspection({"galss": "3.42.04"}), pinned(CATALOGUE, "AB" * 32)).components[0].known_release
    assert not identify(inspection({"galss": "rubbish"}), CATALOGUE).components[0].known_release


def test_two_versions_of_one_component_are_no_bundle() -> None:
    parts = [ComponentPackage(identifier="x", version=version, component="galss") for version in ("3.42.03", "3.43.02")]
    assert bundle_of(parts, CATALOGUE) is None
