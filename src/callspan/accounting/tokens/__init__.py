"""Local token counts, for calls whose provider did not say how many there were."""
