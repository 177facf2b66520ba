"""What calls cost, in US dollars."""
