-- What a Token Status List tells of access tokens. An index is handed out once and never again; only the indexes of tokens that were revoked and may not
-- have expired yet are rows.

CREATE TABLE status_indexes (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  next_index BIGINT NOT NULL          -- the first that no node has reserved
);
INSERT INTO status_indexes (id, next_index) VALUES (1, 0);

CREATE TABLE status_revocations (
  status_index BIGINT NOT NULL PRIMARY KEY,
  revoked_at BIGINT NOT NULL
) WITHOUT ROWID;
CREATE INDEX status_revocations_by_time ON status_revocations (revoked_at);

ALTER TABLE grants ADD COLUMN status_index BIGINT;  -- of the access tokens of the grant
