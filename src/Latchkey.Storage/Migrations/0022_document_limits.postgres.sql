-- Every code and grant of the client that is older is dead. A row whose fetched_at is 0 is of a client that was deleted: only this is remembered of it.
ALTER TABLE client_documents ADD COLUMN not_before BIGINT NOT NULL DEFAULT 0;
