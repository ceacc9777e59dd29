-- Times are unix milliseconds. A bucket is the first 12 bits of SHA-256 of the user's sub and leads every key of the user's rows.

CREATE TABLE configuration (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  version BIGINT NOT NULL,            -- moves with every change of clients, resources, keys and settings; nodes poll it
  not_before BIGINT NOT NULL          -- every grant older than this is dead
);
INSERT INTO configuration (id, version, not_before) VALUES (1, 1, 0);

CREATE TABLE declared (               -- keyed fingerprints of declared passwords and secrets, so that nothing is hashed again at a restart
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  PRIMARY KEY (kind, name)
) WITHOUT ROWID;

CREATE TABLE clients (
  client_id TEXT NOT NULL PRIMARY KEY,
  metadata TEXT NOT NULL,             -- ClientMetadata as JSON
  not_before BIGINT NOT NULL DEFAULT 0,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
) WITHOUT ROWID;

CREATE TABLE client_secrets (
  client_id TEXT NOT NULL,
  id TEXT NOT NULL,
  hash TEXT NOT NULL,                 -- 'sha256:…' for secrets made here, 'password:…' for secrets a person chose
  created_at BIGINT NOT NULL,
  expires_at BIGINT,
  PRIMARY KEY (client_id, id)
) WITHOUT ROWID;

CREATE TABLE resources (
  resource TEXT NOT NULL PRIMARY KEY,
  metadata TEXT NOT NULL,             -- ResourceMetadata as JSON
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
) WITHOUT ROWID;

CREATE TABLE signing_keys (
  kid TEXT NOT NULL PRIMARY KEY,
  purpose TEXT NOT NULL,              -- 'sign', or what a symmetric key is for: 'refresh', 'code', 'declared', …
  algorithm TEXT NOT NULL,
  wrapped BLOB NOT NULL,              -- the private key, encrypted under the operator's key ring
  created_at BIGINT NOT NULL,
  active_from BIGINT NOT NULL,
  retired_at BIGINT                   -- from then on it verifies, but no longer signs
) WITHOUT ROWID;

CREATE TABLE users (
  sub TEXT NOT NULL PRIMARY KEY,
  username TEXT NOT NULL,
  login_name TEXT NOT NULL UNIQUE,    -- the username, normalised
  password_hash TEXT,
  security_stamp TEXT NOT NULL,
  claims TEXT NOT NULL,               -- OIDC standard claims as a JSON object
  access_failed_count INTEGER NOT NULL DEFAULT 0,
  lockout_end BIGINT,
  disabled_at BIGINT,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
) WITHOUT ROWID;

CREATE TABLE sessions (
  bucket INTEGER NOT NULL,
  id BLOB NOT NULL,
  secret_hash BLOB NOT NULL,          -- SHA-256 of the cookie's secret half
  sub TEXT NOT NULL,
  auth_time BIGINT NOT NULL,
  acr TEXT NOT NULL,
  amr TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  last_seen_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  ended_at BIGINT,
  address TEXT,
  user_agent TEXT,
  PRIMARY KEY (bucket, id)
) WITHOUT ROWID;
CREATE INDEX sessions_by_user ON sessions (bucket, sub);
CREATE INDEX sessions_by_end ON sessions (expires_at);

CREATE TABLE session_clients (        -- who is told when the session ends
  bucket INTEGER NOT NULL,
  session_id BLOB NOT NULL,
  client_id TEXT NOT NULL,
  PRIMARY KEY (bucket, session_id, client_id)
) WITHOUT ROWID;

CREATE TABLE consents (
  bucket INTEGER NOT NULL,
  sub TEXT NOT NULL,
  client_id TEXT NOT NULL,
  scope TEXT NOT NULL,
  resources TEXT NOT NULL,
  granted_at BIGINT NOT NULL,
  PRIMARY KEY (bucket, sub, client_id)
) WITHOUT ROWID;

CREATE TABLE grant_terms (            -- what grants have in common is kept once: scope, resources, claims, acr, amr
  id INTEGER PRIMARY KEY,
  terms TEXT NOT NULL UNIQUE
);

CREATE TABLE grants (
  bucket INTEGER NOT NULL,
  id BLOB NOT NULL,
  client_id TEXT NOT NULL,
  sub TEXT NOT NULL,
  session_id BLOB,                    -- null once the grant outlives its session
  terms_id BIGINT NOT NULL,
  generation INTEGER NOT NULL,        -- of the refresh token that is good now; 0 where none was given
  rotated_at BIGINT NOT NULL,
  idle_seconds INTEGER NOT NULL,
  auth_time BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,         -- absolute
  revoked_at BIGINT,
  revoked_reason TEXT,
  PRIMARY KEY (bucket, id)
) WITHOUT ROWID;
CREATE INDEX grants_by_user ON grants (bucket, sub);
CREATE INDEX grants_by_end ON grants (expires_at);

CREATE TABLE device_codes (
  code_hash BLOB NOT NULL PRIMARY KEY,
  user_code TEXT NOT NULL UNIQUE,     -- without its dash
  client_id TEXT NOT NULL,
  scope TEXT NOT NULL,
  resources TEXT NOT NULL,
  status TEXT NOT NULL,               -- pending, approved, denied, used
  sub TEXT,
  grant_id BLOB,
  auth_time BIGINT,
  acr TEXT,
  amr TEXT,
  interval_seconds INTEGER NOT NULL,
  polled_at BIGINT,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  address TEXT,
  user_agent TEXT
) WITHOUT ROWID;
CREATE INDEX device_codes_by_end ON device_codes (expires_at);

CREATE TABLE replay_guard (           -- what may be used once: assertion ids and the like
  id BLOB NOT NULL PRIMARY KEY,
  expires_at BIGINT NOT NULL
) WITHOUT ROWID;
CREATE INDEX replay_guard_by_end ON replay_guard (expires_at);

CREATE TABLE revoked_tokens (         -- ids of access tokens that died before their time
  jti TEXT NOT NULL PRIMARY KEY,
  expires_at BIGINT NOT NULL
) WITHOUT ROWID;
CREATE INDEX revoked_tokens_by_end ON revoked_tokens (expires_at);

CREATE TABLE audit (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  at BIGINT NOT NULL,
  event TEXT NOT NULL,
  outcome TEXT NOT NULL,              -- success, refused, failed
  actor TEXT,                         -- who did it: a sub, a client_id, 'cli', 'config'
  sub TEXT,
  client_id TEXT,
  address TEXT,
  request_id TEXT,
  detail TEXT                         -- JSON object, never a secret
);
CREATE INDEX audit_by_user ON audit (sub, id);
CREATE INDEX audit_by_client ON audit (client_id, id);

CREATE TABLE outbox (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL,
  client_id TEXT NOT NULL,
  payload TEXT NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,  -- in vain
  created_at BIGINT NOT NULL,
  next_attempt_at BIGINT NOT NULL
);
CREATE INDEX outbox_by_time ON outbox (next_attempt_at);
CREATE INDEX outbox_by_client ON outbox (client_id, next_attempt_at);
