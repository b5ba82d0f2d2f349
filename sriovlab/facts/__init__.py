"""Numbers with unit, range, condition and source; every number shown comes from here."""
