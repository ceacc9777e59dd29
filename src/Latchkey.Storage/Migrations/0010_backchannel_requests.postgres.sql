CREATE TABLE backchannel_requests (   -- what clients ask of a person who is elsewhere (OpenID Connect CIBA)
  auth_time BIGINT,
  polled_at BIGINT,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  interval_seconds INTEGER NOT NULL,
  id_hash BYTEA NOT NULL PRIMARY KEY, -- SHA-256 of auth_req_id
  sub TEXT COLLATE "C" NOT NULL,
  client_id TEXT COLLATE "C" NOT NULL,
  scope TEXT NOT NULL,
  resources TEXT NOT NULL,
  status TEXT NOT NULL,               -- pending, approved, denied, used
  binding_message TEXT,
  notification TEXT,                  -- what a ping needs, encrypted; null where the client polls
  grant_id BYTEA,
  acr TEXT,
  amr TEXT,
  address TEXT
) WITH (fillfactor = 70);
CREATE INDEX backchannel_requests_by_user ON backchannel_requests (sub);
CREATE INDEX backchannel_requests_by_end ON backchannel_requests (expires_at);
