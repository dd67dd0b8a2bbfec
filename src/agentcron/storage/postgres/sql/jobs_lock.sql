-- Jobs are locked in one order everywhere, and before their executions, so that two changes cannot wait for each other.
SELECT id, seq, revision, next_slot FROM jobs WHERE id = ANY(%(ids)s::text[]) ORDER BY seq FOR NO KEY UPDATE
