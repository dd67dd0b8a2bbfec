INSERT INTO tallies (
  scope, hour, node, success, failure, incomplete, error, skipped, missed, tokens, cost, duration
)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (scope, hour, node) DO UPDATE SET
  success = tallies.success + excluded.success,
  failure = tallies.failure + excluded.failure,
  incomplete = tallies.incomplete + excluded.incomplete,
  error = tallies.error + excluded.error,
  skipped = tallies.skipped + excluded.skipped,
  missed = tallies.missed + excluded.missed,
  tokens = tallies.tokens + excluded.tokens,
  cost = tallies.cost + excluded.cost,
  duration = tallies.duration + excluded.duration
