CREATE TABLE trusted_issuers (        -- others whose JWTs are taken as grants (RFC 7523)
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  issuer TEXT COLLATE "C" NOT NULL PRIMARY KEY,
  metadata TEXT NOT NULL              -- TrustedIssuer as JSON
);
