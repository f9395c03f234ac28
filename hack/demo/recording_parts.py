"""A recording as ConfigMaps: one object of the API server holds at most 1 MiB, so it goes there in parts."""

import base64
from pathlib import Path
from typing import Any

PART_BYTES = 700_000  # as base64 below 1 MiB
MOST_PARTS = 8  # as many as manifests/demo/simulator.yaml mounts


class TooLong(Exception):
    """The recording does not fit into the parts that there are."""


def config_maps(recording: Path | None, namespace: str) -> list[dict[str, Any]]:
    """The parts of `recording`, and an empty ConfigMap for every part that it does not need (None: needs none).

    Applied as they are they leave nothing of another recording behind. Raises TooLong.
    """
    content = recording.read_bytes() if recording else b""
    if len(content) > MOST_PARTS * PART_BYTES:
        raise TooLong(f"{recording}: at most {MOST_PARTS * PART_BYTES} bytes; this one has {len(content)}")
    return [_config_map(number, content[number * PART_BYTES :][:PART_BYTES], namespace) for number in range(MOST_PARTS)]


def _config_map(number: int, part: bytes, namespace: str) -> dict[str, Any]:
    data = {f"part-{number}": base64.b64encode(part).decode()} if part else {}
    metadata = {"name": f"recording-{number}", "namespace": namespace}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "binaryData": data}
