UPDATE executions SET begun = 1, started_at = :now, agent = coalesce(:agent, agent), reserved = :reserved
WHERE id = :id AND fence = :fence
