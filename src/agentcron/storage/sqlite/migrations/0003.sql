-- What is told to others: written with what it tells of, and sent afterwards. The run that it is about may be pruned
-- while it waits.
CREATE TABLE outbox (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  event TEXT NOT NULL,
  target TEXT NOT NULL,
  job INTEGER NOT NULL REFERENCES jobs (seq) ON DELETE CASCADE,
  execution TEXT,
  created INTEGER NOT NULL,
  body TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status = 'PENDING' OR status = 'SENT' OR status = 'FAILED'),
  tries INTEGER NOT NULL DEFAULT 0,
  wake_at INTEGER,
  error TEXT,
  ended_at INTEGER,
  CHECK ((status = 'PENDING') = (wake_at IS NOT NULL))
) STRICT;

CREATE INDEX outbox_due ON outbox (target, wake_at) WHERE wake_at IS NOT NULL;

CREATE INDEX outbox_job ON outbox (job, seq);

CREATE INDEX outbox_execution ON outbox (execution) WHERE execution IS NOT NULL;

CREATE INDEX outbox_failed ON outbox (seq) WHERE status = 'FAILED';

-- When each event of a job was told last to each endpoint: what cooldowns and recoveries are judged by.
CREATE TABLE told (
  job INTEGER NOT NULL REFERENCES jobs (seq) ON DELETE CASCADE,
  target TEXT NOT NULL,
  event TEXT NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (job, target, event)
) STRICT, WITHOUT ROWID;

CREATE VIEW letter_rows AS
SELECT
  o.id, o.event, o.target, j.id AS job_id, o.execution, o.created, o.body, o.status, o.tries, o.wake_at, o.error,
  o.ended_at, o.seq
FROM outbox AS o
JOIN jobs AS j ON j.seq = o.job;
