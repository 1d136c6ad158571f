"""Source mutation of the safety code: what is changed, how it is run, which changes nobody can notice."""
