-- Records of the five flows. Types are those that SQLite and PostgreSQL share: TEXT, BIGINT, DOUBLE PRECISION.
-- Times are milliseconds since 1970 (UTC). Identifiers are UUID version 7, so that they sort by time of creation;
-- every list is read in descending order of its identifier. JSON is kept as TEXT. Bytes live in the object store,
-- named by their SHA-256; object_owners says who still needs them.

CREATE TABLE object_owners (
    sha256 TEXT NOT NULL,
    owner TEXT NOT NULL,
    size_bytes BIGINT NOT NULL,
    PRIMARY KEY (sha256, owner)
);
CREATE INDEX object_owners_by_owner ON object_owners (owner);

CREATE TABLE documents (
    document_id TEXT PRIMARY KEY,
    title TEXT NOT NULL,
    product_line TEXT NOT NULL,
    brand TEXT,
    metadata TEXT NOT NULL,
    file_name TEXT NOT NULL,
    original_sha256 TEXT NOT NULL,
    status TEXT NOT NULL,
    progress DOUBLE PRECISION NOT NULL,
    pages BIGINT NOT NULL,
    passages BIGINT NOT NULL,
    skipped TEXT NOT NULL,
    error TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE TABLE answers (
    answer_id TEXT PRIMARY KEY,
    question TEXT NOT NULL,
    model TEXT,
    product_line TEXT,
    conversation_id TEXT,
    grounded BIGINT NOT NULL,
    refusal_reason TEXT,
    body TEXT NOT NULL,
    process TEXT NOT NULL,
    key_id TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX answers_by_conversation ON answers (conversation_id, answer_id);

CREATE TABLE feedback (
    feedback_id TEXT PRIMARY KEY,
    answer_id TEXT NOT NULL REFERENCES answers (answer_id) ON DELETE CASCADE,
    verdict TEXT NOT NULL,
    correction TEXT,
    key_id TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX feedback_by_answer ON feedback (answer_id);

CREATE TABLE standards (
    category TEXT NOT NULL,
    revision BIGINT NOT NULL,
    definition TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (category, revision)
);

CREATE TABLE standard_photos (
    photo_id TEXT PRIMARY KEY,
    category TEXT NOT NULL,
    checkpoint TEXT NOT NULL,
    label TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (category, checkpoint, label, sha256)
);

CREATE TABLE enrolled_standards (
    category TEXT PRIMARY KEY,
    sha256 TEXT NOT NULL,
    version TEXT NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE TABLE inspections (
    inspection_id TEXT PRIMARY KEY,
    ticket_id TEXT NOT NULL,
    category TEXT NOT NULL,
    service_provider TEXT,
    attempt BIGINT NOT NULL,
    replaces TEXT,
    status TEXT NOT NULL,
    verdict TEXT,
    ticket TEXT NOT NULL,
    photos_meta TEXT NOT NULL,
    result TEXT,
    error TEXT,
    key_id TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    UNIQUE (ticket_id, attempt)
);
CREATE INDEX inspections_by_status ON inspections (status, inspection_id);

CREATE TABLE photos (
    inspection_id TEXT NOT NULL REFERENCES inspections (inspection_id) ON DELETE CASCADE,
    position BIGINT NOT NULL,
    file_name TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    overlay_sha256 TEXT,
    fingerprint TEXT,
    PRIMARY KEY (inspection_id, position)
);

CREATE TABLE alerts (
    alert_id TEXT PRIMARY KEY,
    inspection_id TEXT NOT NULL REFERENCES inspections (inspection_id) ON DELETE CASCADE,
    ticket_id TEXT NOT NULL,
    service_provider TEXT,
    photo BIGINT,
    checkpoint TEXT,
    kind TEXT NOT NULL,
    severity TEXT NOT NULL,
    probability DOUBLE PRECISION NOT NULL,
    p_value DOUBLE PRECISION,
    harm DOUBLE PRECISION NOT NULL,
    state TEXT NOT NULL,
    note TEXT,
    decided_by TEXT,
    decided_at BIGINT,
    created_at BIGINT NOT NULL,
    due_at BIGINT NOT NULL
);
CREATE INDEX alerts_by_harm ON alerts (harm, alert_id);
CREATE INDEX alerts_by_inspection ON alerts (inspection_id);

CREATE TABLE definitions (
    kind TEXT NOT NULL,
    product_line TEXT NOT NULL,
    revision BIGINT NOT NULL,
    format TEXT NOT NULL,
    content TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (kind, product_line, revision)
);

CREATE TABLE repairs (
    ticket_id TEXT NOT NULL,
    visit BIGINT NOT NULL,
    repair_id TEXT NOT NULL,
    product_line TEXT NOT NULL,
    body TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (ticket_id, visit)
);
CREATE INDEX repairs_by_line ON repairs (product_line, repair_id);

CREATE TABLE ticket_records (
    record_id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    ticket_id TEXT NOT NULL,
    request TEXT NOT NULL,
    result TEXT NOT NULL,
    key_id TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX ticket_records_by_ticket ON ticket_records (ticket_id, record_id);

CREATE TABLE api_keys (
    key_id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    brands TEXT NOT NULL,
    service_providers TEXT NOT NULL,
    salt TEXT NOT NULL,
    secret_sha256 TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    revoked_at BIGINT
);

CREATE TABLE idempotent_calls (
    key_id TEXT NOT NULL,
    route TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    body_sha256 TEXT NOT NULL,
    state TEXT NOT NULL,
    owner TEXT NOT NULL,
    status BIGINT,
    headers TEXT,
    reply TEXT,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (key_id, route, idempotency_key)
);

CREATE TABLE jobs (
    job_id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    priority BIGINT NOT NULL,
    state TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    claimed_by TEXT,
    lease_until BIGINT NOT NULL,
    not_before BIGINT NOT NULL,
    error TEXT,
    created_at BIGINT NOT NULL
);
CREATE INDEX jobs_by_turn ON jobs (state, priority, job_id);
CREATE INDEX jobs_by_subject ON jobs (subject);

CREATE TABLE audit (
    audit_id TEXT PRIMARY KEY,
    key_id TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE meta (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);
