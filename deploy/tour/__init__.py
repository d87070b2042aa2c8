"""The five-minute tour: the README's story, typed in by nobody, told while it happens, and recorded."""
