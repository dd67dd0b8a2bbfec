INSERT INTO jobs (seq, id, name, version, revision, state, state_reason, next_slot, next_run, created, made_by)
VALUES (
  %(seq)s, %(id)s, %(name)s, %(version)s, %(revision)s, %(state)s, %(state_reason)s, %(next_slot)s, %(next_run)s,
  %(created)s, %(made_by)s
)
