"""Binance's own addresses, by environment. A Venue's `endpoints` replace them; nothing is inferred from an address.

Source: Binance spot API documentation, "General API information", and the spot testnet's.
"""

from tradingbot_runtime.config import Endpoints, Environment, VenueSpec

CONNECTION_LIVES_S = 23 * 3600.0  # "A single connection is only valid for 24 hours"
_OWN = {
    Environment.TESTNET: Endpoints(
        rest="https://testnet.binance.vision",
        stream="wss://stream.testnet.binance.vision/stream",
        websocket_api="wss://ws-api.testnet.binance.vision/ws-api/v3",
    ),
    Environment.PRODUCTION: Endpoints(
        rest="https://api.binance.com",
        stream="wss://stream.binance.com:9443/stream",
        websocket_api="wss://ws-api.binance.com:443/ws-api/v3",
    ),
}


def endpoints(venue: VenueSpec) -> Endpoints:
    return venue.endpoints or _OWN[venue.environment]


def websocket_api(venue: VenueSpec) -> str:
    found = endpoints(venue).websocket_api
    if found is None:
        raise TypeError("the Venue was validated: type Binance has endpoints.websocketApi")
    return found
