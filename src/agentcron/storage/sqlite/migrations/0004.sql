-- Each status in which a row is open has an index of its own, which holds no other rows. A run that begins with its
-- plan is never in line, so it enters and leaves one index where it had entered and left three.
DROP INDEX executions_queue;

DROP INDEX executions_lane_running;

DROP INDEX executions_lane_line;

CREATE INDEX executions_line ON executions (status, priority, wake_at) WHERE status = 'PENDING';

CREATE INDEX executions_lane ON executions (lane, seq) WHERE status = 'PENDING' AND lane IS NOT NULL;

-- No two rows of a lane run at once; of those without a lane there are as many as there are.
CREATE UNIQUE INDEX executions_running ON executions (status, lane) WHERE status = 'RUNNING';

CREATE INDEX executions_asking ON executions (status, wake_at) WHERE status = 'AWAITING_INPUT';
