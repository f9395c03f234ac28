"""Amounts on the wire: decimal strings with eight places, integers of 1e-8 inside ("atoms"), as Binance keeps them."""

ATOM_DIGITS = 8
ATOMS = 10**ATOM_DIGITS


class BadAmount(ValueError):
    """Not a plain non-negative decimal number. `too_precise`: more than eight decimal places."""

    def __init__(self, text: str, *, too_precise: bool = False) -> None:
        self.too_precise = too_precise
        super().__init__(f"{text[:40]!r} is not a non-negative decimal number")


def amount_text(atoms: int) -> str:
    """`atoms` as a decimal string with eight places, such as "61837.63000000"."""
    sign = "-" if atoms < 0 else ""
    whole, rest = divmod(abs(atoms), ATOMS)
    return f"{sign}{whole}.{rest:08d}"


def parse_amount(text: str) -> int:
    """Atoms of a decimal string; no sign, no exponent, at most eight significant places. Raises BadAmount."""
    whole, _, rest = text.partition(".")
    digits = (whole or "0") + rest
    if not text.isascii() or not digits.isdigit() or len(text) > 32 or not (whole or rest):  # noqa: PLR2004 (bound)
        raise BadAmount(text)
    rest = rest.rstrip("0")
    if len(rest) > ATOM_DIGITS:
        raise BadAmount(text, too_precise=True)
    return int((whole or "0") + rest.ljust(ATOM_DIGITS, "0"))
