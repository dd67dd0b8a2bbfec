-- What a run that is under way is expected to use, and of which budgets: {"scopes": [...], "tokens": n, "cost": n}.
ALTER TABLE executions ADD COLUMN reserved TEXT;
