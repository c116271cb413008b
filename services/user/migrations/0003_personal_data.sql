-- The version before this one runs beside it, so everything here only adds.
--
-- Personal fields are sealed, each person's with a key of their own that stands apart. Once the key is
-- destroyed nobody can read them, in old copies of the tables neither.
CREATE TABLE users.person_keys (
    user_id uuid PRIMARY KEY,
    key bytea NOT NULL
);

ALTER TABLE users.accounts
    -- Finds the account of an email: a keyed hash.
    ADD COLUMN email_lookup bytea UNIQUE,
    -- Takes the place of `email`, which then holds the account's id and no address.
    ADD COLUMN email_sealed bytea,
    ADD COLUMN name_sealed bytea,
    -- Who restricted it: `person`, `operator`. `standing` follows, for the version before.
    ADD COLUMN restricted_by text[] NOT NULL DEFAULT '{}';
UPDATE users.accounts SET restricted_by = '{operator}' WHERE standing = 'restricted';
CREATE INDEX accounts_not_sealed ON users.accounts (id) WHERE email_sealed IS NULL;

-- What people agreed to and what they took back, each in the version that they saw. Only grows.
CREATE TABLE users.consents (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL,
    purpose text NOT NULL,
    version integer NOT NULL,
    granted boolean NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX consents_of_user ON users.consents (user_id, id);

-- Who did what to whose data.
CREATE TABLE users.audit_log (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL,
    -- Nobody: the exchange itself.
    actor uuid,
    action text NOT NULL,
    -- What stood there before, sealed as above.
    previous_sealed bytea,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX audit_log_of_user ON users.audit_log (user_id, id);
CREATE INDEX audit_log_by_age ON users.audit_log USING brin (created_at);

CREATE FUNCTION users.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% only grows', TG_TABLE_NAME;
END $$;
CREATE TRIGGER audit_log_only_grows BEFORE UPDATE ON users.audit_log
    FOR EACH ROW EXECUTE FUNCTION users.refuse_change();
CREATE TRIGGER consents_only_grow BEFORE UPDATE ON users.consents
    FOR EACH ROW EXECUTE FUNCTION users.refuse_change();

-- People who were erased. To be done again after a restore of an older copy of the database.
CREATE TABLE users.erasures (
    user_id uuid PRIMARY KEY,
    created_at timestamptz NOT NULL DEFAULT now(),
    -- When trade and notification had forgotten them too.
    completed_at timestamptz
);
