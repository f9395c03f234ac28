"""A real API server takes the CRDs and every sample without a warning."""

from pathlib import Path

import pytest

from harness.control_plane import ControlPlane

REPOSITORY = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.controlplane


def test_the_crds_are_accepted_without_a_warning(control_plane: ControlPlane) -> None:
    assert control_plane.client.install_crds(REPOSITORY / "crds") == ()
