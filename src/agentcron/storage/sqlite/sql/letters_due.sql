SELECT target, count(*), min(wake_at) FROM outbox WHERE wake_at IS NOT NULL GROUP BY target
