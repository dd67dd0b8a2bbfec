-- Answers to one run come one after another: each must see whether it is the last that the run waits for.
SELECT 1 FROM executions WHERE seq = (SELECT execution FROM inputs WHERE id = %(id)s) FOR NO KEY UPDATE
