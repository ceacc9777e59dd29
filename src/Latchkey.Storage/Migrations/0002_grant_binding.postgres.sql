-- What the refresh tokens of a public client are bound to; null for all others.
ALTER TABLE grants ADD COLUMN jkt BYTEA;   -- SHA-256 thumbprint of the DPoP key (RFC 9449 section 5)
ALTER TABLE grants ADD COLUMN x5t BYTEA;   -- SHA-256 of the client certificate (RFC 8705 section 4)
