"""A real browser at a real server; run by ``make test-e2e``, which installs what it needs."""
