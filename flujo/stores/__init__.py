"""Where journals keep what runs have been answered."""
