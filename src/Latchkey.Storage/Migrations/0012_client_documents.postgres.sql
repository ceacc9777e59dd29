-- Clients that nobody registered: their client_id is the URL of their metadata. A row is written when a person agrees, never for a mere request.
CREATE TABLE client_documents (
  client_id TEXT NOT NULL PRIMARY KEY,
  metadata TEXT NOT NULL,             -- ClientMetadata as JSON, as it was read last
  fetched_at BIGINT NOT NULL          -- the last time that the document was there and right
);
CREATE INDEX client_documents_by_time ON client_documents (fetched_at);

-- What the client was when the person agreed: a hash of its redirect URIs and keys. NULL for clients that an operator declared.
ALTER TABLE consents ADD COLUMN fingerprint TEXT;
