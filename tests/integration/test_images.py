"""The images that are built without an engine: what is in them, what is not, and the same bytes again."""

import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
NAMES = ("operator", "runtime")
SOURCES = ("hack/images", "hack/release", "operator", "runtime", "pyproject.toml", "uv.lock")
NEVER_IN = {
    "runtime": ("kopf", "kubernetes", "tradingbot_operator"),
    "operator": ("picows", "ccxt", "websockets", "web3"),
}
SHELLS = {"sh", "bash", "dash", "ash", "ksh", "zsh", "fish", "csh", "tcsh", "rbash", "busybox", "toybox"}
SMALLEST, LARGEST = 20_000_000, 45_000_000  # bytes of an archive
UNCHECKED_HASH = 0b01  # PEP 552: hash-based, and not compared with the source
BUILD_TIMEOUT_S = 300
USUAL_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"  # where an image says nothing of it


@dataclass(frozen=True)
class Image:
    """One archive, unpacked into `folder`; `rootfs` is what a container would see."""

    name: str
    archive: Path
    folder: Path

    @property
    def rootfs(self) -> Path:
        return self.folder / "rootfs"

    @property
    def docker_manifest(self) -> dict[str, object]:
        (manifest,) = json.loads((self.folder / "manifest.json").read_bytes())
        assert isinstance(manifest, dict)
        return manifest

    @property
    def layers(self) -> list[Path]:
        paths = self.docker_manifest["Layers"]
        assert isinstance(paths, list)
        return [self.folder / path for path in paths]

    @property
    def config(self) -> dict[str, list[str]]:
        document = json.loads((self.folder / str(self.docker_manifest["Config"])).read_bytes())
        config = document["config"]
        assert isinstance(config, dict)
        return config

    def entries(self) -> Iterator[tarfile.TarInfo]:
        for layer in self.layers:
            with tarfile.open(layer) as archive:
                yield from archive

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the image's interpreter in its own root, as its own user, with its own environment."""
        return self.enter("/usr/local/bin/python3", *arguments)

    def enter(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a program of the image, by its path, or by its name as a container engine looks for it."""
        environment = {"PATH": USUAL_PATH} | dict(entry.split("=", 1) for entry in self.config["Env"])
        chroot = shutil.which("chroot") or "chroot"
        command = [chroot, f"--userspec={self.config['User']}", str(self.rootfs), program]
        return subprocess.run(
            [*command, *arguments], env=environment, capture_output=True, text=True, check=False, timeout=60
        )


def checkout(target: Path) -> Path:
    """Copy what the images are built from; other tests and people may change the working tree meanwhile."""
    for name in SOURCES:
        source, copy = REPOSITORY / name, target / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(source, copy)
    (target / ".venv").symlink_to(sys.prefix)
    return target


def start(program: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run one of the build's programs as on a machine where no engine answers."""
    own_uv = REPOSITORY / ".cache" / "bin" / "uv"
    uv = os.environ.get("UV") or (str(own_uv) if own_uv.exists() else shutil.which("uv") or "uv")
    return subprocess.run(
        [program, "--without-engine"],
        env={**os.environ, "UV": uv, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=BUILD_TIMEOUT_S,
    )


def build(repository: Path, **environment: str) -> Path:
    """Build both images in a checkout; returns the folder of the archives."""
    done = start(repository / "hack/images/build", **environment)
    assert done.returncode == 0, done.stderr
    return repository / "dist" / "images"


def unpack(name: str, archive: Path, folder: Path) -> Image:
    with tarfile.open(archive) as outer:
        outer.extractall(folder, filter="tar")
    image = Image(name, archive, folder)
    image.rootfs.mkdir()
    image.rootfs.chmod(0o755)  # the image's own user reads it
    for layer in image.layers:
        with tarfile.open(layer) as inner:
            inner.extractall(image.rootfs, filter="tar")
    return image


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkout(tmp_path_factory.mktemp("checkout"))


@pytest.fixture(scope="module")
def images(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Image]:
    archives = build(repository)
    folder = tmp_path_factory.mktemp("unpacked")
    return {name: unpack(name, archives / f"{name}.tar", folder / name) for name in NAMES}


def test_the_same_sources_give_the_same_bytes_in_another_folder_at_another_time_and_without_a_cache(
    images: dict[str, Image], repository: Path, tmp_path: Path
) -> None:
    other = tmp_path / "a folder with another name"
    shutil.copytree(repository, other, symlinks=True, ignore=shutil.ignore_patterns("dist"))
    for path in other.rglob("*.py"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
    old_umask = os.umask(0o077)
    try:
        again = build(other, TRADINGBOT_CACHE=str(tmp_path / "cache"), PYTHONHASHSEED="7", TZ="Asia/Tokyo")
    finally:
        os.umask(old_umask)
    for name, image in images.items():
        assert (again / f"{name}.tar").read_bytes() == image.archive.read_bytes(), f"{name} differs"


def test_a_change_of_our_own_code_changes_only_the_last_and_small_layer(
    images: dict[str, Image], repository: Path, tmp_path: Path
) -> None:
    other = tmp_path / "changed"
    shutil.copytree(repository, other, symlinks=True, ignore=shutil.ignore_patterns("dist"))
    (other / "runtime/src/tradingbot_runtime/errors.py").write_text("changed = True\n")
    archives = build(other)
    for name, image in images.items():
        changed = unpack(name, archives / f"{name}.tar", tmp_path / name)
        before, after = ([layer.name for layer in each.layers] for each in (image, changed))
        assert before[:2] == after[:2]
        assert before[2] != after[2]
        assert changed.layers[2].stat().st_size * 10 < sum(layer.stat().st_size for layer in changed.layers)


@pytest.mark.parametrize("name", NAMES)
def test_an_archive_is_neither_empty_nor_bloated(images: dict[str, Image], name: str) -> None:
    assert SMALLEST <= images[name].archive.stat().st_size <= LARGEST


@pytest.mark.parametrize("name", NAMES)
def test_an_image_leaves_out_what_its_program_must_not_be_able_to_do(images: dict[str, Image], name: str) -> None:
    app = images[name].rootfs / "app"
    importable = {path.name for folder in (app, app / "dependencies") for path in folder.iterdir()}
    assert f"tradingbot_{name}" in importable
    assert "pydantic" in importable
    for forbidden in NEVER_IN[name]:
        assert not {found for found in importable if re.match(rf"{forbidden}([-.]|$)", found)}


@pytest.mark.parametrize("name", NAMES)
def test_an_image_holds_one_program_its_own_command_and_no_shell(images: dict[str, Image], name: str) -> None:
    files = [Path(entry.name) for entry in images[name].entries() if not entry.isdir()]
    assert not {path.name for path in files} & SHELLS
    programs = {str(path) for path in files if path.parent.name in {"bin", "sbin"}}
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    assert programs == {f"usr/local/bin/{version}", "usr/local/bin/python3", f"usr/local/bin/tradingbot-{name}"}


@pytest.mark.parametrize("name", NAMES)
def test_no_entry_of_an_image_depends_on_who_built_it(images: dict[str, Image], name: str) -> None:
    for entry in images[name].entries():
        assert (entry.uid, entry.gid, entry.uname, entry.gname, entry.mtime) == (0, 0, "", "", 0), entry.name
        assert not entry.mode & (stat.S_ISUID | stat.S_ISGID), f"{entry.name} is setuid"


@pytest.mark.parametrize("name", NAMES)
def test_an_image_tells_nothing_about_the_checkout_it_was_built_in(
    images: dict[str, Image], repository: Path, name: str
) -> None:
    needle = str(repository).encode()
    app = images[name].rootfs / "app"
    assert not [path for path in app.rglob("*") if path.is_file() and needle in path.read_bytes()]


@pytest.mark.parametrize("name", NAMES)
def test_our_own_code_and_its_dependencies_are_compiled_and_never_compared_with_their_sources(
    images: dict[str, Image], name: str
) -> None:
    app = images[name].rootfs / "app"
    compiled = list(images[name].rootfs.rglob("*.pyc"))
    assert {path.read_bytes()[4] for path in compiled} == {UNCHECKED_HASH}
    own = [path for path in app.rglob("tradingbot_*/**/*.py") if "dependencies" not in path.parts]
    assert own
    tag = sys.implementation.cache_tag
    assert not [path for path in own if not (path.parent / "__pycache__" / f"{path.stem}.{tag}.pyc").exists()]


@pytest.mark.parametrize("name", NAMES)
def test_a_container_runs_the_interpreter_directly_as_a_user_without_rights(
    images: dict[str, Image], name: str
) -> None:
    config = images[name].config
    assert str(config["User"]) == "65532:65532"
    assert config["Entrypoint"] == ["/usr/local/bin/python3", "-m", f"tradingbot_{name}"]
    assert "PYTHONDONTWRITEBYTECODE=1" in config["Env"]


@pytest.mark.parametrize("name", NAMES)
def test_the_dockerfile_runs_the_same_command_in_the_same_environment(images: dict[str, Image], name: str) -> None:
    dockerfile = (REPOSITORY / name / "Dockerfile").read_text()
    final_stage = dockerfile[dockerfile.rindex("\nFROM ") :].replace("\\\n", "")
    config = images[name].config
    entrypoint = re.search(r"^ENTRYPOINT (.+)$", final_stage, re.MULTILINE)
    user = re.search(r"^USER (.+)$", final_stage, re.MULTILINE)
    assert entrypoint
    assert user
    assert json.loads(entrypoint[1]) == config["Entrypoint"]
    assert user[1] == str(config["User"])
    environment = {entry for entry in config["Env"] if not entry.startswith(("PATH=", "PYTHONPATH="))}
    assert environment <= set(final_stage.split())


@pytest.mark.parametrize("name", NAMES)
def test_an_archive_names_its_image_for_containerd_and_for_docker(images: dict[str, Image], name: str) -> None:
    (described,) = json.loads((images[name].folder / "index.json").read_bytes())["manifests"]
    expected = f"tradingbot.dev/{name}:0.1.0"
    assert described["annotations"]["io.containerd.image.name"] == expected
    assert images[name].docker_manifest["RepoTags"] == [expected]


@pytest.mark.skipif(os.getuid() != 0, reason="chroot needs root")
@pytest.mark.parametrize(
    ("name", "modules"),
    [
        ("operator", "kopf, kubernetes.aio, aiohttp, cryptography.x509, tzdata, tradingbot_operator.windows"),
        ("runtime", "picows, aiohttp, sqlite3, cryptography.x509, structlog, tradingbot_runtime.config"),
    ],
)
def test_everything_that_an_image_needs_is_in_it(images: dict[str, Image], name: str, modules: str) -> None:
    program = f"import ssl, uvloop, ctypes, {modules}; print(ssl.create_default_context().cert_store_stats())"
    done = images[name].run("-c", program)
    assert done.returncode == 0, done.stderr
    assert "'x509_ca': 0" not in done.stdout, "no certificate authority: no venue can be trusted"


@pytest.mark.skipif(os.getuid() != 0, reason="chroot needs root")
@pytest.mark.parametrize("name", NAMES)
def test_the_entrypoint_starts_and_explains_itself(images: dict[str, Image], name: str) -> None:
    done = images[name].run("-m", f"tradingbot_{name}", "--help")
    assert done.returncode == 0, done.stderr
    assert "usage:" in done.stdout.lower()


@pytest.mark.skipif(os.getuid() != 0, reason="chroot needs root")
@pytest.mark.parametrize("name", NAMES)
def test_its_command_is_found_by_its_name_as_kubectl_exec_looks_for_it(images: dict[str, Image], name: str) -> None:
    done = images[name].enter(f"tradingbot-{name}", "--help")
    assert done.returncode == 0, done.stderr
    assert f"usage: tradingbot-{name}" in done.stdout


@pytest.mark.parametrize("name", NAMES)
def test_the_dockerfile_puts_the_same_command_on_the_path(name: str) -> None:
    final_stage = (REPOSITORY / name / "Dockerfile").read_text().rpartition("\nFROM ")[2]
    command = f"tradingbot-{name}"
    assert f"COPY --from=builder /app/bin/{command} /usr/local/bin/{command}\n" in final_stage


def test_a_release_without_its_manifests_is_refused_before_anything_is_built(repository: Path, tmp_path: Path) -> None:
    release = shutil.copytree(repository, tmp_path / "r", symlinks=True, ignore=shutil.ignore_patterns("dist"))
    (release / "crds").mkdir()
    (release / "crds" / "venues.yaml").write_text("kind: CustomResourceDefinition\n")
    done = start(release / "hack/release/dry-run")
    assert done.returncode == 1
    assert "manifests/install.yaml is missing" in done.stderr
    assert not (release / "dist").exists()


def test_a_release_installs_the_images_of_its_own_version_and_lists_what_it_built(
    repository: Path, tmp_path: Path
) -> None:
    release = shutil.copytree(repository, tmp_path / "r", symlinks=True, ignore=shutil.ignore_patterns("dist"))
    for folder in ("crds", "manifests"):
        (release / folder).mkdir()
    (release / "crds" / "venues.yaml").write_text("kind: CustomResourceDefinition\n")
    (release / "manifests" / "install.yaml").write_text("image: tradingbot.dev/operator:dev\n")
    done = start(release / "hack/release/dry-run")
    assert done.returncode == 0, done.stderr
    built = release / "dist" / "0.1.0"
    assert (built / "install.yaml").read_text() == "image: tradingbot.dev/operator:0.1.0\n"
    listed = (built / "SHA256SUMS").read_text()
    for name in ("images/operator.tar", "images/runtime.tar", "crds/venues.yaml", "install.yaml"):
        assert name in listed
        assert name in done.stdout
    assert subprocess.run(["sha256sum", "--check", "SHA256SUMS"], cwd=built, check=False).returncode == 0
