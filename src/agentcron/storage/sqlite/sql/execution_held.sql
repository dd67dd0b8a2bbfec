-- The guard of a settlement. It is a statement of its own because UPDATE ... RETURNING costs several times as much.
SELECT seq, job FROM executions WHERE id = :id AND fence = :fence AND status = :was AND ended_at IS NULL
