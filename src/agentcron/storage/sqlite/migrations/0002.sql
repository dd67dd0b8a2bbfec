-- What attempts that may go on after a crash have finished.
CREATE TABLE steps (
  execution INTEGER NOT NULL REFERENCES executions (seq) ON DELETE CASCADE,
  attempt INTEGER NOT NULL,
  n INTEGER NOT NULL,
  name TEXT NOT NULL,
  result TEXT,
  PRIMARY KEY (execution, attempt, n)
) STRICT, WITHOUT ROWID;

-- Agents of providers that asked to wait.
CREATE TABLE holds (
  agent TEXT PRIMARY KEY,
  key TEXT NOT NULL,
  until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX holds_until ON holds (until);

-- What a run that is under way is expected to use, and of which budgets: {"scopes": [...], "tokens": n, "cost": n}.
ALTER TABLE executions ADD COLUMN reserved TEXT;

-- No statement looks for jobs that run by this index, and every run paid for entering and leaving it.
DROP INDEX jobs_running;

-- Gates and checks: what a job's sources were like at its last success, runs that a gate spared, and what was found
-- around one run.
ALTER TABLE jobs ADD COLUMN marks TEXT;

ALTER TABLE jobs ADD COLUMN gated INTEGER NOT NULL DEFAULT 0;

CREATE INDEX jobs_gated ON jobs (seq) WHERE gated > 0;

ALTER TABLE executions ADD COLUMN findings TEXT;

-- What runs ask of people, and how often a run was parked for it.
ALTER TABLE executions ADD COLUMN asked INTEGER NOT NULL DEFAULT 0;

CREATE TABLE inputs (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  execution INTEGER NOT NULL REFERENCES executions (seq) ON DELETE CASCADE,
  attempt INTEGER NOT NULL,
  key TEXT NOT NULL,
  kind TEXT NOT NULL,
  question TEXT NOT NULL,
  options TEXT,
  tool TEXT,
  args TEXT,
  asked_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  decision TEXT,
  answer TEXT,
  answered_by TEXT,
  answered_at INTEGER,
  CHECK ((decision IS NULL) = (answered_at IS NULL))
) STRICT;

CREATE INDEX inputs_execution ON inputs (execution);

CREATE INDEX inputs_open ON inputs (seq) WHERE decision IS NULL;

-- How many jobs there are of each state, so that no statistic goes through all of them.
CREATE TABLE job_states (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  active INTEGER NOT NULL,
  paused INTEGER NOT NULL,
  canceled INTEGER NOT NULL,
  completed INTEGER NOT NULL
) STRICT;

INSERT INTO job_states
SELECT
  1,
  count(*) FILTER (WHERE state = 'ACTIVE'),
  count(*) FILTER (WHERE state = 'PAUSED'),
  count(*) FILTER (WHERE state = 'CANCELED'),
  count(*) FILTER (WHERE state = 'COMPLETED')
FROM jobs;

CREATE TRIGGER jobs_made AFTER INSERT ON jobs BEGIN
  UPDATE job_states SET
    active = active + (new.state = 'ACTIVE'),
    paused = paused + (new.state = 'PAUSED'),
    canceled = canceled + (new.state = 'CANCELED'),
    completed = completed + (new.state = 'COMPLETED')
  WHERE id = 1;
END;

CREATE TRIGGER jobs_gone AFTER DELETE ON jobs BEGIN
  UPDATE job_states SET
    active = active - (old.state = 'ACTIVE'),
    paused = paused - (old.state = 'PAUSED'),
    canceled = canceled - (old.state = 'CANCELED'),
    completed = completed - (old.state = 'COMPLETED')
  WHERE id = 1;
END;

CREATE TRIGGER jobs_turned AFTER UPDATE OF state ON jobs WHEN old.state <> new.state BEGIN
  UPDATE job_states SET
    active = active + (new.state = 'ACTIVE') - (old.state = 'ACTIVE'),
    paused = paused + (new.state = 'PAUSED') - (old.state = 'PAUSED'),
    canceled = canceled + (new.state = 'CANCELED') - (old.state = 'CANCELED'),
    completed = completed + (new.state = 'COMPLETED') - (old.state = 'COMPLETED')
  WHERE id = 1;
END;

-- The views, with every column that was added above, always at the end.
DROP VIEW execution_rows;

CREATE VIEW execution_rows AS
SELECT
  e.seq, e.id, j.id AS job_id, e.version, e.at, e.last_at, e.slots, e.manual, e.status, e.reason, e.wake_at,
  e.priority, e.lane, e.owner, e.fence, e.attempt, e.retries, e.begun, e.cancel_at, e.started_at, e.ended_at,
  e.agent, e.agent_id, e.usage, e.cost, e.cost_basis, e.error, e.job, e.findings, e.asked
FROM executions AS e
JOIN jobs AS j ON j.seq = e.job;

DROP VIEW job_rows;

CREATE VIEW job_rows AS
SELECT
  j.seq, j.id, j.version, j.revision, j.state, j.state_reason, j.next_slot, j.next_run, j.last_run, j.open, j.running,
  j.runs, j.streak, j.created, j.made_by, j.success, j.failure, j.incomplete, j.error, j.skipped, j.missed, j.tokens,
  j.cost, j.duration, j.name, j.marks, j.gated
FROM jobs AS j;
