SELECT e.id, e.seq, e.job, e.fence, e.status, j.open, j.state, j.next_run, j.next_slot
FROM json_each(?)
JOIN executions AS e ON e.id = json_each.value
JOIN jobs AS j ON j.seq = e.job
WHERE e.ended_at IS NULL
