"""Build a release's images and manifests into dist/VERSION, publish nothing, and list what was built."""

import argparse
import hashlib
import re
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
DISTRIBUTIONS = ("operator", "runtime")
INSTALL = Path("manifests/install.yaml")
NAMESPACED = Path("manifests/namespaced")
OWN_IMAGE = re.compile(r"\btradingbot\.dev/(operator|runtime):[\w.-]+")
CHECKSUMS = "SHA256SUMS"


class ReleaseError(Exception):
    """The release cannot be built; the message says what is missing."""


def release_version() -> str:
    """Read the one version of both distributions. Raises ReleaseError when they differ."""
    versions = {name: _version(REPOSITORY / name / "pyproject.toml") for name in DISTRIBUTIONS}
    if len(set(versions.values())) != 1:
        raise ReleaseError(f"the distributions' versions differ: {versions}")
    return versions[DISTRIBUTIONS[0]]


def _version(pyproject: Path) -> str:
    with pyproject.open("rb") as file:
        return str(tomllib.load(file)["project"]["version"])


def manifests(version: str) -> dict[Path, str]:
    """Return the release's manifests, with the images of this version in them, by path.

    Raises ReleaseError when one is missing or install.yaml names none of our images.
    """
    crds = sorted((REPOSITORY / "crds").glob("*.yaml"))
    if not crds:
        raise ReleaseError("crds/ holds no manifest: run `make generate` first")
    if not (REPOSITORY / INSTALL).exists():
        raise ReleaseError(f"{INSTALL} is missing: render it first")
    text, images = OWN_IMAGE.subn(rf"tradingbot.dev/\1:{version}", (REPOSITORY / INSTALL).read_text())
    if not images:
        raise ReleaseError(f"{INSTALL} names no image tradingbot.dev/operator:TAG: it would install nothing")
    namespaced = {Path("namespaced", path.name): OWN_IMAGE.sub(rf"tradingbot.dev/\1:{version}", path.read_text())
                  for path in sorted((REPOSITORY / NAMESPACED).glob("*.yaml"))}  # fmt: skip
    return {Path("crds", path.name): path.read_text() for path in crds} | {Path(INSTALL.name): text} | namespaced


def write_release(version: str, out: Path, options: Sequence[str]) -> list[Path]:
    """Write the release under `out` and return its files. `options` go to the image build."""
    texts = manifests(version)  # first: a missing manifest should not cost an image build
    build = [str(REPOSITORY / "hack/images/build"), "--tag", version, "--out", str(out / "images"), *options]
    done = subprocess.run(build, check=False)
    if done.returncode:
        raise ReleaseError("the image build failed")
    for path, text in texts.items():
        target = out / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    return [*(Path("images", f"{name}.tar") for name in DISTRIBUTIONS), *texts]


def write_checksums(out: Path, files: Sequence[Path]) -> None:
    """Write the file that `sha256sum --check` reads, and print the release as a table."""
    width = max(len(str(path)) for path in files)
    lines = []
    print(f"\n{'file':{width}}  {'bytes':>10}  sha256")
    for path in files:
        data = (out / path).read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        lines.append(f"{digest}  {path}\n")
        print(f"{path!s:{width}}  {len(data):>10}  {digest}")
    (out / CHECKSUMS).write_text("".join(lines))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="hack/release/dry-run", description=__doc__)
    parser.add_argument("--out", type=Path, metavar="DIR", help="default: dist/VERSION")
    parser.add_argument("--without-engine", action="store_true", help="as in hack/images/build")
    asked = parser.parse_args(argv)
    options = ["--without-engine"] if asked.without_engine else []
    try:
        version = release_version()
        out = asked.out or REPOSITORY / "dist" / version
        print(f"release {version} (a dry run: nothing is published) into {out}", flush=True)
        write_checksums(out, write_release(version, out, options))
    except ReleaseError as error:
        print(f"hack/release/dry-run: {error}", file=sys.stderr)
        return 1
    print(f"\nchecksums: {out / CHECKSUMS}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
