DELETE FROM executions WHERE seq IN (SELECT value FROM json_each(:seqs))
