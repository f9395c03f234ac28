"""The repository's own rules, where no linter knows them."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LONGEST_FILE = 300
TICK_PATH_LONGEST = 120


def tracked(*patterns: str) -> list[Path]:
    listed = subprocess.run(["git", "ls-files", *patterns], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def test_nothing_shadows_the_standard_librarys_operator() -> None:
    assert not (ROOT / "operator/__init__.py").exists()
    assert not (ROOT / "tests/operator").exists()
    assert not list((ROOT / "tests").rglob("__init__.py"))
    subprocess.run(["python3", "-c", "import collections, operator; operator.add"], cwd=ROOT, check=True)


LOOKED_FOR = {"conftest.py", "sitecustomize.py"}  # by pytest and by Python, under these names


def test_test_files_have_names_of_their_own() -> None:
    names = [path.name for path in tracked("tests/*.py", "tests/**/*.py") if path.name not in LOOKED_FOR]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("folder", ["operator/src", "runtime/src", "hack"])
def test_a_file_has_one_subject(folder: str) -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in tracked(f"{folder}/*.py", f"{folder}/**/*.py")
        if (lines := path.read_text().count("\n")) > LONGEST_FILE
    }
    assert long == {}


def test_the_tick_path_fits_a_screen() -> None:
    engine = ROOT / "runtime/src/tradingbot_runtime/engine.py"
    assert engine.read_text().count("\n") <= TICK_PATH_LONGEST


def test_only_the_risk_review_makes_an_approved_command() -> None:
    makers = [
        path.name
        for path in tracked("runtime/src/*.py", "runtime/src/**/*.py")
        if re.search(r"\bApproved\(", path.read_text())
    ]
    assert makers == ["review.py"]


def test_only_handlers_import_kopf_and_only_cluster_and_its_login_kubernetes() -> None:
    importers = {"kopf": set(), "kubernetes": set()}  # type: dict[str, set[str]]
    for path in tracked("operator/src/*.py", "operator/src/**/*.py"):
        for package, files in importers.items():
            if re.search(rf"^\s*(import|from) {package}\b", path.read_text(), re.MULTILINE):
                files.add(path.name)
    assert importers == {"kopf": {"handlers.py"}, "kubernetes": {"cluster.py", "handlers.py"}}  # kopf's login


def test_no_sample_trades_in_production() -> None:
    for path in tracked("manifests/*.yaml", "manifests/**/*.yaml"):
        assert not re.search(r"^\s*environment:\s*Production\b", path.read_text(), re.MULTILINE), path


def test_the_previous_release_names_a_commit() -> None:
    named = (ROOT / "hack/previous-release").read_text().split()[0]
    assert re.fullmatch(r"[0-9a-f]{40}", named)
