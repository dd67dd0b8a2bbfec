-- A manual run that was asked for at the very instant of a slot moves on: the slot would never get its row.
UPDATE executions AS m SET at = (
  SELECT free FROM generate_series(m.at, m.at + 10000) AS free
  WHERE NOT EXISTS (SELECT 1 FROM executions AS e WHERE e.job = m.job AND e.at = free)
  ORDER BY free LIMIT 1
)
FROM unnest(%(jobs)s::bigint[], %(ats)s::bigint[]) AS slot (job, at)
WHERE m.job = slot.job AND m.at = slot.at AND m.manual
