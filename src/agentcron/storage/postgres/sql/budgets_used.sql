-- Spent and reserved in one look: between two a run could end, and count for neither.
SELECT
  w.scope, w.hour, s.runs, s.tokens, s.cost, r.runs, r.tokens, r.cost
FROM unnest(%(scopes)s::text[], %(hours)s::integer[]) AS w (scope, hour)
CROSS JOIN LATERAL (
  SELECT
    coalesce(sum(t.success + t.failure + t.incomplete + t.error), 0)::bigint AS runs,
    coalesce(sum(t.tokens), 0)::bigint AS tokens,
    coalesce(sum(t.cost), 0)::bigint AS cost
  FROM tallies AS t WHERE t.scope = w.scope AND t.hour >= w.hour
) AS s
CROSS JOIN LATERAL (
  SELECT
    count(*) AS runs,
    coalesce(sum((e.reserved ->> 'tokens')::bigint), 0)::bigint AS tokens,
    coalesce(sum((e.reserved ->> 'cost')::bigint), 0)::bigint AS cost
  FROM executions AS e
  WHERE e.status = 'RUNNING' AND e.reserved IS NOT NULL AND e.reserved -> 'scopes' ? w.scope AND e.id <> %(id)s
) AS r
