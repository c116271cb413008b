-- The version before this one runs beside it, so everything here only adds.
ALTER TABLE users.accounts
    ADD COLUMN roles text[] NOT NULL DEFAULT '{trader}',
    -- Of a journey: it trades with its like only, and is removed after a while.
    ADD COLUMN synthetic boolean NOT NULL DEFAULT false;

-- A login that can be prolonged. Secrets are kept as hashes.
CREATE TABLE users.sessions (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users.accounts ON DELETE CASCADE,
    secret_hash bytea NOT NULL,
    -- Good for a moment more: the answer that brought the new one may have been lost.
    previous_hash bytea,
    rotated_at timestamptz NOT NULL DEFAULT now(),
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);
CREATE INDEX sessions_of_user ON users.sessions (user_id);
CREATE INDEX sessions_by_end ON users.sessions (expires_at);

-- Counted here, so that neither another replica nor another colour gives more attempts. `account` is a
-- keyed hash of an email, whether or not it has an account.
CREATE TABLE users.login_attempts (
    account bytea PRIMARY KEY,
    attempts integer NOT NULL,
    began_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX login_attempts_by_age ON users.login_attempts (began_at);

-- Keys of this service that are made once and then shared: that of the hashes of emails.
CREATE TABLE users.secrets (
    name text PRIMARY KEY,
    value bytea NOT NULL
);
