"""Writers: which run, with which build, and which are halted."""
