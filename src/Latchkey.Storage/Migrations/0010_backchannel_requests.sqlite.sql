CREATE TABLE backchannel_requests (   -- what clients ask of a person who is elsewhere (OpenID Connect CIBA)
  id_hash BLOB NOT NULL PRIMARY KEY,  -- SHA-256 of auth_req_id
  sub TEXT NOT NULL,
  client_id TEXT NOT NULL,
  scope TEXT NOT NULL,
  resources TEXT NOT NULL,
  status TEXT NOT NULL,               -- pending, approved, denied, used
  binding_message TEXT,
  notification TEXT,                  -- what a ping needs, encrypted; null where the client polls
  grant_id BLOB,
  auth_time BIGINT,
  acr TEXT,
  amr TEXT,
  interval_seconds INTEGER NOT NULL,
  polled_at BIGINT,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  address TEXT
) WITHOUT ROWID;
CREATE INDEX backchannel_requests_by_user ON backchannel_requests (sub);
CREATE INDEX backchannel_requests_by_end ON backchannel_requests (expires_at);
