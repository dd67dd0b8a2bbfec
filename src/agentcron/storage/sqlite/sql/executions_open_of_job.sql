SELECT * FROM execution_rows
WHERE (status = 'PENDING' OR status = 'RUNNING' OR status = 'AWAITING_INPUT') AND +job = (SELECT seq FROM jobs WHERE id = :id)
ORDER BY seq
