-- What people want to hear of. Nobody is in here who never said.
CREATE TABLE notification.preferences (
    user_id uuid PRIMARY KEY,
    fills boolean NOT NULL,
    announcements boolean NOT NULL,
    -- Of a journey: announcements leave it out.
    synthetic boolean NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX preferences_announcements ON notification.preferences (user_id)
    WHERE announcements AND NOT synthetic;

-- What operators announced, each version once.
CREATE TABLE notification.announcements (
    id uuid PRIMARY KEY,
    version text NOT NULL UNIQUE,
    title text NOT NULL,
    body text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    -- How far it has come: users up to this one are done.
    done_up_to uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    finished_at timestamptz
);

-- Whose data was erased: events that were still under way then are dropped.
CREATE TABLE notification.erased (
    user_id uuid PRIMARY KEY,
    erased_at timestamptz NOT NULL DEFAULT now()
);

ALTER TABLE notification.notifications
    ADD COLUMN synthetic boolean NOT NULL DEFAULT false,
    -- Which announcement it is.
    ADD COLUMN announcement uuid REFERENCES notification.announcements;
CREATE UNIQUE INDEX notifications_of_announcement ON notification.notifications (announcement, user_id)
    WHERE announcement IS NOT NULL;
-- For the retention job.
CREATE INDEX notifications_by_age ON notification.notifications (created_at);
