"""The control stream's certificate, re-read when its files change: a rotation needs no restart."""

import ssl
from pathlib import Path

import structlog

from tradingbot_runtime.errors import ConfigError
from tradingbot_runtime.os_errors import in_words

log: structlog.typing.FilteringBoundLogger = structlog.get_logger("control")


class _Certificate:
    """The context of the files as they are now; the former one while they cannot be used."""

    def __init__(self, folder: Path) -> None:
        self._files = (folder / "tls.crt", folder / "tls.key")
        self._signature = self._sign()
        self._context = self._load()

    def current(self) -> ssl.SSLContext:
        try:
            signature = self._sign()
            if signature != self._signature:
                self._context, self._signature = self._load(), signature
                log.info("ControlCertificateRenewed")
        except OSError as error:  # ssl.SSLError too: half of a rotation; the next connection tries again
            log.error("ControlCertificateUnusable", reason=str(error))  # noqa: TRY400 - complete
        return self._context

    def _sign(self) -> tuple[tuple[int, int, int], ...]:
        found = [path.stat() for path in self._files]
        return tuple((stat.st_ino, stat.st_mtime_ns, stat.st_size) for stat in found)

    def _load(self) -> ssl.SSLContext:
        context = _context()
        context.load_cert_chain(*self._files)
        return context


def server_tls(folder: Path) -> ssl.SSLContext:
    """A server context of `folder`'s tls.crt and tls.key; each handshake uses them as they are at that moment.

    Raises ConfigError when they cannot be used at the start.
    """
    try:
        certificate = _Certificate(folder)
    except ssl.SSLError as error:
        raise ConfigError(
            f"control certificate {folder}: tls.crt and tls.key do not fit together: {error.reason}"
        ) from error
    except OSError as error:
        raise ConfigError(f"control certificate {error.filename or folder}: {in_words(error)}") from error

    def choose(connection: ssl.SSLSocket | ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        connection.context = certificate.current()

    front = _context()
    front.load_cert_chain(folder / "tls.crt", folder / "tls.key")
    front.sni_callback = choose  # OpenSSL calls it in every handshake, with or without a server name
    return front


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3  # both ends are ours
    return context
