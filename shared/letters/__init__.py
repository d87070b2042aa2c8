"""Letters: dead letters as everybody after the writer knows them. Pure: what they hold, and its forms."""
