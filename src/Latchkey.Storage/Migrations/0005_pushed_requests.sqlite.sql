-- Authorization requests that clients pushed (RFC 9126): short-lived, removed by the answer that they lead to.
CREATE TABLE pushed_requests (
  id BLOB NOT NULL PRIMARY KEY,       -- SHA-256 of the request_uri
  client_id TEXT NOT NULL,
  parameters TEXT NOT NULL,           -- as a form, without the client's credentials
  signed INTEGER NOT NULL,            -- 1 if they were the claims of a signed request object (RFC 9101)
  expires_at BIGINT NOT NULL,         -- until when a browser may come with the request_uri
  kept_until BIGINT NOT NULL          -- a person who came in time may still be signing in
) WITHOUT ROWID;
CREATE INDEX pushed_requests_by_end ON pushed_requests (kept_until);
