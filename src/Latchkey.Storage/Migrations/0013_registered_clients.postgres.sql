-- Clients that registered themselves (RFC 7591). They are read one by one, never all at once, however many there are.
CREATE TABLE registered_clients (
  client_id TEXT NOT NULL PRIMARY KEY,
  metadata TEXT NOT NULL,             -- ClientMetadata as JSON
  secret_hash TEXT,                   -- 'sha256:…', NULL for a client without a secret
  token_hash BYTEA NOT NULL,           -- SHA-256 of the registration access token
  not_before BIGINT NOT NULL DEFAULT 0,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  used_at BIGINT                      -- when a person first agreed to it, or it first got a token
);
CREATE INDEX registered_clients_unused ON registered_clients (created_at) WHERE used_at IS NULL;
