"""Made-up secrets, and a search for them, or for any piece of them, in all that a bot has written or says."""

import subprocess
import sys
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from harness.echoing_venue import EchoingVenue
from harness.runtime_process import RuntimeProcess
from harness.spelled import spellings

PIECE = 12  # characters of a secret that are one
API_KEY = "canaryAkZq9Lm2Xw4Rt7Uj3Pn6Vb"
OTHER_KEY = "canary+BwRt/1Kd8Hs5Gy2Mc7Qe4Zx"  # no venue's; with what URLs and JSON write differently
WORDS = 'canary "Pw" 6Tg&1Fj\\8Lr%3Sd 4Nk'
WRONG_BEARER = "canary-Ct5Vb8Nm2Qw7Er3Ty9Ui"
COMMAND_S = 60.0
COMMANDS = (("inspect",), ("inspect", "-o", "json"), ("audit",), ("audit", "-o", "json"), ("audit", "--halts"))
SECRET_FILES = frozenset({"token", "tls.key"})  # where they are on purpose


def pieces(secret: str) -> set[str]:
    """Of each spelling, all that are long enough."""
    spelled = [word for word in (*spellings(secret.encode()), secret.encode().hex().upper()) if len(word) >= PIECE]
    return {word[at : at + PIECE] for word in spelled for at in range(len(word) - PIECE + 1)}


def found(seen: Mapping[str, str], secrets: Iterable[str]) -> list[str]:
    """Each place with what is found there."""
    told = {piece for secret in secrets for piece in pieces(secret)}
    return [f"{where}: ...{text[max(text.find(piece) - 200, 0):][:400]}"
            for where, text in seen.items() if (piece := next((p for p in told if p in text), ""))]  # fmt: skip


def answers(bot: RuntimeProcess) -> dict[str, str]:
    """What it tells anybody who asks."""
    return {path: bot.get(path)[1] for path in ("/state", "/metrics", "/readyz", "/healthz")}


def files(bot: RuntimeProcess) -> dict[str, str]:
    """Every file of the bot's, by its path; what is compressed as it is read."""
    own = (path for path in bot.folder.rglob("*") if path.is_file() and path.name not in SECRET_FILES)
    return {str(path.relative_to(bot.folder)): _text(path) for path in own}


def told(bot: RuntimeProcess) -> dict[str, str]:
    """What the commands say of its journal."""
    seen = {}
    commands = (*COMMANDS, ("export", "--to", str(bot.folder / "tables")))
    for command in commands:
        name, *options = command
        whole = (sys.executable, "-m", "tradingbot_runtime", name, str(bot.journal), *options)
        said = subprocess.run(whole, check=False, capture_output=True, text=True, timeout=COMMAND_S)
        assert said.returncode == 0, said
        seen[" ".join(command)] = said.stdout + said.stderr
    tables = {path.name: path.read_text() for path in (bot.folder / "tables").glob("*.csv")}
    assert tables
    return seen | tables


@dataclass
class Beset:
    """A bot, and the venue that it meets only through somebody hostile."""

    bot: RuntimeProcess
    venue: EchoingVenue
    keys: Path
    seen: dict[str, str] = field(default_factory=dict)

    def mount(self, **content: str | bytes) -> None:
        for name, value in content.items():
            (self.keys / name).write_bytes(value if isinstance(value, bytes) else value.encode())

    def look(self, when: str) -> None:
        """At all that it tells and has written, while it runs: the journal's log, too, which its end takes away."""
        self.seen |= {f"{where}, {when}": text for where, text in (answers(self.bot) | files(self.bot)).items()}


def _text(path: Path) -> str:
    content, read = path.read_bytes(), b""
    while path.suffix == ".gz" and content:  # of a segment that nobody has closed yet, all that is there
        member = zlib.decompressobj(wbits=31)
        read += member.decompress(content)
        content = member.unused_data
    return (read or content).decode(errors="replace")
