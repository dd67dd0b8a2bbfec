INSERT INTO tallies (
  scope, hour, node, success, failure, incomplete, error, skipped, missed, tokens, cost, duration
)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET
  success = success + excluded.success,
  failure = failure + excluded.failure,
  incomplete = incomplete + excluded.incomplete,
  error = error + excluded.error,
  skipped = skipped + excluded.skipped,
  missed = missed + excluded.missed,
  tokens = tokens + excluded.tokens,
  cost = cost + excluded.cost,
  duration = duration + excluded.duration
