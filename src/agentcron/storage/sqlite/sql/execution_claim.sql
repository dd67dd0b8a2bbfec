UPDATE executions SET
  status = 'RUNNING',
  owner = :owner,
  fence = fence + 1,
  wake_at = :wake_at,
  begun = max(begun, :begin),
  started_at = iif(:begin, :now, started_at)
WHERE seq = :seq AND status = 'PENDING'
