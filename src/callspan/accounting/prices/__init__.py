"""The cost of calls in US dollars: prices, and the counts and conditions that they hold for."""
