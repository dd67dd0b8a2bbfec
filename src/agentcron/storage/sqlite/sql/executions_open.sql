SELECT * FROM execution_rows WHERE status = 'PENDING' OR status = 'RUNNING' OR status = 'AWAITING_INPUT'
ORDER BY seq
