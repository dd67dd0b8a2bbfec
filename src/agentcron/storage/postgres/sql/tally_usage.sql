SELECT
  scope, hour, sum(success + failure + incomplete + error)::bigint, sum(tokens)::bigint, sum(cost)::bigint
FROM tallies WHERE scope >= %(low)s AND scope < %(high)s AND hour >= %(hour)s
GROUP BY scope, hour ORDER BY hour, scope
