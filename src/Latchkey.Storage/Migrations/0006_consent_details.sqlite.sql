-- The authorization details (RFC 9396) that a person agreed to, as a JSON array: asked for again, they need no new yes; any other does.
ALTER TABLE consents ADD COLUMN authorization_details TEXT;
