"""Where jobs and executions are kept."""
