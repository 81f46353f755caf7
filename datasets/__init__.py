"""Where the data come from, and where they lie."""
