"""Preview: takes pictures of the dashboards for the docs, as the console draws them."""
