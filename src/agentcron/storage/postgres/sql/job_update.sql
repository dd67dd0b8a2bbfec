UPDATE jobs SET
  name = %(name)s,
  version = %(version)s,
  revision = %(revision)s,
  state = %(state)s,
  state_reason = %(state_reason)s,
  next_slot = %(next_slot)s,
  -- Nothing is open any more that would ask for a look later: what the plan took for open has ended meanwhile.
  next_run = CASE
    WHEN %(state)s = 'ACTIVE' AND %(next_run)s::bigint IS NULL AND open + %(opened)s = 0 THEN %(now)s::bigint
    ELSE %(next_run)s::bigint
  END,
  streak = coalesce(%(streak)s::integer, streak),
  open = open + %(opened)s,
  skipped = skipped + %(skipped)s,
  missed = missed + %(missed)s
WHERE seq = %(seq)s
