"""Mutation testing of orders, positions and risk: fails when a change of the code goes unseen and unexplained.

Works on a copy of the tree outside the repository and goes on where it was stopped. Survivors are tried again each
time, because a test for them may have come. What may survive stands in docs/development/mutants.md, with the reason.
"""

import ast
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
WORK = Path(tempfile.gettempdir()) / "tradingbot-mutants"
DOCUMENT = ROOT / "docs/development/mutants.md"
MUTMUT = (sys.executable, "-m", "mutmut")
WITHIN_S = 3_600
RESULT = re.compile(r"^\s*(?P<name>\S+__mutmut_\d+): (?P<outcome>.+)$")
EXPLAINED = re.compile(r"^- `(?P<module>[\w.]+)`: `(?P<before>.+?)` -> `(?P<after>.*?)`: \S", re.MULTILINE)
KILLED = frozenset({"killed", "timeout", "caught by type check"})  # a loop without an end does not go unseen


class Mutation(NamedTuple):
    """As the document has it: the module below `core`, and the lines without their indentation."""

    module: str
    before: str
    after: str


def without_properties(source: str) -> str:
    """`source` with properties as functions and `name = property(name)`: mutmut leaves decorated functions alone."""
    lines = source.splitlines()
    classes = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ClassDef))
    functions = [node for each in classes for node in each.body if isinstance(node, ast.FunctionDef)]
    for function in sorted(functions, key=lambda node: -node.lineno):
        if [ast.unparse(each) for each in function.decorator_list] == ["property"]:
            lines.insert(function.end_lineno or function.lineno, f"    {function.name} = property({function.name})")
            del lines[function.decorator_list[0].lineno - 1]
    return "\n".join(lines) + "\n"


def copy(source: Path, target: Path, change: Callable[[str], str] = str) -> None:
    """Write what differs and remove what has gone: an untouched file keeps its time, by which mutmut goes on."""
    files = {each.relative_to(source) for each in source.rglob("*") if each.is_file() and each.suffix != ".pyc"}
    for gone in {each.relative_to(target) for each in target.rglob("*.py")} - files:
        (target / gone).unlink()
    for name in files:
        content = (source / name).read_bytes()
        if name.suffix == ".py":
            content = change(content.decode()).encode()
        written = target / name
        if not written.exists() or written.read_bytes() != content:
            written.parent.mkdir(parents=True, exist_ok=True)
            written.write_bytes(content)


def copy_tree() -> None:
    package = "tradingbot_runtime"
    for name in ("tests", "docs"):
        copy(ROOT / name, WORK / name)
    copy(ROOT / "runtime/src" / package, WORK / "src" / package)
    copy(ROOT / "runtime/src" / package / "core", WORK / "src" / package / "core", without_properties)
    (WORK / "pyproject.toml").write_bytes((ROOT / "pyproject.toml").read_bytes())


def run(*names: str) -> None:
    """Try the mutants that have no result yet, or those that are named. mutmut's own noise goes to a file."""
    with (WORK / "mutmut.log").open("ab") as log:
        command = (*MUTMUT, "run", "--max-children", "2", *names)
        ended = subprocess.run(command, cwd=WORK, stdout=log, stderr=log, timeout=WITHIN_S, check=False)
    if ended.returncode:
        sys.exit(f"mutmut ended with {ended.returncode}: see {log.name}")


def said(*arguments: str) -> str:
    return subprocess.run((*MUTMUT, *arguments), cwd=WORK, check=True, stdout=subprocess.PIPE, text=True).stdout


def outcomes() -> dict[str, str]:
    """Each mutant's name and what became of it, in mutmut's words."""
    found = (RESULT.match(line) for line in said("results", "--all", "true").splitlines())
    return {match["name"]: match["outcome"] for match in found if match}


def module_of(name: str) -> str:
    return name.removeprefix("tradingbot_runtime.core.").rsplit(".", 1)[0]


def mutation(name: str) -> Mutation:
    lines = [line for line in said("show", name).splitlines() if not line.startswith(("+++", "---"))]
    before, after = (" ".join(line[1:].strip() for line in lines if line.startswith(sign)) for sign in "-+")
    return Mutation(module_of(name), before, after)


def explained() -> set[Mutation]:
    found = EXPLAINED.finditer(DOCUMENT.read_text(encoding="utf-8"))
    return {Mutation(match["module"], match["before"], match["after"]) for match in found}


def print_table(results: dict[str, str], survivors: Iterable[Mutation], known: set[Mutation]) -> None:
    tried = Counter(map(module_of, results))
    seen = Counter(module_of(name) for name, outcome in results.items() if outcome in KILLED)
    excused = Counter(each.module for each in survivors if each in known)
    print(f"{'module':24} {'mutants':>8} {'killed':>8} {'explained':>10} {'unseen':>8}")
    for module in sorted(tried):
        counts = (tried[module], seen[module], excused[module], tried[module] - seen[module] - excused[module])
        print("{:24} {:8} {:8} {:10} {:8}".format(module, *counts))


def main() -> int:
    WORK.mkdir(exist_ok=True)
    copy_tree()
    # Which tests run a function: of one that has another name since, or other tests, the file knows none.
    (WORK / "mutants/mutmut-stats.json").unlink(missing_ok=True)
    run()
    if again := [name for name, outcome in outcomes().items() if outcome not in KILLED]:
        run(*again)
    results = outcomes()
    survivors = [mutation(name) for name, outcome in results.items() if outcome not in KILLED]
    known = explained()
    print_table(results, survivors, known)
    unseen = [each for each in survivors if each not in known]
    for each in unseen:
        print(f"unseen: - `{each.module}`: `{each.before}` -> `{each.after}`:")
    for each in sorted(known - set(survivors)):
        print(f"explained, but there is no such survivor: {each}")
    return 1 if unseen or known - set(survivors) or not results else 0


if __name__ == "__main__":
    sys.exit(main())
