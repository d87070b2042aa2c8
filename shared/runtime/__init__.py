"""Runtime: what a process needs to start and run: settings, secrets, files, its build."""
