-- The job is made due at once ("look again") where only the planner can tell what follows: nothing else would
-- complete it, go on after max_runs was held by an open execution, or pause it after a streak. The revision moves
-- with it, or a plan made from the job as it was would put the old next_run back and the look would be lost.
-- A success after which a job has no slot left and nothing open completes it: that needs no planner.
UPDATE jobs SET
  open = open - :ended,
  running = running - :was_running,
  runs = runs + :runs,
  streak = CASE :streak WHEN 'grows' THEN streak + 1 WHEN 'ends' THEN 0 ELSE streak END,
  success = success + :success,
  failure = failure + :failure,
  incomplete = incomplete + :incomplete,
  error = error + :error,
  skipped = skipped + :skipped,
  missed = missed + :missed,
  tokens = tokens + :tokens,
  cost = cost + :cost,
  duration = duration + :duration,
  state = iif(done, 'COMPLETED', state),
  next_run = CASE WHEN done THEN NULL WHEN look THEN :now ELSE next_run END,
  revision = revision + (look OR done)
FROM (
  SELECT
    seq AS look_seq,
    state = 'ACTIVE' AND :ended AND :streak = 'ends' AND next_slot IS NULL AND open = 1 AS done,
    state = 'ACTIVE' AND :ended AND (
      next_run IS NULL OR (:streak = 'grows' AND :pause_after > 0 AND streak + 1 >= :pause_after)
    ) AS look
  FROM jobs
  WHERE seq = :job
)
WHERE seq = :job AND look_seq = seq
