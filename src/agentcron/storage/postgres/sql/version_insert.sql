INSERT INTO job_versions (job, version, spec) VALUES (%(job)s, %(version)s, %(spec)s)
