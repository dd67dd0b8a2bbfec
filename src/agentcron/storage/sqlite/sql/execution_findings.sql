UPDATE executions SET findings = :findings WHERE id = :id
