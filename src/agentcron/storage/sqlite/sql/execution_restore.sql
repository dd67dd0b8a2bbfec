INSERT INTO executions (
  id, job, version, at, last_at, slots, manual, status, reason, wake_at, priority, lane, owner, fence, attempt,
  retries, begun, cancel_at, started_at, ended_at, agent, agent_id, usage, cost, cost_basis, error
)
VALUES (
  :id, :job, :version, :at, :last_at, :slots, :manual, :status, :reason, :wake_at, :priority, :lane, :owner, :fence,
  :attempt, :retries, :begun, :cancel_at, :started_at, :ended_at, :agent, :agent_id, :usage, :cost, :cost_basis, :error
)
ON CONFLICT (id) DO NOTHING
