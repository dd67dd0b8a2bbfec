UPDATE jobs SET
  name = :name,
  version = :version,
  revision = :revision,
  state = :state,
  state_reason = :state_reason,
  next_slot = :next_slot,
  next_run = :next_run,
  streak = coalesce(:streak, streak),
  open = open + :opened,
  skipped = skipped + :skipped,
  missed = missed + :missed
WHERE seq = :seq
