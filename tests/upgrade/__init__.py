"""Two builds side by side: the previous release and this one, on the same stores."""
