CREATE TABLE meta (
  key TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE jobs (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  version INTEGER NOT NULL,
  revision INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('ACTIVE', 'PAUSED', 'CANCELED', 'COMPLETED')),
  state_reason TEXT,
  next_slot INTEGER,
  next_run INTEGER,
  last_run INTEGER,
  open INTEGER NOT NULL DEFAULT 0 CHECK (open >= 0),
  running INTEGER NOT NULL DEFAULT 0 CHECK (running >= 0),
  runs INTEGER NOT NULL DEFAULT 0,
  streak INTEGER NOT NULL DEFAULT 0,
  created INTEGER NOT NULL,
  made_by TEXT,
  success INTEGER NOT NULL DEFAULT 0,
  failure INTEGER NOT NULL DEFAULT 0,
  incomplete INTEGER NOT NULL DEFAULT 0,
  error INTEGER NOT NULL DEFAULT 0,
  skipped INTEGER NOT NULL DEFAULT 0,
  missed INTEGER NOT NULL DEFAULT 0,
  tokens INTEGER NOT NULL DEFAULT 0,
  cost INTEGER NOT NULL DEFAULT 0,
  duration INTEGER NOT NULL DEFAULT 0,
  CHECK (state = 'ACTIVE' OR next_run IS NULL)
) STRICT;

CREATE INDEX jobs_due ON jobs (next_run) WHERE next_run IS NOT NULL;

CREATE INDEX jobs_name ON jobs (name);

CREATE INDEX jobs_running ON jobs (seq) WHERE running > 0;

CREATE TABLE job_versions (
  job INTEGER NOT NULL REFERENCES jobs (seq) ON DELETE CASCADE,
  version INTEGER NOT NULL,
  spec TEXT NOT NULL,
  PRIMARY KEY (job, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE tombstones (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  deleted_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX tombstones_name ON tombstones (name, deleted_at);

CREATE TABLE executions (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  job INTEGER NOT NULL REFERENCES jobs (seq) ON DELETE CASCADE,
  version INTEGER NOT NULL,
  at INTEGER NOT NULL,
  last_at INTEGER,
  slots INTEGER NOT NULL DEFAULT 1,
  manual INTEGER NOT NULL DEFAULT 0,
  status TEXT NOT NULL,
  reason TEXT,
  wake_at INTEGER,
  priority INTEGER NOT NULL DEFAULT 0,
  lane TEXT,
  owner TEXT,
  fence INTEGER NOT NULL DEFAULT 0,
  attempt INTEGER NOT NULL DEFAULT 0,
  retries INTEGER NOT NULL DEFAULT 0,
  begun INTEGER NOT NULL DEFAULT 0,
  cancel_at INTEGER,
  started_at INTEGER,
  ended_at INTEGER,
  agent TEXT,
  agent_id TEXT,
  process TEXT,
  usage TEXT,
  cost INTEGER,
  cost_basis TEXT,
  error TEXT,
  CHECK ((ended_at IS NULL) = (wake_at IS NOT NULL)),
  -- Written with OR: an IN of several texts builds a small table at each check, a quarter of the cost of a settlement.
  CHECK (
    CASE
      WHEN ended_at IS NULL THEN status = 'PENDING' OR status = 'RUNNING' OR status = 'AWAITING_INPUT'
      WHEN begun = 0 THEN status = 'SKIPPED' OR status = 'MISSED'
      ELSE status = 'SUCCESS' OR status = 'FAILURE' OR status = 'ERROR' OR status = 'INCOMPLETE'
    END
  )
) STRICT;

CREATE UNIQUE INDEX executions_slot ON executions (job, at);

CREATE INDEX executions_queue ON executions (status, priority, wake_at) WHERE wake_at IS NOT NULL;

CREATE UNIQUE INDEX executions_lane_running ON executions (lane) WHERE status = 'RUNNING' AND lane IS NOT NULL;

CREATE INDEX executions_lane_line ON executions (lane, seq) WHERE lane IS NOT NULL;

CREATE INDEX executions_trouble ON executions (seq)
WHERE status = 'FAILURE' OR status = 'ERROR' OR status = 'INCOMPLETE' OR status = 'MISSED';

CREATE TABLE attempts (
  execution INTEGER NOT NULL REFERENCES executions (seq) ON DELETE CASCADE,
  attempt INTEGER NOT NULL,
  status TEXT NOT NULL,
  reason TEXT,
  started_at INTEGER,
  ended_at INTEGER,
  agent_id TEXT,
  usage TEXT,
  cost INTEGER,
  error TEXT,
  PRIMARY KEY (execution, attempt)
) STRICT, WITHOUT ROWID;

CREATE TABLE texts (
  execution INTEGER NOT NULL REFERENCES executions (seq) ON DELETE CASCADE,
  part TEXT NOT NULL,
  format TEXT NOT NULL,
  size INTEGER NOT NULL,
  sha256 BLOB NOT NULL,
  body BLOB NOT NULL,
  PRIMARY KEY (execution, part)
) STRICT, WITHOUT ROWID;

CREATE TABLE nodes (
  id TEXT PRIMARY KEY,
  host TEXT NOT NULL,
  pid INTEGER NOT NULL,
  version TEXT NOT NULL,
  started_at INTEGER NOT NULL,
  seen_at INTEGER NOT NULL,
  stopped_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE tallies (
  scope TEXT NOT NULL,
  hour INTEGER NOT NULL,
  node TEXT NOT NULL,
  success INTEGER NOT NULL DEFAULT 0,
  failure INTEGER NOT NULL DEFAULT 0,
  incomplete INTEGER NOT NULL DEFAULT 0,
  error INTEGER NOT NULL DEFAULT 0,
  skipped INTEGER NOT NULL DEFAULT 0,
  missed INTEGER NOT NULL DEFAULT 0,
  tokens INTEGER NOT NULL DEFAULT 0,
  cost INTEGER NOT NULL DEFAULT 0,
  duration INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (scope, hour, node)
) STRICT, WITHOUT ROWID;

CREATE TABLE tally_durations (
  scope TEXT NOT NULL,
  hour INTEGER NOT NULL,
  node TEXT NOT NULL,
  bucket INTEGER NOT NULL,
  runs INTEGER NOT NULL,
  PRIMARY KEY (scope, hour, node, bucket)
) STRICT, WITHOUT ROWID;

CREATE VIEW execution_rows AS
SELECT
  e.seq, e.id, j.id AS job_id, e.version, e.at, e.last_at, e.slots, e.manual, e.status, e.reason, e.wake_at,
  e.priority, e.lane, e.owner, e.fence, e.attempt, e.retries, e.begun, e.cancel_at, e.started_at, e.ended_at,
  e.agent, e.agent_id, e.usage, e.cost, e.cost_basis, e.error, e.job
FROM executions AS e
JOIN jobs AS j ON j.seq = e.job;

CREATE VIEW job_rows AS
SELECT
  j.seq, j.id, j.version, j.revision, j.state, j.state_reason, j.next_slot, j.next_run, j.last_run, j.open, j.running,
  j.runs, j.streak, j.created, j.made_by, j.success, j.failure, j.incomplete, j.error, j.skipped, j.missed, j.tokens,
  j.cost, j.duration, j.name
FROM jobs AS j;
