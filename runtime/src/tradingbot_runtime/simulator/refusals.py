"""What the exchange says no with: Binance's error codes, in one table.

Source: Binance spot API documentation, "Error codes" and "HTTP return codes".
"""

from enum import Enum


class Reason(Enum):
    """(code, HTTP status, message). `{}` is filled in by `Refusal`."""

    DISCONNECTED = (-1000, 503, "An unknown error occurred while processing the request.")
    TOO_MANY_REQUESTS = (-1003, 429, "Too much request weight used; current limit is {} request weight per 1 MINUTE.")
    BANNED = (-1003, 418, "Way too much request weight used; IP banned until {}.")
    STATUS_UNKNOWN = (
        -1007,
        504,
        "Timeout waiting for response from backend server. Send status unknown; execution status unknown.",
    )
    FILTER = (-1013, 400, "Filter failure: {}")
    MARKET_CLOSED = (-1013, 400, "Market is closed.")
    TOO_MANY_ORDERS = (-1015, 429, "Too many new orders; current limit is {} orders per 10 SECOND.")
    TIMESTAMP_OLD = (-1021, 400, "Timestamp for this request is outside of the recvWindow.")
    TIMESTAMP_AHEAD = (-1021, 400, "Timestamp for this request was 1000ms ahead of the server's time.")
    SIGNATURE = (-1022, 400, "Signature for this request is not valid.")
    ILLEGAL_CHARACTERS = (-1100, 400, "Illegal characters found in parameter '{}'; legal range is '{}'.")
    MANDATORY = (-1102, 400, "Mandatory parameter '{}' was not sent, was empty/null, or malformed.")
    EITHER_MANDATORY = (-1102, 400, "Param '{}' or '{}' must be sent, but both were empty/null!")
    NOT_REQUIRED = (-1106, 400, "Parameter '{}' sent when not required.")
    PRECISION = (-1111, 400, "Parameter '{}' has too much precision.")
    TIME_IN_FORCE = (-1115, 400, "Invalid timeInForce.")
    ORDER_TYPE = (-1116, 400, "Invalid orderType.")
    SIDE = (-1117, 400, "Invalid side.")
    INTERVAL = (-1120, 400, "Invalid interval.")
    SYMBOL = (-1121, 400, "Invalid symbol.")
    RECV_WINDOW = (-1131, 400, "recvWindow must be less than 60000.")
    WOULD_TAKE = (-2010, 400, "Order would immediately match and take.")
    DUPLICATE = (-2010, 400, "Duplicate order sent.")
    BALANCE = (-2010, 400, "Account has insufficient balance for requested action.")
    UNKNOWN_ORDER = (-2011, 400, "Unknown order sent.")
    REPLACE_FAILED_IN_PART = (-2021, 409, "Order cancel-replace partially failed.")
    REPLACE_FAILED = (-2022, 400, "Order cancel-replace failed.")
    NO_SUCH_ORDER = (-2013, 400, "Order does not exist.")
    KEY_FORMAT = (-2014, 401, "API-key format invalid.")
    KEY = (-2015, 401, "Invalid API-key, IP, or permissions for action.")
    NO_ED25519 = (-4056, 400, "HMAC_SHA256 API key is not supported.")
    UNKNOWN_METHOD = (-1020, 400, "This operation is not supported.")
    MALFORMED = (-1130, 400, "Data sent for parameter '{}' is not valid.")


class Refusal(Exception):
    """The exchange's definite no (or, for 5xx, its "unknown"). Nothing else about it is kept."""

    def __init__(self, reason: Reason, *details: object) -> None:
        self.reason = reason
        self.code, self.status, text = reason.value
        self.message = text.format(*details)
        self.data: dict[str, object] | None = None  # what more the answer says
        super().__init__(f"{self.message} ({self.code})")

    def body(self) -> dict[str, object]:
        body: dict[str, object] = {"code": self.code, "msg": self.message}
        return body if self.data is None else body | {"data": self.data}
