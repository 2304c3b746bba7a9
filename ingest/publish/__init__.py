"""Publishing the corpus, and reading it; import the module that you need."""
