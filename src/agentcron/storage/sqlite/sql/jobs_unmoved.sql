SELECT count(*), coalesce(sum(jobs.revision), 0), coalesce(sum(jobs.open), 0)
FROM json_each(?)
CROSS JOIN jobs ON jobs.seq = json_each.value
