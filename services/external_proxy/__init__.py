"""The external proxy: calls the third party for the api."""
