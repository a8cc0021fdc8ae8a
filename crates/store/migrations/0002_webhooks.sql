-- Webhooks, the events that were told of (the outbox: written in the transaction of the change itself), and one delivery
-- for each event and webhook. Types and conventions as in 0001_records.sql.

CREATE TABLE webhooks (
    webhook_id TEXT PRIMARY KEY,
    url TEXT NOT NULL,
    events TEXT NOT NULL,
    secret TEXT NOT NULL,
    key_id TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE outbox (
    event_id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    body TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX outbox_by_subject ON outbox (subject);
CREATE INDEX outbox_by_age ON outbox (created_at);

CREATE TABLE deliveries (
    delivery_id TEXT PRIMARY KEY,
    webhook_id TEXT NOT NULL REFERENCES webhooks (webhook_id) ON DELETE CASCADE,
    event_id TEXT NOT NULL REFERENCES outbox (event_id) ON DELETE CASCADE,
    status TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    claimed_by TEXT,
    next_attempt_at BIGINT NOT NULL,
    queued_at BIGINT NOT NULL,
    response_status BIGINT,
    error TEXT,
    took_ms BIGINT,
    created_at BIGINT NOT NULL,
    delivered_at BIGINT
);
CREATE INDEX deliveries_by_turn ON deliveries (status, next_attempt_at, delivery_id);
CREATE INDEX deliveries_by_webhook ON deliveries (webhook_id, delivery_id);
CREATE INDEX deliveries_by_event ON deliveries (event_id);
