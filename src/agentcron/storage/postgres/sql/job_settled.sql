-- The job is made due at once ("look again") where only the planner can tell what follows: nothing else would
-- complete it, go on after max_runs was held by an open execution, or pause it after a streak. The revision moves
-- with it, or a plan made from the job as it was would put the old next_run back and the look would be lost.
UPDATE jobs AS j SET
  open = j.open - %(ended)s::int,
  running = j.running - %(was_running)s::int,
  runs = j.runs + %(runs)s::int,
  streak = CASE %(streak)s WHEN 'grows' THEN j.streak + 1 WHEN 'ends' THEN 0 ELSE j.streak END,
  success = j.success + %(success)s,
  failure = j.failure + %(failure)s,
  incomplete = j.incomplete + %(incomplete)s,
  error = j.error + %(error)s,
  skipped = j.skipped + %(skipped)s,
  missed = j.missed + %(missed)s,
  tokens = j.tokens + %(tokens)s,
  cost = j.cost + %(cost)s,
  duration = j.duration + %(duration)s,
  next_run = CASE WHEN l.look THEN %(now)s ELSE j.next_run END,
  revision = j.revision + l.look::int
FROM (
  SELECT
    seq,
    state = 'ACTIVE' AND %(ended)s::boolean AND (
      next_run IS NULL OR (%(streak)s = 'grows' AND %(pause_after)s > 0 AND streak + 1 >= %(pause_after)s)
    ) AS look
  FROM jobs
  WHERE seq = %(job)s
) AS l
WHERE j.seq = l.seq
