INSERT OR REPLACE INTO attempts (
  execution, attempt, status, reason, started_at, ended_at, agent_id, usage, cost, error
)
VALUES (:execution, :attempt, :status, :reason, :started_at, :ended_at, :agent_id, :usage, :cost, :error)
