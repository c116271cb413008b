-- Amounts are exact. The checks are the last line of defence: no order flow may pass them.
CREATE TABLE trade.balances (
    user_id uuid NOT NULL,
    asset text NOT NULL,
    available numeric NOT NULL DEFAULT 0 CHECK (available >= 0),
    reserved numeric NOT NULL DEFAULT 0 CHECK (reserved >= 0),
    PRIMARY KEY (user_id, asset)
);

CREATE TABLE trade.deposits (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL,
    asset text NOT NULL,
    amount numeric NOT NULL CHECK (amount > 0),
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE trade.orders (
    id uuid PRIMARY KEY,
    sequence bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    user_id uuid NOT NULL,
    market text NOT NULL,
    side text NOT NULL CHECK (side IN ('buy', 'sell')),
    price numeric NOT NULL CHECK (price > 0),
    quantity numeric NOT NULL CHECK (quantity > 0),
    filled numeric NOT NULL DEFAULT 0 CHECK (filled >= 0 AND filled <= quantity),
    created_at timestamptz NOT NULL DEFAULT now()
);
-- The book: what rests, by price and then by time.
CREATE INDEX orders_resting ON trade.orders (market, side, price, sequence) WHERE filled < quantity;
CREATE INDEX orders_of_user ON trade.orders (user_id, sequence DESC);

CREATE TABLE trade.fills (
    id uuid PRIMARY KEY,
    market text NOT NULL,
    price numeric NOT NULL CHECK (price > 0),
    quantity numeric NOT NULL CHECK (quantity > 0),
    maker_order uuid NOT NULL REFERENCES trade.orders,
    taker_order uuid NOT NULL REFERENCES trade.orders,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX fills_of_maker ON trade.fills (maker_order);
CREATE INDEX fills_of_taker ON trade.fills (taker_order);

-- A write that is sent again under the same key is answered from here.
CREATE TABLE trade.idempotency_keys (
    user_id uuid NOT NULL,
    key text NOT NULL,
    request_hash bytea NOT NULL,
    resource_id uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, key)
);

-- Events leave with the transaction that caused them; a dispatcher delivers them afterwards.
CREATE TABLE trade.outbox (
    id uuid PRIMARY KEY,
    sequence bigint GENERATED ALWAYS AS IDENTITY,
    kind text NOT NULL,
    user_id uuid NOT NULL,
    payload jsonb NOT NULL,
    colour text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    delivered_at timestamptz
);
CREATE INDEX outbox_waiting ON trade.outbox (sequence) WHERE delivered_at IS NULL;
