from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from atsam_safe.catalogue.load import load_catalogue
from atsam_safe.catalogue.model import Anchor, DeniedSigner, Trust
from lab.catalogue import write_test_manifests

if TYPE_CHECKING:
    from pathlib import Path

ANCHOR = Anchor(name='Test Root é "quoted"', sha256="ab" * 32, role="installer-root", source="x", certainty="confirmed", public_key="30")
DENIED = DeniedSigner(leaf_sha256="cd" * 32, reason="stolen", source="x", certainty="confirmed")


@pytest.mark.parametrize(
    "trust", [Trust(anchors=(ANCHOR,)), Trust(anchors=(ANCHOR, ANCHOR), denied=(DENIED,)), Trust(denied=(DENIED,)), Trust()]
)
def test_test_manifests_trust_the_given_authority_and_nobody_else(tmp_path: Path, trust: Trust) -> None:
    catalogue = load_catalogue(write_test_manifests(tmp_path, trust))
    assert [anchor.sha256 for anchor in catalogue.trust.anchors] == [anchor.sha256 for anchor in trust.anchors]
    assert [anchor.name for anchor in catalogue.trust.anchors] == [anchor.name for anchor in trust.anchors]
    assert [denied.reason for denied in catalogue.trust.denied] == [denied.reason for denied in trust.denied]
    assert not catalogue.embedded
    assert catalogue.origin == str(tmp_path)


def test_everything_else_is_the_embedded_catalogue(tmp_path: Path) -> None:
    embedded = load_catalogue()
    copy = load_catalogue(write_test_manifests(tmp_path, Trust(anchors=(ANCHOR,)), keep_genuine_bytes=True))
    assert copy.components == embedded.components
    assert copy.bundles == embedded.bundles
    assert copy.dependents == embedded.dependents
    assert copy.os_releases == embedded.os_releases
    assert copy.cards == embedded.cards


def test_pins_of_genuine_bytes_are_left_out_and_nothing_else(tmp_path: Path) -> None:
    embedded = load_catalogue()
    copy = load_catalogue(write_test_manifests(tmp_path, Trust(anchors=(ANCHOR,))))
    for component, original in zip(copy.components, embedded.components, strict=True):
        assert component.paths == original.paths
        assert len(component.releases) == len(original.releases)
        for release, genuine in zip(component.releases, original.releases, strict=True):
            assert release.package_sha256 == ()
            assert release.witnesses == tuple(witness for witness in genuine.witnesses if witness.kind != "checksum")
