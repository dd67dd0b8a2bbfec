INSERT INTO inputs (
  id, execution, attempt, key, kind, question, options, tool, args, asked_at, expires_at
)
VALUES (
  :id, :execution, :attempt, :key, :kind, :question, :options, :tool, :args, :asked_at, :expires_at
)
