"""The journal's tables. Forward only: a migration is added at the end and never changed."""

KIND = "tradingbot journal"  # in `meta`: tells a journal from other databases

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    -- What happened and what was decided, in order. The tables below are projections of it.
    CREATE TABLE events (
        seq INTEGER PRIMARY KEY, time_ns INTEGER NOT NULL, market TEXT NOT NULL, kind TEXT NOT NULL,
        payload BLOB NOT NULL
    );
    CREATE TABLE orders (
        order_id TEXT PRIMARY KEY, market TEXT NOT NULL, side TEXT NOT NULL, price INTEGER NOT NULL,
        quantity INTEGER NOT NULL, filled INTEGER NOT NULL, state TEXT NOT NULL, venue_order_id TEXT NOT NULL,
        closed INTEGER NOT NULL, created_ns INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX orders_not_closed ON orders (market) WHERE closed = 0;
    CREATE TABLE fills (
        seq INTEGER PRIMARY KEY, venue TEXT NOT NULL, account TEXT NOT NULL, symbol TEXT NOT NULL,
        trade_id TEXT NOT NULL, market TEXT NOT NULL, order_id TEXT NOT NULL, quantity INTEGER NOT NULL,
        payload BLOB NOT NULL, UNIQUE (venue, account, symbol, trade_id)
    );
    CREATE INDEX fills_by_order ON fills (order_id);
    CREATE TABLE latches (
        id TEXT PRIMARY KEY, reason TEXT NOT NULL, message TEXT NOT NULL, at_ns INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE days (
        market TEXT NOT NULL, day INTEGER NOT NULL, opening INTEGER NOT NULL, PRIMARY KEY (market, day)
    ) WITHOUT ROWID;
    """,
    """
    -- What the integers of a market's rows mean: the instrument that is traded, and the one that prices it.
    CREATE TABLE markets (
        market TEXT PRIMARY KEY, instrument BLOB NOT NULL, reference BLOB NOT NULL
    ) WITHOUT ROWID;
    """,
    """
    -- The order that this one takes the place of; whether the venue ever acknowledged it; the venue's time of the
    -- newest report. Rows from before: an order with a venue id had been acknowledged.
    ALTER TABLE orders ADD COLUMN replaces TEXT NOT NULL DEFAULT '';
    ALTER TABLE orders ADD COLUMN seen INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE orders ADD COLUMN venue_time_ns INTEGER NOT NULL DEFAULT 0;
    UPDATE orders SET seen = 1 WHERE venue_order_id != '';
    CREATE INDEX orders_by_venue_id ON orders (market, venue_order_id) WHERE venue_order_id != '';
    """,
    """
    -- Halts say what broke which limit, and stay when they are released: by whom, and when.
    ALTER TABLE latches ADD COLUMN market TEXT NOT NULL DEFAULT '';
    ALTER TABLE latches ADD COLUMN policy TEXT NOT NULL DEFAULT 'CancelAll';
    ALTER TABLE latches ADD COLUMN halted_by TEXT NOT NULL DEFAULT 'runtime';
    ALTER TABLE latches ADD COLUMN value TEXT NOT NULL DEFAULT '';
    ALTER TABLE latches ADD COLUMN broken_limit TEXT NOT NULL DEFAULT '';
    ALTER TABLE latches ADD COLUMN resumed_ns INTEGER;
    ALTER TABLE latches ADD COLUMN resumed_by TEXT;
    """,
    """
    -- Accounts of markets that came from another slot, by the closing statement that brought them: each is taken over
    -- once, in place of what the fills up to `after_fill` had made. An empty one: the statement says why there is none.
    CREATE TABLE carried (
        seq INTEGER PRIMARY KEY, market TEXT NOT NULL, statement TEXT NOT NULL, after_fill INTEGER NOT NULL,
        time_ns INTEGER NOT NULL, account BLOB NOT NULL, UNIQUE (market, statement)
    );
    """,
)
