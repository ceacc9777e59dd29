CREATE TABLE trusted_issuers (        -- others whose JWTs are taken as grants (RFC 7523)
  issuer TEXT NOT NULL PRIMARY KEY,
  metadata TEXT NOT NULL,             -- TrustedIssuer as JSON
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
) WITHOUT ROWID;
