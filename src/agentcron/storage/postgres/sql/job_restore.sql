INSERT INTO jobs (
  id, name, version, revision, state, state_reason, next_slot, next_run, created, made_by,
  last_run, runs, streak, success, failure, incomplete, error, skipped, missed, tokens, cost, duration, marks, gated
)
VALUES (
  %(id)s, %(name)s, %(version)s, %(revision)s, %(state)s, %(state_reason)s, %(next_slot)s, %(next_run)s, %(created)s,
  %(made_by)s, %(last_run)s, %(runs)s, %(streak)s, %(success)s, %(failure)s, %(incomplete)s, %(error)s, %(skipped)s,
  %(missed)s, %(tokens)s, %(cost)s, %(duration)s, %(marks)s, %(gated)s
)
ON CONFLICT (id) DO NOTHING
RETURNING seq
