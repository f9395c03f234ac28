"""Build the images of both distributions: from the Dockerfiles, or without an engine as archives."""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import archive
import engine
from distribution import ALL, REPOSITORY, TRACING, Distribution
from oci_layer import ImageError


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="hack/images/build", description=__doc__)
    parser.add_argument("--tag", help="tag of the images (default: the distribution's version)")
    parser.add_argument(
        "--out",
        type=Path,
        default=REPOSITORY / "dist" / "images",
        metavar="DIR",
        help="folder of the archives operator.tar and runtime.tar (default: dist/images)",
    )
    parser.add_argument(
        "--without-engine",
        action="store_true",
        help="do not look for docker or podman: build from the interpreter at hand",
    )
    parser.add_argument(
        "--tracing",
        action="store_true",
        help="with the extra `tracing`: docs/guides/monitoring.md says what it is for",
    )
    return parser.parse_args(argv)


def _build(distribution: Distribution, tag: str, out: Path, engine_name: str | None) -> str:
    if engine_name is None:
        return archive.build(distribution, tag, out)
    return engine.build(engine_name, distribution, tag, out)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    asked = _arguments(argv)
    engine_name = None if asked.without_engine else engine.find()
    way = f"the Dockerfiles with {engine_name}" if engine_name else "the interpreter at hand, without an engine"
    print(f"images from {way}")
    try:
        for usual in ALL:
            distribution = usual.with_extra(TRACING) if asked.tracing else usual
            started = time.monotonic()
            tag = asked.tag or distribution.version()
            out = asked.out / f"{distribution.name}.tar"
            digest = _build(distribution, tag, out, engine_name)
            size, took = out.stat().st_size / 1e6, time.monotonic() - started
            print(f"{distribution.image(tag)}  {digest}  {size:.1f} MB  {took:.1f} s  {out}", flush=True)
    except ImageError as error:
        print(f"hack/images/build: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
