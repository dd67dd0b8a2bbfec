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
