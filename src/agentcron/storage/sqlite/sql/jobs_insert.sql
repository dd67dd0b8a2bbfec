INSERT INTO jobs (id, name, version, revision, state, state_reason, next_slot, next_run, created, made_by)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7,
  value ->> 8, value ->> 9
FROM json_each(?)
RETURNING id, seq
