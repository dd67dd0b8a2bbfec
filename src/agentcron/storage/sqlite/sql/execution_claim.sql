UPDATE executions SET
  status = 'RUNNING',
  owner = ?1,
  fence = fence + 1,
  wake_at = ?2,
  begun = max(begun, ?3),
  started_at = iif(?3, ?4, started_at)
WHERE seq = ?5 AND status = 'PENDING'
