"""The demonstration behind ``make demo``: a real sweep, an archive of it, a server, and three ways to read it."""
