-- The store of the page: spans as they came, what lists and sums need of them as columns, and their texts.
CREATE TABLE IF NOT EXISTS spans (
    id INTEGER PRIMARY KEY, -- that of its text too
    trace_id TEXT NOT NULL, span_id TEXT NOT NULL, parent_id TEXT NOT NULL,
    name TEXT NOT NULL, kind INTEGER NOT NULL,
    start INTEGER NOT NULL, "end" INTEGER NOT NULL, -- nanoseconds since 1970
    service TEXT NOT NULL, scope TEXT NOT NULL, session TEXT NOT NULL, user TEXT NOT NULL,
    operation TEXT NOT NULL, provider TEXT NOT NULL, model TEXT NOT NULL,
    outcome TEXT NOT NULL, error TEXT NOT NULL, is_error INTEGER NOT NULL, message TEXT NOT NULL,
    is_call INTEGER NOT NULL, has_output INTEGER NOT NULL, input_tokens INTEGER, output_tokens INTEGER, -- null: not known
    cost REAL, first_token REAL, -- US dollars; seconds
    counts INTEGER NOT NULL DEFAULT 0, -- whether it is a call that lies within no other
    question TEXT NOT NULL, answer TEXT NOT NULL,
    UNIQUE (trace_id, span_id)
);
-- the choices of a filter, and the traces that each leaves
CREATE INDEX IF NOT EXISTS models ON spans (model, trace_id);
CREATE INDEX IF NOT EXISTS providers ON spans (provider, trace_id);
CREATE INDEX IF NOT EXISTS services ON spans (service, trace_id);
CREATE INDEX IF NOT EXISTS outcomes ON spans (outcome, trace_id) WHERE operation <> '';
CREATE INDEX IF NOT EXISTS calls ON spans (
    model, start, "end", outcome, input_tokens, output_tokens, cost, first_token, has_output, trace_id
) WHERE counts;
CREATE INDEX IF NOT EXISTS sessions ON spans (session, trace_id) WHERE session <> '';

-- apart from `spans`, whose rows are read by the thousand and so have to be short
CREATE TABLE IF NOT EXISTS bodies (
    id INTEGER PRIMARY KEY, -- that of the span
    attributes TEXT NOT NULL, events TEXT NOT NULL -- JSON
);

CREATE TABLE IF NOT EXISTS content (
    trace_id TEXT NOT NULL, span_id TEXT NOT NULL, attributes TEXT NOT NULL, -- of log events, which may come first
    PRIMARY KEY (trace_id, span_id)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS traces (
    trace_id TEXT PRIMARY KEY, start INTEGER NOT NULL, "end" INTEGER NOT NULL,
    name TEXT NOT NULL, service TEXT NOT NULL, session TEXT NOT NULL, user TEXT NOT NULL,
    spans INTEGER NOT NULL, calls INTEGER NOT NULL, has_output INTEGER NOT NULL, errors INTEGER NOT NULL, outcome TEXT NOT NULL,
    input_tokens INTEGER, output_tokens INTEGER, cost REAL,
    question TEXT NOT NULL, answer TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS newest ON traces (start DESC);

CREATE VIRTUAL TABLE IF NOT EXISTS texts USING fts5 (text);
