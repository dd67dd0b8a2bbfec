UPDATE jobs SET
  name = :name,
  version = :version,
  revision = :revision,
  state = :state,
  state_reason = :state_reason,
  next_slot = :next_slot,
  -- Nothing is open any more that would ask for a look later: what the plan took for open has ended meanwhile.
  next_run = iif(:state = 'ACTIVE' AND :next_run IS NULL AND open + :opened = 0, :now, :next_run),
  streak = coalesce(:streak, streak),
  open = open + :opened,
  skipped = skipped + :skipped,
  missed = missed + :missed
WHERE seq = :seq
