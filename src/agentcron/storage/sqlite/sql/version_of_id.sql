SELECT v.job, v.spec FROM job_versions AS v JOIN jobs AS j ON j.seq = v.job WHERE j.id = :id AND v.version = :version
