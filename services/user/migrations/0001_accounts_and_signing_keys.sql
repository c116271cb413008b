CREATE TABLE users.accounts (
    id uuid PRIMARY KEY,
    email text NOT NULL UNIQUE,
    password_hash text NOT NULL,
    standing text NOT NULL DEFAULT 'good' CHECK (standing IN ('good', 'restricted')),
    created_at timestamptz NOT NULL DEFAULT now()
);

-- Both colours and all replicas sign with the same key, so that a token outlives a switch.
CREATE TABLE users.signing_keys (
    kid text PRIMARY KEY,
    private_key bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
