"""Vector stores, whose searches are retrievals; watched only where the settings name them."""
