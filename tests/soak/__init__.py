"""A program under load for a long time: nothing may grow, and every sum must be exact."""
