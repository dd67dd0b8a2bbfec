INSERT INTO job_versions (job, version, spec)
SELECT jobs.seq, value ->> 2, value ->> 10 FROM json_each(?) CROSS JOIN jobs ON jobs.id = value ->> 0
