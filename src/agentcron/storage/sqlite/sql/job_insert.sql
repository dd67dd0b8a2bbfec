INSERT INTO jobs (id, name, version, revision, state, state_reason, next_slot, next_run, created, made_by)
VALUES (:id, :name, :version, :revision, :state, :state_reason, :next_slot, :next_run, :created, :made_by)
