INSERT INTO jobs (
  id, name, version, revision, state, state_reason, next_slot, next_run, created, made_by,
  last_run, runs, streak, success, failure, incomplete, error, skipped, missed, tokens, cost, duration
)
VALUES (
  :id, :name, :version, :revision, :state, :state_reason, :next_slot, :next_run, :created, :made_by,
  :last_run, :runs, :streak, :success, :failure, :incomplete, :error, :skipped, :missed, :tokens, :cost, :duration
)
ON CONFLICT (id) DO NOTHING
