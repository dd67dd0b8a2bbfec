SELECT spec FROM job_versions WHERE job = :job AND version = :version
