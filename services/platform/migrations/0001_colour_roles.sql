-- Runs in the schema of each service. What each colour was last told, by the epoch of the flip.
CREATE TABLE colour_roles (
    colour text PRIMARY KEY,
    epoch bigint NOT NULL CHECK (epoch >= 0),
    live boolean NOT NULL
);
