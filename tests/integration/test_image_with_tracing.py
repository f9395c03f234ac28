"""No image has OpenTelemetry in it, unless it is asked for."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
WHEELS = """
import dependencies, distribution
for made in distribution.ALL:
    for image in (made, made.with_extra(distribution.TRACING)):
        print(image.name, "opentelemetry-sdk==" in dependencies.locked_requirements(image))
"""


def test_only_an_image_that_is_built_with_tracing_has_opentelemetry_in_it() -> None:
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "hack/images")}
    done = subprocess.run([sys.executable, "-c", WHEELS], env=environment, capture_output=True, text=True, check=False,
                          timeout=60)  # fmt: skip

    assert done.stdout.split() == ["operator", "False", "operator", "True", "runtime", "False", "runtime", "True"], done


@pytest.mark.parametrize(("name", "usual"), [("operator", ""), ("runtime", "--extra live")])
def test_a_dockerfile_takes_the_extras_as_an_argument_for_both_of_its_steps(name: str, usual: str) -> None:
    lines = (REPOSITORY / name / "Dockerfile").read_text(encoding="utf-8").splitlines()

    assert f'ARG EXTRAS="{usual}"' in lines
    synced = [line for line in lines if "uv sync" in line]
    assert len(synced) == 2
    assert all(line.endswith(f"--package tradingbot-{name} $EXTRAS") for line in synced)
