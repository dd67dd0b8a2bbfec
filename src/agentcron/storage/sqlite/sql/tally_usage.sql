SELECT scope, hour, sum(success + failure + incomplete + error), sum(tokens), sum(cost)
FROM tallies WHERE scope >= :low AND scope < :high AND hour >= :hour
GROUP BY scope, hour ORDER BY hour, scope
