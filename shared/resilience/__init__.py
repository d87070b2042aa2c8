"""What stands between the work and a dependency that fails: breaker, retry, budgets, deadlines, pools, supervision."""
