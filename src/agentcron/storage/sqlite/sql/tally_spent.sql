SELECT coalesce(sum(success + failure + incomplete + error), 0), coalesce(sum(tokens), 0), coalesce(sum(cost), 0)
FROM tallies WHERE scope = :scope AND hour >= :hour
