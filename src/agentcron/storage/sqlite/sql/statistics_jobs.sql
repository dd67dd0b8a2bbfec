WITH busy (jobs) AS (
  SELECT count(*) FROM jobs
  WHERE
    state = 'ACTIVE'
    AND seq IN (SELECT job FROM executions WHERE wake_at IS NOT NULL AND status = 'RUNNING')
)
SELECT 'RUNNING' AS status, jobs FROM busy
UNION ALL
SELECT iif(state = 'ACTIVE', 'WAITING', state), iif(state = 'ACTIVE', jobs - (SELECT jobs FROM busy), jobs)
FROM job_states
