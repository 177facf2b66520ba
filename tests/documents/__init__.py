"""The parts of the documents that are printed from the code, and the site that MkDocs makes of all of them."""
