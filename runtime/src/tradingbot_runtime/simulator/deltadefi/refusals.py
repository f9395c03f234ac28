"""What DeltaDeFi says no with: its error codes, in one table.

Source: DeltaDeFi API documentation, "Status code". The HTTP statuses are not documented; the venue has been seen to
answer 4200 and 5000 with 400, so a client must go by the code.
"""

from enum import Enum


class Reason(Enum):
    """(code, HTTP status, message)."""

    INVALID = (4000, 400, "Invalid request data")
    UNAUTHORIZED = (4010, 401, "Unauthorized access")
    BALANCE = (4050, 400, "Insufficient balance to place order")
    TOO_SMALL = (4100, 400, "Order size must be at least 5 ADA")
    PRICE = (4101, 400, "Order price must be greater then 0")
    PRICE_DECIMALS = (4102, 400, "Price must have at most 4 decimal places")
    QUANTITY_DECIMALS = (4103, 400, "Quantity must have at most 4 decimal places")
    WOULD_MATCH = (4104, 400, "Post-only order would match with existing orders")
    POST_ONLY_LIMIT = (4105, 400, "Post-only flag can only be used with limit orders")
    SYMBOL = (4106, 400, "Invalid trading pair symbol")
    QUANTITY = (4107, 400, "Order Quantity must be greater then 0")
    SLIPPAGE = (4108, 400, "Max Slippage basis point must be between 0 and 10000")
    LIQUIDITY = (4109, 400, "Insufficient liquidity to execute market order")
    TOO_MANY_OPEN = (4110, 400, "Maximum number of open orders exceeded")
    PRICE_HIGH = (4111, 400, "Price exceeds maximum allowed limit for this market")
    PRICE_LOW = (4112, 400, "Price below minimum allowed limit for this market")
    NOT_FOUND = (4200, 400, "Order not found")
    NOT_OPEN = (4201, 400, "Order is not open")
    RATE_LIMIT = (4290, 429, "Rate limit exceeded, please try again later")
    EXPIRED = (4300, 400, "Transaction expired, please build again")
    UTXO_SPENT = (4301, 400, "UTxO has already been spent")
    ALREADY_SUBMITTED = (4302, 400, "Transaction has already been submitted")
    STATUS = (4404, 400, "Invalid status paramter")
    INTERVAL = (4405, 400, "Invalid interval paramter")
    SIGNATURE = (4407, 400, "Failed to sign transaction")
    INTERNAL = (5000, 400, "Internal Server Error")
    UNAVAILABLE = (5001, 400, "System resources temporaily unavailable")
    LOCKED = (5002, 400, "Trading is currently locked, please try again later")


class Refusal(Exception):
    """The venue's no (or, for 5000 and 5001, its "unknown")."""

    def __init__(self, reason: Reason) -> None:
        self.reason = reason
        self.code, self.status, self.message = reason.value
        super().__init__(f"{self.message} ({self.code})")

    def body(self) -> dict[str, object]:
        return {"error": self.message, "code": self.code}
