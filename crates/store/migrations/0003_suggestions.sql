-- Suggestions for an editor and what became of them. `body` is JSON that the store does not interpret; `outcome` is JSON that says
-- what accepting it made. `place` is a UUID version 7: the order of the list. Types and conventions as in 0001_records.sql.

CREATE TABLE suggestions (
    suggestion_id TEXT PRIMARY KEY,
    place TEXT NOT NULL,
    kind TEXT NOT NULL,
    product_line TEXT NOT NULL,
    state TEXT NOT NULL,
    body TEXT NOT NULL,
    first_seen BIGINT NOT NULL,
    decided_at BIGINT,
    key_id TEXT,
    note TEXT,
    outcome TEXT
);
CREATE UNIQUE INDEX suggestions_by_place ON suggestions (place);
CREATE INDEX suggestions_by_source ON suggestions (product_line, state);

CREATE TABLE suggestion_tickets (
    suggestion_id TEXT NOT NULL REFERENCES suggestions (suggestion_id) ON DELETE CASCADE,
    ticket_id TEXT NOT NULL,
    PRIMARY KEY (suggestion_id, ticket_id)
);
CREATE INDEX suggestion_tickets_by_ticket ON suggestion_tickets (ticket_id);
