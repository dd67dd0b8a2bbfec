INSERT INTO inputs (id, execution, attempt, key, kind, question, options, tool, args, asked_at, expires_at)
VALUES (
  %(id)s, %(execution)s, %(attempt)s, %(key)s, %(kind)s, %(question)s, %(options)s, %(tool)s, %(args)s, %(asked_at)s,
  %(expires_at)s
)
