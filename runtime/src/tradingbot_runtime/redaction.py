"""The secrets that this process has loaded, and how they are taken out of text that others have written.

A venue may say back what it was sent, a library what it was given, and neither can be trusted not to. So their text
passes through here, and this is the one place that knows what is secret: whatever reads a secret teaches it
(`KnownSecrets.learn`) before it does anything else with it.
"""

import base64
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, quote_plus

import msgspec

MASK = "[secret]"
PIECE = 12  # characters of a secret that are a secret
SHORTEST = 6  # what is shorter is in half of all words
_BLOCK, _STEP = 8, 5  # each piece has a block that begins at a multiple of the step: 8 + 5 - 1 = 12
_ARMOUR = "-----"
_ESCAPE = "\\u"
_ESCAPED = re.compile(r"\\+u([0-9a-fA-F]{4})")
_DEPENDS_ON_BEFORE = (0, 2, 3)  # characters of base64, by how many bytes are before


class KnownSecrets:
    """Prints nothing of them."""

    def __init__(self) -> None:
        self._learned: set[str] = set()
        self._short: set[str] = set()  # spellings that are shorter than a piece
        self._pieces: set[str] = set()  # of all spellings
        self._blocks: set[str] = set()  # of the pieces

    def __repr__(self) -> str:
        return "KnownSecrets(...)"

    def learn(self, *texts: str) -> None:
        """From now on these are taken out. A key in PEM is a secret in each of its lines but for the armour."""
        lines = (line.strip() for text in texts for line in (text, *text.splitlines()))
        for line in lines:
            if len(line) >= SHORTEST and not line.startswith(_ARMOUR) and line not in self._learned:
                self._learned.add(line)
                for spelling in _spellings(line):
                    self._add(spelling)

    def text(self, text: str) -> str:
        """Without what is secret, in whatever spelling a person could read it at once."""
        if not self.suspects(text):
            return text
        told = self._without(text)
        read = _unescaped(told)
        without = self._without(read)
        return told if without == read else without

    def body(self, content: bytes) -> bytes:
        """The same for JSON, with its escapes read, so that it stays JSON; for anything else as for text."""
        if not self._learned:
            return content
        try:
            tree = msgspec.json.decode(content)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return self.text(content.decode("utf-8", "replace")).encode()
        told = self._tree(tree)
        return content if told == tree else msgspec.json.encode(told)

    def line(self, line: bytes) -> bytes:
        """A line of a log, with its end: most have nothing in them, and are not taken apart."""
        if not self.suspects(line.decode("utf-8", "replace")):
            return line
        return self.body(line.removesuffix(b"\n")) + b"\n"

    def frame(self, text: str) -> str:
        """A message of a websocket; as with lines."""
        return self.body(text.encode()).decode() if self.suspects(text) else text

    def suspects(self, text: str) -> bool:
        """Whether there may be something in it: never no where there is."""
        if not self._learned:
            return False
        return self._looks_known(text) or (_ESCAPE in text and self._looks_known(_unescaped(text)))

    def _looks_known(self, text: str) -> bool:
        blocks = [text[at : at + _BLOCK] for at in range(0, len(text) - _BLOCK + 1, _STEP)]
        return not self._blocks.isdisjoint(blocks) or any(word in text for word in self._short)

    def _without(self, text: str) -> str:
        for word in self._short:
            text = text.replace(word, MASK)
        return "".join(self._masked(text))

    def _add(self, spelling: str) -> None:
        if len(spelling) < PIECE:
            self._short |= {spelling} if len(spelling) >= SHORTEST else set()
            return
        self._pieces.update(spelling[at : at + PIECE] for at in range(len(spelling) - PIECE + 1))
        self._blocks.update(spelling[at : at + _BLOCK] for at in range(len(spelling) - _BLOCK + 1))

    def _masked(self, text: str) -> Iterator[str]:
        kept_from = at = 0
        while at <= len(text) - PIECE:
            if text[at : at + PIECE] not in self._pieces:
                at += 1
                continue
            end = at + PIECE
            while end < len(text) and text[end + 1 - PIECE : end + 1] in self._pieces:
                end += 1
            yield text[kept_from:at] + MASK
            kept_from = at = end
        yield text[kept_from:]

    def _tree(self, tree: Any) -> Any:  # noqa: ANN401 - JSON
        if isinstance(tree, str):
            return self.text(tree)
        if isinstance(tree, dict):
            return {self.text(name): self._tree(value) for name, value in tree.items()}
        return [self._tree(value) for value in tree] if isinstance(tree, list) else tree


class OneSecret:
    """For who knows a thousand of them, each said to one counterpart alone: 1 KB where `KnownSecrets` takes 107.

    The secret, one line, has the fewer blocks here, and each is looked for in the whole text. Prints nothing of it.
    """

    def __init__(self, secret: str = "") -> None:
        self._secret = secret
        words = {spelling for spelling in _spellings(secret) if len(spelling) >= SHORTEST}
        # A longer one that begins in the same way has all its blocks.
        self._words = tuple(w for w in words if not any(other != w and other.startswith(w) for other in words))

    def __repr__(self) -> str:
        return "OneSecret(...)"

    def text(self, text: str) -> str:
        """As `KnownSecrets.text`."""
        return self._known().text(text) if self._suspects(text) else text

    def frame(self, text: str) -> str:
        """As `KnownSecrets.frame`."""
        return self._known().frame(text) if self._suspects(text) else text

    def _suspects(self, text: str) -> bool:
        return self._looks_known(text) or (_ESCAPE in text and self._looks_known(_unescaped(text)))

    def _looks_known(self, text: str) -> bool:
        starts = ((word, at) for word in self._words for at in range(0, max(len(word) - _BLOCK, 0) + 1, _STEP))
        return any(word[at : at + _BLOCK] in text for word, at in starts)

    def _known(self) -> KnownSecrets:
        known = KnownSecrets()
        known.learn(self._secret)
        return known


def _spellings(secret: str) -> Iterator[str]:
    """As it is, in capitals and in small letters; and as it is in JSON, in Python, in a URL, in hex and in base64."""
    content = secret.encode("utf-8", "surrogatepass")
    yield from (secret, secret.upper(), secret.lower())
    yield from (json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], repr(secret)[1:-1])
    for url in (quote(content, safe=""), quote_plus(content), quote(content)):
        yield from (url, url.lower(), url.upper())
    yield from (content.hex(), content.hex().upper())
    for before, depends in enumerate(_DEPENDS_ON_BEFORE):
        coded = base64.b64encode(bytes(before) + content).decode()
        for whole in (coded[depends:], coded[depends:].rstrip("=")[:-1]):  # the latter where more follows
            yield from (whole, whole.replace("+", "-").replace("/", "_"))


def _unescaped(text: str) -> str:
    """With JSON's escapes read, however often they were escaped themselves."""
    if _ESCAPE not in text:
        return text
    read = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)
    return read.encode("utf-16", "surrogatepass").decode("utf-16", "replace")  # two of them may be one character
