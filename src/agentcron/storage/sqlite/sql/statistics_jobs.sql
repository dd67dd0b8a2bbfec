WITH busy (jobs) AS (
  SELECT count(*) FROM jobs
  WHERE
    state = 'ACTIVE'
    AND seq IN (SELECT job FROM executions WHERE status = 'RUNNING')
)
SELECT 'RUNNING' AS status, jobs FROM busy
UNION ALL SELECT 'WAITING', active - (SELECT jobs FROM busy) FROM job_states WHERE id = 1
UNION ALL SELECT 'PAUSED', paused FROM job_states WHERE id = 1
UNION ALL SELECT 'CANCELED', canceled FROM job_states WHERE id = 1
UNION ALL SELECT 'COMPLETED', completed FROM job_states WHERE id = 1
