-- The version before this one runs beside it, so everything here only adds.
--
-- It takes for resting whatever has filled < quantity, and knows no cancel. A cancelled order therefore
-- gives up what was left of it: `quantity` shrinks to what is filled, `cancelled` keeps the rest, and the
-- sum of both is what was ordered.
ALTER TABLE trade.orders
    ADD COLUMN cancelled numeric NOT NULL DEFAULT 0 CHECK (cancelled >= 0),
    -- A market order is a limit order at the bound of all prices that never rests; `price` is that bound.
    ADD COLUMN type text NOT NULL DEFAULT 'limit' CHECK (type IN ('limit', 'market')),
    ADD CONSTRAINT orders_ordered_check CHECK (quantity + cancelled > 0),
    DROP CONSTRAINT orders_quantity_check,
    ADD CONSTRAINT orders_quantity_check CHECK (quantity >= 0);

CREATE TABLE trade.withdrawals (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL,
    asset text NOT NULL,
    amount numeric NOT NULL CHECK (amount > 0),
    created_at timestamptz NOT NULL DEFAULT now()
);

-- Accounts of journeys. They trade in markets of their own and are removed after a while.
CREATE TABLE trade.synthetic_accounts (
    user_id uuid PRIMARY KEY,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX synthetic_accounts_by_age ON trade.synthetic_accounts (created_at);

-- People who were erased. What they traded stays under their id, which names nobody any more.
CREATE TABLE trade.erasures (
    user_id uuid PRIMARY KEY,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- What is held about one person is found without reading everyone's.
CREATE INDEX deposits_of_user ON trade.deposits (user_id);
CREATE INDEX withdrawals_of_user ON trade.withdrawals (user_id);
CREATE INDEX outbox_of_user ON trade.outbox (user_id);
-- The trades of a market, newest first.
CREATE INDEX fills_of_market ON trade.fills (market, id);
-- What retention removes.
CREATE INDEX outbox_delivered ON trade.outbox USING brin (delivered_at);
CREATE INDEX idempotency_keys_by_age ON trade.idempotency_keys USING brin (created_at);
