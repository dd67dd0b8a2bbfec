INSERT INTO job_versions (job, version, spec) VALUES (:job, :version, :spec)
