"""The two distributions that become images, and how their containers run. Declared once, here."""

import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import interpreter
from oci import Config
from oci_layer import ImageError

REPOSITORY = Path(__file__).resolve().parents[2]
REGISTRY = "tradingbot.dev"
OWN_CODE = "app"
DEPENDENCIES = "app/dependencies"
TRACING = "tracing"  # the extra that no image has by itself


@dataclass(frozen=True, slots=True)
class Distribution:
    """One distribution: `packages` are source folders in the repository, `extras` of its pyproject."""

    name: str
    project: str
    module: str
    packages: tuple[str, ...]
    extras: tuple[str, ...] = ()

    def with_extra(self, extra: str) -> "Distribution":
        """Return the same with one more extra in its image."""
        return replace(self, extras=(*self.extras, extra))

    def extra_options(self) -> list[str]:
        """Name the extras for uv."""
        return [word for extra in self.extras for word in ("--extra", extra)]

    def version(self, repository: Path = REPOSITORY) -> str:
        """Read the version from the distribution's pyproject.toml."""
        version = self._declared(repository)["version"]
        if not isinstance(version, str):
            raise ImageError(f"{self.name}/pyproject.toml: project.version is not a string")
        return version

    def commands(self, repository: Path = REPOSITORY) -> dict[str, str]:
        """Read the commands that the distribution's pyproject.toml declares: name to `module:function`."""
        return dict(self._declared(repository)["scripts"])

    def _declared(self, repository: Path) -> dict[str, Any]:
        with (repository / self.name / "pyproject.toml").open("rb") as file:
            return dict(tomllib.load(file)["project"])

    def image(self, tag: str) -> str:
        """Name the image."""
        return f"{REGISTRY}/{self.name}:{tag}"

    def config(self, version: str) -> Config:
        """Say how a container of the image runs; `<name>/Dockerfile` says the same."""
        return Config(
            entrypoint=("/usr/local/bin/python3", "-m", self.module),
            env=(
                f"PYTHONPATH=/{OWN_CODE}:/{DEPENDENCIES}",
                "PYTHONSAFEPATH=1",
                "PYTHONDONTWRITEBYTECODE=1",
                "PYTHONUNBUFFERED=1",
                f"SSL_CERT_FILE=/{interpreter.CERTIFICATE_FILE}",
            ),
            user=f"{interpreter.USER_ID}:{interpreter.USER_ID}",
            workdir=f"/{OWN_CODE}",
            labels={
                "org.opencontainers.image.title": self.project,
                "org.opencontainers.image.version": version,
                "org.opencontainers.image.licenses": "Apache-2.0",
            },
        )


RUNTIME = Distribution(
    name="runtime",
    project="tradingbot-runtime",
    module="tradingbot_runtime",
    packages=("runtime/src/tradingbot_runtime",),
    extras=("live",),
)
# The operator imports the runtime's `config` and `model`, so its sources go along, without the
# libraries that reach a venue (they are the extra `live`).
OPERATOR = Distribution(
    name="operator",
    project="tradingbot-operator",
    module="tradingbot_operator",
    packages=("operator/src/tradingbot_operator", "runtime/src/tradingbot_runtime"),
)
ALL = (OPERATOR, RUNTIME)
