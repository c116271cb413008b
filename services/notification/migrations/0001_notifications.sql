CREATE TABLE notification.notifications (
    -- The event's id: an event that is delivered again changes nothing.
    id uuid PRIMARY KEY,
    -- Grows in the order in which notifications become visible, so that a reader misses none.
    sequence bigint GENERATED ALWAYS AS IDENTITY,
    user_id uuid NOT NULL,
    kind text NOT NULL,
    payload jsonb NOT NULL,
    colour text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX notifications_of_user ON notification.notifications (user_id, sequence);
