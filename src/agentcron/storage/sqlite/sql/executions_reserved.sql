SELECT count(*), coalesce(sum(e.reserved ->> '$.tokens'), 0), coalesce(sum(e.reserved ->> '$.cost'), 0)
FROM executions AS e, json_each(e.reserved, '$.scopes') AS s
WHERE e.status = 'RUNNING' AND e.reserved IS NOT NULL AND s.value = :scope AND e.id <> :id
